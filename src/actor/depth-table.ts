/**
 * How full the mailboxes of one host's actors are, in memory that every thread sees: so a bound holds over all tellers,
 * and a teller on another thread learns at once that a mailbox is full or its actor dead.
 *
 * Each reservation is released exactly once: when the message is taken out, dropped, or arrives for an actor that has
 * ended. Hence depths are never reset, not even when a slot changes hands.
 */
import { InvalidOptionError } from '../errors.js';
import * as layout from '../layout/layout.gen.js';
import type { Refusal } from './remote.js';
import { sharedPages } from './shared-pages.js';
import type { MailboxPolicy, TellResult } from './types.js';

const WORDS = layout.ACTOR_SLOT_BYTES / 4;
const DEPTH = layout.ACTOR_SLOT_DEPTH_WORD;
const CAPACITY = layout.ACTOR_SLOT_CAPACITY_WORD;
const MARK = layout.ACTOR_SLOT_MARK_WORD;
const GENERATION = layout.ACTOR_SLOT_GENERATION_WORD;

/** Generations stay below this, so that they are small integers in every engine. */
const GENERATION_MASK = 2 ** 30 - 1;
const POLICY_MASK = (1 << layout.ACTOR_POLICY_BITS) - 1;

/** The policies by their numbers in the table. */
export const POLICIES: readonly MailboxPolicy[] = ['refuse', 'drop-oldest', 'drop-newest', 'back-pressure'];

/** The depth table of one host, seen from any thread. */
export class DepthTable {
  /** What other threads are given to make their own `DepthTable` of it. */
  readonly memory: SharedArrayBuffer;
  /** Number of slots. */
  readonly slots: number;
  private readonly words: Int32Array;

  /** @param memory that of another thread's DepthTable; a fresh one is zero, and costs memory only where it is used */
  constructor(memory = sharedPages(layout.ACTOR_SLOT_LIMIT * layout.ACTOR_SLOT_BYTES)) {
    this.memory = memory;
    this.words = new Int32Array(memory, 0, memory.byteLength >>> 2);
    this.slots = Math.floor(this.words.length / WORDS);
    if (this.slots < 2) throw new InvalidOptionError('a depth table has at least 2 slots');
  }

  /** Reserves a place for one message, from any thread. `refused`: nothing is reserved. */
  reserve(slot: number, generation: number): TellResult {
    const { words } = this;
    const at = slot * WORDS;
    // An address that came from elsewhere may name any slot: outside of the table there is undefined, no generation.
    if (words[at + GENERATION] !== generation || slot >= this.slots) return 'refused';
    const depth = Atomics.add(words, at + DEPTH, 1);
    const mark = words[at + MARK] as number;
    if (depth >= (words[at + CAPACITY] as number) && (mark & POLICY_MASK) !== layout.ACTOR_POLICY_DROP_OLDEST) {
      Atomics.sub(words, at + DEPTH, 1);
      return 'refused';
    }
    return depth + 1 >= mark >> layout.ACTOR_POLICY_BITS ? 'queued' : 'sent';
  }

  /** Why the latest reservation for that actor was refused, as things look now; `unreachable`: not on its account. */
  refusal(slot: number, generation: number): Refusal {
    if (!this.isAlive(slot, generation)) return 'no-actor';
    if (this.depth(slot) < this.capacity(slot)) return 'unreachable';
    return this.policy(slot) === 'drop-newest' ? 'dropped' : 'full';
  }

  /** Gives back the place of one message. @returns the depth that is left */
  release(slot: number): number {
    return Atomics.sub(this.words, slot * WORDS + DEPTH, 1) - 1;
  }

  /** Reserves `count` places whatever the bound says, for messages that had theirs before. The owning host only. */
  reserveMore(slot: number, count: number): void {
    Atomics.add(this.words, slot * WORDS + DEPTH, count);
  }

  /** Messages in the mailbox or on their way to it. */
  depth(slot: number): number {
    return this.words[slot * WORDS + DEPTH] ?? 0;
  }

  /** Whether that actor lives, as far as this thread can see. */
  isAlive(slot: number, generation: number): boolean {
    return (generation & 1) === 1 && this.words[slot * WORDS + GENERATION] === generation;
  }

  capacity(slot: number): number {
    return this.words[slot * WORDS + CAPACITY] ?? 0;
  }

  highWaterMark(slot: number): number {
    return (this.words[slot * WORDS + MARK] ?? 0) >> layout.ACTOR_POLICY_BITS;
  }

  policy(slot: number): MailboxPolicy {
    return POLICIES[(this.words[slot * WORDS + MARK] ?? 0) & POLICY_MASK] as MailboxPolicy;
  }

  /** Gives a free slot to an actor. The owning host only. @returns its generation, which is odd */
  open(slot: number, capacity: number, packedMark: number): number {
    const { words } = this;
    const at = slot * WORDS;
    words[at + CAPACITY] = capacity;
    words[at + MARK] = packedMark;
    const generation = ((words[at + GENERATION] as number) + 1) & GENERATION_MASK;
    Atomics.store(words, at + GENERATION, generation);
    return generation;
  }

  /** Takes the slot from its actor: from now on reservations are refused. The owning host only. */
  close(slot: number): void {
    const at = slot * WORDS + GENERATION;
    Atomics.store(this.words, at, ((this.words[at] as number) + 1) & GENERATION_MASK);
  }
}

/** A mailbox's high-water mark and policy as one word of the table. */
export function packMark(highWaterMark: number, policy: MailboxPolicy): number {
  return (highWaterMark << layout.ACTOR_POLICY_BITS) | POLICIES.indexOf(policy);
}
