/** The server side of the protocol `request`: what a client asks for is made as it is taken. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ANSWER_LENGTH, REQUEST_BYTES_MAX, REQUEST_HEADER_BYTES, REQUEST_LENGTH } from '#src/load/request-format.js';
import { RequestReader } from '#src/load/server/service.js';

function request(bytes: number, answerBytes: number): Uint8Array {
  const message = new Uint8Array(REQUEST_HEADER_BYTES + bytes);
  const view = new DataView(message.buffer);
  view.setUint32(REQUEST_LENGTH, bytes, true);
  view.setUint32(ANSWER_LENGTH, answerBytes, true);
  return message;
}

/** Takes so many bytes until it has drained. */
class Sink {
  taken = 0;
  room: number;

  constructor(room: number) {
    this.room = room;
  }

  send(bytes: Uint8Array): boolean {
    this.taken += bytes.length;
    this.room -= bytes.length;
    return this.room > 0;
  }
}

describe('RequestReader', () => {
  it.each([1, 3, 7, 64])('answers whole requests, whatever pieces of %i bytes they come in', (piece) => {
    const reader = new RequestReader();
    const sink = new Sink(Number.POSITIVE_INFINITY);
    const stream = Buffer.concat([request(5, 100), request(64, 1), request(1, 200_000)]);
    for (let at = 0; at < stream.length; at += piece) expect(reader.push(stream.subarray(at, at + piece))).toBe(true);
    expect(reader.flush(sink)).toBe(true);
    expect(sink.taken).toBe(200_101);
  });

  it('makes no more than the client takes, however much it has asked for', () => {
    const reader = new RequestReader();
    const sink = new Sink(100_000);
    const asked = 1_000;
    const stream = Buffer.concat(Array.from({ length: asked }, () => request(1, REQUEST_BYTES_MAX)));
    expect(reader.push(stream)).toBe(true);
    expect(reader.flush(sink)).toBe(false);
    expect(sink.taken).toBeLessThan(200_000);
    let drains = 0;
    for (; drains < 10; drains++) {
      sink.room = 100_000;
      expect(reader.flush(sink)).toBe(false);
    }
    expect(sink.taken).toBeLessThan(200_000 * (drains + 1));
  });

  it.each([
    ['nothing', 0, 1],
    ['too much', REQUEST_BYTES_MAX + 1, 1],
    ['for too much', 1, REQUEST_BYTES_MAX + 1],
  ])('gives up who sends, or asks, %s', (_what, bytes, answerBytes) => {
    const header = request(0, answerBytes);
    new DataView(header.buffer).setUint32(REQUEST_LENGTH, bytes, true);
    expect(new RequestReader().push(header)).toBe(false);
  });

  it('never throws, whatever comes', () => {
    for (let round = 0; round < 200; round++) expect(new RequestReader().push(randomBytes(300))).toBeTypeOf('boolean');
  });
});
