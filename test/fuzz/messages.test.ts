// What is decoded from a peer's bytes: any bytes are refused or mean something, and what is encoded comes back.
import { isIP, SocketAddress as PlatformAddress } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LINK_OPEN_BYTES, LINK_OPEN_FAMILY, SESSION_HEADER_BYTES } from '#src/layout/layout.gen.js';
import * as handshake from '#src/providers/shm/handshake.js';
import { decodeOpen, encodeOpen } from '#src/providers/shm/open-record.js';
import {
  decodeHello,
  encodeHello,
  MESSAGE_BYTES_MIN,
  RECEIVE_BUFFERS_MIN,
  readU16,
  readU32,
  writeHeader,
  writeU32,
} from '#src/switch/session/messages.js';
import { budget, TIMEOUT_MS } from './budget.js';

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const reactorId = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const ident = fc.record({
  pid: u32,
  reactorId,
  cookie: u64,
  listenerFd: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
});

/** Bytes that begin like a true message, with a few of them changed, or any bytes. */
function near(message: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(255), fc.nat(255));
  const changed = fc.tuple(message, fc.array(change, { maxLength: 3 })).map(([bytes, changes]) => {
    const copy = bytes.slice();
    for (const [at, value] of changes) copy[at % copy.length] = value;
    return copy;
  });
  return fc.oneof(changed, fc.uint8Array({ maxLength: handshake.HANDSHAKE_BYTES_MAX }));
}

/** In the middle of a larger buffer, as it is received; `length` of them count. */
function received(bytes: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(handshake.HANDSHAKE_BYTES_MAX + 8).fill(0xa5);
  buffer.set(bytes, 4);
  return buffer.subarray(4, 4 + handshake.HANDSHAKE_BYTES_MAX);
}

describe('handshake messages', () => {
  it(
    'come back as they were encoded',
    () => {
      fc.assert(
        fc.property(ident, reactorId, u32, (who, name, status) => {
          const encoded = handshake.encodeIdent(who);
          expect(handshake.decodeIdent(received(encoded), encoded.length)).toEqual(who);
          const join = handshake.encodeJoin(name);
          expect(handshake.decodeJoin(received(join), join.length)).toBe(name);
          const welcome = handshake.encodeWelcome(status);
          expect(handshake.decodeWelcome(received(welcome), welcome.length)).toBe(status);
        }),
        budget(2_000),
      );
    },
    TIMEOUT_MS,
  );

  it(
    'of any bytes are refused, or mean what their encoding means',
    () => {
      const any = fc.oneof(
        near(ident.map(handshake.encodeIdent)),
        near(reactorId.map(handshake.encodeJoin)),
        near(u32.map(handshake.encodeWelcome)),
      );
      const length = fc.option(fc.nat(handshake.HANDSHAKE_BYTES_MAX), { nil: undefined, freq: 4 });
      fc.assert(
        fc.property(any, length, (bytes, claimed) => {
          const buffer = received(bytes);
          const count = claimed ?? bytes.length;
          const found = handshake.decodeIdent(buffer, count);
          if (found !== null) expect(handshake.decodeIdent(handshake.encodeIdent(found), count)).toEqual(found);
          const name = handshake.decodeJoin(buffer, count);
          if (name !== null) expect(Buffer.from(name, 'hex')).toHaveLength(handshake.REACTOR_ID_BYTES);
          const status = handshake.decodeWelcome(buffer, count);
          if (status !== -1) expect(handshake.decodeWelcome(handshake.encodeWelcome(status), count)).toBe(status);
          // No message is of two types.
          expect([found !== null, name !== null, status !== -1].filter(Boolean).length).toBeLessThanOrEqual(1);
        }),
        budget(5_000),
      );
    },
    TIMEOUT_MS,
  );
});

const address = fc.oneof(
  fc.record({ family: fc.constant(4 as const), address: fc.ipV4(), port: u16 }),
  fc.record({ family: fc.constant(6 as const), address: fc.ipV6(), port: u16 }),
);

describe('OPEN records', () => {
  it(
    'come back as they were encoded',
    () => {
      const claim = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
      const pair = fc.tuple(address, address).filter(([a, b]) => a.family === b.family);
      const plain = (text: string, family: 4 | 6) =>
        family === 4 ? text : new PlatformAddress({ family: 'ipv6', address: text }).address;
      fc.assert(
        fc.property(claim, u64, fc.nat(2 ** 31 - 1), pair, (claimed, cookie, id, [source, destination]) => {
          const found = decodeOpen(encodeOpen(id, { cookie, claim: claimed, source, destination }), 0);
          expect(found).toEqual({
            cookie,
            claim: claimed,
            source: { ...source, address: plain(source.address, source.family) },
            destination: { ...destination, address: plain(destination.address, destination.family) },
          });
        }),
        budget(2_000),
      );
    },
    TIMEOUT_MS,
  );

  it(
    'of any words are refused, or name two addresses',
    () => {
      const words = fc.int32Array({ minLength: LINK_OPEN_BYTES / 4, maxLength: LINK_OPEN_BYTES / 4 });
      const family = fc.option(fc.constantFrom(4, 6), { nil: undefined, freq: 8 });
      fc.assert(
        fc.property(words, family, (record, known) => {
          if (known !== undefined) new DataView(record.buffer).setUint16(LINK_OPEN_FAMILY, known, true);
          const found = decodeOpen(record, 0);
          if (found === null) return;
          for (const end of [found.source, found.destination]) {
            expect(isIP(end.address)).toBe(end.family);
            expect(end.port).toBeGreaterThanOrEqual(0);
            expect(end.port).toBeLessThanOrEqual(0xffff);
          }
          expect(decodeOpen(encodeOpen(0, found), 0)).toEqual(found);
        }),
        budget(3_000),
      );
    },
    TIMEOUT_MS,
  );
});

describe('session messages', () => {
  it(
    'a HELLO comes back as it was encoded, unless it is below the limits',
    () => {
      const hello = fc.record({
        receiveBuffers: u16,
        messageBytes: u32,
        capabilities: u32,
        rdmaThresholdBytes: u32,
        maxRdmaBytes: u32,
      });
      fc.assert(
        fc.property(hello, fc.nat(40), (said, offset) => {
          const body = encodeHello(said);
          const bytes = new Uint8Array(offset + SESSION_HEADER_BYTES + body.length + 3).fill(0xff);
          bytes.set(body, offset + SESSION_HEADER_BYTES);
          const isEnough = said.messageBytes >= MESSAGE_BYTES_MIN && said.receiveBuffers >= RECEIVE_BUFFERS_MIN;
          expect(decodeHello(bytes, offset, SESSION_HEADER_BYTES + body.length)).toEqual(isEnough ? said : null);
          expect(decodeHello(bytes, offset, SESSION_HEADER_BYTES + body.length - 1)).toBeNull();
        }),
        budget(2_000),
      );
    },
    TIMEOUT_MS,
  );

  it(
    'of any bytes are no HELLO, or one within the limits',
    () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(20), fc.boolean(), (bytes, offset, isVersion) => {
          if (isVersion && bytes.length > offset + SESSION_HEADER_BYTES + 2) {
            bytes.set(
              encodeHello({
                receiveBuffers: 9,
                messageBytes: 99,
                capabilities: 0,
                rdmaThresholdBytes: 0,
                maxRdmaBytes: 0,
              }).subarray(0, 2),
              offset + SESSION_HEADER_BYTES,
            );
          }
          const found = decodeHello(bytes, offset, Math.max(0, bytes.length - offset));
          if (found === null) return;
          expect(found.messageBytes).toBeGreaterThanOrEqual(MESSAGE_BYTES_MIN);
          expect(found.receiveBuffers).toBeGreaterThanOrEqual(RECEIVE_BUFFERS_MIN);
          for (const value of Object.values(found)) expect(Number.isInteger(value) && value >= 0).toBe(true);
        }),
        budget(3_000),
      );
    },
    TIMEOUT_MS,
  );

  it(
    'numbers come back, and nothing beside them is touched',
    () => {
      fc.assert(
        fc.property(u32, u16, fc.nat(255), (value, credits, kind) => {
          const bytes = new Uint8Array(24).fill(0x5a);
          writeU32(bytes, 4, value);
          expect(readU32(bytes, 4)).toBe(value);
          writeHeader(bytes, 12, kind, credits, value);
          expect([...bytes.subarray(0, 4), ...bytes.subarray(8, 12)]).toEqual(Array(8).fill(0x5a));
          expect(bytes[12]).toBe(kind);
          expect(readU16(bytes, 14)).toBe(credits);
          expect(readU32(bytes, 16)).toBe(value);
          expect([...bytes.subarray(20)]).toEqual(Array(4).fill(0x5a));
        }),
        budget(1_000),
      );
    },
    TIMEOUT_MS,
  );
});
