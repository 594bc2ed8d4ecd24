// What a record ring does step by step, and which nonsense its ends notice, in both languages.
import { beforeAll, describe, expect, it } from 'vitest';
import { RingCorruptError } from '#src/errors.js';
import { RingConsumer } from '#src/ring/consumer.js';
import { type RingMemory, ringBytes, ringOver } from '#src/ring/memory.js';
import { RingProducer } from '#src/ring/producer.js';
import { Sleeper, Waker } from '#src/ring/sleep-epoch.js';
import { buildAddon } from '../native/build.mjs';
import { ends } from './ring-ends.js';

const capacity = 256;
const type = 77;

function newRing(): RingMemory {
  return ringOver(new SharedArrayBuffer(ringBytes(capacity)), 0, capacity);
}

/** Writes a record's header as the producer would. */
function putHeader(ring: RingMemory, position: number, length: number, recordType = type): void {
  const word = (ring.base + position) / 4;
  ring.words[word] = length;
  ring.words[word + 1] = recordType;
}

beforeAll(buildAddon, 120_000);

describe('ringOver', () => {
  it('keeps the two positions 128 bytes apart', () => {
    const ring = newRing();
    expect(Math.abs(ring.consIndex - ring.prodIndex)).toBe(32);
    expect(ring.base + capacity).toBe(ring.words.byteLength);
  });

  it.each([0, 128, 255, 300, 2 ** 31, Number.NaN])('refuses a capacity of %s', (bad) => {
    expect(() => ringOver(new SharedArrayBuffer(4_096), 0, bad)).toThrow(RangeError);
  });

  it.each([
    [8, 256],
    [-16, 256],
    [16, 256],
  ])('refuses offset %i in %i bytes of data', (offset, bytes) => {
    expect(() => ringOver(new SharedArrayBuffer(ringBytes(bytes)), offset, bytes)).toThrow(RangeError);
  });
});

describe.each(['ts', 'cpp'] as const)('%s producer', (language) => {
  const { producer: newProducer } = ends[language];

  it('shows records only once they are published', () => {
    const ring = newRing();
    const producer = newProducer(ring, 0);
    const consumer = new RingConsumer(ring);
    producer.claim(8, 8);
    producer.commit(type, 8);
    expect(consumer.poll()).toBe(false);
    producer.publish();
    expect(consumer.poll()).toBe(true);
    expect(consumer.next()).toBe(true);
    expect([consumer.type, consumer.length]).toEqual([type, 8]);
  });

  it('writes records of no bytes', () => {
    const ring = newRing();
    const producer = newProducer(ring, 0);
    const consumer = new RingConsumer(ring);
    for (let i = 0; i < 40; i++) {
      expect(producer.claim(0, 0)).toBeGreaterThan(0);
      producer.commit(type, 0);
      producer.publish();
      expect(consumer.poll() && consumer.next()).toBe(true);
      expect(consumer.length).toBe(0);
      consumer.release();
      consumer.commit();
    }
  });

  it('takes what stands in one piece rather than wrap, if that is enough', () => {
    const ring = newRing();
    const producer = newProducer(ring, 0);
    const consumer = new RingConsumer(ring);
    for (let i = 0; i < 2; i++) {
      producer.claim(88, 88);
      producer.commit(type, 88);
    }
    producer.publish();
    consumer.poll();
    while (consumer.next()) consumer.release();
    consumer.commit();
    // 64 bytes are left before the end.
    expect(producer.claim(20, 100)).toBe(ring.base + 192 + 8);
    expect(producer.room).toBe(56);
    expect(producer.claim(60, 100)).toBe(ring.base + 8);
    expect(producer.room).toBe(100);
  });

  it('says which position makes room', () => {
    const ring = newRing();
    const producer = newProducer(ring, 16);
    const consumer = new RingConsumer(ring);
    while (producer.claim(24, 24) >= 0) producer.commit(type, 24);
    producer.publish();
    const need = producer.needPosition(100);
    consumer.poll();
    while (consumer.next()) {
      consumer.release();
      consumer.commit();
      const isRoom = ((consumer.position - need) | 0) >= 0;
      expect(producer.claim(100, 100) >= 0).toBe(isRoom);
      if (isRoom) return;
    }
    expect.unreachable('there was never room');
  });

  it('publishes the padding when it is blocked behind a wrap', () => {
    const ring = newRing();
    const producer = newProducer(ring, 0);
    const consumer = new RingConsumer(ring);
    for (const length of [88, 88]) {
      producer.claim(length, length);
      producer.commit(type, length);
    }
    producer.publish();
    consumer.poll();
    consumer.next();
    consumer.release();
    consumer.commit();
    expect(producer.claim(120, 120)).toBe(-1);
    expect(ring.words[ring.prodIndex]).toBe(256);
  });

  it('never pads over what is unread', () => {
    const ring = newRing();
    const producer = newProducer(ring, 0);
    const consumer = new RingConsumer(ring);
    for (const count of [11, 16]) {
      for (let i = 0; i < count; i++) {
        expect(producer.claim(8, 8)).toBeGreaterThan(0);
        producer.commit(type + i, 8);
      }
      producer.publish();
      if (count === 16) expect(producer.claim(100, 100)).toBe(-1);
      consumer.poll();
      for (let i = 0; i < count; i++) {
        expect(consumer.next() && consumer.type).toBe(type + i);
        consumer.release();
      }
      consumer.commit();
    }
  });

  it('keeps room for a SWITCH record', () => {
    const ring = newRing();
    const producer = newProducer(ring, 16);
    while (producer.claim(8, 8) >= 0) producer.commit(type, 8);
    producer.writeSwitch(5);
    expect(producer.position).toBe(capacity);
    producer.publish();
    const consumer = new RingConsumer(ring);
    consumer.poll();
    while (consumer.next() && consumer.type === type) consumer.release();
    expect([consumer.type, consumer.length, ring.words[consumer.offset / 4]]).toEqual([3, 4, 5]);
  });

  it('refuses a SWITCH record without a reserve', () => {
    expect(() => newProducer(newRing(), 0).writeSwitch(1)).toThrow(RangeError);
  });

  it('refuses records that are too large, and commits without a claim', () => {
    const producer = newProducer(newRing(), 0);
    expect(() => producer.claim(capacity / 2 - 7, capacity)).toThrow(RangeError);
    expect(() => producer.commit(type, 0)).toThrow(RangeError);
    producer.claim(8, 8);
    expect(() => producer.commit(type, 9)).toThrow(RangeError);
    producer.commit(type, 8);
    expect(() => producer.commit(type, 8)).toThrow(RangeError);
  });

  it.each([
    ['beyond what is published', 64],
    ['backwards', -16],
    ['into the middle of a record', 8],
  ])('notices a consumer that goes %s', (_, position) => {
    const ring = newRing();
    const producer = newProducer(ring, 0);
    producer.claim(24, 24);
    producer.commit(type, 24);
    producer.publish();
    ring.words[ring.consIndex] = position;
    expect(() => producer.isDrained()).toThrow(RingCorruptError);
  });
});

describe.each(['ts', 'cpp'] as const)('%s consumer', (language) => {
  const newConsumer = (ring: RingMemory, limit = 0) => ends[language].consumer(ring, limit);

  it.each([
    ['too far ahead', 512],
    ['backwards', -16],
    ['to where no record can end', 24],
  ])('notices a producer that goes %s', (_, position) => {
    const ring = newRing();
    const consumer = newConsumer(ring);
    ring.words[ring.prodIndex] = position;
    expect(() => consumer.reload()).toThrow(RingCorruptError);
  });

  it('notices a producer that takes back what it has published', () => {
    const ring = newRing();
    const consumer = newConsumer(ring);
    ring.words[ring.prodIndex] = 64;
    consumer.reload();
    ring.words[ring.prodIndex] = 32;
    expect(() => consumer.reload()).toThrow(RingCorruptError);
  });

  it.each([
    ['larger than half the ring', 121, type],
    ['larger than all that is published', 60, type],
    ['of a negative length', -1, type],
    ['of padding that ends before the ring does', 8, 2],
  ])('notices a record %s', (_, length, recordType) => {
    const ring = newRing();
    const consumer = newConsumer(ring);
    putHeader(ring, 0, length, recordType);
    ring.words[ring.prodIndex] = length === 121 ? 256 : 32;
    consumer.reload();
    expect(() => consumer.next()).toThrow(RingCorruptError);
  });

  it('notices a record that crosses the end of the ring', () => {
    const ring = newRing();
    ring.words[ring.prodIndex] = 208;
    ring.words[ring.consIndex] = 208;
    const consumer = newConsumer(ring);
    putHeader(ring, 208, 56);
    ring.words[ring.prodIndex] = 208 + 64;
    consumer.reload();
    expect(() => consumer.next()).toThrow(RingCorruptError);
  });

  it('reads on where a SWITCH record leads, and notices when none comes', () => {
    const words = new Int32Array(new SharedArrayBuffer(4_096));
    const ring: RingMemory = {
      prodWords: words,
      prodIndex: 0,
      consWords: words,
      consIndex: 32,
      words,
      base: 512,
      capacity,
    };
    for (const hasSwitch of [true, false]) {
      words.fill(0);
      const consumer = newConsumer(ring, 1_024);
      for (let position = 0; position < capacity - 16; position += 16) putHeader(ring, position, 8);
      putHeader(ring, capacity - 16, 4, hasSwitch ? 3 : type);
      putHeader({ ...ring, base: 1_024 }, capacity, 500, 99);
      words[0] = 768;
      expect(consumer.reload()).toBe(true);
      for (let position = 0; position < capacity; position += 16) {
        expect(consumer.next()).toBe(true);
        consumer.release();
      }
      if (!hasSwitch) {
        expect(() => consumer.next()).toThrow(RingCorruptError);
        continue;
      }
      consumer.rebase(1_024, 1_024);
      expect(consumer.next()).toBe(true);
      expect([consumer.type, consumer.length, consumer.offset]).toEqual([99, 500, 1_024 + capacity + 8]);
      consumer.release();
      expect(consumer.next()).toBe(false);
    }
  });

  it('discards everything that is published', () => {
    const ring = newRing();
    const producer = new RingProducer(ring);
    for (let i = 0; i < 3; i++) {
      producer.claim(8, 8);
      producer.commit(type, 8);
    }
    producer.publish();
    newConsumer(ring).discard();
    expect(producer.isDrained()).toBe(true);
  });

  it('tells once that a blocked producer may wait', () => {
    const ring = newRing();
    const producer = new RingProducer(ring);
    const consumer = newConsumer(ring);
    while (producer.claim(24, 24) >= 0) producer.commit(type, 24);
    producer.publish();
    consumer.reload();
    consumer.next();
    consumer.release();
    expect(consumer.commit()).toBe(true);
    expect(consumer.commit()).toBe(false);
  });
});

describe('a consumer that has not looked lately', () => {
  it.each(['ts', 'cpp'] as const)('still learns that a producer may be blocked (%s)', (language) => {
    const ring = newRing();
    const producer = new RingProducer(ring);
    const consumer = ends[language].consumer(ring, 0);
    producer.claim(24, 24);
    producer.commit(type, 24);
    producer.publish();
    consumer.reload();
    while (producer.claim(24, 24) >= 0) producer.commit(type, 24);
    producer.publish();
    consumer.next();
    consumer.release();
    expect(consumer.commit()).toBe(true);
  });
});

describe('sleep epoch', () => {
  it('asks for one wake-up per sleep', () => {
    const words = new Int32Array(new SharedArrayBuffer(4));
    const sleeper = new Sleeper(words, 0);
    const waker = new Waker(words, 0);
    for (let i = 0; i < 3; i++) {
      expect(waker.isDue()).toBe(false);
      sleeper.prepare();
      expect(waker.isDue()).toBe(true);
      expect(waker.isDue()).toBe(false);
      sleeper.awake();
    }
  });

  it('goes on where 2^32 ends', () => {
    const words = Int32Array.of(-2);
    const sleeper = new Sleeper(words, 0);
    const waker = new Waker(words, 0);
    sleeper.prepare();
    expect(waker.isDue()).toBe(true);
    sleeper.awake();
    expect(words[0]).toBe(0);
    sleeper.prepare();
    expect(waker.isDue()).toBe(true);
  });
});
