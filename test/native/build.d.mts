/** Compiles a program of test/native in a variant; resolves to its path. */
export function buildProgram(name: string, variant: 'plain' | 'asan' | 'tsan'): Promise<string>;
/** Builds the test addon. */
export function buildAddon(): Promise<void>;
/** Compiles NAME.cc of test/native into a shared library; resolves to its path. */
export function buildLibrary(name: string): Promise<string>;
