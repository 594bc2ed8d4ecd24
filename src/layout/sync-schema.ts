/** The primitives of `sanswitch/sync`: what stands in the shared words of each. */
import { field, group, struct } from './define.js';

/** Their numbers. */
export const syncGroup = group('Synchronisation (src/sync)', [
  ['MUTEX_CONTENDED', 1, 'Bit of Mutex.owner: threads may be asleep, so that unlocking wakes one.'],
  ['MUTEX_TID_SHIFT', 1, "Lowest bit of the owner's Linux thread id in Mutex.owner."],
  ['MUTEX_TID_MASK', 0x3fffff, 'The bits of a thread id: Linux has at most 2^22 of them.'],
  ['MUTEX_NONCE_SHIFT', 23, "Lowest bit of the owner's nonce, the highest 9 bits of Mutex.owner."],
  [
    'MUTEX_NONCE_COUNT',
    511,
    "Nonces of threads that can be looked up: 1 to this, by the thread's start time. 0: can't.",
  ],
  ['SEMAPHORE_CONTENDED', 1, 'Bit of Semaphore.state: threads may be asleep of whom none is on its way.'],
  ['SEMAPHORE_PERMIT', 2, 'One permit in Semaphore.state.'],
  ['SEMAPHORE_PERMIT_SHIFT', 1, 'Lowest bit of the number of permits.'],
  ['SEMAPHORE_PERMITS_MAX', (1 << 30) - 1, 'The most permits.'],
  ['RW_LOCK_WRITER', 1, 'Bit of RwLock.state: a writer has the lock, or waits for readers to leave; no reader enters.'],
  ['RW_LOCK_DAMAGED', 2, 'Bit of RwLock.state: a writer has died, and no other one has unlocked since.'],
  ['RW_LOCK_READER', 4, 'One reader in RwLock.state.'],
  ['RW_LOCK_READER_SHIFT', 2, 'Lowest bit of the number of readers.'],
  ['RW_LOCK_READERS_MAX', (1 << 29) - 1, 'The most readers at a time.'],
  ['BARRIER_ARRIVED_MASK', 0xfff, 'The threads that have arrived, in Barrier.state; the generation is above.'],
  ['BARRIER_GENERATION_SHIFT', 12, 'Lowest bit of the generation.'],
  ['BARRIER_PARTIES_MAX', 0xfff, 'The most threads of a barrier.'],
]);

/** Their structures. */
export const syncStructs = [
  struct('Mutex', 'Zeroed memory is an open one.', [
    field('owner', 'i32', '0: open. Otherwise who holds it (nonce, thread id), and MUTEX_CONTENDED.'),
  ]),
  struct('EventCount', 'Also a condition. Zeroed memory is a valid one.', [
    field('sequence', 'i32', 'Counts notifications; what waiters sleep on.'),
    field('waiters', 'i32', 'How many wait, or more (one that died stays counted): none, and nobody is woken.'),
  ]),
  struct('Semaphore', 'Zeroed memory is one without permits.', [
    field('state', 'i32', 'Permits to be had, and SEMAPHORE_CONTENDED; what waiters sleep on.'),
  ]),
  struct('RwLock', 'Zeroed memory is an open one.', [
    field('writers', 'i32', 'A Mutex: who writes, or is the next to.'),
    field('state', 'i32', 'RW_LOCK_* bits and the number of readers; what that writer sleeps on.'),
    field('gate', 'i32', 'Counts how often readers were let in again; what they sleep on.'),
    field('waiters', 'i32', 'How many readers wait at the gate, or more.'),
  ]),
  struct('Barrier', 'Has to be initialised.', [
    field('state', 'i32', 'Generation and number of the arrived; what they sleep on.'),
    field('parties', 'i32', 'How many threads it takes.'),
  ]),
];
