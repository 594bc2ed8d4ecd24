/** What the two processes of a pair do with their connection: echo, count, ask, pump. */
import { performance } from 'node:perf_hooks';
import type { Channel, DriverEnd, End, ServiceEnd } from './channel.js';
import type { Arrived, Connected, RoundTrips, ServerMode } from './messages.js';
import { Samples } from './percentiles.js';
import { patient } from './place.js';

const DRAIN_LIMIT_MS = 3_000;
/** Bytes handed over before the sender lets its event loop turn, for every transport alike. */
const BYTES_PER_TURN = 256 * 1024;

/** What both ends have in common. */
class ChannelEnd implements End {
  protected readonly channel: Channel;
  readonly broken: Promise<never>;

  constructor(channel: Channel) {
    this.channel = channel;
    this.broken = new Promise((_, reject) => {
      channel.closed = (error) => {
        reject(new Error(`the connection ended${error === null ? '' : `: ${error.message}`}`));
      };
    });
    this.broken.catch(() => {});
  }

  describe(): Connected {
    return this.channel.describe();
  }
}

/** The accepting end of a channel: echoes or counts. */
export class Service extends ChannelEnd implements ServiceEnd {
  #receivedBytes = 0;

  constructor(channel: Channel) {
    super(channel);
    this.setMode('echo');
  }

  setMode(mode: ServerMode): void {
    const channel = this.channel;
    if (mode === 'sink') {
      channel.received = (bytes) => {
        this.#receivedBytes += bytes.length;
      };
      return;
    }
    channel.received = (bytes) => {
      this.#receivedBytes += bytes.length;
      if (!channel.send(bytes)) channel.pause();
    };
    channel.drained = () => channel.resume();
  }

  async watch(duration_ms: number): Promise<Arrived> {
    const bytesBefore = this.#receivedBytes;
    const start_ms = performance.now();
    await sleep(duration_ms);
    const elapsed_us = (performance.now() - start_ms) * 1000;
    return { bytes: this.#receivedBytes - bytesBefore, elapsed_us };
  }

  async drain(bytes: number): Promise<void> {
    const limit_ms = performance.now() + patient(DRAIN_LIMIT_MS);
    while (this.#receivedBytes < bytes) {
      if (performance.now() > limit_ms) {
        throw new Error(`the stream lost bytes: ${bytes} were sent, ${this.#receivedBytes} have arrived`);
      }
      await sleep(2);
    }
    if (this.#receivedBytes > bytes) throw new Error(`the stream made up bytes: ${this.#receivedBytes} for ${bytes}`);
  }
}

/** The connecting end of a channel: measures round trips, or sends as fast as it may. */
export class Driver extends ChannelEnd implements DriverEnd {
  readonly #samples = new Samples();
  #sentBytes = 0;
  #pumping = false;

  roundTrips(size: number, warmup_ms: number, duration_ms: number, interval_ms = 0): Promise<RoundTrips> {
    const channel = this.channel;
    const samples = this.#samples;
    const message = patterned(size);
    samples.clear();
    return new Promise((resolve, reject) => {
      const warmAt_ms = performance.now() + warmup_ms;
      let endAt_ms = Number.POSITIVE_INFINITY;
      let start_ms = 0;
      let last_ms = 0;
      let count = 0;
      let missing = 0;
      const check = new EchoCheck(message);
      const next = (): void => {
        missing = size;
        this.#sentBytes += size;
        channel.send(message);
      };
      const nextInTime = (): void => {
        if (interval_ms === 0) return next();
        setTimeout(() => {
          last_ms = performance.now();
          next();
        }, interval_ms);
      };
      const finish = (): void => {
        channel.received = stray;
        const [p50_us = 0, p99_us = 0, p999_us = 0] = samples.at(0.5, 0.99, 0.999);
        resolve({ count, elapsed_us: (last_ms - start_ms) * 1000, p50_us, p99_us, p999_us });
      };
      const measured = (bytes: Uint8Array): void => {
        missing -= bytes.length;
        if (missing > 0) return;
        const now_ms = performance.now();
        samples.record((now_ms - last_ms) * 1000);
        last_ms = now_ms;
        count += 1;
        if (now_ms >= endAt_ms) finish();
        else nextInTime();
      };
      const warming = (bytes: Uint8Array): void => {
        if (!check.accepts(bytes)) reject(new Error('the echo differs from what was sent'));
        missing -= bytes.length;
        if (missing > 0) return;
        last_ms = performance.now();
        if (last_ms >= warmAt_ms) {
          start_ms = last_ms;
          endAt_ms = start_ms + duration_ms;
          channel.received = measured;
        }
        nextInTime();
      };
      channel.received = warming;
      next();
    });
  }

  pump(size: number): void {
    const channel = this.channel;
    const message = patterned(size);
    const messagesPerTurn = Math.max(1, Math.floor(BYTES_PER_TURN / size));
    const turn = (): void => {
      if (!this.#pumping) return;
      for (let i = 0; i < messagesPerTurn; i++) {
        this.#sentBytes += size;
        if (!channel.send(message)) return;
      }
      setImmediate(turn);
    };
    this.#pumping = true;
    channel.received = stray;
    channel.drained = turn;
    turn();
  }

  stop(): number {
    this.#pumping = false;
    this.channel.drained = () => {};
    return this.#sentBytes;
  }
}

/** Compares the first whole echo byte by byte, and lengths from then on. */
class EchoCheck {
  readonly #message: Uint8Array;
  #checked = 0;

  constructor(message: Uint8Array) {
    this.#message = message;
  }

  accepts(bytes: Uint8Array): boolean {
    if (this.#checked === this.#message.length) return true;
    const expected = this.#message.subarray(this.#checked, this.#checked + bytes.length);
    this.#checked += expected.length;
    return Buffer.compare(expected, bytes) === 0;
  }
}

/** A message whose bytes differ from their neighbours, in a buffer of its own. */
export function patterned(size: number): Buffer {
  const message = Buffer.allocUnsafeSlow(size);
  for (let i = 0; i < size; i++) message[i] = (i * 31 + (i >> 8)) & 0xff;
  return message;
}

function stray(bytes: Uint8Array): void {
  throw new Error(`${bytes.length} bytes arrived that nobody sent`);
}

function sleep(duration_ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, duration_ms));
}
