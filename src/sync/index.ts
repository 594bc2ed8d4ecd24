/**
 * `sanswitch/sync`: what threads need to work on the same memory. Each primitive is a few words of a `SharedArrayBuffer`,
 * at a byte offset that is a multiple of 4, so that one buffer holds any number of them beside the data; any number of
 * threads make objects over them. Every wait blocks the thread (on the main thread too) or, as `...Async`, does not.
 * Both kinds can wait for the same primitive.
 *
 * A wait that was given a time and used it up returns `false`, everywhere; an aborted one rejects with `AbortError`.
 * Misuse throws: wrong arguments as in Node (`ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE`), unlocking what one does not
 * hold `ERR_SANSWITCH_NOT_OWNER`, blocking for what one holds `ERR_SANSWITCH_DEADLOCK`.
 */
export { AbortError } from '../abort.js';
export { DeadlockError, NotOwnerError } from '../errors.js';
export { Barrier, type Passed } from './barrier.js';
export { Condition, type Notified } from './condition.js';
export { EventCount } from './event-count.js';
export { Mutex } from './mutex.js';
export type { Locked } from './mutex-word.js';
export { RwLock } from './rw-lock.js';
export { Semaphore } from './semaphore.js';
export type { EndlessWaitOptions, WaitOptions } from './wait.js';
