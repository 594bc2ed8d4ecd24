/** Where HTTP/1.1 responses end: the same however the bytes are cut into pieces. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResponseParser } from '#src/load/clients/http-parser.js';

/** What a parser says: `200`, `200 closes`, `nonsense`, and `end` where the end of the connection was one of a response. */
function parse(pieces: readonly Buffer[]): string[] {
  const said: string[] = [];
  const parser = new ResponseParser({
    response: (status, closes) => said.push(`${status}${closes ? ' closes' : ''}`),
    nonsense: () => said.push('nonsense'),
  });
  for (const piece of pieces) parser.push(piece);
  if (parser.end()) said.push('end');
  return said;
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const ends = [...new Set(at.map((where) => where % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...ends].map((from, i) => bytes.subarray(from, ends[i] ?? bytes.length));
}

/** In one piece, in single bytes, in every two pieces, and in some random ones. */
function expectOfEveryCut(text: string, wanted: readonly string[]): void {
  const bytes = Buffer.from(text, 'latin1');
  expect(parse([bytes])).toEqual(wanted);
  expect(parse([...bytes].map((byte) => Buffer.of(byte)))).toEqual(wanted);
  for (let at = 1; at < bytes.length; at++) {
    const said = parse([bytes.subarray(0, at), bytes.subarray(at)]);
    if (said.join() !== wanted.join()) expect({ at, said }).toEqual({ at, said: wanted });
  }
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 12 }), (where) => {
      expect(parse(cut(bytes, where))).toEqual(wanted);
    }),
    { numRuns: 50 },
  );
}

const OK = 'HTTP/1.1 200 OK\r\n';
const LENGTH = `${OK}Content-Length: 5\r\n\r\nhello`;
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

describe('responses', () => {
  it.each<[string, string, string[]]>([
    ['of a length', LENGTH, ['200']],
    ['without a body', `${OK}content-length:0\r\n\r\n`, ['200']],
    ['pipelined', LENGTH + LENGTH.replace('200', '503') + LENGTH, ['200', '503', '200']],
    ['whose body looks like one', `${OK}Content-Length: ${LENGTH.length}\r\n\r\n${LENGTH}`, ['200']],
    ['in chunks', `${CHUNKED}5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n${LENGTH}`, ['200', '200']],
    ['in chunks with extensions', `${CHUNKED}5;a=b;c="d"\r\nhello\r\n00 ;x\r\n\r\n`, ['200']],
    [
      'in chunks with trailers',
      `${CHUNKED}A\r\n0123456789\r\n0\r\nDigest: x\r\nMore: y\r\n\r\n${LENGTH}`,
      ['200', '200'],
    ],
    ['in no chunk at all', `${CHUNKED}0\r\n\r\n${LENGTH}`, ['200', '200']],
    [
      'after interim ones',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n${LENGTH}`,
      ['200'],
    ],
    [
      'that have no body, whatever their fields say',
      `HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\nHTTP/1.1 304 Not\r\nContent-Length: 9\r\n\r\n${LENGTH}`,
      ['204', '304', '200'],
    ],
    ['until the end', `${OK}\r\nany length`, ['200 closes', 'end']],
    ['that say that they are the last', `${OK}Connection: Close\r\nContent-Length: 1\r\n\r\nx`, ['200 closes']],
    ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx', ['200 closes']],
    ['of HTTP/1.0 with keep-alive', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx', ['200']],
    ['without a reason', `HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n`, ['404']],
    ['of which the last is not whole', `${LENGTH}${OK}Content-Length: 5\r\n\r\nhell`, ['200']],
    ['whose fields are many', `${OK}${'X: y\r\n'.repeat(200)}Content-Length: 1\r\n\r\nx`, ['200']],
  ])('%s', (_, text, wanted) => {
    expectOfEveryCut(text, wanted);
  });
});

describe('no responses', () => {
  it.each([
    ['a greeting', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['HTTP/2', `HTTP/2 200 OK\r\n\r\n${LENGTH}`],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a status of four digits', `HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n`],
    ['a status below 100', 'HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n'],
    ['a length that is no number', `${OK}Content-Length: five\r\n\r\n`],
    ['no length', `${OK}Content-Length:\r\n\r\n`],
    ['a length below 0', `${OK}Content-Length: -1\r\n\r\n`],
    ['a length beyond all numbers', `${OK}Content-Length: 9999999999999999\r\n\r\n`],
    ['a chunk without a size', `${CHUNKED}\r\n\r\n`],
    ['a chunk whose size is none', `${CHUNKED}xyz\r\n`],
    ['a chunk that is too great', `${CHUNKED}1234567890abc\r\n`],
    ['a chunk that is longer than its size', `${CHUNKED}2\r\nabcd\r\n0\r\n\r\n`],
  ])('%s', (_, text) => {
    expectOfEveryCut(text, ['nonsense']);
    expect(parse([Buffer.from(LENGTH + text), Buffer.from(LENGTH)])).toEqual(['200', 'nonsense']);
  });

  it('are heads and lines without end, in whatever pieces', () => {
    const head = Buffer.from(`${OK}${'X: y\r\n'.repeat(11_000)}Content-Length: 0\r\n\r\n`);
    const line = Buffer.from(`${CHUNKED}5;${'x'.repeat(5_000)}\r\nhello\r\n0\r\n\r\n`);
    const trailer = Buffer.from(`${CHUNKED}0\r\nX: ${'x'.repeat(5_000)}\r\n\r\n`);
    for (const bytes of [head, line, trailer]) {
      for (const size of [bytes.length, 1_000, 997, 64]) {
        const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
          bytes.subarray(i * size, (i + 1) * size),
        );
        expect(parse(pieces)).toEqual(['nonsense']);
      }
    }
  });

  it('end a parser for good, and never throw', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.constantFrom(
        OK,
        '\r\n',
        'Content-Length: ',
        'Transfer-Encoding: chunked\r\n',
        '5',
        '0\r\n\r\n',
        LENGTH,
        CHUNKED,
      ),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 10 }), fc.array(fc.nat(), { maxLength: 6 }), (texts, where) => {
        const bytes = Buffer.from(texts.join(''), 'latin1');
        const whole = parse([bytes]);
        expect(parse(cut(bytes, where))).toEqual(whole);
        const dead = whole.indexOf('nonsense');
        if (dead >= 0) expect(dead).toBe(whole.length - 1);
      }),
      { numRuns: 500 },
    );
  });
});
