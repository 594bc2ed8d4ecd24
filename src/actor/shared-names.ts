/**
 * The names of a runtime's actors, in memory that all of its threads share: whoever takes a name has it on every thread at
 * once. A hash table with linear probing under a mutex of `src/sync`, which is the next thread's if its owner dies in the
 * middle: each change is complete with the one store of `state` that comes last.
 */
import { InvalidOptionError, TooManyActorsError } from '../errors.js';
import * as layout from '../layout/layout.gen.js';
import { Mutex } from '../sync/mutex.js';
import { ActorAddress } from './address.js';
import { hashText } from './hash.js';
import { sharedPages } from './shared-pages.js';

const ENTRY_WORDS = layout.ACTOR_NAME_ENTRY_BYTES / 4;
const TABLE_WORDS = layout.ACTOR_NAME_TABLE_BYTES / 4;
const TABLE_BYTES = layout.ACTOR_NAME_TABLE_BYTES + layout.ACTOR_NAME_ENTRIES * layout.ACTOR_NAME_ENTRY_BYTES;
const MASK = layout.ACTOR_NAME_ENTRIES - 1;
const STATE = layout.ACTOR_NAME_ENTRY_STATE_WORD;
const HASH = layout.ACTOR_NAME_ENTRY_HASH_WORD;
const HOST = layout.ACTOR_NAME_ENTRY_HOST_WORD;
const SLOT = layout.ACTOR_NAME_ENTRY_SLOT_WORD;
const GENERATION = layout.ACTOR_NAME_ENTRY_GENERATION_WORD;
const REGISTRAR = layout.ACTOR_NAME_ENTRY_REGISTRAR_WORD;
const NAME_BYTES = layout.ACTOR_NAME_ENTRY_NAME_BYTES_WORD;
const { ACTOR_NAME_FREE: FREE, ACTOR_NAME_TAKEN: TAKEN, ACTOR_NAME_RELEASED: RELEASED } = layout;

/** One thread's view of the table. */
export class SharedNames {
  /** What other threads are given to make their own `SharedNames` of it. */
  readonly memory: SharedArrayBuffer;
  private readonly registrar: number;
  private readonly words: Int32Array;
  private readonly mutex: Mutex;

  /**
   * @param registrar this thread's part of addresses
   * @param memory that of another thread's; a fresh one is zero, and costs memory only where it is used
   */
  constructor(registrar: number, memory = sharedPages(TABLE_BYTES)) {
    this.registrar = registrar;
    this.memory = memory;
    this.words = new Int32Array(memory, 0, TABLE_BYTES / 4);
    this.mutex = new Mutex(memory, layout.ACTOR_NAME_TABLE_MUTEX);
  }

  /** Takes a name for an actor. @returns false: another one has it @throws InvalidOptionError, TooManyActorsError */
  claim(name: string, address: ActorAddress): boolean {
    const bytes = bytesOf(name);
    return this.locked(() => {
      const { words } = this;
      if (this.entryOf(name, bytes) >= 0) return false;
      if (this.count >= layout.ACTOR_NAME_LIMIT) {
        throw new TooManyActorsError(`a runtime has room for ${layout.ACTOR_NAME_LIMIT} names`);
      }
      const entry = this.roomFor(name);
      this.nameBytesAt(entry, bytes.length).set(bytes);
      words[entry + HASH] = hashText(name);
      this.setAddress(entry, address);
      words[entry + REGISTRAR] = this.registrar;
      words[entry + NAME_BYTES] = bytes.length;
      Atomics.store(words, entry + STATE, TAKEN);
      words[layout.ACTOR_NAME_TABLE_COUNT_WORD]++;
      return true;
    });
  }

  /** Who has the name. @throws InvalidOptionError */
  find(name: string): ActorAddress | null {
    const bytes = bytesOf(name);
    return this.locked(() => {
      const entry = this.entryOf(name, bytes);
      return entry < 0 ? null : this.addressAt(entry);
    });
  }

  /** Gives up a name that this actor has. */
  release(name: string, address: ActorAddress): void {
    const bytes = bytesOf(name);
    this.locked(() => {
      const entry = this.entryOf(name, bytes);
      if (entry >= 0 && this.addressAt(entry).equals(address)) this.free(entry);
    });
  }

  /** An actor has another address, on another host: what was given for `from` is given there, for `to`. */
  move(name: string, from: ActorAddress, to: ActorAddress): void {
    const bytes = bytesOf(name);
    this.locked(() => {
      const entry = this.entryOf(name, bytes);
      if (entry < 0 || !this.addressAt(entry).equals(from)) return;
      const { words } = this;
      // Nobody may find half of each address: if this thread dies here, nobody has the name.
      Atomics.store(words, entry + STATE, RELEASED);
      this.setAddress(entry, to);
      words[entry + REGISTRAR] = to.host;
      Atomics.store(words, entry + STATE, TAKEN);
    });
  }

  /** Gives up all names that a host had given which is no more. */
  releaseAllOf(registrar: number): void {
    this.locked(() => {
      for (const entry of this.taken()) if (this.words[entry + REGISTRAR] >>> 0 === registrar) this.free(entry);
    });
  }

  /** All names and who has them, as of now. */
  entries(): [name: string, address: ActorAddress][] {
    return this.locked(() => Array.from(this.taken(), (entry) => [this.nameAt(entry), this.addressAt(entry)]));
  }

  private get count(): number {
    return this.words[layout.ACTOR_NAME_TABLE_COUNT_WORD] as number;
  }

  private locked<R>(work: () => R): R {
    if (this.mutex.lock() === 'recovered') this.recount();
    try {
      return work();
    } finally {
      this.mutex.unlock();
    }
  }

  /** The owner died between the store of an entry's state and that of the count. */
  private recount(): void {
    let count = 0;
    for (const _ of this.taken()) count++;
    this.words[layout.ACTOR_NAME_TABLE_COUNT_WORD] = count;
  }

  /** Index of the name's first word; -1: nobody has it. */
  private entryOf(name: string, bytes: Uint8Array): number {
    const { words } = this;
    const hash = hashText(name);
    for (let i = 0; i <= MASK; i++) {
      const entry = entryAt(hash + i);
      const state = words[entry + STATE];
      if (state === FREE) return -1;
      if (state === TAKEN && words[entry + HASH] === hash && this.isNamed(entry, bytes)) return entry;
    }
    return -1;
  }

  /** Where a name that nobody has goes; there is room. */
  private roomFor(name: string): number {
    let at = hashText(name);
    while (this.words[entryAt(at) + STATE] === TAKEN) at++;
    return entryAt(at);
  }

  /** Searches end at a free entry: released ones before it are made free too, or searches would come to pass them all. */
  private free(entry: number): void {
    const { words } = this;
    let at = (entry - TABLE_WORDS) / ENTRY_WORDS;
    words[layout.ACTOR_NAME_TABLE_COUNT_WORD]--;
    Atomics.store(words, entry + STATE, RELEASED);
    if (words[entryAt(at + 1) + STATE] !== FREE) return;
    for (; words[entryAt(at) + STATE] === RELEASED; at--) words[entryAt(at) + STATE] = FREE;
  }

  private *taken(): Generator<number> {
    for (let at = 0; at <= MASK; at++) {
      const entry = entryAt(at);
      if (this.words[entry + STATE] === TAKEN) yield entry;
    }
  }

  private isNamed(entry: number, bytes: Uint8Array): boolean {
    if (this.words[entry + NAME_BYTES] !== bytes.length) return false;
    return this.nameBytesAt(entry, bytes.length).every((byte, i) => byte === bytes[i]);
  }

  private nameAt(entry: number): string {
    // A text decoder takes no shared memory.
    return Buffer.from(this.nameBytesAt(entry, this.words[entry + NAME_BYTES] as number)).toString();
  }

  private setAddress(entry: number, { host, slot, generation }: ActorAddress): void {
    const { words } = this;
    words[entry + HOST] = host;
    words[entry + SLOT] = slot;
    words[entry + GENERATION] = generation;
  }

  private addressAt(entry: number): ActorAddress {
    const { words } = this;
    return new ActorAddress(words[entry + HOST] >>> 0, words[entry + SLOT] >>> 0, words[entry + GENERATION] >>> 0);
  }

  private nameBytesAt(entry: number, bytes: number): Uint8Array {
    return new Uint8Array(this.memory, entry * 4 + layout.ACTOR_NAME_ENTRY_NAME, bytes);
  }
}

function entryAt(at: number): number {
  return TABLE_WORDS + (at & MASK) * ENTRY_WORDS;
}

function bytesOf(name: string): Uint8Array {
  const bytes = Buffer.from(name);
  if (bytes.length <= layout.ACTOR_NAME_BYTES_MAX) return bytes;
  throw new InvalidOptionError(`a name has at most ${layout.ACTOR_NAME_BYTES_MAX} bytes, not ${bytes.length}`);
}
