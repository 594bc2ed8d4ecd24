/** Memory for large sends and receives, and how often their bytes are copied. */
import { describe, expect, it } from 'vitest';
import { until } from '../switch/helpers.js';
import { pairIn, type World, worlds } from './worlds.js';

const MIB = 1_048_576;
/** Bytes of a large send that travel in a message. */
const FIRST = 64;

function stream(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
}

describe.each(worlds)('memory over $name', (world) => {
  it('that is allocated is zeroed, as long as was asked for, and can be sent; also when the socket is closed', async () => {
    const got: Buffer[] = [];
    const { near } = await pairIn(world, {
      listen: { handlers: { received: (_socket, bytes) => void got.push(Buffer.from(bytes)) } },
    });
    for (const bytes of [1, 4_096, 200_000]) {
      const memory = near.allocate(bytes);
      expect([memory.length, memory.every((byte) => byte === 0)]).toEqual([bytes, true]);
      got.length = 0;
      memory.set(stream(bytes));
      near.send(memory);
      await until(() => got.reduce((sum, { length }) => sum + length, 0) === bytes);
      expect(Buffer.concat(got).equals(stream(bytes))).toBe(true);
    }
    await near.close();
    expect(near.allocate(10)).toEqual(new Uint8Array(10));
  });

  it.each([0, -1, 1.5, 2 ** 31, '4', undefined])('of %s bytes is refused', async (bytes) => {
    const { near } = await pairIn(world);
    expect(() => near.allocate(bytes as number)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  });

  it('that a function gives for a large receive is shown, filled, in order with what is small', async () => {
    const got: Buffer[] = [];
    const shown: ArrayBufferLike[] = [];
    const given: ArrayBufferLike[] = [];
    const { near } = await pairIn(world, {
      listen: {
        receiveBuffer() {
          const buffer = new Uint8Array(500_000);
          given.push(buffer.buffer);
          return buffer;
        },
        handlers: {
          received(_socket, bytes) {
            shown.push(bytes.buffer);
            got.push(Buffer.from(bytes));
          },
        },
      },
    });
    const sent = [300_000, 10, 400_000, 20, 600_000].map((length) => stream(length));
    for (const bytes of sent) near.send(bytes);
    const whole = Buffer.concat(sent);
    await until(() => got.reduce((sum, { length }) => sum + length, 0) === whole.length);
    expect(Buffer.concat(got).equals(whole)).toBe(true);
    // In the order in which they were given, and none twice.
    expect(shown).toEqual(given.slice(0, shown.length));
  });
});

describe('copies of a send of 1 MiB', () => {
  const worldOf = (name: string) => worlds.find((world) => world.name === name) as World;

  it.each([
    ['loop with memory to lend', {}, 1],
    ['loop with memory to lend', { lend: true }, 0],
    ['loop with memory to lend', { receiveBuffer: new Uint8Array(2 * MIB) }, 1],
    ['loop with memory to lend', { receiveBuffer: () => new Uint8Array(2 * MIB) }, 0],
    ['loop with credits', {}, 0],
    ['verbs', {}, 1],
    ['verbs', { lend: true }, 0],
    ['verbs', { receiveBuffer: () => new Uint8Array(2 * MIB) }, 0],
  ])('over %s, received with %j: none by the sender, %i by the receiver', async (name, listen, times) => {
    let received = 0;
    const count = (length: number) => {
      received += length;
    };
    const { sw, near } = await pairIn(worldOf(name), {
      listen: { ...listen, handlers: { received: (_socket, { length }) => count(length) } },
    });
    near.send(new Uint8Array(MIB));
    await until(() => received === MIB);
    const { provider } = near;
    expect(sw.stats().providers[provider]).toMatchObject({
      bytesSent: MIB,
      bytesCopiedSent: FIRST,
      bytesCopiedReceived: FIRST + times * MIB,
    });
    await near.close();
    expect(sw.stats().providers[provider]).toMatchObject({ bytesSent: MIB, bytesCopiedSent: FIRST });
  });

  it('over shared memory: one by each', async () => {
    let received = 0;
    const count = (length: number) => {
      received += length;
    };
    const { sw, near } = await pairIn(worldOf('shm'), {
      listen: { handlers: { received: (_socket, { length }) => count(length) } },
    });
    near.send(new Uint8Array(MIB));
    await until(() => received === MIB);
    expect(sw.stats().providers.shm).toMatchObject({ bytesCopiedSent: MIB, bytesCopiedReceived: MIB });
  });
});
