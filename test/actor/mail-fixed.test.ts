import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ActorAddress } from '#src/actor/address.js';
import { FixedCodec, type MailRoom } from '#src/actor/mail/fixed-codec.js';
import { Views } from '#src/actor/mail/views.js';
import type { MessageFields, MessageFieldType } from '#src/actor/types.js';
import { RingCorruptError } from '#src/errors.js';
import { TestRef } from './mail-party.js';

/** Room in plain memory. */
class Room implements MailRoom {
  readonly views = new Views(new ArrayBuffer(32_768));
  readonly at: number;
  claimed = 0;
  constructor(at = 64) {
    this.at = at;
  }
  claim(bytes: number): number {
    this.claimed = bytes;
    return this.at;
  }
}

const ref = (address: ActorAddress) => new TestRef(address) as never;

function roundTrip(fields: MessageFields, message: unknown): unknown {
  const codec = new FixedCodec(fields);
  const room = new Room();
  codec.encode(room, message);
  expect(room.claimed).toBe(codec.bytes);
  return codec.decode(room.views, room.at, ref);
}

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const ofType = (type: MessageFieldType): fc.Arbitrary<unknown> => {
  switch (type) {
    case 'u8':
      return fc.integer({ min: 0, max: 255 });
    case 'i32':
      return fc.integer();
    case 'u32':
      return u32;
    case 'f64':
      return fc.double();
    case 'bool':
      return fc.boolean();
    case 'bigint64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'ref':
      return fc.tuple(u32, u32, u32).map((parts) => new TestRef(new ActorAddress(...parts)));
    default: {
      const limit = Number(type.slice(5));
      const text = fc.string({ unit: 'grapheme-composite', maxLength: limit });
      return text.filter((one) => Buffer.byteLength(one) <= limit);
    }
  }
};
const types = fc.constantFrom<MessageFieldType[]>(
  ...(['u8', 'i32', 'u32', 'f64', 'bool', 'bigint64', 'ref', 'utf8:1', 'utf8:31', 'utf8:200'] as MessageFieldType[]),
);
const names = fc.string({ minLength: 0, maxLength: 12 }).filter((name) => name !== '__proto__');
const declared = fc.dictionary(names, types, { maxKeys: 12 }).map((fields) => ({ ...fields }));

describe('messages of declared fields', () => {
  it('come back as they went, whatever is declared', () => {
    const pairs = declared.chain((fields) => {
      const values = Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, ofType(type)]));
      return fc.tuple(fc.constant(fields), fc.record(values));
    });
    fc.assert(
      fc.property(pairs, ([fields, message]) => {
        expect(roundTrip(fields, message)).toEqual({ ...message });
      }),
      { numRuns: 500 },
    );
  });

  it('lie as close as alignment lets them', () => {
    const codec = new FixedCodec({ a: 'u8', b: 'f64', c: 'bool', d: 'i32', e: 'utf8:3' });
    expect(codec.bytes).toBe(8 + 4 + 1 + 1 + 5);
  });

  it.each<[MessageFieldType, unknown]>([
    ['u8', 256],
    ['u8', -1],
    ['u8', 1.5],
    ['i32', 2 ** 31],
    ['i32', '1'],
    ['i32', undefined],
    ['u32', -1],
    ['f64', '1'],
    ['f64', 1n],
    ['bool', 1],
    ['bigint64', 1],
    ['bigint64', 2n ** 63n],
    ['ref', null],
    ['ref', { address: 'x' }],
    ['utf8:4', 'longer'],
    ['utf8:4', '\u4e2d\u4e2d'],
    ['utf8:8', '\ud800'],
    ['utf8:4', 4],
    ['i32', Symbol('no number')],
  ])('%s: %s is refused by name', (type, value) => {
    const codec = new FixedCodec({ before: 'i32', field: type });
    expect(() => codec.encode(new Room(), { before: 1, field: value })).toThrow(
      expect.objectContaining({
        code: 'ERR_SANSWITCH_NOT_SERIALIZABLE',
        message: expect.stringMatching(/^the message field 'field' \(/),
      }),
    );
  });

  it.each([[null], [undefined], [7], ['text']])('%s is no message', (message) => {
    const codec = new FixedCodec({ a: 'i32' });
    expect(() => codec.encode(new Room(), message)).toThrow(/a message can't be/);
  });

  it('are told apart by their declaration', () => {
    const shapes = [{ a: 'i32' }, { a: 'u32' }, { b: 'i32' }, { a: 'i32', b: 'i32' }, { b: 'i32', a: 'i32' }, {}].map(
      (fields) => new FixedCodec(fields as MessageFields).shape,
    );
    expect(new Set(shapes).size).toBe(shapes.length);
    expect(new FixedCodec({ a: 'i32' }).shape).toBe(shapes[0]);
  });

  it('declarations that there are not are refused', () => {
    const invalid = expect.objectContaining({ code: 'ERR_SANSWITCH_INVALID_OPTION' });
    for (const type of ['i64', 'utf8', 'utf8:0', 'utf8:99999', 'utf8:-1', '', 'constructor', 7, null]) {
      expect(() => new FixedCodec({ a: type as MessageFieldType })).toThrow(invalid);
    }
    expect(() => new FixedCodec(null as never)).toThrow(invalid);
    expect(() => new FixedCodec({ a: 'utf8:16000', b: 'utf8:16000' })).toThrow(invalid);
    expect(() => new FixedCodec(JSON.parse('{ "__proto__": "i32" }'))).toThrow(invalid);
  });

  it('names are data, never code', () => {
    const fields = { 'a"]; throw 1; //': 'i32', '\u2028': 'i32', "'": 'u8', '`${x}`': 'u8' } as MessageFields;
    const message = { 'a"]; throw 1; //': 1, '\u2028': 2, "'": 3, '`${x}`': 4 };
    expect(roundTrip(fields, message)).toEqual(message);
  });

  it('a text longer than its field is an error of the ring', () => {
    const codec = new FixedCodec({ text: 'utf8:4' });
    const room = new Room();
    codec.encode(room, { text: 'abc' });
    room.views.u8[room.at] = 200;
    expect(() => codec.decode(room.views, room.at, ref)).toThrow(RingCorruptError);
  });

  it('getters run before room is claimed', () => {
    const codec = new FixedCodec({ a: 'i32', b: 'i32' });
    const order: string[] = [];
    const room = new Room();
    const message = {
      get a() {
        order.push('a');
        return 1;
      },
      get b() {
        order.push('b');
        return 2;
      },
    };
    const claim = room.claim.bind(room);
    room.claim = (bytes) => {
      order.push('claim');
      return claim(bytes);
    };
    codec.encode(room, message);
    expect(order).toEqual(['a', 'b', 'claim']);
  });
});
