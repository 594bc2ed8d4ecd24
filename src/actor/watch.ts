/** Death watch: who wants to be told when an actor ends, on this host or another. */

import type { ActorAddress } from './address.js';
import type { ActorCell } from './cell.js';
import type { StopReason } from './types.js';

/** Begins to watch; an actor that has ended already is reported at once. Watching twice changes nothing. */
export function watch(cell: ActorCell, address: ActorAddress): void {
  cell.watching ??= new Map();
  const key = address.toString();
  if (cell.watching.has(key)) return;
  cell.watching.set(key, address);
  cell.core.sendWatch(address, cell);
}

export function unwatch(cell: ActorCell, address: ActorAddress): void {
  if (ended(cell, address)) cell.core.sendSignal(address, { kind: 'unwatch', from: cell.address });
}

/** Forgets somebody that was watched. @returns false if it was not, or not any more */
export function ended(cell: ActorCell, address: ActorAddress): boolean {
  const wasWatched = cell.watching?.delete(address.toString()) ?? false;
  if (cell.watching?.size === 0) cell.watching = null;
  return wasWatched;
}

export function addWatcher(cell: ActorCell, watcher: ActorAddress): void {
  cell.watchers ??= new Map();
  cell.watchers.set(watcher.toString(), watcher);
}

export function removeWatcher(cell: ActorCell, watcher: ActorAddress): void {
  cell.watchers?.delete(watcher.toString());
  if (cell.watchers?.size === 0) cell.watchers = null;
}

/** Watches nobody any more: what a life had watched is no business of the next. */
export function unwatchAll(cell: ActorCell): void {
  const { watching } = cell;
  cell.watching = null;
  cell.core.remoteWatchers.delete(cell);
  for (const address of watching?.values() ?? [])
    cell.core.sendSignal(address, { kind: 'unwatch', from: cell.address });
}

/** Tells all watchers of an actor that has ended. */
export function announceEnd(cell: ActorCell, reason: StopReason): void {
  const { watchers } = cell;
  cell.watchers = null;
  for (const watcher of watchers?.values() ?? [])
    cell.core.sendSignal(watcher, { kind: 'terminated', from: cell.address, reason });
}
