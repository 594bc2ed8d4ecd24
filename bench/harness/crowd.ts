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

  /** Every member has one message under way at a time. No promise for each: it would cost as much as the message. */
  roundTrips(size: number, warmup_ms: number, duration_ms: number): Promise<RoundTrips> {
    const message = patterned(size);
    const laps = new Laps(this.#samples, warmup_ms, duration_ms);
    const running = this.#members.map(
      (channel) =>
        new Promise<void>((resolve, reject) => {
          let missing = ANSWER.length;
          let last_ms = performance.now();
          channel.received = (bytes) => {
            missing -= bytes.length;
            if (missing > 0) return;
            if (missing < 0) return reject(tooMany(missing));
            last_ms = laps.lap(last_ms);
            if (laps.isOver(last_ms)) {
              channel.forsake();
              return resolve();
            }
            missing = ANSWER.length;
            channel.send(message);
          };
          channel.closed = (error) => reject(error ?? new Error('the connection ended before the answer'));
          channel.send(message);
        }),
    );
    return Promise.all(running).then(() => laps.figures());
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
    const laps = new Laps(this.#samples, warmup_ms, duration_ms);
    const run = async (place: T): Promise<void> => {
      for (let last_ms = performance.now(); !laps.isOver(last_ms); last_ms = laps.lap(last_ms)) await cycle(place);
    };
    await Promise.all(places.map(run));
    return laps.figures();
  }
}

/** Times of a phase, the beginning of which does not count. */
class Laps {
  readonly #samples: Samples;
  readonly #duration_ms: number;
  readonly #start_ms: number;
  readonly #end_ms: number;
  #count = 0;

  constructor(samples: Samples, warmup_ms: number, duration_ms: number) {
    samples.clear();
    this.#samples = samples;
    this.#duration_ms = duration_ms;
    this.#start_ms = performance.now() + warmup_ms;
    this.#end_ms = this.#start_ms + duration_ms;
  }

  isOver(now_ms: number): boolean {
    return now_ms >= this.#end_ms;
  }

  /** One more since `last_ms`. @returns now */
  lap(last_ms: number): number {
    const now_ms = performance.now();
    if (now_ms >= this.#start_ms && now_ms < this.#end_ms) {
      this.#samples.record((now_ms - last_ms) * 1000);
      this.#count += 1;
    }
    return now_ms;
  }

  figures(): RoundTrips {
    const [p50_us = 0, p99_us = 0, p999_us = 0] = this.#samples.at(0.5, 0.99, 0.999);
    return { count: this.#count, elapsed_us: this.#duration_ms * 1000, p50_us, p99_us, p999_us };
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
      else reject(tooMany(missing));
    };
    channel.closed = (error) => reject(error ?? new Error('the connection ended before the answer'));
    if (message.length === 0) resolve();
    else channel.send(message);
  });
}

function tooMany(missing: number): Error {
  return new Error(`an answer of ${-missing} bytes too many`);
}

/** Ends a connection and waits until it is gone. */
function closed(channel: Channel): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.closed = (error) => (error === null ? resolve() : reject(error));
    channel.end();
  });
}
