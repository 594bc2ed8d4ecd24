/** One end of a simulated connection: an application that does what its seed says, and remembers everything. */
import { COLD_COPY_MIN_BYTES } from '#src/native/bytes.js';
import type { Session } from '#src/switch/session/session.js';
import type { TransportEvents } from '#src/switch/transport.js';
import type { Random } from './random.js';

/** What the application of one side is like. */
export interface SideTraits {
  /** Things that it does before it ends its half of the connection. */
  readonly actions: number;
  readonly sendBytesMax: number;
  /** Now and then a send of this size; 0 = never. */
  readonly largeBytes: number;
  /** Waits for `drained` when `send` says stop. */
  readonly polite: boolean;
  readonly pauses: boolean;
  readonly urgent: boolean;
  readonly cancels: boolean;
  readonly sendsFromCallbacks: boolean;
  /** Aborts instead of one of its actions; -1 = never. */
  readonly abortsAt: number;
  /** Percent of its actions before which it moves to another owner (rule 8.1). */
  readonly movesPercent: number;
  /** Has memory of its own for large receives, half of the time. */
  readonly givesTargets: boolean;
}

interface SentChunk {
  readonly pristine: Uint8Array;
  readonly bytes: Uint8Array;
  cancelled: boolean;
  /** Its outcome was told when it was taken, before it had left. */
  takenAtOnce: boolean;
  readonly outcomes: (Error | null)[];
}

const CALLBACK_SENDS_MAX = 30;
const GIVEN_BACK = 0x5a;

export class Side {
  readonly name: string;
  readonly traits: SideTraits;
  readonly problems: string[] = [];
  readonly chunks: SentChunk[] = [];
  readonly urgentSent: Uint8Array[] = [];
  readonly urgentReceived: Uint8Array[] = [];
  session: Session | null = null;
  /** `undefined`: not closed yet. */
  closedWith: Error | null | undefined;
  negotiations: (Error | null)[] = [];
  endedCount = 0;
  drainedCount = 0;
  aborted = false;
  ended = false;
  /** Begins a change of owner. */
  move: () => void = () => {};
  /** A change of owner is under way: the application is not let near the connection, which is read for it. */
  moving = false;
  readonly #random: Random;
  readonly #schedule: (work: () => void) => void;
  readonly #received: Uint8Array[] = [];
  /** Memory that large receives are to come to, in the order in which it was given. */
  readonly #targets: Uint8Array[] = [];
  #stopped = false;
  #waits = false;
  #actions = 0;
  #actsAfterMove = false;
  #callbackSends = 0;

  constructor(name: string, traits: SideTraits, random: Random, schedule: (work: () => void) => void) {
    this.name = name;
    this.traits = traits;
    this.#random = random;
    this.#schedule = schedule;
  }

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  /** The session stands: the application begins. */
  begin(): void {
    this.#schedule(() => this.#act());
  }

  abort(error: Error | null): void {
    if (this.session === null || this.closedWith !== undefined) return;
    this.aborted = true;
    this.session.abort(error);
  }

  /** The change of owner is over, well or not. */
  moved(): void {
    this.moving = false;
    if (this.#actsAfterMove) this.begin();
    this.#actsAfterMove = false;
  }

  #act(): void {
    const { session, traits } = this;
    if (this.closedWith !== undefined || this.aborted || this.ended) return;
    if (this.moving) {
      // Some applications go on sending until the connection is gone.
      if (this.#random.chance(20)) this.#send();
      this.#actsAfterMove = true;
      return;
    }
    if (session === null) return;
    if (traits.movesPercent > 0 && this.#random.chance(traits.movesPercent)) {
      session.resume();
      this.moving = true;
      this.move();
    }
    if (this.#stopped && traits.polite) {
      this.#waits = true;
      session.resume();
      return;
    }
    if (this.#actions === traits.abortsAt) {
      this.abort(this.#random.chance(50) ? new Error('enough') : null);
      return;
    }
    if (this.#actions++ >= traits.actions) {
      session.resume();
      this.ended = true;
      session.end();
      return;
    }
    this.#doSomething(session);
    this.#schedule(() => this.#act());
  }

  #doSomething(session: Session): void {
    const { traits } = this;
    const dice = this.#random.below(100);
    if (traits.pauses && dice < 15 && !this.moving) session.pause();
    else if (traits.pauses && dice < 30) session.resume();
    else if (traits.urgent && dice < 36) this.#urgent(session);
    else if (traits.cancels && dice < 45) this.#cancel(session);
    else if (dice < 50) return;
    else {
      const burst = this.#random.chance(25) ? this.#random.between(2, 12) : 1;
      for (let i = 0; i < burst && !(this.#stopped && traits.polite); i++) this.#send();
    }
  }

  #urgent(session: Session): void {
    const bytes = this.#random.bytes(this.#random.between(1, 24));
    this.urgentSent.push(new Uint8Array(bytes));
    session.urgent(bytes);
  }

  #send(): void {
    const { traits, session } = this;
    // Between two owners.
    if (session === null) return;
    const large = traits.largeBytes > 0 && this.#random.chance(12);
    const length = this.#random.below((large ? traits.largeBytes : traits.sendBytesMax) + 1);
    const bytes = this.#random.bytes(length);
    const chunk: SentChunk = {
      pristine: new Uint8Array(bytes),
      bytes,
      cancelled: false,
      takenAtOnce: false,
      outcomes: [],
    };
    this.chunks.push(chunk);
    if (length > 0 && !this.torn && this.#random.chance(15)) return this.#commit(session, chunk);
    const callback = (error: Error | null) => this.#sent(chunk, error);
    Object.assign(chunk, { callback });
    // Larger copies set a timer of the allocator's, which knows nothing of virtual time.
    const isLent = length < COLD_COPY_MIN_BYTES && this.#random.chance(25);
    const more = session.send(bytes, callback, isLent);
    chunk.takenAtOnce = chunk.outcomes.length > 0;
    if (isLent) bytes.fill(GIVEN_BACK);
    // False also tells that nothing can be sent any more; then there is nothing to drain.
    if (!more && this.closedWith === undefined && session.queuedBytes > 0 && !this.torn) this.#stopped = true;
  }

  /** Writes where the session says; sometimes less, sometimes with something else between. */
  #commit(session: Session, chunk: SentChunk): void {
    const room = session.reserve(chunk.bytes.length + this.#random.below(100));
    if (room === null) {
      if (!this.#stopped) this.problems.push('no room, and no stop');
      this.chunks.splice(this.chunks.indexOf(chunk), 1);
      return;
    }
    room.set(chunk.bytes);
    // What is sent meanwhile may go before or after: then nothing is to be said of the order.
    const { urgent, pauses, sendsFromCallbacks } = this.traits;
    if (urgent && !sendsFromCallbacks && this.#random.chance(10)) this.#urgent(session);
    if (pauses && !sendsFromCallbacks && this.#random.chance(10)) session.resume();
    const more = session.commit(chunk.bytes.length);
    if (more === undefined) this.problems.push('nothing was reserved');
    const isRefused = more === undefined || (more === false && session.queuedBytes === 0);
    chunk.takenAtOnce = true;
    chunk.outcomes.push(isRefused ? new Error('nothing can be sent any more') : null);
    if (more === false && !isRefused && this.closedWith === undefined && !this.torn) this.#stopped = true;
  }

  #sent(chunk: SentChunk, error: Error | null): void {
    chunk.outcomes.push(error);
    chunk.bytes.fill(GIVEN_BACK); // It is ours again: whoever still needs it will be found out.
    if (this.ended || this.aborted || this.closedWith !== undefined) return;
    if (error === null && this.#random.chance(20)) this.#sendFromCallback();
  }

  /** A limited number, or two sides that answer each other would never come to an end. */
  #sendFromCallback(): void {
    if (!this.traits.sendsFromCallbacks || this.#callbackSends >= CALLBACK_SENDS_MAX) return;
    this.#callbackSends += 1;
    this.#send();
  }

  #cancel(session: Session): void {
    const waiting = this.chunks.filter((chunk) => chunk.outcomes.length === 0);
    if (waiting.length === 0) return;
    const chunk = this.#random.pick(waiting);
    const { callback } = chunk as SentChunk & { callback: (error: Error | null) => void };
    if (session.cancel(callback)) chunk.cancelled = true;
  }

  /** The stream has a hole: only close is sure to succeed (5.11). */
  get torn(): boolean {
    return (this.session as unknown as { torn: boolean } | null)?.torn === true;
  }

  /** For people, when it hangs. */
  describe(): string {
    const closed = this.closedWith === undefined ? 'open' : String(this.closedWith);
    const flags = [this.#stopped && 'stopped', this.#waits && 'waits', this.ended && 'ended', this.torn && 'torn'];
    return `${this.name} ${closed} ${flags.filter(Boolean).join(' ')} queued=${this.session?.queuedBytes}`;
  }

  // ------------------------------------------------------------------ events

  received_(bytes: Uint8Array): void {
    this.#live('received');
    if (this.endedCount > 0) this.problems.push('received after ended');
    if (bytes.length === 0) this.problems.push('received nothing');
    this.#received.push(new Uint8Array(bytes));
    const { traits, session } = this;
    if (session === null || this.aborted) return;
    // Applications answer, pause and give up from inside the callback.
    if (!this.ended && this.#random.chance(15)) this.#sendFromCallback();
    if (traits.abortsAt >= 0 && this.#random.chance(3)) return this.abort(new Error('enough, inside received'));
    if (traits.pauses && !this.moving && this.#random.chance(5)) {
      session.pause();
      this.#schedule(() => this.session?.resume());
    }
  }

  target(bytes: number): Uint8Array | null {
    this.#live('target');
    if (!this.traits.givesTargets || this.#random.chance(50)) return null;
    const target = new Uint8Array(bytes);
    this.#targets.push(target);
    return target;
  }

  placed(bytes: Uint8Array): void {
    const index = this.#targets.indexOf(bytes);
    if (index < 0) this.problems.push('placed where nobody said');
    this.#targets.splice(0, index + 1);
    this.received_(bytes);
  }

  drained(): void {
    this.#live('drained');
    this.drainedCount += 1;
    if (!this.#stopped) this.problems.push('drained without a stop');
    this.#stopped = false;
    if (this.#waits) {
      this.#waits = false;
      this.#schedule(() => this.#act());
    }
  }

  urgent(bytes: Uint8Array): void {
    this.#live('urgent');
    this.urgentReceived.push(new Uint8Array(bytes));
  }

  ended_(): void {
    this.#live('ended');
    this.endedCount += 1;
    if (this.endedCount > 1) this.problems.push('ended twice');
  }

  closed(error: Error | null): void {
    if (this.closedWith !== undefined) this.problems.push('closed twice');
    this.closedWith = error;
  }

  #live(event: string): void {
    if (this.closedWith !== undefined) this.problems.push(`${event} after closed`);
  }

  /** The events as the session wants them. */
  get events(): TransportEvents {
    return {
      received: (bytes) => this.received_(bytes),
      target: (bytes) => this.target(bytes),
      placed: (bytes) => this.placed(bytes),
      drained: () => this.drained(),
      urgent: (bytes) => this.urgent(bytes),
      ended: () => this.ended_(),
      closed: (error) => this.closed(error),
    };
  }

  /** Stopped, and neither ended nor closed: `drained` is owed. */
  get owedDrained(): boolean {
    return this.#stopped && !this.ended && this.closedWith === undefined;
  }
}

/**
 * Does `received` consist of the chunks, in order? Cancelled ones may be missing, or be cut short if nothing follows.
 * @param complete nothing else may be missing
 */
export function isStreamOf(received: Buffer, chunks: readonly SentChunk[], complete: boolean): boolean {
  const matches = (position: number, index: number, over = false): boolean => {
    for (let at = position, i = index; ; i++) {
      const chunk = chunks[i];
      if (chunk === undefined) return at === received.length;
      const rest = received.subarray(at, at + chunk.pristine.length);
      const whole = rest.length === chunk.pristine.length && rest.equals(chunk.pristine);
      const cutShort = at + rest.length === received.length && rest.equals(chunk.pristine.subarray(0, rest.length));
      if (!complete && cutShort) return true;
      // One that is cancelled while another is cancelled goes out all the same.
      if ((chunk.outcomes[0] ?? null) !== null) {
        // A send that failed has not gone out, or not whole. Or the peer has read it whole, and perhaps one more that was
        // offered behind it, and the end came before the word of that: then nothing succeeds any more.
        return cutShort || matches(at, i + 1, over) || (whole && matches(at + rest.length, i + 1, true));
      }
      if (!whole || (over && !chunk.takenAtOnce)) return false;
      at += chunk.pristine.length;
    }
  };
  return matches(0, 0);
}
