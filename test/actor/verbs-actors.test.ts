/**
 * Socket actors over RDMA, on the workers of this process: accepted by a worker, moved to another one under traffic, and with
 * a worker that dies. Over the fake libraries; where there is a device, the suites of places.ts do this between processes.
 */
import { randomBytes } from 'node:crypto';
import { createSwitch, type Runtime, type RuntimeListener } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import { fakeVerbs, verbsEntry, verbsHost } from '../fixtures/verbs-place.js';
import { afterwards } from '../switch/helpers.js';
import { workerOf } from './carriers.js';
import { Echo } from './echoes.js';
import type { RoamerRef } from './roamers.js';
import { portOf } from './runtime-clients.js';
import { moduleUrl, runtimeOf, until } from './runtimes.js';

const KIB = 1024;

interface World {
  readonly runtime: Runtime;
  readonly listener: RuntimeListener;
  connect(): Promise<Echo>;
}

async function worldOf(poller: 'inline' | 'dedicated', actor = 'roamer'): Promise<World> {
  const sw = await createSwitch({ providers: [verbsEntry], poller });
  afterwards(() => sw.close());
  const runtime = await runtimeOf({ providers: [verbsEntry], poller });
  const listener = await runtime.listen({ actor: moduleUrl(actor), host: verbsHost });
  const connect = async () => new Echo(await sw.connect({ port: portOf(listener), host: verbsHost }));
  return { runtime, listener, connect };
}

/** Not while the peer is slow: then once more. */
async function move(runtime: Runtime, ref: RoamerRef, to: number, patience = 10): Promise<RoamerRef> {
  try {
    return await runtime.migrate(ref, to);
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_SANSWITCH_HAND_OVER' || patience === 0) throw error;
    return move(runtime, ref, to, patience - 1);
  }
}

describe.each(['inline', 'dedicated'] as const)('socket actors over verbs, polled %s', (poller) => {
  it('[WSD-4.3] are accepted by both workers, and echo small and large', { timeout: 60_000 }, async () => {
    const { listener, connect } = await worldOf(poller);
    const echoes = await Promise.all(Array.from({ length: 12 }, connect));
    const threads = new Set<number>();
    for (const [i, echo] of echoes.entries()) threads.add(await echo.name(`accepted-${poller}-${i}`));
    expect(threads.size).toBe(2);
    expect(listener.connections).toBe(12);
    for (const echo of echoes) expect(echo.socket.provider).toBe('verbs');
    for (const echo of echoes) for (const bytes of [1, 100, 8 * KIB, 300 * KIB]) echo.send(randomBytes(bytes));
    await Promise.all(echoes.map((echo) => echo.answered()));
    for (const { socket } of echoes) await socket.close();
    await until('all have left', () => listener.connections === 0);
  });

  it('[WSD-8.1] move between workers under traffic, and lose, double or swap no byte', {
    timeout: 60_000,
  }, async () => {
    const { runtime, connect } = await worldOf(poller);
    const echo = await connect();
    await echo.name(`mover-${poller}`);
    let ref = runtime.lookup(`mover-${poller}`) as RoamerRef;
    let isOver = false;
    const traffic = (async () => {
      for (let i = 0; !isOver; i++) {
        echo.send(randomBytes(i % 5 === 0 ? 150 * KIB : 500));
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    for (let i = 0; i < 20; i++) {
      const to = 1 - workerOf(ref);
      ref = await move(runtime, ref, to);
      expect(workerOf(ref)).toBe(to);
    }
    isOver = true;
    await traffic;
    await echo.answered();
    await echo.socket.close();
  });

  it('[WSD-7.3] a worker that exits resets its connections, and no others', { timeout: 60_000 }, async () => {
    const { listener, connect } = await worldOf(poller, 'server');
    const echoes = await Promise.all(Array.from({ length: 8 }, connect));
    for (const echo of echoes) echo.send(randomBytes(2_000).fill(65));
    await Promise.all(echoes.map((echo) => echo.answered()));
    (echoes[0] as Echo).socket.send(Buffer.from('!exit'));
    await until('the resets', () => echoes.filter(({ ended }) => ended !== undefined).length === 4);
    for (const { ended } of echoes) if (ended !== undefined) expect(ended?.code).toBe('ECONNRESET');
    const living = echoes.filter(({ ended }) => ended === undefined);
    for (const echo of living) echo.send(randomBytes(100 * KIB).fill(66));
    await Promise.all(living.map((echo) => echo.answered()));
    for (const { socket } of living) await socket.close();
    await until('all have left', () => listener.connections === 0);
    // What the worker had is gone with it.
    if (fakeVerbs !== null) await until('no queue pair is left', () => fakeVerbs?.control('live qp') === 0);
  });
});
