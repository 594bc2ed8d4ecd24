/** The engine's calls with what no honest caller gives: a TypeError or a negated errno, never the end of the process. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as layout from '#src/layout/layout.gen.js';
import { requireNative } from '#src/native/load.js';
import { threadWindows } from '#src/reactor/window.js';
import { connectPair, type TestEngine } from '../fixtures/verbs-engine.js';
import { engine } from '../fixtures/verbs-engines.js';
import { useVerbs } from '../fixtures/verbs-host.js';

beforeAll(async () => {
  await useVerbs();
}, 120_000);

type Call = (...given: unknown[]) => unknown;

/** All calls of an engine but those that end it. */
function callsOf(one: TestEngine): [string, Call][] {
  const native = one.native as unknown as Record<string, Call>;
  const names = [...Object.getOwnPropertyNames(Object.getPrototypeOf(native)), ...Object.keys(native)];
  return names
    .filter((name) => !['constructor', 'close', 'ref', 'unref'].includes(name))
    .map((name) => [name, (...given) => native[name](...given)]);
}

/** What a call comes to: an error's name, or its result. */
function outcome(call: Call, given: unknown[]): unknown {
  try {
    return call(...given);
  } catch (error) {
    return (error as Error).name;
  }
}

const garbage: unknown[] = [undefined, null, -1, 1.5, NaN, 2 ** 40, 'text', {}, [], () => 0, 10n, -1n, Symbol('s')];

describe('the calls of an engine', () => {
  it('refuse what is of the wrong type', () => {
    for (const [name, call] of callsOf(engine())) {
      if (name === 'stats') continue;
      expect(outcome(call, []), `${name}()`).toBe('TypeError');
      for (const given of garbage) {
        const result = outcome(call, Array(8).fill(given));
        const isRefused = result === 'TypeError' || (typeof result === 'number' && result <= 0);
        expect(isRefused, `${name}(${String(given)}, ...) gave ${String(result)}`).toBe(true);
      }
    }
  });

  it('refuse handles that name nothing, and those of another engine', async () => {
    const [one, other] = [engine(), engine()];
    const { client } = await connectPair(one, one);
    const out = new Int32Array(4);
    const bytes = new Uint8Array(8);
    for (const handle of [0, 1, 77, client + 1, client ^ (1 << 20), 0x7fffffff, client]) {
      const native = other.native;
      expect(native.resolveRoute(handle, 1)).toBeLessThan(0);
      expect(native.prepare(handle, 8, 8, 0, 0, out)).toBeLessThan(0);
      expect(native.useChunk(handle, 0)).toBeLessThan(0);
      expect(native.connect(handle, bytes)).toBeLessThan(0);
      expect(native.accept(handle, bytes)).toBeLessThan(0);
      expect(native.reject(handle, bytes)).toBeLessThan(0);
      expect(native.disconnect(handle)).toBeLessThan(0);
      expect(native.destroy(handle)).toBeLessThan(0);
      expect(native.register(handle, bytes, 1, out)).toBeLessThan(0);
      expect(native.allocateWindow(handle)).toBeLessThan(0);
      expect(native.bindWindow(handle, 1, 1, 0, 1, 4, -1, out)).toBeLessThan(0);
      expect(native.invalidateWindow(handle, 1, -1)).toBeLessThan(0);
      expect(native.detach(handle)).toBeLessThan(0);
      expect(native.unlisten(handle)).toBeLessThan(0);
      expect(native.deregister(handle)).toBeLessThan(0);
      expect(native.freeWindow(handle)).toBeLessThan(0);
    }
    expect(one.native.stats().connections).toBe(2);
  });

  it('refuse depths, private data, slots and ranges that can not be', async () => {
    const one = engine();
    const { client, server } = await connectPair(one, one);
    const out = new Int32Array(4);
    expect(one.native.prepare(client, 8, 8, 0, 0, out)).toBe(-114);
    expect(one.native.connect(client, new Uint8Array(57))).toBe(-90);
    expect(one.native.accept(server, new Uint8Array(197))).toBe(-90);
    expect(one.native.reject(client, new Uint8Array(1))).toBeLessThan(0);
    const region = one.native.register(server, new Uint8Array(new SharedArrayBuffer(4096)), 16, out);
    const window = one.native.allocateWindow(server);
    const bind = (offset: number, length: number): number =>
      one.native.bindWindow(server, window, region, offset, length, layout.VERBS_ACCESS_REMOTE_READ, -1, out);
    expect([bind(0, 4097), bind(4096, 1), bind(4097, 1), bind(4095, 2)]).toEqual([-22, -22, -22, -22]);
    expect(one.native.bindWindow(client, window, region, 0, 1, 4, -1, out)).toBe(-22);
    expect(one.native.bindWindow(server, window, region, 0, 1, 1, -1, out)).toBe(-22);
    expect(one.native.invalidateWindow(server, window, -1)).toBe(-22);
    expect(one.native.attach(1n, new Int32Array([-1]), out)).toBe(-22);
    expect(one.native.attach(1n, new Int32Array([layout.VERBS_SLOT_COUNT]), out)).toBe(-22);
    expect(one.native.attach(1n, new Int32Array(0), out)).toBe(-116);
  });

  it('do nothing after close, which may come twice', () => {
    const one = engine();
    const calls = callsOf(one);
    one.native.close();
    one.native.close();
    for (const [name, call] of calls) {
      const result = outcome(call, [1, 1, 1, 1, 1, 1]);
      if (name !== 'stats' && typeof result === 'number') expect(result, name).toBeLessThanOrEqual(0);
    }
  });

  it('make no engine where there is no room for its segment', () => {
    const { VerbsEngine } = requireNative();
    const options = { ackTimeout: 14, retryCount: 6, rnrRetryCount: 7 };
    expect(() => new VerbsEngine(999, 0, options)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    for (const wrong of [{}, { ...options, ackTimeout: 32 }, { ...options, retryCount: -1 }, null, 7]) {
      expect(() => new VerbsEngine(0, 0, wrong as never)).toThrow(TypeError);
    }
    const regions = threadWindows().regionCount;
    expect(() =>
      threadWindows().mapBy(layout.VERBS_SEGMENT_BYTES, (windowId) => new VerbsEngine(windowId, 13, options)),
    ).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(threadWindows().regionCount).toBe(regions);
  });
});
