/** GET by HTTP/1.1 with keep-alive; more than one in flight is pipelining. A status of 400 and above is a failure. */
import { Buffer } from 'node:buffer';
import type { AnyBytes, StreamSocket } from '../../socket/stream-socket.js';
import type { Target } from '../plan.js';
import { Client, type ClientEvents } from './client.js';
import { type ResponseEvents, ResponseParser } from './http-parser.js';

const FAILURE_FROM = 400;

/** `http`. */
export class HttpClient extends Client implements ResponseEvents {
  private readonly request: Uint8Array;
  private readonly parser = new ResponseParser(this);
  private now_ms = 0;

  constructor(socket: StreamSocket<AnyBytes>, events: ClientEvents, inFlight: number, target: Target) {
    super(socket, events, inFlight);
    this.request = requestTo(target);
  }

  begin(intended_ms: number, started_ms: number): void {
    this.pending.add(intended_ms, started_ms);
    this.bytesSent += this.request.length;
    this.socket.send(this.request);
  }

  protected received(bytes: Uint8Array): void {
    this.now_ms = performance.now();
    this.parser.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  }

  protected override ended(): void {
    this.now_ms = performance.now();
    this.parser.end();
  }

  response(status: number, closes: boolean): void {
    if (this.pending.count === 0) return this.fail('EUNEXPECTED');
    if (status >= FAILURE_FROM) this.refuse(`HTTP_${status}`, this.now_ms, closes);
    else this.answer(this.now_ms, closes);
  }

  nonsense(): void {
    this.fail('EPROTO');
  }
}

/** Requests are alike: one text for all clients of a thread. */
let latest: { target: Target; bytes: Uint8Array } | null = null;

function requestTo(target: Target): Uint8Array {
  if (latest?.target !== target) {
    const { host, port, path } = target;
    const name = host.includes(':') ? `[${host}]` : host;
    const text = `GET ${path} HTTP/1.1\r\nHost: ${name}:${port}\r\nUser-Agent: sanswitch-load\r\nAccept: */*\r\n\r\n`;
    latest = { target, bytes: Buffer.from(text, 'latin1') };
  }
  return latest.bytes;
}
