/**
 * Exceptions of the application's own functions. They must become uncaught exceptions, as they do in `node:net`, yet must
 * not unwind the provider, the session or the reactor batch that called: so they are thrown on their own, right after.
 */
export function rethrowLater(error: unknown): void {
  process.nextTick(raise, error);
}

function raise(error: unknown): never {
  throw error;
}
