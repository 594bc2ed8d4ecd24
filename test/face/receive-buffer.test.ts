/** Receiving into the application's own memory, over every provider. */
import { setTimeout as delay } from 'node:timers/promises';
import type { StreamSocket } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import { until } from '../switch/helpers.js';
import { pairIn, worlds } from './worlds.js';

/** Bytes that tell their place in the stream. */
function stream(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
}

describe.each(worlds)('a receive buffer over $name', (world) => {
  it('gets everything in order, in views no longer than itself', async () => {
    const receiveBuffer = Buffer.alloc(1000);
    const got: Buffer[] = [];
    const views = new Set<ArrayBufferLike>();
    const { near } = await pairIn(world, {
      listen: {
        receiveBuffer,
        handlers: {
          received(_socket, bytes) {
            views.add(bytes.buffer);
            got.push(Buffer.from(bytes));
          },
        },
      },
    });
    const sent = stream(300_000);
    near.send(sent.subarray(0, 10));
    near.send(sent.subarray(10));
    await until(() => got.reduce((sum, { length }) => sum + length, 0) === sent.length);
    expect(Buffer.concat(got).equals(sent)).toBe(true);
    expect([...views]).toEqual([receiveBuffer.buffer]);
    expect(Math.max(...got.map(({ length }) => length))).toBeLessThanOrEqual(1000);
  });

  it('is asked for before each delivery when it is a function', async () => {
    const buffers: Uint8Array[] = [];
    const got: Uint8Array[] = [];
    const { near } = await pairIn(world, {
      listen: {
        receiveBuffer() {
          const buffer = new Uint8Array(64);
          buffers.push(buffer);
          return buffer;
        },
        handlers: { received: (_socket, bytes) => void got.push(bytes) },
      },
    });
    const sent = stream(640);
    near.send(sent);
    await until(() => got.reduce((sum, { length }) => sum + length, 0) === sent.length);
    expect(Buffer.concat(got).equals(sent)).toBe(true);
    expect(got.map(({ buffer }) => buffer)).toEqual(buffers.map(({ buffer }) => buffer));
  });

  it('keeps the rest for a handler that pauses in the middle of a message', async () => {
    const got: Buffer[] = [];
    const { near, far } = await pairIn(world, {
      listen: {
        receiveBuffer: new Uint8Array(100),
        handlers: {
          received(socket, bytes) {
            got.push(Buffer.from(bytes));
            if (got.length % 2 === 1) socket.pause();
          },
        },
      },
    });
    const sent = stream(1000);
    near.send(sent);
    await until(() => got.length === 1);
    await delay(20);
    expect(got.length).toBe(1);
    for (let expected = 3; expected <= 9; expected += 2) {
      far.resume();
      await until(() => got.length === expected);
      await delay(5);
      expect(got.length).toBe(expected);
    }
    far.resume();
    await until(() => got.length === 10);
    expect(Buffer.concat(got).equals(sent)).toBe(true);
  });

  it('delivers no more after the handler has aborted or closed', async () => {
    for (const leave of ['abort', 'close'] as const) {
      let calls = 0;
      const { near } = await pairIn(world, {
        listen: {
          receiveBuffer: new Uint8Array(10),
          handlers: {
            received(socket) {
              calls += 1;
              void socket[leave]();
            },
          },
        },
      });
      near.handlers = { closed() {} };
      near.send(stream(100));
      await until(() => calls === 1);
      await delay(20);
      expect(calls).toBe(1);
      near.abort();
    }
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no memory today');
      },
      { message: 'no memory today' },
    ],
    ['gives nothing', () => new Uint8Array(0), { code: 'ERR_SANSWITCH_INVALID_OPTION' }],
    ['gives no array', () => 'text', { code: 'ERR_SANSWITCH_INVALID_OPTION' }],
  ])('ends the connection when its function %s', async (_what, receiveBuffer, expected) => {
    const closed: (Error | null)[] = [];
    const { near } = await pairIn(world, {
      listen: {
        receiveBuffer: receiveBuffer as () => Uint8Array,
        handlers: { received() {}, closed: (_socket, error) => void closed.push(error) },
      },
    });
    near.handlers = { closed() {} };
    near.send(stream(10));
    await until(() => closed.length === 1);
    expect(closed[0]).toMatchObject(expected);
  });

  it('is left alone by `receive()`, which gives private copies', async () => {
    const receiveBuffer = new Uint8Array(16).fill(9);
    const { near, far } = await pairIn(world, { listen: { receiveBuffer } });
    near.send(Buffer.from('first'));
    const first = (await far.receive()) as Uint8Array;
    near.send(Buffer.from('second'));
    const second = (await (far as StreamSocket).receive()) as Uint8Array;
    expect([Buffer.from(first).toString(), Buffer.from(second).toString()]).toEqual(['first', 'second']);
    expect([...receiveBuffer]).toEqual(new Array(16).fill(9));
  });
});
