/** Death watch: who wants to be told when an actor ends, on this host or another. */

import type { ActorAddress } from './address.js';
import type { ActorCell } from './cell.js';
import type { HostCore } from './core.js';
import type { Recipient } from './recipient.js';
import type { StopReason } from './types.js';

/** What can be watched: actors, and all else that has an address and an end. */
export interface Watched extends Recipient {
  readonly core: HostCore;
  /** By text form; null if there are none. */
  watchers: Map<string, ActorAddress> | null;
}

/** Begins to watch; an actor that has ended already is reported at once. Watching twice changes nothing. */
export function watch(cell: ActorCell, address: ActorAddress): void {
  cell.watching ??= new Map();
  const key = address.toString();
  if (cell.watching.has(key)) return;
  cell.watching.set(key, address);
  cell.core.sendWatch(address, cell);
}

/** Ends watching; not knowing the actor is no mistake. */
export function unwatch(cell: ActorCell, address: ActorAddress): void {
  if (ended(cell, address)) cell.core.sendSignal(address, { kind: 'unwatch', from: cell.address });
}

/** Forgets somebody that was watched. @returns false if it was not, or not any more */
export function ended(cell: ActorCell, address: ActorAddress): boolean {
  const wasWatched = cell.watching?.delete(address.toString()) ?? false;
  if (cell.watching?.size === 0) cell.watching = null;
  return wasWatched;
}

/** Somebody, here or on another host, wants to be told of the end; or does not want to any more. */
export function heedWatcher(one: Watched, watcher: ActorAddress, isWanted: boolean): void {
  if (isWanted) {
    one.watchers ??= new Map();
    one.watchers.set(watcher.toString(), watcher);
    if (watcher.host !== one.address.host) one.core.abroad.add(one);
    return;
  }
  one.watchers?.delete(watcher.toString());
  if (one.watchers?.size === 0) one.watchers = null;
}

/** Forgets the watchers of a host that died. */
export function forgetWatchers(one: Watched, host: number): void {
  for (const watcher of one.watchers?.values() ?? []) if (watcher.host === host) heedWatcher(one, watcher, false);
}

/** Watches nobody any more: what a life had watched is no business of the next. */
export function unwatchAll(cell: ActorCell): void {
  const { watching } = cell;
  cell.watching = null;
  for (const address of watching?.values() ?? [])
    cell.core.sendSignal(address, { kind: 'unwatch', from: cell.address });
}

/** Tells all watchers that it has ended. The slot is closed: nobody watches any more. */
export function announceEnd(one: Watched, reason: StopReason): void {
  const { watchers, core, address } = one;
  one.watchers = null;
  core.abroad.delete(one);
  for (const watcher of watchers?.values() ?? [])
    core.sendSignal(watcher, { kind: 'terminated', from: address, reason });
}
