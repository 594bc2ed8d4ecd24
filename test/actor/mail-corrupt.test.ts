// What stands in a mail ring is range-checked: a bug of the other thread is one clear error, never a crash.
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { mailPlace } from '#src/actor/mail/memory.js';
import { RingCorruptError } from '#src/errors.js';
import {
  MAIL_FLAG_ATTACHED,
  MAIL_FLAG_DETACHED,
  MAIL_HEADER_BYTES,
  MAIL_HEADER_FLAGS_WORD,
  MAIL_HEADER_SHAPE_WORD,
  MAIL_HEADER_SLOT_WORD,
  RECORD_MAIL_FIXED,
  RECORD_MAIL_SIGNAL,
  RECORD_MAIL_STRUCTURED,
} from '#src/layout/layout.gen.js';
import { RingProducer } from '#src/ring/producer.js';
import { Random } from '../simulation/random.js';
import { ANY_SLOT, FIXED_SLOT, slotOf } from './mail-party.js';
import { pairHere } from './mail-worker.js';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

/** A side that writes by hand, and one that reads. */
function forged() {
  const { there, memory, close } = pairHere();
  open.push(close);
  const place = mailPlace(memory, 0);
  const ring = new RingProducer(place.out);
  const words = new Int32Array(memory);
  const bytes = new Uint8Array(memory);
  return {
    there,
    place,
    record(type: number, slot: number, flags: number, body: Uint8Array, shape = 0) {
      const length = MAIL_HEADER_BYTES + body.length;
      const at = ring.claim(length, length);
      words[at / 4 + MAIL_HEADER_SLOT_WORD] = slot;
      words[at / 4 + MAIL_HEADER_FLAGS_WORD] = flags;
      words[at / 4 + MAIL_HEADER_SHAPE_WORD] = shape;
      bytes.set(body, at + MAIL_HEADER_BYTES);
      ring.commit(type, length);
      ring.publish();
    },
    short() {
      ring.claim(8, 8);
      ring.commit(RECORD_MAIL_FIXED, 8);
      ring.publish();
    },
    async error() {
      for (let i = 0; i < 100 && there.ends === 0; i++) await delay(1);
      return there.endError;
    },
  };
}

const body = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);

describe('a record that no honest thread writes', () => {
  it.each<[string, (side: ReturnType<typeof forged>) => void, RegExp]>([
    ['without a header', (side) => side.short(), /of 8 bytes/],
    ['of an unknown type', (side) => side.record(99, 1, 0, body(1)), /type 99/],
    ['empty', (side) => side.record(RECORD_MAIL_STRUCTURED, 1, 0, body()), /beyond its record/],
    ['with more behind', (side) => side.record(RECORD_MAIL_STRUCTURED, 1, 0, body(1, 1)), /where its record ends/],
    ['of an unknown tag', (side) => side.record(RECORD_MAIL_STRUCTURED, 1, 0, body(200)), /tag 200/],
    ['too short', (side) => side.record(RECORD_MAIL_STRUCTURED, 1, 0, body(4, 1)), /beyond its record/],
    ['with a huge count', (side) => side.record(RECORD_MAIL_STRUCTURED, 1, 0, body(10, 255, 255, 255, 255)), /members/],
    ['going back nowhere', (side) => side.record(RECORD_MAIL_STRUCTURED, 1, 0, body(13, 0, 0, 0, 0)), /not begun/],
    [
      'without its attachments',
      (side) => side.record(RECORD_MAIL_STRUCTURED, 1, MAIL_FLAG_ATTACHED, body(25, 0, 0, 0, 0)),
      /did not come/,
    ],
    ['without its body', (side) => side.record(RECORD_MAIL_STRUCTURED, 1, MAIL_FLAG_DETACHED, body()), /did not come/],
    ['that is no signal', (side) => side.record(RECORD_MAIL_SIGNAL, 1, 0, body(4, 1, 0, 0, 0)), /signal/],
    [
      'beyond the ring',
      (side) => Atomics.store(side.place.out.prodWords, side.place.out.prodIndex, 1 << 30),
      /impossible/,
    ],
  ])('%s', async (_, write, message) => {
    const side = forged();
    write(side);
    const error = await side.error();
    expect(error).toBeInstanceOf(RingCorruptError);
    expect((error as Error).message).toMatch(message);
    expect(side.there.ends).toBe(1);
    expect(side.there.link.isClosed).toBe(true);
  });

  it('is a fixed message of another size', async () => {
    const side = forged();
    side.record(RECORD_MAIL_FIXED, FIXED_SLOT, 0, body(1, 2, 3), side.there.codecOf(FIXED_SLOT)?.shape);
    expect(await side.error()).toBeInstanceOf(RingCorruptError);
  });

  it('but one for an actor that is gone, or declares other fields, concerns nobody else', async () => {
    const side = forged();
    side.record(RECORD_MAIL_FIXED, ANY_SLOT, 0, body(1, 2, 3));
    side.record(RECORD_MAIL_FIXED, FIXED_SLOT, 0, body(1, 2, 3), 12_345);
    for (let i = 0; i < 100 && side.there.lost < 2; i++) await delay(1);
    expect([side.there.lost, side.there.ends]).toEqual([2, 0]);
  });

  it('a writer that is told nonsense about its room closes too', async () => {
    const { here, memory, close } = pairHere();
    open.push(close);
    const { out } = mailPlace(memory, 0);
    Atomics.store(out.consWords, out.consIndex, 1 << 29);
    const message = new Uint8Array(10_000);
    for (let i = 0; i < 200 && !here.link.isClosed; i++) here.link.tell(slotOf(ANY_SLOT), message, null, null);
    expect(here.endError).toBeInstanceOf(RingCorruptError);
    expect(here.link.tell(slotOf(ANY_SLOT), message, null, null)).toBe('refused');
  });

  it('garbage of any kind is an error or a message, in bounded time', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = new Random(seed);
    for (let round = 0; round < 400; round++) {
      const side = forged();
      const types = [RECORD_MAIL_STRUCTURED, RECORD_MAIL_SIGNAL, RECORD_MAIL_FIXED];
      const bytes = Uint8Array.from({ length: random.below(60) }, () =>
        random.chance(60) ? random.below(28) : random.below(256),
      );
      side.record(types[random.below(3)] as number, random.below(4), random.below(8), bytes);
      for (let i = 0; i < 100 && side.there.ends === 0 && side.there.link.received === 0; i++) await delay(0);
      if (side.there.ends > 0) expect(side.there.endError, `seed ${seed}`).toBeInstanceOf(RingCorruptError);
      else expect(side.there.link.received).toBe(1);
      for (const close of open.splice(0)) close();
    }
  });
});
