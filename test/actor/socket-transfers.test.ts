/** What a socket actor sends and receives, over each provider: copied, overlapped, reserved, lent. */
import { setTimeout as delay, setImmediate as nextLoop } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { worlds } from '../face/worlds.js';
import { acting, ended, MIB, meet, pattern, receiveAll, until } from './socket-rig.js';

describe.each(worlds)('transfers of a socket actor over $name', (world) => {
  it('keeps none of the bytes that were given to `send`', async () => {
    const lengths = [1, 31, 4_096, 4_097, 70_000, MIB, 3 * MIB];
    const definition = acting(() => ({
      connected(socket) {
        for (const length of lengths) {
          const bytes = pattern(length);
          socket.send(bytes);
          bytes.fill(0xee);
        }
      },
    }));
    const { near } = await meet(world, { definition });
    const whole = Buffer.concat(lengths.map(pattern));
    expect((await receiveAll(near, whole.length)).equals(whole)).toBe(true);
    await near.close();
  });

  it('fills any number of small buffers from one large part of the stream', async () => {
    const count = 20_000;
    const got: number[] = [];
    const definition = acting(() => ({
      connected(socket) {
        for (let i = 0; i < count; i++) socket.receiveOverlapped(new Uint8Array(1));
      },
      completed: (_, { buffer }, error, bytes) =>
        void got.push(error === null && bytes === 1 ? (buffer[0] as number) : -1),
    }));
    const { near, failures } = await meet(world, { definition });
    const sent = pattern(count);
    near.send(sent);
    await until(() => got.length === count);
    expect(Buffer.from(got).equals(sent)).toBe(true);
    expect(failures).toEqual([]);
    await near.close();
  });

  it('says stop at the high-water mark, and is told once that all has left', async () => {
    const log: unknown[] = [];
    const definition = acting(() => ({
      connected(socket) {
        while (socket.send(pattern(50_000)));
        log.push(socket.queuedBytes >= socket.highWaterMarkBytes);
      },
      drained: (socket) => void log.push('drained', socket.queuedBytes),
    }));
    const { near, far } = await meet(world, { definition, listen: { highWaterMarkBytes: 300_000 } });
    await delay(20);
    expect(log).toEqual([true]);
    await receiveAll(near, far.bytesSent);
    await until(() => log.length > 1);
    expect(log).toEqual([true, 'drained', 0]);
    await near.close();
  });

  it('[WSD-5.1] overlapped sends complete in order, each with its token', async () => {
    const log: unknown[] = [];
    const buffers = [pattern(1), new Uint8Array(0), pattern(MIB), pattern(100)];
    const definition = acting(() => ({
      connected(socket) {
        buffers.forEach((buffer, index) => {
          const { kind, token } = socket.sendOverlapped(buffer, index);
          log.push(kind, token);
        });
      },
      completed(_, { buffer, token, kind }, error, bytes) {
        if (buffer.length > 0) log.push([token, kind, error, bytes, buffer === buffers[token as number]]);
      },
    }));
    const { near, far } = await meet(world, { definition });
    const got = await receiveAll(near, MIB + 101);
    expect(got.equals(Buffer.concat(buffers))).toBe(true);
    await until(() => log.length >= 11);
    expect(log.slice(0, 8)).toEqual(['send', 0, 'send', 1, 'send', 2, 'send', 3]);
    const ends = [0, 2, 3].map((index) => [index, 'send', null, (buffers[index] as Uint8Array).length, true]);
    expect(log.slice(8)).toEqual(ends);
    expect(far.queuedBytes).toBe(0);
    await near.close();
  });

  it('overlapped sends that never leave complete with the error, before `closed`', async () => {
    const log: unknown[] = [];
    const definition = acting(() => ({
      connected(socket) {
        for (let i = 0; i < 20; i++) socket.sendOverlapped(pattern(4 * MIB), i);
      },
      completed: (_, { token }, error, bytes) => void log.push(token, error === null, bytes),
      closed: (_, error) => void log.push('closed', error === null),
    }));
    const meeting = await meet(world, { definition });
    const over = ended(meeting);
    await delay(10);
    meeting.near.abort();
    await over;
    expect(log.slice(-5)).toEqual([19, false, 0, 'closed', false]);
    const tokens = log.filter((_, index) => index % 3 === 0).slice(0, 20);
    expect(tokens).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('overlapped receives are filled in order; what is left over is received', async () => {
    const log: unknown[] = [];
    const definition = acting(() => ({
      connected(socket) {
        for (let i = 0; i < 3; i++) socket.receiveOverlapped(new Uint8Array(4), i);
      },
      completed: (_, { token, kind, buffer }, error, bytes) =>
        void log.push([kind, token, error, String(Buffer.from(buffer.subarray(0, bytes)))]),
      received: (_, bytes) => void log.push(String(bytes)),
    }));
    const { near } = await meet(world, { definition });
    await nextLoop();
    near.send(Buffer.from('0123456789abcdef'));
    await until(() => log.length >= 4);
    const filled = ['0123', '4567', '89ab'].map((text, index) => ['receive', index, null, text]);
    expect(log).toEqual([...filled, 'cdef']);
    await near.close();
  });

  it('an overlapped receive that is posted by each completion takes a whole stream', async () => {
    const parts: Buffer[] = [];
    let length = 0;
    let others = 0;
    const definition = acting(() => ({
      connected: (socket) => void socket.receiveOverlapped(new Uint8Array(1_000)),
      received: () => void others++,
      completed(socket, { buffer }, error, bytes) {
        if (error !== null || bytes === 0) return;
        parts.push(Buffer.from(buffer.slice(0, bytes)));
        length += bytes;
        socket.receiveOverlapped(buffer);
      },
    }));
    const { near } = await meet(world, { definition });
    near.send(pattern(MIB));
    await until(() => length === MIB);
    expect(Buffer.concat(parts).equals(pattern(MIB))).toBe(true);
    expect(others).toBe(0);
    await near.close();
  });

  it('pending receives end with 0 at the end of the stream, with the error when it breaks', async () => {
    const log: unknown[] = [];
    const definition = acting(() => ({
      connected(socket) {
        for (const token of ['first', 'second']) socket.receiveOverlapped(new Uint8Array(4), token);
      },
      completed: (_, { token }, error, bytes) => void log.push(token, (error as { code?: string } | null)?.code, bytes),
      ended(socket) {
        log.push('ended');
        socket.end();
      },
      closed: (_, error) => void log.push('closed', (error as { code?: string } | null)?.code),
    }));
    const ending = await meet(world, { definition });
    const inOrder = ended(ending);
    ending.near.end();
    await inOrder;
    expect(log.splice(0)).toEqual(['first', undefined, 0, 'second', undefined, 0, 'ended', 'closed', undefined]);

    const breaking = await meet(world, { definition });
    const broken = ended(breaking);
    await delay(10);
    breaking.near.abort();
    await broken;
    const code = 'ECONNRESET';
    expect(log).toEqual(['first', code, 0, 'second', code, 0, 'closed', code]);
  });

  it('sends what is written into reserved room', async () => {
    const lengths = [1, 64, 1_000, 5_000, 100_000, 3 * MIB];
    const returns: boolean[] = [];
    const definition = acting(() => ({
      async connected(socket) {
        for (const length of lengths) {
          const room = socket.reserve(length + 10) as Uint8Array;
          expect(room.length).toBe(length + 10);
          room.set(pattern(length));
          returns.push(socket.commit(length));
          socket.send(Buffer.from('|'));
          await nextLoop();
        }
      },
    }));
    const { near, far } = await meet(world, { definition, listen: { highWaterMarkBytes: 16 * MIB } });
    const all = Buffer.concat(lengths.flatMap((length) => [pattern(length), Buffer.from('|')]));
    expect((await receiveAll(near, all.length)).equals(all)).toBe(true);
    expect(returns).toEqual(lengths.map(() => true));
    expect(far.bytesSent).toBe(all.length);
    await near.close();
  });

  it('a reservation: given up, replaced, over, outlived, too small; what is sent meanwhile arrives', async () => {
    const errors: unknown[] = [];
    const codeOf = (work: () => unknown) => {
      try {
        work();
      } catch (error) {
        errors.push((error as { code: string }).code);
      }
    };
    const definition = acting(() => ({
      async connected(socket) {
        (socket.reserve(8) as Uint8Array).fill(1);
        socket.commit(0);
        codeOf(() => socket.commit(1));
        (socket.reserve(8) as Uint8Array).fill(2);
        (socket.reserve(4) as Uint8Array).set(Buffer.from('keep'));
        codeOf(() => socket.commit(8));
        (socket.reserve(4) as Uint8Array).set(Buffer.from('good'));
        socket.commit(4);
        const outlived = socket.reserve(4) as Uint8Array;
        outlived.set(Buffer.from('lost'));
        socket.send(Buffer.from('sent'));
        await nextLoop();
        // Over TCP/IP the room is the socket's own, and in nobody's way.
        if (socket.provider !== 'tcp') codeOf(() => socket.commit(4));
        codeOf(() => socket.reserve(0));
        codeOf(() => socket.reserve(2 ** 31));
        codeOf(() => socket.commit(-1));
        socket.end();
        codeOf(() => socket.reserve(1));
        codeOf(() => socket.commit(1));
      },
    }));
    const { near, failures } = await meet(world, { definition });
    expect(String(await receiveAll(near, 8))).toBe('goodsent');
    expect(await near.receive()).toBeNull();
    const range = ['ERR_OUT_OF_RANGE', 'ERR_OUT_OF_RANGE', 'ERR_OUT_OF_RANGE'];
    const invalid = 'ERR_SANSWITCH_INVALID_OPTION';
    const late = ['ERR_STREAM_WRITE_AFTER_END', 'ERR_STREAM_WRITE_AFTER_END'];
    const outlived = world.name === 'tcp' ? [] : [invalid];
    expect(errors).toEqual([invalid, invalid, ...outlived, ...range, ...late]);
    expect(failures).toEqual([]);
    await near.close();
  });

  it('gives no room while `send` says stop', async () => {
    const log: unknown[] = [];
    const definition = acting(() => ({
      connected(socket) {
        for (let room = socket.reserve(50_000); room !== null; room = socket.reserve(50_000)) {
          room.fill(7);
          socket.commit(50_000);
        }
        log.push(socket.queuedBytes >= socket.highWaterMarkBytes);
      },
      drained: (socket) => void log.push(socket.reserve(50_000) !== null),
    }));
    const { near, far } = await meet(world, { definition, listen: { highWaterMarkBytes: 200_000 } });
    await until(() => log.length > 0);
    const sent = far.bytesSent;
    expect((await receiveAll(near, sent)).equals(Buffer.alloc(sent, 7))).toBe(true);
    await until(() => log.length > 1);
    expect(log).toEqual([true, true]);
    await near.close();
  });

  it('lends bytes that are handled at once, and copies those that wait', async () => {
    const kept: { bytes: Uint8Array; text: string }[] = [];
    let release: (() => void) | undefined;
    const definition = acting(() => ({
      received(_, bytes) {
        kept.push({ bytes, text: String(Buffer.from(bytes)) });
        if (kept.length === 1) return new Promise<void>((resolve) => (release = resolve));
        return undefined;
      },
    }));
    const { near } = await meet(world, { definition, listen: { receiveBuffer: new Uint8Array(64) } });
    await nextLoop();
    for (const text of ['first', 'second', 'third!']) await near.sendAsync(Buffer.from(text));
    await until(() => release !== undefined);
    await delay(20);
    release?.();
    await until(() => kept.map(({ text }) => text).join('').length === 17);
    const waited = kept.slice(1).map(({ bytes }) => String(Buffer.from(bytes)));
    expect(waited.join('')).toBe(
      kept
        .slice(1)
        .map(({ text }) => text)
        .join(''),
    );
    await near.close();
  });
});
