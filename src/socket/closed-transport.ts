/** What a socket keeps of its transport once that has told its end: the answers, and none of what it was made of. */
import type { Transport } from '../switch/transport.js';

/** Takes and sends nothing. */
export class ClosedTransport implements Transport {
  readonly provider: string;
  readonly queuedBytes: number;
  readonly urgentBytesMax: number;

  constructor({ provider, queuedBytes, urgentBytesMax }: Transport) {
    this.provider = provider;
    this.queuedBytes = queuedBytes;
    this.urgentBytesMax = urgentBytesMax;
  }

  send(): boolean {
    return false;
  }

  cancel(): boolean {
    return false;
  }

  urgent(): void {}
  end(): void {}
  pause(): void {}
  resume(): void {}
  abort(): void {}
  ref(): void {}
  unref(): void {}
}
