/** What cancelling by an `AbortSignal` looks like everywhere in this library: as in Node's own APIs. */

/** Node's `AbortError`: name `AbortError`, code `ABORT_ERR`, the signal's reason as its cause. */
export class AbortError extends Error {
  readonly code = 'ABORT_ERR';

  constructor(cause?: unknown) {
    super('The operation was aborted', cause === undefined ? undefined : { cause });
    this.name = 'AbortError';
  }
}

/** Calls `aborted` when the signal fires; returns what takes the listener back. The caller has looked at `signal.aborted`. */
export function onAbort(signal: AbortSignal | undefined, aborted: (error: AbortError) => void): () => void {
  if (signal === undefined) return ignore;
  const listener = () => aborted(new AbortError(signal.reason));
  signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}

/** @throws AbortError if the signal has fired already */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortError(signal.reason);
}

function ignore(): void {}
