/** What a socket keeps of its transport once that has told its end: the answers, and none of what it was made of. */
import { HandOverError } from '../errors.js';
import type { Transport } from '../switch/transport.js';

/** Takes and sends nothing. */
export class ClosedTransport implements Transport {
  readonly provider: string;
  readonly queuedBytes: number;
  readonly urgentBytesMax: number;
  readonly bytesCopiedSent: number;
  readonly bytesCopiedReceived: number;
  readonly largeSendsCopied: number;
  readonly stalls: number;

  constructor(former: Transport) {
    this.provider = former.provider;
    this.queuedBytes = former.queuedBytes;
    this.urgentBytesMax = former.urgentBytesMax;
    this.bytesCopiedSent = former.bytesCopiedSent;
    this.bytesCopiedReceived = former.bytesCopiedReceived;
    this.largeSendsCopied = former.largeSendsCopied;
    this.stalls = former.stalls;
  }

  ring(): null {
    return null;
  }

  send(): boolean {
    return false;
  }

  allocate(bytes: number): Uint8Array {
    return new Uint8Array(bytes);
  }

  reserve(): null {
    return null;
  }

  commit(): boolean {
    return false;
  }

  cancel(): boolean {
    return false;
  }

  urgent(): void {}
  end(): void {}
  suspend(_timeoutMs: number, done: (error: Error | null) => void): void {
    process.nextTick(done, new HandOverError('the connection has ended'));
  }

  keep(): void {}

  handOver(): never {
    throw new HandOverError('the connection has ended');
  }

  pause(): void {}
  resume(): void {}
  abort(): void {}
  ref(): void {}
  unref(): void {}
}
