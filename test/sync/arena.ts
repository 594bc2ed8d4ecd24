/** One buffer with one primitive of each kind and words to work on: what the threads of a test share. */
import { Barrier, Condition, EventCount, Mutex, RwLock, Semaphore } from '#src/sync/index.js';
import type { roles } from './roles.js';

/** Byte offsets; odd ones on purpose, as users may have them. */
export const AT = {
  mutex: 4,
  full: 12,
  empty: 20,
  semaphore: 36,
  rwLock: 44,
  barrier: 64,
  events: 76,
  data: 128,
} as const;
const DATA_WORDS = 256;

/** What a thread is to do. */
export interface Task {
  readonly role: keyof typeof roles;
  readonly buffer: SharedArrayBuffer;
  readonly rounds: number;
  /** Its number among those of its role. */
  readonly id: number;
  /** How many there are of its role. */
  readonly count: number;
  readonly isAsync?: boolean;
  readonly sliceMs?: number;
  readonly spins?: number;
}

/** A thread's objects over the buffer. */
export class Arena {
  readonly buffer: SharedArrayBuffer;
  readonly mutex: Mutex;
  /** Notified when there is something in the bounded buffer, and by the turns of a hand-off. */
  readonly full: Condition;
  /** Notified when there is room in it. */
  readonly empty: Condition;
  readonly semaphore: Semaphore;
  readonly rwLock: RwLock;
  readonly events: EventCount;
  readonly data: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.mutex = new Mutex(buffer, AT.mutex);
    this.full = new Condition(buffer, AT.full, this.mutex);
    this.empty = new Condition(buffer, AT.empty, this.mutex);
    this.semaphore = new Semaphore(buffer, AT.semaphore);
    this.rwLock = new RwLock(buffer, AT.rwLock);
    this.events = new EventCount(buffer, AT.events);
    this.data = new Int32Array(buffer, AT.data, DATA_WORDS);
  }

  static create(): Arena {
    return new Arena(new SharedArrayBuffer(AT.data + 4 * DATA_WORDS));
  }

  /** Only where one was initialised. */
  get barrier(): Barrier {
    return new Barrier(this.buffer, AT.barrier);
  }
}
