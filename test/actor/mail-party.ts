// One side of a mail link in the tests: sends numbered messages made from a seed, and checks those that come.
import { isDeepStrictEqual } from 'node:util';
import { ActorAddress } from '#src/actor/address.js';
import { FixedCodec } from '#src/actor/mail/fixed-codec.js';
import { MailLink } from '#src/actor/mail/link.js';
import type { MailLinkEnd } from '#src/actor/mail/pair.js';
import type { MailSink } from '#src/actor/mail/sink.js';
import type { GateSignal, Signal } from '#src/actor/remote.js';
import type { ActorRef } from '#src/actor/types.js';
import { Random } from '../simulation/random.js';

/** What the fixed messages of these tests declare. */
export const FIELDS = { index: 'u32', at: 'f64', flag: 'bool', name: 'utf8:24', to: 'ref' } as const;
const codec = new FixedCodec(FIELDS);

/** Slots of the receiving host: its messages are fixed, or of any form. */
export const FIXED_SLOT = 1;
export const ANY_SLOT = 2;
/** Messages here are sent back as they are. */
export const ECHO_SLOT = 3;
/** What is told here is a command of the party itself. */
export const CONTROL_SLOT = 4;

const generation = 7;

/** The address of a slot of the other host. */
export const slotOf = (slot: number): ActorAddress => new ActorAddress(9, slot, generation);

/** A reference that lives in these tests. */
export class TestRef implements ActorRef<unknown> {
  readonly address: ActorAddress;
  constructor(address: ActorAddress) {
    this.address = address;
  }
  tell(): 'refused' {
    return 'refused';
  }
  ask(): Promise<never> {
    return Promise.reject(new Error('not in these tests'));
  }
}

/** A message and where it goes. */
interface Made {
  readonly slot: number;
  readonly message: unknown;
}

/** The `index`-th message of a seed, of up to `limit` bytes or so. */
export function makeMessage(seed: number, index: number, limit: number): Made {
  const random = new Random(seed * 1_000_003 + index);
  const kind = random.below(10);
  if (kind < 5) {
    const name = 'n'.repeat(random.below(25));
    const to = new TestRef(new ActorAddress(random.next(), random.next(), random.next()));
    return { slot: FIXED_SLOT, message: { index, at: random.next() / 3, flag: random.chance(50), name, to } };
  }
  if (kind < 8) {
    const list = Array.from({ length: random.below(8) }, () => random.next());
    const text = String.fromCharCode(97 + random.below(26)).repeat(random.below(limit));
    return { slot: ANY_SLOT, message: { index, list, text, from: new TestRef(slotOf(index)) } };
  }
  const bytes = new Uint8Array(4 + random.below(limit));
  bytes.fill(random.below(256));
  new DataView(bytes.buffer).setUint32(0, index);
  return { slot: ANY_SLOT, message: bytes };
}

/** What a party was told to do. */
export interface Command {
  readonly do: 'expect' | 'flood' | 'expected' | 'burst' | 'idle' | 'exit';
  readonly seed?: number;
  readonly count?: number;
  readonly limit?: number;
}

/** One side. */
export class Party implements MailSink {
  readonly link: MailLink;
  readonly errors: unknown[] = [];
  readonly signals: (Signal | GateSignal)[] = [];
  /** Messages for slots that are gone. */
  lost = 0;
  runs = 0;
  ends = 0;
  endError: unknown = null;
  /** Takes what comes for other slots than the numbered ones. */
  other: (slot: number, message: unknown, sender: ActorAddress | null) => void = () => {};
  private expected: Required<Command> | null = null;
  private next = 0;
  private allCame: (() => void) | null = null;

  constructor(end: MailLinkEnd) {
    this.link = new MailLink(end, this);
  }

  /** Numbered messages that came so far. */
  get came(): number {
    return this.next;
  }

  /** From now on the messages of this seed come. */
  expect(seed: number, count: number, limit: number): Promise<void> {
    this.expected = { do: 'expect', seed, count, limit };
    this.next = 0;
    return new Promise((resolve) => {
      this.allCame = resolve;
    });
  }

  /** Sends them, as far as the other side keeps pace. */
  async flood(seed: number, count: number, limit: number, from = new ActorAddress(3, 3, 3)): Promise<void> {
    for (let i = 0; i < count && !this.link.isClosed; ) {
      const result = this.send(seed, i, limit, from);
      if (result !== 'refused') i++;
      if (result !== 'sent' || i % 97 === 0) await new Promise(setImmediate);
    }
  }

  /** Sends them without a pause: more wait than the ring holds. */
  burst(seed: number, count: number, limit: number): void {
    for (let i = 0; i < count; i++) this.send(seed, i, limit, null);
  }

  send(seed: number, index: number, limit: number, from: ActorAddress | null) {
    const { slot, message } = makeMessage(seed, index, limit);
    return this.link.tell(slotOf(slot), message, from, slot === FIXED_SLOT ? codec : null);
  }

  codecOf(slot: number): FixedCodec | null {
    return slot === FIXED_SLOT ? codec : null;
  }

  deliver(slot: number, its: number, message: unknown, sender: ActorAddress | null): void {
    if (its !== generation) this.errors.push(new Error(`generation ${its}`));
    if (slot === ECHO_SLOT) this.link.tell(slotOf(ECHO_SLOT + 10), message, sender, null);
    else if (slot === FIXED_SLOT || slot === ANY_SLOT) this.numbered(slot, message);
    else this.other(slot, message, sender);
  }

  undeliverable(): void {
    this.lost++;
  }

  signalled(_slot: number, _generation: number, signal: Signal | GateSignal): void {
    this.signals.push(signal);
  }

  ref(address: ActorAddress): ActorRef<never> {
    return new TestRef(address);
  }

  run(): void {
    this.runs++;
  }

  ended(_link: MailLink, error: unknown): void {
    this.ends++;
    this.endError = error;
  }

  private numbered(slot: number, message: unknown): void {
    if (this.expected === null) return;
    const { seed, count, limit } = this.expected;
    const made = makeMessage(seed, this.next++, limit);
    if (made.slot !== slot || !isDeepStrictEqual(message, made.message)) {
      this.errors.push(new Error(`message ${this.next - 1} of seed ${seed} is not what was sent`));
    }
    if (this.next === count) this.allCame?.();
  }
}
