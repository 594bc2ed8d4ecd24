// Both languages' ends of a ring behind one interface, so that the same tests run over all pairings.
import { RingCorruptError } from '#src/errors.js';
import { RingConsumer } from '#src/ring/consumer.js';
import type { RingMemory } from '#src/ring/memory.js';
import { RingProducer } from '#src/ring/producer.js';
import { type Handle, loadRingAddon } from '../fixtures/ring-addon.js';

/** What a test needs of a producer; as RingProducer. */
export type ProducerEnd = Pick<
  RingProducer,
  'room' | 'position' | 'claim' | 'commit' | 'publish' | 'needPosition' | 'isDrained' | 'writeSwitch' | 'rebase'
>;
/** What a test needs of a consumer; as RingConsumer. */
export type ConsumerEnd = Pick<
  RingConsumer,
  'type' | 'offset' | 'length' | 'position' | 'reload' | 'next' | 'release' | 'commit' | 'discard' | 'rebase'
>;
/** How the ends of one language are made. */
export interface Ends {
  producer(memory: RingMemory, reserve: number): ProducerEnd;
  consumer(memory: RingMemory, capacityLimit: number): ConsumerEnd;
}

function checked(value: number): number {
  if (value === -2) throw new RingCorruptError('said by the native end');
  if (value === -3) throw new RangeError('said by the native end');
  return value;
}

/** The arguments that both native ends are created with: the view and the offsets, in bytes. */
function place(memory: RingMemory): [Uint8Array, number, number, number, number] {
  const view = new Uint8Array(memory.words.buffer);
  return [view, memory.prodIndex * 4, memory.consIndex * 4, memory.base, memory.capacity];
}

class NativeProducer implements ProducerEnd {
  room = -1;
  private readonly view: Uint8Array;
  private readonly handle: Handle;
  private readonly addon = loadRingAddon();

  constructor(memory: RingMemory, reserve: number) {
    this.view = new Uint8Array(memory.words.buffer);
    this.handle = this.addon.createProducer(...place(memory), reserve);
  }

  private call(operation: string, a = 0, b = 0): number {
    return this.addon.producer(this.handle, this.view, operation, a, b);
  }

  get position(): number {
    return this.call('position');
  }

  claim(minBytes: number, maxBytes: number): number {
    const offset = checked(this.call('claim', minBytes, maxBytes));
    this.room = offset < 0 ? -1 : this.call('room');
    return offset;
  }

  commit(type: number, length: number): void {
    if (this.call('commit', type, length) === 0) throw new RangeError('said by the native end');
  }

  publish(): void {
    this.call('publish');
  }

  needPosition(minBytes: number): number {
    return this.call('needPosition', minBytes);
  }

  isDrained(): boolean {
    return checked(this.call('isDrained')) === 1;
  }

  writeSwitch(slot: number): void {
    if (this.call('writeSwitch', slot) === 0) throw new RangeError('said by the native end');
  }

  rebase(base: number, capacity: number): void {
    this.call('rebase', base, capacity);
  }
}

class NativeConsumer implements ConsumerEnd {
  private readonly record = new Int32Array(3);
  private readonly view: Uint8Array;
  private readonly handle: Handle;
  private readonly addon = loadRingAddon();

  constructor(memory: RingMemory, capacityLimit: number) {
    this.view = new Uint8Array(memory.words.buffer);
    this.handle = this.addon.createConsumer(...place(memory), capacityLimit);
  }

  private call(operation: string, a = 0, b = 0): number {
    return checked(this.addon.consumer(this.handle, this.view, operation, a, b, this.record));
  }

  get type(): number {
    return this.record[0];
  }

  get offset(): number {
    return this.record[1];
  }

  get length(): number {
    return this.record[2];
  }

  get position(): number {
    // Any position is right here, -2 too.
    return this.addon.consumer(this.handle, this.view, 'position', 0, 0, this.record);
  }

  reload(): boolean {
    return this.call('reload') === 1;
  }

  next(): boolean {
    return this.call('next') === 1;
  }

  release(): boolean {
    return this.call('release') === 1;
  }

  commit(): boolean {
    return this.call('commit') === 1;
  }

  discard(): void {
    this.call('discard');
  }

  rebase(base: number, capacity: number): void {
    this.call('rebase', base, capacity);
  }
}

/** The ends by language. */
export const ends: Record<'ts' | 'cpp', Ends> = {
  ts: {
    producer: (memory, reserve) => new RingProducer(memory, { reserve }),
    consumer: (memory, capacityLimit) => new RingConsumer(memory, { capacityLimit }),
  },
  cpp: {
    producer: (memory, reserve) => new NativeProducer(memory, reserve),
    consumer: (memory, capacityLimit) => new NativeConsumer(memory, capacityLimit),
  },
};
