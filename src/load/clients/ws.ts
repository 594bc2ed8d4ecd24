/** Binary messages by WebSocket (RFC 6455) to a server that answers each with one message, whatever is in it. */
import { Buffer } from 'node:buffer';
import { createHash, randomBytes } from 'node:crypto';
import type { AnyBytes, StreamSocket } from '../../socket/stream-socket.js';
import type { RunPlan, Target } from '../plan.js';
import { Client, type ClientEvents } from './client.js';
import { type FrameEvents, FrameParser } from './ws-parser.js';

const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const HEAD_BYTES_MAX = 16_384;
const BINARY = 0x82;
const PONG = 0x8a;
const MASKED = 0x80;
const MASK_BYTES = 4;
/** Where the length of a longer payload stands in its frame. */
const LONG_LENGTH = 2;

/** The server does not want to speak WebSocket, or says nothing. */
export class HandshakeError extends Error {
  readonly code: string;

  constructor(message: string, code = 'EPROTO') {
    super(message);
    this.code = code;
  }
}

/**
 * A frame as clients send it. Its mask is 0, so that the payload goes as it is: masks keep a script in a browser from choosing the
 * bytes on the wire, and these are nobody's choice.
 */
function frameOf(first: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = payload;
  const extra = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = new Uint8Array(2 + extra + MASK_BYTES + length);
  const view = new DataView(frame.buffer);
  frame[0] = first;
  frame[1] = MASKED | (extra === 0 ? length : extra === 2 ? 126 : 127);
  if (extra === 2) view.setUint16(LONG_LENGTH, length);
  if (extra === 8) view.setBigUint64(LONG_LENGTH, BigInt(length));
  frame.set(payload, 2 + extra + MASK_BYTES);
  return frame;
}

/** `ws`. */
export class WsClient extends Client implements FrameEvents {
  private readonly payload: Uint8Array;
  private readonly frames = new FrameParser(this);
  private readonly key = randomBytes(16).toString('base64');
  private head = '';
  private isOpen = false;
  private settled: (error: Error | null) => void = () => {};
  private now_ms = 0;
  /** The message that was sent last, and the bytes of its payload. */
  private frame = new Uint8Array(0);
  private frameBytes = -1;

  private constructor(socket: StreamSocket<AnyBytes>, events: ClientEvents, inFlight: number, payload: Uint8Array) {
    super(socket, events, inFlight);
    this.payload = payload;
  }

  /**
   * Shakes hands.
   * @param payload as `EchoClient`'s @param patience_ms for the answer
   * @throws HandshakeError; the connection is aborted then
   */
  static async open(
    socket: StreamSocket<AnyBytes>,
    events: ClientEvents,
    payload: Uint8Array,
    { inFlight, target, patience_ms }: RunPlan,
  ): Promise<WsClient> {
    let client: WsClient | null = null;
    const opened = new Promise<void>((resolve, reject) => {
      // Before it is open nobody but `open` hears of its end.
      const own: ClientEvents = { ...forward(events), gone: (...end) => gone(...end) };
      const gone: ClientEvents['gone'] = (gone, code, lost) => {
        if (client?.isOpen) events.gone(gone, code, lost);
        else reject(new HandshakeError(`${target.url}: no WebSocket is to be had there (${code})`));
      };
      client = new WsClient(socket, own, inFlight, payload);
      client.settled = (error) => (error === null ? resolve() : reject(error));
      client.askFor(target);
    });
    const impatient = setTimeout(() => {
      const text = `${target.url}: no answer to the handshake in ${patience_ms / 1_000} s`;
      client?.settled(new HandshakeError(text, 'ETIMEDOUT'));
    }, patience_ms);
    try {
      await opened;
    } catch (error) {
      socket.abort();
      throw error;
    } finally {
      clearTimeout(impatient);
    }
    return client as unknown as WsClient;
  }

  private askFor({ host, port, path }: Target): void {
    const name = host.includes(':') ? `[${host}]` : host;
    const text = [
      `GET ${path} HTTP/1.1`,
      `Host: ${name}:${port}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${this.key}`,
      'Sec-WebSocket-Version: 13',
    ];
    this.socket.send(Buffer.from(`${text.join('\r\n')}\r\n\r\n`, 'latin1'));
  }

  begin(intended_ms: number, started_ms: number, bytes: number): void {
    this.pending.add(intended_ms, started_ms);
    if (this.frameBytes !== bytes) {
      this.frame = frameOf(BINARY, this.payload.subarray(0, bytes));
      this.frameBytes = bytes;
    }
    this.bytesSent += this.frame.length;
    this.socket.send(this.frame);
  }

  protected received(bytes: Uint8Array): void {
    this.now_ms = performance.now();
    if (this.isOpen) return this.frames.push(bytes);
    this.head += Buffer.from(bytes).toString('latin1');
    const end = this.head.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.head.length > HEAD_BYTES_MAX) this.settled(new HandshakeError('a head of more than 16 KiB'));
      return;
    }
    const rest = Buffer.from(this.head.slice(end + 4), 'latin1');
    this.shake(this.head.slice(0, end));
    this.head = '';
    if (this.isOpen && rest.length > 0) this.frames.push(rest);
  }

  private shake(head: string): void {
    const [status = ''] = head.split('\r\n');
    const accept = createHash('sha1').update(`${this.key}${ACCEPT_SUFFIX}`).digest('base64');
    const [, given] = /^sec-websocket-accept:\s*(\S+)\s*$/im.exec(head) ?? [];
    if (!/^HTTP\/1\.1 101\b/.test(status) || given !== accept) {
      return this.settled(new HandshakeError(`no WebSocket is to be had there: ${status.slice(0, 80)}`));
    }
    this.isOpen = true;
    this.settled(null);
  }

  message(): void {
    if (this.pending.count === 0) this.fail('EUNEXPECTED');
    else this.answer(this.now_ms);
  }

  ping(bytes: Uint8Array): void {
    if (!this.isGone) this.socket.send(frameOf(PONG, bytes));
  }

  closing(): void {
    this.fail('ECLOSED');
  }

  nonsense(): void {
    this.fail('EPROTO');
  }
}

/** The events of an object whose methods need it. */
function forward(events: ClientEvents): ClientEvents {
  return {
    answered: (...args) => events.answered(...args),
    sent: (...args) => events.sent(...args),
    refused: (...args) => events.refused(...args),
    gone: (...args) => events.gone(...args),
  };
}
