import { createHash, randomBytes } from 'node:crypto';
import type { LentBytes, StreamSocket } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import { afterwards, failure, listening, readAll, until } from '../switch/helpers.js';
import { hostOf, pairIn, switchIn, worlds } from './worlds.js';

/** Uncaught exceptions during the test, kept from the test runner. */
function catchUncaught(): unknown[] {
  const caught: unknown[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => caught.push(error));
  afterwards(() => {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  });
  return caught;
}

describe.each(worlds)('the socket over $name', (world) => {
  const host = hostOf(world);

  it('sends and receives by handlers', async () => {
    const { near, far } = await pairIn(world, {
      listen: { handlers: { received: (socket, bytes) => void socket.send(bytes) } },
    });
    const got: string[] = [];
    near.handlers = { received: (_socket, bytes) => got.push(String(Buffer.from(bytes))) };
    expect(near.send(Buffer.from('one '))).toBe(true);
    near.send(Buffer.from('two'));
    await until(() => got.join('') === 'one two');
    expect([near.bytesSent, near.bytesReceived, far.bytesSent, far.bytesReceived]).toEqual([7, 7, 7, 7]);
    expect([near.state, far.state]).toEqual(['open', 'open']);
  });

  it('sends and receives by promises, to the end', async () => {
    const { near, far } = await pairIn(world);
    await near.sendAsync(Buffer.from('hello '));
    await near.sendAsync(Buffer.from('world'));
    near.end();
    expect(String(await readAll(far))).toBe('hello world');
    expect(await far.receive()).toBeNull();
    far.end();
    expect(await near.receive()).toBeNull();
    await until(() => near.state === 'closed' && far.state === 'closed');
  });

  it('keeps its bytes until somebody wants them', async () => {
    const { near, far } = await pairIn(world);
    near.send(Buffer.from('early'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(far.bytesReceived).toBeLessThanOrEqual(5);
    const got: string[] = [];
    far.handlers = { received: (_socket, bytes) => got.push(String(Buffer.from(bytes))) };
    await until(() => got.join('') === 'early');
    far.handlers = {};
    near.send(Buffer.from('late'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(got.join('')).toBe('early');
    expect(String(await far.receive())).toBe('late');
  });

  it('hands over what had gathered, in order, when a handler is set', async () => {
    const { near, far } = await pairIn(world);
    const first = far.receive();
    for (let i = 0; i < 10; i += 1) await near.sendAsync(Buffer.from(`${i}`));
    await first;
    await new Promise((resolve) => setTimeout(resolve, 20));
    const got: string[] = [];
    far.handlers = { received: (_socket, bytes) => got.push(String(Buffer.from(bytes))) };
    near.send(Buffer.from('x'));
    await until(() => got.join('').endsWith('x'));
    expect(String(await first) + got.join('')).toBe('0123456789x');
  });

  it('pauses and resumes without loss', async () => {
    const { near, far } = await pairIn(world);
    const hash = createHash('sha256');
    let bytes = 0;
    far.handlers = {
      received: (socket, chunk) => {
        hash.update(chunk);
        bytes += chunk.length;
        if (bytes % 7 < 3) {
          socket.pause();
          setTimeout(() => socket.resume(), 1);
        }
      },
    };
    const sent = createHash('sha256');
    for (let i = 0; i < 60; i += 1) {
      const chunk = randomBytes(1 + ((i * 7_919) % 60_000));
      sent.update(chunk);
      await near.sendAsync(chunk);
    }
    const total = near.bytesSent;
    await until(() => bytes === total);
    expect(hash.digest('hex')).toBe(sent.digest('hex'));
  });

  it('says stop at the high-water mark, and drains exactly once for each stop', async () => {
    const { near, far } = await pairIn(world, { connect: { highWaterMarkBytes: 100_000 } });
    expect(near.highWaterMarkBytes).toBe(100_000);
    let drains = 0;
    near.handlers = { drained: () => drains++ };
    const chunk = Buffer.alloc(30_000);
    let stops = 0;
    const fill = () => {
      while (near.send(chunk));
      stops += 1;
      expect(near.queuedBytes).toBeGreaterThanOrEqual(100_000);
    };
    fill();
    // The mark is no limit.
    expect(near.send(chunk)).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(drains).toBe(0);
    far.handlers = { received() {} };
    await until(() => drains === 1);
    expect(near.queuedBytes).toBe(0);
    far.pause();
    fill();
    far.resume();
    await until(() => drains === 2);
    await until(() => far.bytesReceived === near.bytesSent);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(drains).toBe(stops);
  });

  it('drains with a mark below the platform’s', async () => {
    const { near, far } = await pairIn(world, {
      connect: { highWaterMarkBytes: 1 },
      listen: { highWaterMarkBytes: 1 },
    });
    let drains = 0;
    far.handlers = { drained: () => drains++ };
    // What the system itself takes is no stop.
    while (far.send(Buffer.alloc(4_000_000)));
    near.handlers = { received() {} };
    await until(() => drains === 1, 'the drain');
    await until(() => near.bytesReceived === far.bytesSent, 'the arrival');
  });

  it('half-closes in either direction', async () => {
    const { near, far } = await pairIn(world);
    near.end();
    near.end();
    expect(near.state).toBe('readOnly');
    expect(await far.receive()).toBeNull();
    expect(far.state).toBe('writeOnly');
    for (let i = 0; i < 5; i += 1) far.send(Buffer.alloc(10_000, i));
    far.end();
    expect((await readAll(near)).length).toBe(50_000);
  });

  it('answers the peer’s end unless it has an `ended` handler', async () => {
    const { near, far } = await pairIn(world);
    const events: string[] = [];
    far.handlers = { received() {}, closed: (_socket, error) => events.push(`far closed ${error}`) };
    near.handlers = {
      received() {},
      ended: () => events.push('near ended'),
      closed: (_s, error) => events.push(`near closed ${error}`),
    };
    near.end();
    await until(() => events.length === 3);
    expect(events).toContain('far closed null');
    expect(events.filter((event) => event.startsWith('near'))).toEqual(['near ended', 'near closed null']);
  });

  it('close() ends in order, is idempotent, and resolves on both sides', async () => {
    const { near, far } = await pairIn(world);
    far.handlers = { received() {} };
    near.send(Buffer.from('last'));
    const first = near.close();
    expect(near.close()).toBe(first);
    await first;
    await far.close();
    expect(far.bytesReceived).toBe(4);
    expect([near.state, far.state]).toEqual(['closed', 'closed']);
    await near.close();
  });

  it('abort() resets: both sides are told once', async () => {
    const { near, far } = await pairIn(world);
    const told: [string, Error | null][] = [];
    near.handlers = { closed: (_socket, error) => told.push(['near', error]) };
    far.handlers = { received() {}, closed: (_socket, error) => told.push(['far', error]) };
    const reason = new Error('enough');
    near.abort(reason);
    near.abort();
    await until(() => told.length === 2);
    expect(told.find(([side]) => side === 'near')?.[1]).toBe(reason);
    expect(told.find(([side]) => side === 'far')?.[1]).toMatchObject({ code: 'ECONNRESET' });
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(told).toHaveLength(2);
  });

  it('a waiting receive ends with the connection', async () => {
    const { near, far } = await pairIn(world);
    const orderly = far.receive();
    near.end();
    expect(await orderly).toBeNull();
    const second = await pairIn(world);
    const reset = failure(second.far.receive());
    second.near.abort();
    expect(await reset).toMatchObject({ code: 'ECONNRESET' });
    expect(await failure(second.far.receive())).toMatchObject({ code: 'ECONNRESET' });
  });

  it('[WSD-5.11] a cancelled receive loses nothing', async () => {
    const { near, far } = await pairIn(world);
    const controller = new AbortController();
    const cancelled = failure(far.receive({ signal: controller.signal }));
    const later = far.receive();
    controller.abort('why');
    expect(await cancelled).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'why' });
    near.send(Buffer.from('for the other'));
    expect(String(await later)).toBe('for the other');
    expect(await failure(far.receive({ signal: AbortSignal.abort() }))).toMatchObject({ code: 'ABORT_ERR' });
  });

  it('[WSD-5.11] a cancelled send is dropped, or done, or ends the connection; it never hangs', async () => {
    const { near, far } = await pairIn(world);
    expect(await failure(near.sendAsync(Buffer.from('x'), { signal: AbortSignal.abort() }))).toMatchObject({
      code: 'ABORT_ERR',
    });
    // Nobody reads: the second one waits behind the first.
    const first = near.sendAsync(Buffer.alloc(30_000_000)).catch((error: Error) => error);
    const controller = new AbortController();
    const second = near.sendAsync(Buffer.alloc(1_000_000), { signal: controller.signal }).then(
      () => 'done',
      (error: Error) => error.name,
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    controller.abort();
    expect(await second).toBe('AbortError');
    far.handlers = { received() {} };
    await first;
    near.abort();
  });

  it('iterates, and closes when the loop is left early', async () => {
    const { near, far } = await pairIn(world);
    far.handlers = { received() {} };
    far.send(Buffer.from('first'));
    for await (const bytes of near) {
      expect(String(Buffer.from(bytes))).toBe('first');
      break;
    }
    await until(() => near.state === 'closed');
  });

  it('a handler that throws becomes an uncaught exception and leaves the socket as it was', async () => {
    const uncaught = catchUncaught();
    const { near, far } = await pairIn(world);
    const got: string[] = [];
    far.handlers = {
      received: (_socket, bytes) => {
        got.push(String(Buffer.from(bytes)));
        throw new Error(`at ${got.length}`);
      },
      closed: () => {
        throw new Error('at the end');
      },
    };
    near.send(Buffer.from('a'));
    await until(() => got.length === 1);
    near.send(Buffer.from('b'));
    await until(() => got.join('') === 'ab');
    await near.close();
    await until(() => uncaught.length === 3);
    expect(uncaught.map((error) => (error as Error).message)).toEqual(['at 1', 'at 2', 'at the end']);
  });

  it('a connection callback that throws leaves the listener and the socket alive', async () => {
    const uncaught = catchUncaught();
    const sw = await switchIn(world);
    const listener = await sw.listen(
      { host, handlers: { received: (socket, bytes) => void socket.send(bytes) } },
      () => {
        throw new Error('on connection');
      },
    );
    const socket = await sw.connect({ port: listener.address().port, host });
    await until(() => uncaught.length === 1);
    socket.send(Buffer.from('still'));
    expect(String(await socket.receive())).toBe('still');
  });

  it('lends its bytes where it is asked to, and copies otherwise', async () => {
    const sw = await switchIn(world);
    const kept: LentBytes[] = [];
    const copies: string[] = [];
    const listener = await sw.listen(
      {
        host,
        lend: true,
        handlers: {
          received(socket: StreamSocket<LentBytes>, bytes: LentBytes) {
            kept.push(bytes);
            copies.push(Buffer.from(bytes.slice()).toString());
            socket.send(Buffer.from(bytes.slice()));
          },
        },
      },
      () => {},
    );
    const near = await sw.connect({ port: listener.address().port, host });
    await near.sendAsync(Buffer.from('lent'));
    const echo = (await near.receive()) as Uint8Array;
    expect(String(Buffer.from(echo))).toBe('lent');
    expect(copies).toEqual(['lent']);
    // A private copy does not change any more.
    near.send(Buffer.from('more'));
    await until(() => copies.length === 2);
    expect(String(Buffer.from(echo))).toBe('lent');
  });

  it('moves much data in both directions at once, unharmed', async () => {
    const { near, far } = await pairIn(world);
    const bytes = 24 * 1024 * 1024;
    const run = async (from: StreamSocket, to: StreamSocket) => {
      const sent = createHash('sha1');
      const received = createHash('sha1');
      const reading = (async () => {
        for await (const chunk of to) received.update(chunk);
      })();
      const chunk = randomBytes(777_777);
      for (let left = bytes; left > 0; left -= chunk.length) {
        const part = left < chunk.length ? chunk.subarray(0, left) : chunk;
        sent.update(part);
        await from.sendAsync(part);
      }
      from.end();
      await reading;
      expect(to.bytesReceived).toBe(bytes);
      expect(received.digest('hex')).toBe(sent.digest('hex'));
    };
    await Promise.all([run(near, far), run(far, near)]);
  });

  it('many small messages arrive once and in order', async () => {
    const { near, far } = await pairIn(world);
    const count = 20_000;
    let expected = 0;
    let rest = Buffer.alloc(0);
    let disorder = 0;
    far.handlers = {
      received: (_socket, bytes) => {
        rest = Buffer.concat([rest, bytes]);
        let at = 0;
        for (; at + 4 <= rest.length; at += 4) if (rest.readUInt32LE(at) !== expected++) disorder += 1;
        rest = rest.subarray(at);
      },
    };
    for (let i = 0; i < count; i += 1) {
      const message = Buffer.alloc(4);
      message.writeUInt32LE(i);
      near.send(message);
      if (i % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => expected === count);
    expect(disorder).toBe(0);
  });

  it('ref and unref return the socket, also when it is closed', async () => {
    const { near, far } = await pairIn(world);
    expect(near.unref()).toBe(near);
    expect(near.ref()).toBe(near);
    near.abort();
    far.handlers = { received() {} };
    await until(() => near.state === 'closed');
    expect(near.ref().unref()).toBe(near);
  });

  it('await using closes', async () => {
    const { near, far } = await pairIn(world);
    far.handlers = { received() {} };
    await near[Symbol.asyncDispose]();
    expect(near.state).toBe('closed');
  });

  it('counts what it does', async () => {
    const { sw, near, far } = await pairIn(world, { listen: { handlers: { received() {} } } });
    await near.sendAsync(Buffer.alloc(1_000));
    await until(() => far.bytesReceived === 1_000);
    const name = near.provider;
    expect(sw.stats()).toMatchObject({
      listeners: 1,
      providers: { [name]: { connects: 1, accepts: 1, open: 2, bytesSent: 1_000, bytesReceived: 1_000 } },
    });
    await near.close();
    await until(() => sw.stats().providers[name]?.open === 0);
    expect(sw.stats().providers[name]).toMatchObject({ bytesSent: 1_000, bytesReceived: 1_000, faults: 0 });
  });

  it('a second listener on the port is refused, a closed one frees it', async () => {
    const sw = await switchIn(world);
    const { listener, port } = await listening(sw, { host });
    expect(await failure(sw.listen({ port, host }, () => {}))).toMatchObject({ code: 'EADDRINUSE' });
    await listener.close();
    const again = await sw.listen({ port, host }, () => {});
    expect(again.address().port).toBe(port);
    await again[Symbol.asyncDispose]();
  });
});
