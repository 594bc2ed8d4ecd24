/**
 * Operations that nobody has under way, for whoever posts the next: a pool for all connections of a thread, so that one with many
 * sends under way makes no garbage for each, and an idle one holds none.
 */
import { NO_ERROR } from '../../spi/codes.js';
import { type CompletionSink, Overlapped } from '../../spi/types.js';

/** So many are kept. */
const MOST = 256;

/** The first `count`. Not pushed and popped: V8 gives memory back at each pop of a short array, and takes it again. */
const free: Overlapped[] = [];
let count = 0;
const NOBODY: CompletionSink = { completed() {} };

/** An operation whose completion `sink` is told. */
export function takeOperation(sink: CompletionSink): Overlapped {
  if (count === 0) return new Overlapped(sink);
  const overlapped = free[--count] as Overlapped;
  overlapped.sink = sink;
  return overlapped;
}

/** It has completed, or was not taken, and nothing refers to it any more. */
export function returnOperation(overlapped: Overlapped): void {
  if (count === MOST) return;
  overlapped.sink = NOBODY;
  // It is not under way: a provider that completes it all the same is told off, as for any that has been completed.
  overlapped.internal = NO_ERROR;
  free[count++] = overlapped;
}
