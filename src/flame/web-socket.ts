/** As much of a WebSocket client (RFC 6455) as the inspector needs: text, on this host. Node.js has one of its own from version 22 on. */
import { randomBytes } from 'node:crypto';
import { get } from 'node:http';
import type { Duplex } from 'node:stream';

const OPCODE = { continuation: 0, text: 1, close: 8, ping: 9, pong: 10 };
const CONNECT_LIMIT_MS = 5_000;

/** The bytes of a frame; a client's are masked. */
function frameOf(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  header[0] = 0x80 | opcode;
  header[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (header.length === 4) header.writeUInt16BE(length, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
  const mask = randomBytes(4);
  const masked = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) masked[i] = payload[i] ^ mask[i % 4];
  return Buffer.concat([header, mask, masked]);
}

/** A connection. */
export class WebSocketClient {
  /** Called with each message. */
  onText: (text: string) => void = () => {};
  /** Called once, when no more messages will come. */
  onEnd: () => void = () => {};

  private readonly socket: Duplex;
  private received: Buffer;
  /** Of a message that comes in several frames. */
  private parts: Buffer[] = [];

  private constructor(socket: Duplex, head: Buffer) {
    this.socket = socket;
    this.received = head;
    socket.on('data', (bytes: Buffer) => {
      this.received = Buffer.concat([this.received, bytes]);
      while (this.takeFrame());
    });
    // An error is followed by the end.
    socket.on('error', () => {});
    socket.once('close', () => this.onEnd());
  }

  /** @throws Error */
  static connect(url: string): Promise<WebSocketClient> {
    return new Promise((resolve, reject) => {
      const request = get(url.replace(/^ws:/, 'http:'), {
        timeout: CONNECT_LIMIT_MS,
        headers: {
          Connection: 'Upgrade',
          Upgrade: 'websocket',
          'Sec-WebSocket-Version': '13',
          'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
        },
      });
      request.once('upgrade', (_response, socket, head) => {
        request.setTimeout(0);
        resolve(new WebSocketClient(socket, head));
      });
      request.once('response', ({ statusCode }) => reject(new Error(`${url} answers with status ${statusCode}`)));
      request.once('timeout', () => request.destroy(new Error(`${url} does not answer`)));
      request.once('error', reject);
    });
  }

  send(text: string): void {
    this.socket.write(frameOf(OPCODE.text, Buffer.from(text)));
  }

  close(): void {
    this.socket.end(frameOf(OPCODE.close, Buffer.alloc(0)));
  }

  /** @returns whether there was a whole one */
  private takeFrame(): boolean {
    const { received } = this;
    if (received.length < 2) return false;
    const short = received[1] & 0x7f;
    const start = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (received.length < start) return false;
    const length = short < 126 ? short : short === 126 ? received.readUInt16BE(2) : Number(received.readBigUInt64BE(2));
    if (received.length < start + length) return false;
    const payload = received.subarray(start, start + length);
    this.received = received.subarray(start + length);
    this.take(received[0] & 0x0f, (received[0] & 0x80) !== 0, payload);
    return true;
  }

  private take(opcode: number, isLast: boolean, payload: Buffer): void {
    if (opcode === OPCODE.ping) this.socket.write(frameOf(OPCODE.pong, payload));
    if (opcode === OPCODE.close) this.socket.end();
    if (opcode !== OPCODE.text && opcode !== OPCODE.continuation) return;
    this.parts.push(payload);
    if (!isLast) return;
    const text = Buffer.concat(this.parts).toString('utf8');
    this.parts = [];
    this.onText(text);
  }
}
