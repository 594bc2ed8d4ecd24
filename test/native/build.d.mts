/** Compiles a program of test/native in a variant, `more` of native/ along with it; resolves to its path. */
export function buildProgram(name: string, variant: 'plain' | 'asan' | 'tsan', more?: string[]): Promise<string>;
/** Builds the test addon. */
export function buildAddon(): Promise<void>;
/**
 * Compiles NAME.cc, or all files of the folder NAME, of test/native into a shared library; resolves to its path.
 * Defines are names for the preprocessor.
 */
export function buildLibrary(name: string, variant?: 'plain' | 'asan' | 'tsan', defines?: string[]): Promise<string>;
