/** A runtime that listens in a process of its own, and clients elsewhere. */
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createSwitch, type StreamSocket, type Switch } from 'sanswitch';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { killPeers, Peer } from '../shm/peer.js';
import { afterwards } from '../switch/helpers.js';
import { ServerProcess } from './intake-process.js';
import { echoes } from './intake-rig.js';
import { type Place, peerOptions, places, tcpPlace } from './places.js';
import { until } from './runtimes.js';

const DESCRIPTORS = 128;

afterEach(killPeers);

async function start({ host, options }: Place, shellCommands = ''): Promise<ServerProcess> {
  const env = { SERVER_OPTIONS: JSON.stringify({ workers: 2, ...options }), SERVER_HOST: host };
  return ServerProcess.start(shellCommands, env, 'runtime-server');
}

async function ask(socket: StreamSocket, order: string): Promise<string> {
  socket.send(Buffer.from(order));
  return Buffer.from((await socket.receive()) ?? []).toString();
}

describe.each(places)('connections from another process, over $name', (place) => {
  const { host } = place;
  const [count, few] = place.isSlow ? [24, 6] : [100, 20];
  /** How long others' traffic may stand still on a machine that is busy with other things; alone it is 10 ms. */
  const pauseMax_ms = place.isSlow ? 5_000 : 100;
  let server: ServerProcess;
  let sw: Switch;

  beforeAll(async () => {
    server = await start(place);
    sw = await createSwitch(peerOptions(place));
    return async () => {
      await sw.close();
      await server.end();
    };
  });
  beforeEach(() => until('all others have left', async () => (await server.state()).open === 0));

  /** So many connections, and the threads that serve them. */
  async function connected(wanted: number): Promise<{ sockets: StreamSocket[]; threads: string[] }> {
    const there = { port: server.port, host };
    const sockets = await Promise.all(Array.from({ length: wanted }, () => sw.connect(there)));
    return { sockets, threads: await Promise.all(sockets.map((socket) => ask(socket, '!who'))) };
  }

  it('are served by both workers in equal shares', async () => {
    const { sockets, threads } = await connected(count);
    const [first] = threads;
    expect([new Set(threads).size, threads.filter((thread) => thread === first).length]).toEqual([2, count / 2]);
    const long = 'x'.repeat(100_000);
    for (const socket of sockets.slice(0, 10)) {
      socket.send(Buffer.from(long));
      let got = 0;
      while (got < long.length) got += (await socket.receive())?.length ?? Number.POSITIVE_INFINITY;
      expect(got).toBe(long.length);
    }
    await Promise.all(sockets.map((socket) => socket.close()));
    await until('all have left', async () => (await server.state()).open === 0);
  });

  it('are made by yet another process, and by a thread', async () => {
    for (const peer of [await Peer.process(peerOptions(place)), await Peer.thread(peerOptions(place))]) {
      const outcomes = await Promise.all(
        Array.from({ length: few }, () => peer.do.tryConnect({ host, port: server.port })),
      );
      expect(new Set(outcomes)).toEqual(new Set([`connected by ${place.provider}`]));
    }
  });

  it('that are served by one worker go on when the other dies', { timeout: 60_000 }, async () => {
    const { sockets, threads } = await connected(2 * count);
    const [first] = threads;
    const doomed = sockets.filter((_, i) => threads[i] === first);
    const living = sockets.find((_, i) => threads[i] !== first) as StreamSocket;
    let resets = 0;
    for (const socket of doomed) {
      socket.handlers = {
        received() {},
        closed: (_, error) => {
          if (error !== null) resets += 1;
        },
      };
    }
    /** The longest round trip of the other worker, in half a second or until that holds. */
    const longest = async (isOver: () => boolean) => {
      let longest_ms = 0;
      for (const end_ms = performance.now() + 500; !isOver() || performance.now() < end_ms; ) {
        const begin_ms = performance.now();
        await ask(living, 'still there');
        longest_ms = Math.max(longest_ms, performance.now() - begin_ms);
      }
      return longest_ms;
    };
    await ask(living, 'warm');
    const usual_ms = await longest(() => true);
    doomed[0]?.send(Buffer.from('!exit'));
    const then_ms = await longest(() => resets === count);
    expect(then_ms).toBeLessThan(pauseMax_ms + 3 * usual_ms);
    await until('the accounts are right', async () => (await server.state()).open === count);
    await Promise.all(sockets.map((socket) => socket.close()));
  });

  it('all see a reset when the process is killed', async () => {
    const { sockets } = await connected(count);
    const ends: (string | undefined)[] = [];
    for (const socket of sockets) {
      socket.handlers = {
        received() {},
        closed: (_, error) => void ends.push((error as NodeJS.ErrnoException | null)?.code),
      };
    }
    server.kill();
    await until('all know', () => ends.length === count);
    expect(new Set(ends)).toEqual(new Set(['ECONNRESET']));
  });
});

describe('a process that runs out of descriptors', () => {
  it('says so once, goes on with those who are in, and lets others in when there is room', async () => {
    const running = await start(tcpPlace, `ulimit -n ${DESCRIPTORS};`);
    afterwards(() => running.end());
    const clients = await running.connect(200);
    await until('it says so', async () => (await running.state()).errors.length > 0);
    await delay(200);
    const state = await running.state();
    expect(state.errors).toEqual(['accept EMFILE']);
    expect(state.accepted).toBe(state.open);
    expect(state.shed).toBeGreaterThanOrEqual(1);
    await echoes(clients[0] as Socket, 'still here');
    for (const client of clients.slice(1, 100)) client.destroy();
    await echoes(clients[180] as Socket, 'let in at last');
    expect((await running.state()).accepted).toBeGreaterThan(state.accepted);
  });
});
