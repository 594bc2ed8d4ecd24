/** The ways of sending: with a callback, copied, and written where it leaves from. */
import { describe, expect, it } from 'vitest';
import { afterwards, readAll, until } from '../switch/helpers.js';
import { pairIn, worlds } from './worlds.js';

const MIB = 1024 * 1024;

function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

describe.each(worlds)('sending over $name', (world) => {
  it('calls back once per send: when the bytes have left, or with the error', async () => {
    const { near, far } = await pairIn(world);
    const log: unknown[] = [];
    for (const length of [1, 0, 3 * MIB]) near.send(filled(length, 1), (error) => log.push(length, error ?? null));
    near.end();
    expect((await readAll(far)).length).toBe(3 * MIB + 1);
    await until(() => log.length === 6);
    expect(new Set(log)).toEqual(new Set([1, 0, 3 * MIB, null]));
    far.end();
    expect(await near.receive()).toBeNull();

    const broken = await pairIn(world);
    const errors: unknown[] = [];
    for (let i = 0; i < 10; i++) broken.near.send(filled(4 * MIB, 1), (error) => errors.push(error));
    broken.far.abort();
    await until(() => broken.near.state === 'closed' && errors.length === 10);
    expect(errors.at(-1)).toBeInstanceOf(Error);
    // What is sent afterwards takes nothing, and says so.
    expect(broken.near.send(filled(1, 1), (error) => errors.push(error))).toBe(false);
    await until(() => errors.length === 11);
    expect(errors.at(-1)).toBeInstanceOf(Error);
  });

  it('`sendCopied` leaves the buffer with the caller', async () => {
    const { near, far } = await pairIn(world, { sw: { highWaterMarkBytes: 2 * MIB } });
    const lengths = [1, 100, 5_000, 600_000, 3 * MIB];
    const results = lengths.map((length, index) => {
      const bytes = filled(length, index + 1);
      const result = near.sendCopied(bytes);
      bytes.fill(99);
      return result;
    });
    expect(near.sendCopied(new Uint8Array(0))).toBe(true);
    expect(results.slice(0, 4)).toEqual([true, true, true, true]);
    near.end();
    const whole = Buffer.concat(lengths.map((length, index) => filled(length, index + 1)));
    expect(Buffer.from(await readAll(far)).equals(whole)).toBe(true);
    expect(near.bytesSent).toBe(whole.length);
    expect(() => near.sendCopied(filled(1, 1))).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_WRITE_AFTER_END' }),
    );
    expect(() => far.sendCopied('text' as unknown as Uint8Array)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
    await far.close();
  });

  it('`reserve` and `commit`, in order with `send`; nothing after the connection is gone', async () => {
    const { near, far } = await pairIn(world);
    for (let i = 0; i < 100; i++) {
      const room = near.reserve(300 + i) as Uint8Array;
      room.fill(i, 0, 200);
      near.commit(200);
      near.send(filled(50, i));
    }
    near.end();
    const whole = Buffer.concat(Array.from({ length: 100 }, (_, i) => filled(250, i)));
    expect(Buffer.from(await readAll(far)).equals(whole)).toBe(true);
    far.reserve(10);
    far.abort();
    expect(() => far.commit(10)).toThrow(expect.objectContaining({ code: 'ERR_STREAM_DESTROYED' }));
    await until(() => far.state === 'closed');

    const gone = await pairIn(world);
    afterwards(() => gone.near.abort());
    gone.far.handlers = { received() {} };
    gone.near.abort();
    await until(() => gone.far.state === 'closed');
    expect([gone.far.reserve(1), gone.far.commit(0)]).toEqual([null, false]);
  });

  it('a reservation that is replaced or forgotten holds nothing up, and leaves no trace', async () => {
    const { near, far } = await pairIn(world);
    near.reserve(100)?.fill(1);
    near.reserve(100)?.fill(2);
    near.reserve(4)?.set(Buffer.from('good'));
    near.commit(4);
    near.reserve(100)?.fill(3);
    near.send(Buffer.from('sent'));
    // Nobody commits, and nothing else happens here: it ends with the turn.
    let got = '';
    far.handlers = { received: (_, bytes) => (got += Buffer.from(bytes)) };
    await until(() => got === 'goodsent');
    near.reserve(100)?.fill(4);
    near.end();
    await until(() => far.state === 'closed' || far.state === 'writeOnly' || near.state === 'closed');
    expect(got).toBe('goodsent');
    await Promise.all([near.close(), far.close()]);
  });

  it('says whether it lends', async () => {
    const plain = await pairIn(world);
    const lending = await pairIn(world, { listen: { receiveBuffer: new Uint8Array(100) } });
    expect([plain.far.lends, lending.far.lends]).toEqual([false, true]);
  });
});
