/** Compiles a program of test/native in a variant; resolves to its path. */
export function buildProgram(name: string, variant: 'plain' | 'asan' | 'tsan'): Promise<string>;
/** Builds the test addon. */
export function buildAddon(): Promise<void>;
