import { MessageChannel, MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { ActorAddress } from '#src/actor/address.js';
import { StructuredReader } from '#src/actor/mail/structured-reader.js';
import { StructuredWriter } from '#src/actor/mail/structured-writer.js';
import { transferable } from '#src/actor/mail/transfer.js';
import { RingCorruptError } from '#src/errors.js';
import { slotOf, TestRef } from './mail-party.js';

const writer = new StructuredWriter();
const reader = new StructuredReader((address) => new TestRef(address) as never);
const { port1, port2 } = new MessageChannel();
port1.unref();
port2.unref();
const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

/** Through bytes, and a message port for the rest, as through a link. */
function roundTrip<T>(value: T): T {
  writer.write(value);
  let attachments: readonly unknown[] = [];
  if (writer.attachments.length > 0) {
    port1.postMessage(writer.attachments, writer.transfers);
    attachments = (receiveMessageOnPort(port2) as { message: unknown[] }).message;
  }
  const result = reader.read(writer.views, 0, writer.length, attachments) as T;
  writer.clear();
  return result;
}

const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  withBoxedValues: true,
  withUnicodeString: true,
  maxDepth: 4,
});

describe('any value', () => {
  it('comes back as structured clone would have it', () => {
    fc.assert(
      fc.property(anything, (value) => {
        expect(roundTrip(value)).toEqual(structuredClone(value));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each<[string, unknown]>([
    ['-0', -0],
    ['NaN', Number.NaN],
    ['integers at the edge', [2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 53]],
    ['numbers in a row', [1, 2, 3, 4, 5]],
    ['numbers in a row, not all whole', [1, 2.5, -0, 4, Number.POSITIVE_INFINITY]],
    ['big integers', [0n, -1n, 2n ** 200n, -(2n ** 64n)]],
    [
      'text of all kinds',
      ['', 'a', '\xff', '\u4e2d', '\ud800', 'x'.repeat(65), '\xe9'.repeat(300), '\u{1f600}'.repeat(99)],
    ],
    ['holes', Object.assign(new Array(5), { 0: 1, 2: 3 })],
    ['undefined in arrays', [undefined, undefined, undefined, undefined]],
    ['dates', [new Date(0), new Date(Number.NaN), new Date(8.64e15)]],
    ['patterns', [/a+/giu, /[/]/]],
    ['boxed values', [Object(1), Object('s'), Object(false), Object(2n)]],
    ['a key that is none', JSON.parse('{ "__proto__": { "a": 1 }, "b": 2 }')],
    ['many objects', Array.from({ length: 200 }, (_, i) => ({ i, next: { i } }))],
    [
      'views',
      [new Int16Array([1, -2]), new Float64Array([0.5]), new DataView(new ArrayBuffer(3)), new BigUint64Array(2)],
    ],
    ['a view of a part', new Uint8Array(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2)],
    ['a buffer', new Uint8Array([1, 2, 3]).buffer],
    ['large bytes', { a: new Uint8Array(100_000).fill(3), b: new Float32Array(50_000).fill(1).buffer }],
  ])('%s', (_, value) => {
    expect(roundTrip(value)).toEqual(structuredClone(value));
  });

  it('is many objects alike, and some that are not', () => {
    const keys = fc.constantFrom('a', 'b', '1', '0', 'c1', '__proto__', '');
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 3 }, fc.integer(), fc.array(tie('node'), { maxLength: 6 }), tie('node')),
      node: fc.dictionary(keys, tie('tree'), { maxKeys: 3 }),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        expect(roundTrip(value)).toEqual(structuredClone(value));
      }),
      { numRuns: 2_000 },
    );
    const odd = () => new Proxy({ b: 'b', 1: 'one' }, { ownKeys: () => ['b', '1'] });
    expect(roundTrip([odd(), odd()])).toEqual([
      { b: 'b', 1: 'one' },
      { b: 'b', 1: 'one' },
    ]);
  });

  it('is shared within a message where it was, in circles too', () => {
    const shared = { a: 1 };
    const value: Record<string, unknown> = { one: shared, two: shared, map: new Map([[shared, shared]]) };
    value.self = value;
    value.list = Array.from({ length: 30 }, () => shared);
    const back = roundTrip(value) as typeof value & { list: unknown[]; map: Map<unknown, unknown> };
    expect(back.self).toBe(back);
    expect(back.two).toBe(back.one);
    expect(back.map.get(back.one)).toBe(back.one);
    expect(back.list.every((one) => one === back.one)).toBe(true);
    const error = new Error('circle');
    error.cause = { error };
    const its = roundTrip(error) as Error & { cause: { error: unknown } };
    expect(its.cause.error).toBe(its);
  });

  it('is an error with its kind, stack and cause', () => {
    const error = new TypeError('wrong', { cause: new RangeError('deep') });
    const back = roundTrip(error);
    expect(back).toBeInstanceOf(TypeError);
    expect([back.message, back.stack]).toEqual([error.message, error.stack]);
    expect(back.cause).toBeInstanceOf(RangeError);
    class Own extends Error {
      override name = 'Own';
    }
    expect(Object.getPrototypeOf(roundTrip(new Own('x')))).toBe(Error.prototype);
    expect('cause' in roundTrip(new Error('none'))).toBe(false);
  });

  it('is an instance of a class: its properties', () => {
    class Point {
      x = 1;
      #hidden = 2;
      get sum() {
        return this.x + this.#hidden;
      }
    }
    const back = roundTrip(new Point());
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(back).toEqual({ x: 1 });
    expect(roundTrip(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: 1 });
  });
});

describe('references', () => {
  it('survive, wherever they stand', () => {
    const address = new ActorAddress(2 ** 32 - 1, 5, 2 ** 31);
    const ref = new TestRef(address);
    const value = { ref, list: [ref, address], map: new Map([['to', ref]]), set: new Set([address]) };
    const back = roundTrip(value);
    expect(back).toEqual(value);
    expect(back.ref).toBeInstanceOf(TestRef);
    expect(back.list[1]).toBeInstanceOf(ActorAddress);
    expect(roundTrip(ref)).toEqual(ref);
    expect(roundTrip(slotOf(3))).toEqual(slotOf(3));
  });
});

describe('what has no bytes', () => {
  it('is shared memory', () => {
    const shared = new SharedArrayBuffer(64);
    const back = roundTrip({ shared, view: new Int32Array(shared, 8, 4), again: shared });
    expect(back.again).toBe(back.shared);
    expect(back.view.buffer).toBe(back.shared);
    expect([back.view.byteOffset, back.view.length]).toEqual([8, 4]);
    back.view[0] = 77;
    expect(new Int32Array(shared)[2]).toBe(77);
  });

  it('is memory that is handed over', () => {
    const buffer = transferable(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer);
    const back = roundTrip({ buffer, view: new Uint16Array(buffer, 2, 2) });
    expect(buffer.byteLength).toBe(0);
    expect([...new Uint8Array(back.buffer)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(back.view.buffer).toBe(back.buffer);
    expect(back.view.byteOffset).toBe(2);
  });

  it('is a message port', () => {
    const { port1: kept, port2: given } = new MessageChannel();
    const back = roundTrip({ port: given, again: given });
    ports.push(kept, back.port);
    expect(back.port).toBeInstanceOf(MessagePort);
    expect(back.again).toBe(back.port);
    back.port.postMessage('through');
    expect(receiveMessageOnPort(kept)).toEqual({ message: 'through' });
  });

  it('is an object of Node itself', async () => {
    const back = roundTrip(new Blob(['text']));
    expect(await back.text()).toBe('text');
  });
});

describe('what can not be sent', () => {
  it.each<[string, unknown]>([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a function inside', { a: [{ b: () => 1 }] }],
  ])('%s', (_, value) => {
    expect(() => writer.write(value)).toThrow(expect.objectContaining({ code: 'ERR_SANSWITCH_NOT_SERIALIZABLE' }));
    expect(roundTrip({ fine: true })).toEqual({ fine: true });
  });

  it('is nested too deep', () => {
    let value: unknown = null;
    for (let i = 0; i < 900; i++) value = [value];
    expect(roundTrip(value)).toEqual(value);
    for (let i = 0; i < 200; i++) value = { value };
    expect(() => writer.write(value)).toThrow(/nested deeper/);
  });
});

describe('damaged bytes', () => {
  it('are an error or another value, never more', () => {
    fc.assert(
      fc.property(anything, fc.nat(), fc.nat(255), fc.nat(), (value, at, byte, cut) => {
        writer.write(value);
        const length = cut % 3 === 0 ? cut % (writer.length + 1) : writer.length;
        if (length > 0) writer.views.u8[at % length] = byte;
        try {
          new StructuredReader((address) => new TestRef(address) as never).read(writer.views, 0, length, []);
        } catch (error) {
          expect(error).toBeInstanceOf(RingCorruptError);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
