/**
 * Who holds a mutex, in one word, so that there is no moment at which a lock is taken and nobody's.
 *
 * The word holds the Linux thread id (22 bits) and a nonce (9 bits) made of the thread's start time. Both can be looked
 * up in /proc by every thread of the process: an owner is dead when no thread has its id any more, or when the one that
 * has it started at another time, so that the id was reused. A live thread always finds itself there as it wrote
 * itself down: nobody is declared dead who is not. One reused id in 511 has the same nonce; the lock is then recovered
 * when that thread has ended too.
 *
 * Where there is no /proc, nonce 0 says that the owner can't be looked up; it is then taken for alive, and the id is
 * made of the number that Node gives the thread.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import {
  MUTEX_CONTENDED,
  MUTEX_NONCE_COUNT,
  MUTEX_NONCE_SHIFT,
  MUTEX_TID_MASK,
  MUTEX_TID_SHIFT,
} from '../layout/layout.gen.js';

/** Place of the start time among the fields behind the thread's name, which may hold spaces and parentheses. */
const START_TIME_FIELD = 19;

/** `absent`: /proc says that there is no such thread. `unknown`: it says nothing. */
type Found = { readonly nonce: number } | 'absent' | 'unknown';

function find(tid: number): Found {
  let stat: string;
  try {
    stat = readFileSync(`/proc/self/task/${tid}/stat`, 'latin1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A thread that ends between open and read is ESRCH; no descriptors left, or no permission, says nothing.
    return code === 'ENOENT' || code === 'ESRCH' ? 'absent' : 'unknown';
  }
  const startTicks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[START_TIME_FIELD]);
  return Number.isInteger(startTicks) ? { nonce: 1 + (startTicks % MUTEX_NONCE_COUNT) } : 'unknown';
}

function encode(tid: number, nonce: number): number {
  return (nonce << MUTEX_NONCE_SHIFT) | ((tid & MUTEX_TID_MASK) << MUTEX_TID_SHIFT);
}

function identify(): number {
  let tid = Number.NaN;
  try {
    tid = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    // No /proc here: the thread can't be looked up.
  }
  const found = Number.isInteger(tid) && tid > 0 ? find(tid) : 'unknown';
  return typeof found === 'object' ? encode(tid, found.nonce) : encode(threadId + 1, 0);
}

let own: number | undefined;

/** This thread as an owner: never 0, without `MUTEX_CONTENDED`. */
export function ownIdentity(): number {
  own ??= identify();
  return own;
}

function tidOf(owner: number): number {
  return (owner >>> MUTEX_TID_SHIFT) & MUTEX_TID_MASK;
}

function nonceOf(owner: number): number {
  return owner >>> MUTEX_NONCE_SHIFT;
}

function isGone(owner: number): boolean {
  const found = find(tidOf(owner));
  return found === 'absent' || (typeof found === 'object' && found.nonce !== nonceOf(owner));
}

/** Whether the thread that wrote itself into a mutex is certainly no more. Costs 15 to 70 µs. */
export function isOwnerDead(owner: number): boolean {
  if ((owner & ~MUTEX_CONTENDED) === 0 || nonceOf(owner) === 0 || !isGone(owner)) return false;
  // Not if /proc itself has gone since: then we seem to be dead too.
  return !isGone(ownIdentity());
}
