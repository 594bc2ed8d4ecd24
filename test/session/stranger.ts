/** A peer that speaks the session's protocol by hand, over loop in virtual time, and so can break it. */
import { Overlapped, type Socket, type WsaBuffer } from 'sanswitch/spi';
import { expect } from 'vitest';
import { SESSION_HEADER_BYTES, SESSION_HELLO } from '#src/layout/layout.gen.js';
import { encodeHello, writeHeader } from '#src/switch/session/messages.js';
import { codeOf, Pair } from './pair.js';

/** A peer without a session: it says what it likes. */
export class Stranger {
  readonly pair: Pair;
  #socket: Socket = -1;

  constructor(loop: object) {
    this.pair = new Pair({
      loop: { ...loop, rdmaThresholdBytes: 1_000, heldMessages: 1_000, maxMessageBytes: 2_000 },
      receiveBuffers: 8,
      accepted: (socket) => {
        this.#socket = socket;
      },
    });
    // What the session sends is received and thrown away.
    this.pair.run(() => {
      for (let i = 0; i < 40; i++) this.#receive();
    });
  }

  get #spi() {
    return this.pair.server.host.spi;
  }

  #receive(): void {
    const buffer: WsaBuffer = { bytes: new Uint8Array(2_000), offset: 0, length: 2_000 };
    const lends = this.pair.server.host.started.info.lendsReceives;
    this.#spi.WSPRecv(this.#socket, lends ? [] : [buffer], lends ? 0 : 1, new Overlapped({ completed: () => {} }));
  }

  #send(message: Uint8Array): void {
    let out: WsaBuffer = { bytes: message, offset: 0, length: message.length };
    if (this.pair.server.host.started.info.claimsMessageBuffers) {
      out = { ...out };
      if (this.#spi.WSPClaimMessageBuffer!(this.#socket, message.length, message.length, out) !== 0) return;
      out.bytes.set(message, out.offset);
    }
    const send = { bytes: out.bytes, offset: out.offset, length: message.length };
    this.#spi.WSPSend(this.#socket, [send], 1, new Overlapped({ completed: () => {} }));
  }

  /** Says them one by one: whatever comes of one is over before the next. */
  say(...messages: readonly Uint8Array[]): this {
    for (const message of messages) this.sayAtOnce(message);
    return this;
  }

  /** Says the next before anything has come of the one before. */
  sayAtOnce(...messages: readonly Uint8Array[]): this {
    this.pair.run(() => {
      for (const message of messages) this.#send(message);
    });
    return this;
  }

  /** Ends it, and tells how the session ended: an error's code, or `orderly`. */
  end(): string {
    this.pair.run(() => this.#spi.WSPCloseSocket(this.#socket));
    expect(this.pair.leaks).toEqual([]);
    const { client } = this.pair;
    const ends = client.events.filter((event) => /^(closed|not negotiated)/.test(event));
    expect(ends).toHaveLength(1);
    const error = client.closedWith ?? client.negotiatedWith;
    return error ? codeOf(error) : 'orderly';
  }
}

/** A session message. */
export function message(kind: number, body: Uint8Array = new Uint8Array(0), credits = 0, value = 0): Uint8Array {
  const bytes = new Uint8Array(SESSION_HEADER_BYTES + body.length);
  writeHeader(bytes, 0, kind, credits, value);
  bytes.set(body, SESSION_HEADER_BYTES);
  return bytes;
}

/** What an honest peer says first. */
export const hello = (changes: object = {}) =>
  message(
    SESSION_HELLO,
    encodeHello({
      receiveBuffers: 8,
      messageBytes: 2_000,
      capabilities: 0,
      rdmaThresholdBytes: 1_000,
      maxRdmaBytes: 10_000,
      ...changes,
    }),
  );
