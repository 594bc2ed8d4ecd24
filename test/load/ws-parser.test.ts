/** Where the messages of a WebSocket's server end: the same however the bytes are cut into pieces. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameParser } from '#src/load/clients/ws-parser.js';

function parse(pieces: readonly Uint8Array[]): string[] {
  const said: string[] = [];
  const parser = new FrameParser({
    message: () => said.push('message'),
    ping: (bytes) => said.push(`ping ${Buffer.from(bytes).toString('latin1')}`),
    closing: () => said.push('closing'),
    nonsense: () => said.push('nonsense'),
  });
  for (const piece of pieces) parser.push(piece);
  return said;
}

/** A frame as servers send it. @param lengthBytes 0, 2 or 8: how its length is written, whatever it is */
function frame(first: number, payload: string | Buffer, lengthBytes?: 0 | 2 | 8): Buffer {
  const body = Buffer.from(payload as string, 'latin1');
  const extra = lengthBytes ?? (body.length < 126 ? 0 : body.length < 65_536 ? 2 : 8);
  const header = Buffer.alloc(2 + extra);
  header[0] = first;
  header[1] = extra === 0 ? body.length : extra === 2 ? 126 : 127;
  if (extra === 2) header.writeUInt16BE(body.length, 2);
  if (extra === 8) header.writeBigUInt64BE(BigInt(body.length), 2);
  return Buffer.concat([header, body]);
}

function expectOfEveryCut(bytes: Buffer, wanted: readonly string[]): void {
  expect(parse([bytes])).toEqual(wanted);
  expect(parse([...bytes].map((byte) => Buffer.of(byte)))).toEqual(wanted);
  // Where headers and short payloads lie; in the middle of a long one all places are alike.
  const places = Array.from({ length: bytes.length }, (_, at) => at).filter(
    (at) => at < 400 || at > bytes.length - 100,
  );
  for (const at of places) {
    const said = parse([bytes.subarray(0, at), bytes.subarray(at)]);
    if (said.join() !== wanted.join()) expect({ at, said }).toEqual({ at, said: wanted });
  }
}

const TEXT = 0x81;
const BINARY = 0x82;
const PING = 0x89;

describe('messages', () => {
  it.each<[string, Buffer, string[]]>([
    ['short ones', Buffer.concat([frame(TEXT, 'hello'), frame(BINARY, '')]), ['message', 'message']],
    [
      'of 125 and 126 bytes',
      Buffer.concat([frame(BINARY, 'x'.repeat(125)), frame(BINARY, 'y'.repeat(126))]),
      ['message', 'message'],
    ],
    [
      'of 65,535 and 65,536 bytes',
      Buffer.concat([frame(BINARY, Buffer.alloc(65_535)), frame(BINARY, Buffer.alloc(65_536))]),
      ['message', 'message'],
    ],
    [
      'with lengths that are longer than need be',
      Buffer.concat([frame(BINARY, 'abc', 2), frame(BINARY, 'abc', 8), frame(BINARY, '', 8)]),
      ['message', 'message', 'message'],
    ],
    [
      'in fragments, with a ping between',
      Buffer.concat([
        frame(0x01, 'one'),
        frame(0x00, ''),
        frame(PING, 'are you there'),
        frame(0x80, 'two'),
        frame(TEXT, 'x'),
      ]),
      ['ping are you there', 'message', 'message'],
    ],
    [
      'pings and pongs',
      Buffer.concat([frame(PING, ''), frame(0x8a, 'unasked'), frame(PING, 'p'.repeat(125))]),
      ['ping ', `ping ${'p'.repeat(125)}`],
    ],
    ['a close', Buffer.concat([frame(TEXT, 'x'), frame(0x88, '\x03\xe8bye')]), ['message', 'closing']],
    ['one that is not whole', frame(TEXT, 'hello').subarray(0, 6), []],
  ])('%s', (_, bytes, wanted) => {
    expectOfEveryCut(bytes, wanted);
  });

  it.each<[string, Buffer]>([
    ['a masked frame', Buffer.of(TEXT, 0x85, 1, 2, 3, 4, 5, 6, 7, 8, 9)],
    ['a ping that is too long', Buffer.concat([Buffer.of(PING, 126, 0, 126), Buffer.alloc(126)])],
    ['a ping in fragments', frame(0x09, 'x')],
    ['a close in fragments', frame(0x08, '')],
    ['a length beyond all numbers', Buffer.of(BINARY, 127, 255, 255, 255, 255, 255, 255, 255, 255)],
    ['a kind that there is not', frame(0x83, 'x')],
    ['a control that there is not', frame(0x8b, 'x')],
    ['an extension that was not agreed on', frame(0xc1, 'x')],
    ['a continuation of nothing', frame(0x80, 'x')],
    ['a message inside of another', Buffer.concat([frame(0x01, 'x'), frame(TEXT, 'y')])],
  ])('%s is nonsense', (_, bytes) => {
    expectOfEveryCut(Buffer.concat([bytes, frame(TEXT, 'after')]), ['nonsense']);
    expect(parse([frame(TEXT, 'before'), bytes, frame(TEXT, 'after')])).toEqual(['message', 'nonsense']);
  });

  it('end the same for any bytes in any pieces', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(200), { maxLength: 8 }), (bytes, where) => {
        const ends = [...new Set(where.filter((at) => at < bytes.length))].sort((a, b) => a - b);
        const pieces = [0, ...ends].map((from, i) => bytes.subarray(from, ends[i] ?? bytes.length));
        const whole = parse([bytes]);
        expect(parse(pieces)).toEqual(whole);
        const dead = whole.indexOf('nonsense');
        if (dead >= 0) expect(dead).toBe(whole.length - 1);
      }),
      { numRuns: 500 },
    );
  });
});
