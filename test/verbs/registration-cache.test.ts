import { MessageChannel } from 'node:worker_threads';
import { WSAENOBUFS, WsaError } from 'sanswitch/spi';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RegistrationCache } from '#src/providers/verbs/registration-cache.js';

const MiB = 1024 * 1024;
const GRAIN = 256 * 1024;

/** A device that can lock so many bytes. */
class FakeDevice {
  /** Bytes of each; a device does not keep memory alive. */
  readonly regions = new Map<number, number>();
  calls = 0;
  limitBytes = Number.POSITIVE_INFINITY;
  private next = 0;

  register(bytes: Uint8Array): { region: number; address: bigint } | number {
    this.calls += 1;
    if (this.bytes + bytes.length > this.limitBytes) return -12;
    this.regions.set(++this.next, bytes.length);
    return { region: this.next, address: BigInt(this.next) };
  }

  deregister(region: number): void {
    expect(this.regions.delete(region)).toBe(true);
  }

  get bytes(): number {
    return [...this.regions.values()].reduce((sum, length) => sum + length, 0);
  }
}

let device: FakeDevice;
let nowMs = 0;

beforeEach(() => {
  device = new FakeDevice();
  nowMs = 0;
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const cacheOf = (limitBytes = 64 * MiB) => new RegistrationCache(device, limitBytes, () => nowMs);

it('[WSD-6.2] a range is registered once, with its neighbourhood, for as many transfers as come', () => {
  const cache = cacheOf();
  const buffer = new ArrayBuffer(MiB);
  const first = cache.acquire(new Uint8Array(buffer, 1_000, 70_000));
  expect([first.start, first.end]).toEqual([0, GRAIN]);
  expect(cache.acquire(new Uint8Array(buffer, GRAIN - 10, 10))).toBe(first);
  const across = cache.acquire(new Uint8Array(buffer, GRAIN - 10, 20));
  expect([across.start, across.end]).toEqual([0, 2 * GRAIN]);
  cache.release(first);
  cache.release(first);
  cache.release(across);
  expect([cache.hits, cache.misses, device.calls, device.regions.size]).toEqual([1, 2, 2, 2]);
  cache.close();
  expect([device.regions.size, cache.registeredBytes]).toEqual([0, 0]);
});

it('[WSD-6.2] the least recently used goes first, and nothing that is used', () => {
  const cache = cacheOf(2 * MiB);
  const buffers = [0, 1, 2].map(() => new Uint8Array(MiB));
  const [a, b] = [cache.acquire(buffers[0] as Uint8Array), cache.acquire(buffers[1] as Uint8Array)];
  cache.release(b);
  cache.release(a);
  cache.release(cache.acquire(buffers[0] as Uint8Array));
  const c = cache.acquire(buffers[2] as Uint8Array);
  expect(cache.evictions).toBe(1);
  expect(cache.acquire(buffers[0] as Uint8Array)).toBe(a);
  // Both are in use: the limit is exceeded, and kept again as soon as it can be.
  const d = cache.acquire(buffers[1] as Uint8Array);
  expect(cache.registeredBytes).toBe(3 * MiB);
  for (const one of [a, c, d]) cache.release(one);
  expect(cache.registeredBytes).toBe(2 * MiB);
});

it('[WSD-5.8] no memory to lock: what is idle makes room, then WSAENOBUFS', () => {
  device.limitBytes = 2 * MiB;
  const cache = cacheOf();
  cache.release(cache.acquire(new Uint8Array(2 * MiB)));
  const used = cache.acquire(new Uint8Array(MiB));
  expect(device.bytes).toBe(MiB);
  expect(() => cache.acquire(new Uint8Array(2 * MiB))).toThrow(WsaError);
  cache.release(used);
});

it('[WSD-6.2] memory that can be resized is never registered', () => {
  const cache = cacheOf();
  // Not in the libraries of the TypeScript that compiles this.
  const Resizable = ArrayBuffer as unknown as new (bytes: number, options: object) => ArrayBuffer;
  const Growable = SharedArrayBuffer as unknown as new (bytes: number, options: object) => SharedArrayBuffer;
  for (const buffer of [new Resizable(64, { maxByteLength: 128 }), new Growable(64, { maxByteLength: 128 })]) {
    let code = 0;
    try {
      cache.acquire(new Uint8Array(buffer));
    } catch (error) {
      code = (error as WsaError).wsaCode;
    }
    expect(code).toBe(WSAENOBUFS);
  }
  expect(device.calls).toBe(0);
});

it('[WSD-6.2] a buffer that goes to another thread is dropped: at once when idle, after the transfer otherwise', () => {
  const cache = cacheOf();
  const { port1 } = new MessageChannel();
  const idle = new Uint8Array(MiB);
  const used = new Uint8Array(MiB);
  cache.release(cache.acquire(idle));
  const registration = cache.acquire(used);
  port1.postMessage([idle, used], [idle.buffer, used.buffer]);
  nowMs = 5_000;
  vi.advanceTimersByTime(10_000);
  expect(device.regions.size).toBe(1);
  cache.release(registration);
  expect(device.regions.size).toBe(0);
  port1.close();
});

it('[WSD-6.2] what the application names is forgotten', () => {
  const cache = cacheOf();
  const bytes = new Uint8Array(MiB);
  cache.release(cache.acquire(bytes));
  cache.forget(bytes.buffer);
  expect(device.regions.size).toBe(0);
  const used = cache.acquire(bytes);
  cache.forget(bytes.buffer);
  expect(device.regions.size).toBe(1);
  expect(cache.acquire(bytes)).not.toBe(used);
  cache.release(used);
  expect(device.regions.size).toBe(1);
});

it('what nobody has used for ten seconds goes, and then no timer stands', () => {
  const cache = cacheOf();
  cache.release(cache.acquire(new Uint8Array(MiB)));
  nowMs = 9_000;
  cache.release(cache.acquire(new Uint8Array(MiB)));
  nowMs = 10_000;
  vi.advanceTimersByTime(10_000);
  expect(device.regions.size).toBe(1);
  nowMs = 20_000;
  vi.advanceTimersByTime(10_000);
  expect([device.regions.size, vi.getTimerCount()]).toEqual([0, 0]);
});

it('memory that the cache gives is registered for as long as anybody has it', async () => {
  vi.useRealTimers();
  const cache = cacheOf();
  let bytes: Uint8Array | null = cache.allocate(MiB);
  expect(bytes.every((byte) => byte === 0)).toBe(true);
  const registration = cache.acquire(bytes.subarray(1_000, 2_000));
  expect([registration.start, registration.end]).toEqual([0, MiB]);
  cache.release(registration);
  expect([cache.hits, cache.misses, device.calls]).toEqual([1, 0, 1]);
  // Neither time nor want of room takes it.
  const other = cache.acquire(new Uint8Array(64 * MiB));
  expect(device.regions.size).toBe(2);
  cache.release(other);
  bytes = null;
  const gc = globalThis.gc ?? (await exposedGc());
  for (let i = 0; i < 100 && device.regions.size > 0; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect([device.regions.size, cache.registeredBytes]).toEqual([0, 0]);
});

it('memory that the cache gives stops being registered when the cache closes, or as much is registered as may be', () => {
  const cache = cacheOf(2 * MiB);
  const bytes = [cache.allocate(MiB), cache.allocate(MiB)];
  expect(() => cache.allocate(1)).toThrow(WsaError);
  cache.forget((bytes[0] as Uint8Array).buffer);
  expect(device.regions.size).toBe(1);
  cache.close();
  expect(device.regions.size).toBe(0);
});

async function exposedGc(): Promise<() => void> {
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
