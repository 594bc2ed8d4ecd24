/** A stream socket that a test plays the provider of, for actors in virtual time. */
import type { AnyBytes, DecisionRecord, SocketHandlers, SocketState, StreamSocket } from 'sanswitch';

/** What it is asked to do is noted; what it tells, the test has it tell. */
export class FakeStream implements StreamSocket<AnyBytes> {
  handlers: SocketHandlers<AnyBytes> = {};
  readonly provider = 'fake';
  readonly decision = null as unknown as DecisionRecord;
  readonly localAddress = '127.0.0.1';
  readonly localPort = 1;
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 2;
  readonly family = 'IPv4';
  readonly highWaterMarkBytes = 65_536;
  readonly lends: boolean;
  state: SocketState = 'open';
  queuedBytes = 0;
  bytesSent = 0;
  bytesReceived = 0;
  isPaused = false;
  /** Calls of what ends it, in order. */
  readonly ends: string[] = [];
  /** Callbacks of sends that the test completes. */
  readonly sends: ((error: Error | null) => void)[] = [];
  private readonly held: Uint8Array[] = [];
  private isHanding = false;
  private readonly lent = new Uint8Array(65_536);

  constructor(lends = false) {
    this.lends = lends;
  }

  allocate(bytes: number): Uint8Array {
    return new Uint8Array(bytes);
  }

  /** Bytes come from the peer; while it is paused they are held, and come from inside of `resume`. */
  deliver(bytes: Uint8Array): void {
    if (this.isPaused || this.held.length > 0) {
      this.held.push(bytes);
      return;
    }
    this.hand(bytes);
  }

  /** Bytes that are held. */
  get heldCount(): number {
    return this.held.length;
  }

  private hand(bytes: Uint8Array): void {
    this.bytesReceived += bytes.length;
    const told = this.lends ? this.lent.subarray(0, bytes.length) : bytes;
    if (this.lends) told.set(bytes);
    this.handlers.received?.(this, told);
    // What was lent is somebody else's now.
    if (this.lends) told.fill(0xee);
  }

  tellEnded(): void {
    this.handlers.ended?.(this);
  }

  tellClosed(error: Error | null): void {
    this.state = 'closed';
    this.handlers.closed?.(this, error);
  }

  send(bytes: Uint8Array, sent?: (error: Error | null) => void): boolean {
    this.bytesSent += bytes.length;
    if (sent !== undefined) this.sends.push(sent);
    return true;
  }

  sendCopied(bytes: AnyBytes): boolean {
    this.bytesSent += bytes.length;
    return true;
  }

  sendAsync(): Promise<void> {
    return Promise.resolve();
  }

  reserve(bytes: number): Uint8Array {
    return new Uint8Array(bytes);
  }

  commit(): boolean {
    return true;
  }

  receive(): Promise<null> {
    return Promise.resolve(null);
  }

  urgent(): void {}

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    if (this.isHanding) return;
    this.isHanding = true;
    while (!this.isPaused && this.held.length > 0) this.hand(this.held.shift() as Uint8Array);
    this.isHanding = false;
  }

  end(): void {
    this.ends.push('end');
  }

  close(): Promise<void> {
    this.ends.push('close');
    return Promise.resolve();
  }

  abort(): void {
    this.ends.push('abort');
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  setOption(): void {}

  getOption(): unknown {
    return undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {}

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
