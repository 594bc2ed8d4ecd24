/** Further connections of a pair, beside the one that every pair has: many at once, or one after the other. */
import { performance } from 'node:perf_hooks';
import type { Channel } from './channel.js';
import type { RoundTrips } from './messages.js';
import { Samples } from './percentiles.js';
import { patterned } from './workloads.js';

/** Bytes of every answer. */
const ANSWER = patterned(64);
/** Connections of a crowd that come about at the same time. */
const GATHERED_AT_ONCE = 16;

/** The accepting end of a crowd: echoes messages of 64 bytes, after an answer of as many to what each member carries first. */
export class CrowdService {
  /** Bytes that whoever joins from now on carries first. */
  load_bytes = ANSWER.length;

  /** Serves one more connection until it ends. */
  joined(channel: Channel): void {
    let missing = this.load_bytes;
    channel.received = (bytes) => {
      missing -= bytes.length;
      if (missing > 0) return;
      missing = ANSWER.length;
      channel.send(bytes.length === ANSWER.length ? bytes : ANSWER);
    };
  }
}

/** The connecting end of a crowd. */
export class CrowdDriver {
  readonly #open: () => Promise<Channel>;
  readonly #members: Channel[] = [];
  readonly #samples = new Samples();

  constructor(open: () => Promise<Channel>) {
    this.#open = open;
  }

  /** Adds `count` members, each of which carries `bytes` once; none at all for 0. */
  async gather(count: number, bytes: number): Promise<void> {
    const load = patterned(bytes);
    let left = count;
    const gatherSome = async (): Promise<void> => {
      while (left-- > 0) {
        const channel = await this.#open();
        this.#members.push(channel);
        await exchange(channel, load);
      }
    };
    await Promise.all(Array.from({ length: GATHERED_AT_ONCE }, gatherSome));
  }

  /** Every member has one message under way at a time. */
  roundTrips(size: number, warmup_ms: number, duration_ms: number): Promise<RoundTrips> {
    const message = patterned(size);
    return this.#timed(warmup_ms, duration_ms, this.#members, (channel) => exchange(channel, message));
  }

  /** `concurrency` times at once, again and again: connect, echo one message, close. */
  churn(size: number, concurrency: number, warmup_ms: number, duration_ms: number): Promise<RoundTrips> {
    const message = patterned(size);
    const places = Array.from({ length: concurrency }, (_, place) => place);
    return this.#timed(warmup_ms, duration_ms, places, async () => {
      const channel = await this.#open();
      await exchange(channel, message);
      await closed(channel);
    });
  }

  /** Runs `cycle` again and again for every one of `places` at once, and times each. */
  async #timed<T>(
    warmup_ms: number,
    duration_ms: number,
    places: readonly T[],
    cycle: (place: T) => Promise<void>,
  ): Promise<RoundTrips> {
    const samples = this.#samples;
    samples.clear();
    const start_ms = performance.now() + warmup_ms;
    const end_ms = start_ms + duration_ms;
    let count = 0;
    const run = async (place: T): Promise<void> => {
      for (let last_ms = performance.now(); last_ms < end_ms; ) {
        await cycle(place);
        const now_ms = performance.now();
        if (now_ms >= start_ms && now_ms < end_ms) {
          samples.record((now_ms - last_ms) * 1000);
          count += 1;
        }
        last_ms = now_ms;
      }
    };
    await Promise.all(places.map(run));
    const [p50_us = 0, p99_us = 0, p999_us = 0] = samples.at(0.5, 0.99, 0.999);
    return { count, elapsed_us: duration_ms * 1000, p50_us, p99_us, p999_us };
  }
}

/** Sends a message and waits for the answer. */
function exchange(channel: Channel, message: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    let missing = ANSWER.length;
    channel.received = (bytes) => {
      missing -= bytes.length;
      if (missing > 0) return;
      channel.forsake();
      if (missing === 0) resolve();
      else reject(new Error(`an answer of ${-missing} bytes too many`));
    };
    channel.closed = (error) => reject(error ?? new Error('the connection ended before the answer'));
    if (message.length === 0) resolve();
    else channel.send(message);
  });
}

/** Ends a connection and waits until it is gone. */
function closed(channel: Channel): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.closed = (error) => (error === null ? resolve() : reject(error));
    channel.end();
  });
}
