// The record ring as a model: a list of records, and positions as plain numbers. Written from the description alone.
import type { RingMemory } from '#src/ring/memory.js';
import type { ConsumerEnd, ProducerEnd } from './ring-ends.js';

/** A step that a property test tries. Sizes are shares of the largest record, 0 to 1. */
export type Step =
  | { do: 'write'; least: number; most: number; kept: number; type: number }
  | { do: 'publish' }
  | { do: 'read'; count: number }
  | { do: 'commit' }
  | { do: 'grow' }
  | { do: 'move'; to: number };

/** Where the ring may stand: offsets and sizes in bytes. */
export type Place = Pick<RingMemory, 'base' | 'capacity'>;

interface Written {
  type: number;
  payload: Uint8Array;
}

/** Throws unless `condition`; the message says what a ring must do. */
function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`violated: ${what}`);
}

/** Does steps on a real ring and compares it with the model after each. */
export class Comparison {
  private readonly bytes: Uint8Array;
  private readonly producer: ProducerEnd;
  private readonly consumer: ConsumerEnd;
  private readonly places: readonly Place[];
  private readonly reserve: number;
  private at = 0;
  private readerAt = 0;
  /** Records that are committed, published, read. */
  private committed: Written[] = [];
  private published: Written[] = [];
  /** Positions of the consumer: what it has released, and what it has said so. */
  private head: number;
  private consumed: number;
  private serial = 0;

  /** `places[0]` is where the ring stands first; the SWITCH record goes to the next one. */
  constructor(
    bytes: Uint8Array,
    producer: ProducerEnd,
    consumer: ConsumerEnd,
    places: readonly Place[],
    reserve: number,
    position: number,
  ) {
    this.head = position;
    this.consumed = position;
    this.bytes = bytes;
    this.producer = producer;
    this.consumer = consumer;
    this.places = places;
    this.reserve = reserve;
  }

  /** Does one step. Throws if the ring does what no ring may. */
  do(step: Step): void {
    if (step.do === 'write') this.write(step);
    else if (step.do === 'publish') this.publish();
    else if (step.do === 'read') this.read(step.count);
    else if (step.do === 'commit') this.commit();
    else if (step.do === 'grow') this.grow();
    else this.move(step.to);
  }

  /** Reads everything that was ever written; nothing may be left over. */
  finish(): void {
    this.publish();
    this.read(Number.POSITIVE_INFINITY);
    this.commit();
    must(this.published.length === 0, 'what is written can be read');
    must(this.producer.isDrained(), 'a ring from which everything is read is drained');
  }

  private write({ least, most, kept, type }: Extract<Step, { do: 'write' }>): void {
    const { base, capacity } = this.places[this.at];
    const limit = capacity / 2 - 8;
    const minBytes = Math.floor(least * limit);
    const maxBytes = minBytes + Math.floor(most * capacity);
    const before = this.producer.position;
    const offset = this.producer.claim(minBytes, maxBytes);
    const used = (this.producer.position - this.consumed) | 0;
    if (offset < 0) {
      must(used >= capacity / 2, 'a blocked ring is at least half full');
      must(((this.producer.needPosition(minBytes) - this.consumed) | 0) > 0, 'a blocked ring needs the consumer');
      if (this.producer.position !== before) this.notePublished();
      return;
    }
    const room = this.producer.room;
    must(offset % 8 === 0 && offset >= base && offset + room <= base + capacity, 'a claim lies in the ring');
    must(room >= minBytes && room <= maxBytes, 'the room is what was asked for');
    const payload = Uint8Array.from({ length: Math.floor(kept * room) }, (_, i) => this.serial + i);
    this.serial += 1;
    this.bytes.set(payload, offset);
    this.producer.commit(type, payload.length);
    this.committed.push({ type, payload });
    must(((this.producer.position - this.consumed) | 0) <= capacity - this.reserve, 'the reserve stays free');
  }

  private publish(): void {
    this.producer.publish();
    this.notePublished();
  }

  private notePublished(): void {
    this.published.push(...this.committed);
    this.committed = [];
  }

  private read(count: number): void {
    must(this.consumer.reload() || this.published.length === 0, 'what is published is there');
    for (let i = 0; i < count && this.consumer.next(); i++) {
      const written = this.published.shift();
      must(written !== undefined, 'nothing is read before it is published');
      must(this.consumer.type === written.type, 'the type arrives');
      const payload = this.bytes.slice(this.consumer.offset, this.consumer.offset + this.consumer.length);
      must(Buffer.compare(payload, written.payload) === 0, 'the payload arrives');
      const isDue = this.consumer.release();
      this.head = this.consumer.position;
      const { capacity } = this.places[this.readerAt];
      must(isDue === ((this.head - this.consumed) | 0) >= capacity / 4, 'a commit is due after a quarter of the ring');
      if (written.type === 3) this.goTo((this.readerAt + 1) % this.places.length);
      else if (isDue) this.commit();
    }
    this.head = this.consumer.position;
  }

  private commit(): void {
    const used = (this.publishedPosition() - this.consumed) | 0;
    const { capacity } = this.places[this.readerAt];
    const isNews = this.consumer.position !== this.consumed;
    must(this.consumer.commit() === (isNews && used >= capacity / 2), 'a commit tells whether someone may be blocked');
    this.consumed = this.consumer.position;
  }

  private publishedPosition(): number {
    return new Int32Array(this.bytes.buffer)[0];
  }

  private goTo(place: number): void {
    this.readerAt = place;
    this.consumer.rebase(this.places[place].base, this.places[place].capacity);
  }

  /** Goes on in the next place, by a SWITCH record, if that is a larger one and the last SWITCH has been read. */
  private grow(): void {
    const next = this.at + 1;
    if (this.reserve === 0 || next >= this.places.length || this.at !== this.readerAt) return;
    this.producer.writeSwitch(next);
    this.committed.push({ type: 3, payload: Uint8Array.of(next, 0, 0, 0) });
    this.at = next;
    this.producer.rebase(this.places[next].base, this.places[next].capacity);
  }

  /** Goes on in any place once the ring is drained, without a record. */
  private move(to: number): void {
    if (this.published.length > 0 || this.committed.length > 0 || !this.producer.isDrained()) return;
    this.at = to % this.places.length;
    this.producer.rebase(this.places[this.at].base, this.places[this.at].capacity);
    this.goTo(this.at);
  }
}
