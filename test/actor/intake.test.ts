import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { allClosed, echoes, eventually, openSockets, Rig } from './intake-rig.js';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

describe('connections given to workers', () => {
  it('are opened and echoed by both, in equal shares', async () => {
    await Promise.all([rig.start(1), rig.start(2)]);
    const listener = await rig.listen();
    const clients = await rig.connect(listener, 100);
    await Promise.all(clients.map((client, i) => echoes(client, `word ${i} `.repeat(500))));
    expect(rig.given).toEqual(
      new Map([
        [1, 50],
        [2, 50],
      ]),
    );
    expect(rig.ledger.workers.map(({ open, unconfirmed }) => [open, unconfirmed])).toEqual([
      [50, 0],
      [50, 0],
    ]);
    expect(listener.connections).toBe(100);
    for (const client of clients) client.end();
    await eventually('all have left', () => listener.connections === 0);
    expect(rig.ledger.counters).toEqual({
      entered: 100,
      confirmed: 100,
      givenBack: 0,
      orphaned: 0,
      lost: 0,
      strays: 0,
    });
  });

  it('2,000 of them at once: each is served, nothing stays', { timeout: 60_000 }, async () => {
    await Promise.all([rig.start(1), rig.start(2)]);
    const listener = await rig.listen({ backlog: 4_096 });
    const before = openSockets();
    const clients = await rig.connect(listener, 2_000);
    await Promise.all(clients.map((client, i) => echoes(client, `number ${i}`)));
    expect(listener.counters).toMatchObject({
      accepted: 2_000,
      shed: 0,
      pauses: 0,
      dropped: 0,
      unplaced: 0,
      ungiven: 0,
    });
    for (const client of clients) client.end();
    await allClosed(clients);
    await eventually('all have left', () => listener.connections === 0 && openSockets() === before);
    expect(rig.errors).toEqual([]);
  });

  it('that a worker can not open are closed, and leave', async () => {
    await rig.start(1, 'refuse');
    const listener = await rig.listen();
    await allClosed(await rig.connect(listener, 5));
    await eventually('all have left', () => listener.connections === 0);
    expect(rig.ledger.counters).toMatchObject({ entered: 5, confirmed: 0, givenBack: 5 });
  });

  it('wait in the queue while there is no worker', async () => {
    const listener = await rig.listen();
    const clients = await rig.connect(listener, 3);
    await delay(30);
    expect(listener.counters.accepted).toBe(0);
    await rig.start(1);
    await Promise.all(clients.map((client) => echoes(client, 'at last')));
  });
});

describe('a worker that ends', () => {
  it.each(['leave', 'silent'] as const)(
    'between accept and confirmation (%s): its clients see the end, nothing leaks',
    async (manners) => {
      const worker = await rig.start(1, manners);
      const listener = await rig.listen();
      const before = openSockets();
      const clients = await rig.connect(listener, 20);
      await eventually('it has them', () => rig.heard.got === 20);
      expect(rig.ledger.workers[0]).toMatchObject({ unconfirmed: 20, open: 0 });
      await worker.terminate();
      await allClosed(clients);
      expect(listener.connections).toBe(0);
      // What it had opened its own end has closed, and nobody else.
      expect(rig.ledger.counters).toMatchObject(
        manners === 'leave' ? { orphaned: 20, lost: 0 } : { orphaned: 0, lost: 20 },
      );
      await eventually('nothing leaks', () => openSockets() === before);
    },
  );

  it('under load, again and again: those of the other go on, nothing leaks', { timeout: 60_000 }, async () => {
    await rig.start(1);
    const listener = await rig.listen();
    const standing = await rig.connect(listener, 20);
    await Promise.all(standing.map((client) => echoes(client, 'first')));
    const before = openSockets();
    for (let round = 0; round < 8; round++) {
      const worker = await rig.start(2);
      const port = listener.address()?.port as number;
      const clients: Socket[] = [];
      const pressing = setInterval(() => {
        for (let i = 0; i < 5; i++) {
          const client = connect({ port, host: '127.0.0.1' }).on('error', () => {});
          client.on('connect', () => client.write('some words')).resume();
          clients.push(client);
        }
      }, 1);
      await delay(10 + 7 * round);
      await worker.terminate();
      clearInterval(pressing);
      await eventually('the ledger knows', () => rig.ledger.workers.length === 1);
      await Promise.all(standing.map((client) => echoes(client, `round ${round}`)));
      for (const client of clients) client.destroy();
      await eventually('nothing leaks', () => listener.connections === standing.length && openSockets() === before);
    }
    const { entered, confirmed, orphaned } = rig.ledger.counters;
    expect(confirmed + orphaned).toBeLessThanOrEqual(entered);
    expect(rig.ledger.workers[0]).toMatchObject({ open: standing.length, unconfirmed: 0 });
  });

  it.each(['terminate', 'exit'])(
    'and that listens itself (%s): its port, and what nobody had opened, are closed with it',
    { timeout: 60_000 },
    async (how) => {
      const before = openSockets();
      for (let round = 0; round < 10; round++) {
        const file = new URL('../../build/test/fixtures/intake-thread.js', import.meta.url);
        const worker = new Worker(file, { workerData: how });
        const [{ port }] = (await once(worker, 'message')) as [{ port: number }];
        const exit = once(worker, 'exit');
        let accepted = 0;
        worker.on('message', () => accepted++);
        const clients = Array.from({ length: 30 }, () => connect({ port, host: '127.0.0.1' }).on('error', () => {}));
        if (how === 'terminate') {
          await eventually('it accepts', () => accepted > round);
          void worker.terminate();
        }
        await exit;
        await allClosed(clients);
        await eventually('nothing leaks', () => openSockets() === before);
      }
    },
  );
});

describe('maxConnections', () => {
  it('closes what is beyond it, and can be changed', async () => {
    const dropped = vi.fn();
    await rig.start(1);
    const listener = await rig.listen({ maxConnections: 2, dropped });
    const [first, second, third] = (await rig.connect(listener, 3)) as [Socket, Socket, Socket];
    await allClosed([third]);
    await Promise.all([echoes(first, 'one'), echoes(second, 'two')]);
    expect(dropped.mock.calls).toEqual([
      [expect.objectContaining({ remote: expect.objectContaining({ family: 4, address: '127.0.0.1' }) })],
    ]);
    expect(listener.counters.dropped).toBe(1);
    listener.maxConnections = undefined;
    await Promise.all((await rig.connect(listener, 2)).map((client) => echoes(client, 'three')));
    expect(() => {
      listener.maxConnections = -1;
    }).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  });
});

describe('the event loop', () => {
  const fixture = fileURLToPath(new URL('../../build/test/fixtures/intake-ref.js', import.meta.url));

  it.each([
    ['ref', 1, 'kept alive'],
    // Without a worker nothing is accepted, but it listens.
    ['ref', 0, 'kept alive'],
    ['unref', 1, ''],
    ['unref', 0, ''],
    ['close', 1, ''],
  ])('%s, workers: %i', async (what, workers, said) => {
    const { stdout } = await promisify(execFile)(process.execPath, [fixture, what, String(workers)]);
    expect(stdout.trim()).toBe(said);
  });
});

describe('close()', () => {
  it('refuses new ones, and resolves when the last connection has ended', async () => {
    await rig.start(1);
    const listener = await rig.listen();
    const port = listener.address()?.port as number;
    const [client] = (await rig.connect(listener, 1)) as [Socket];
    await echoes(client, 'here');
    const resolved = vi.fn();
    const closed = listener.close();
    void closed.then(resolved);
    expect(listener.close()).toBe(closed);
    expect(listener.address()).toBeNull();
    const [error] = (await once(connect({ port, host: '127.0.0.1' }), 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    await echoes(client, 'still here');
    expect(resolved).not.toHaveBeenCalled();
    client.end();
    await closed;
    expect(listener.connections).toBe(0);
  });

  it('resolves at once when nobody is connected', async () => {
    await (await rig.listen()).close();
  });

  it('under load: every client is served or sees the end, nothing leaks', async () => {
    await Promise.all([rig.start(1), rig.start(2)]);
    const before = openSockets();
    const listener = await rig.listen();
    const port = listener.address()?.port as number;
    const clients = Array.from({ length: 500 }, () => connect({ port, host: '127.0.0.1' }).on('error', () => {}));
    for (const client of clients) client.on('connect', () => client.end('last words')).resume();
    await eventually('some are in', () => listener.counters.accepted > 50);
    await listener.close();
    await allClosed(clients);
    await eventually('nothing leaks', () => openSockets() === before);
    const { accepted, unplaced } = listener.counters;
    expect(rig.ledger.counters.entered + unplaced).toBe(accepted);
  });

  it('inside of a batch: the rest of it is closed', async () => {
    await rig.start(1);
    const listener = await rig.listen({
      placement: (_, [worker]) => {
        void listener.close();
        return worker?.worker as number;
      },
    });
    const clients = await rig.connect(listener, 10);
    await eventually('it is closed', () => listener.address() === null);
    const { accepted, unplaced } = listener.counters;
    expect(unplaced).toBe(accepted - 1);
    for (const client of clients) client.end();
    await allClosed(clients);
  });
});
