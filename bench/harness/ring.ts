/**
 * Two bare record rings between two processes that poll them in JavaScript: no switch, no session, no reactor. What the
 * layers above can at best reach on this machine.
 */
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { receiveMessage, sendMessage, unixAccept, unixConnect, unixListen } from '#src/native/os.js';
import { type Region, threadWindows } from '#src/reactor/window.js';
import { RingConsumer } from '#src/ring/consumer.js';
import { RingProducer } from '#src/ring/producer.js';
import type { DriverEnd, Endpoint, ServiceEnd } from './channel.js';
import type { Arrived, Connected, RoundTrips } from './messages.js';
import { Samples } from './percentiles.js';

/** A segment: the producer's word, the consumer's word of the other direction, the data. Written by its owner only. */
const SEGMENT_BYTES = 128 * 1024;
const PROD_WORD = 0;
const CONS_WORD = 32;
const DATA_OFFSET = 4096;
const CAPACITY_BYTES = 64 * 1024;
const RECORD_TYPE = 16;

/** How long a loop polls before the event loop has a turn. */
const BURST_MS = 20;
/** A server without messages for so long polls no more than every few milliseconds. */
const PATIENCE_MS = 60;
const NAP_MS = 4;

class RingEnd {
  readonly broken: Promise<never> = new Promise(() => {});
  readonly words: Int32Array;
  readonly peerWords: Int32Array;
  readonly producer: RingProducer;
  readonly consumer: RingConsumer;

  constructor(own: Region, peer: Region) {
    this.words = own.words;
    this.peerWords = peer.words;
    const ring = (writer: Region, reader: Region) => ({
      prodWords: writer.words,
      prodIndex: PROD_WORD,
      consWords: reader.words,
      consIndex: CONS_WORD,
      words: writer.words,
      base: DATA_OFFSET,
      capacity: CAPACITY_BYTES,
    });
    this.producer = new RingProducer(ring(own, peer));
    this.consumer = new RingConsumer(ring(peer, own));
  }

  describe(): Connected {
    return { provider: 'ring', decision: 'no switch: two rings in shared memory' };
  }

  /** Sends `length` bytes of `source`, from word `from` on. */
  send(source: Int32Array, from: number, length: number): void {
    const at = this.producer.claim(length, length);
    if (at < 0) throw new Error('the ring is full, with one message under way');
    const to = at >>> 2;
    for (let i = 0; i < length >>> 2; i++) this.words[to + i] = source[from + i] as number;
    this.producer.commit(RECORD_TYPE, length);
    this.producer.publish();
  }
}

class RingService extends RingEnd implements ServiceEnd {
  #serving = false;

  setMode(): void {
    if (this.#serving) return;
    this.#serving = true;
    void this.#serve();
  }

  watch(): Promise<Arrived> {
    throw new Error('the bare ring is measured by round trips only');
  }

  drain(): Promise<void> {
    return this.watch().then(() => {});
  }

  async #serve(): Promise<never> {
    let last_ms = performance.now();
    for (;;) {
      if (this.#burst()) last_ms = performance.now();
      const isIdle = performance.now() - last_ms > PATIENCE_MS;
      await new Promise<void>((resolve) => (isIdle ? setTimeout(resolve, NAP_MS) : setImmediate(resolve)));
    }
  }

  /** Echoes for a while. @returns whether anything came */
  #burst(): boolean {
    const { consumer } = this;
    const end_ms = performance.now() + BURST_MS;
    let count = 0;
    do {
      for (let i = 0; i < 1000; i++) {
        if (!consumer.poll()) continue;
        while (consumer.next()) {
          this.send(this.peerWords, consumer.offset >>> 2, consumer.length);
          if (consumer.release()) consumer.commit();
          count += 1;
        }
      }
      if (count === 0) return false;
    } while (performance.now() < end_ms);
    return true;
  }
}

class RingDriver extends RingEnd implements DriverEnd {
  readonly #samples = new Samples();

  async roundTrips(size: number, warmup_ms: number, duration_ms: number): Promise<RoundTrips> {
    const message = new Int32Array(size >>> 2).fill(0x5a5a5a5a);
    await this.#run(message, warmup_ms);
    this.#samples.clear();
    const start_ms = performance.now();
    const count = await this.#run(message, duration_ms);
    const elapsed_us = (performance.now() - start_ms) * 1000;
    const [p50_us = 0, p99_us = 0, p999_us = 0] = this.#samples.at(0.5, 0.99, 0.999);
    return { count, elapsed_us, p50_us, p99_us, p999_us };
  }

  pump(): void {
    throw new Error('the bare ring is measured by round trips only');
  }

  stop(): number {
    return 0;
  }

  async #run(message: Int32Array, duration_ms: number): Promise<number> {
    const end_ms = performance.now() + duration_ms;
    let count = 0;
    while (performance.now() < end_ms) {
      count += this.#burst(message, Math.min(end_ms, performance.now() + BURST_MS));
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return count;
  }

  #burst(message: Int32Array, end_ms: number): number {
    const { consumer } = this;
    const bytes = message.length * 4;
    let count = 0;
    let last_ms = performance.now();
    const give_up_ms = last_ms + 1000;
    while (last_ms < end_ms) {
      this.send(message, 0, bytes);
      for (let polls = 1; !consumer.poll(); polls++) {
        if (polls % 100_000 === 0 && performance.now() > give_up_ms) throw new Error('no echo within a second');
      }
      while (consumer.next()) {
        if (consumer.length !== bytes) throw new Error(`an echo of ${consumer.length} bytes for ${bytes}`);
        if (consumer.release()) consumer.commit();
      }
      const now_ms = performance.now();
      this.#samples.record((now_ms - last_ms) * 1000);
      last_ms = now_ms;
      count += 1;
    }
    return count;
  }
}

/** Exchanges the segments over `socket`. */
async function meet(socket: number): Promise<[own: Region, peer: Region]> {
  const pool = threadWindows();
  const own = pool.mapOwn(SEGMENT_BYTES);
  sendMessage(socket, Buffer.from('segment'), own.descriptor);
  const message = await until(() => receiveMessage(socket, Buffer.alloc(16)));
  return [own.region, pool.mapPeer(SEGMENT_BYTES, message.descriptor)];
}

async function until<T>(attempt: () => T | null): Promise<T> {
  for (;;) {
    const result = attempt();
    if (result !== null) return result;
    await new Promise<void>((resolve) => setTimeout(resolve, 1));
  }
}

/** An endpoint of bare rings. Everything goes back with the process. */
export class RingEndpoint implements Endpoint {
  #listener = -1;

  async listen(): Promise<string> {
    const name = `sanswitch-bench-${randomUUID()}`;
    this.#listener = unixListen(name, 1);
    return name;
  }

  async serve(): Promise<ServiceEnd> {
    const socket = await until(() => unixAccept(this.#listener));
    return new RingService(...(await meet(socket)));
  }

  async connect(place: string): Promise<DriverEnd> {
    return new RingDriver(...(await meet(unixConnect(place))));
  }

  async close(): Promise<void> {}
}
