/** The engine as a source of the reactor's poller, inline and dedicated: wake-ups, who drains, and no processor while idle. */
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as layout from '#src/layout/layout.gen.js';
import { Reactor } from '#src/reactor/reactor.js';
import { idleShare } from '../fixtures/idleness.js';
import { connectPair, prepareClient, TestEngine } from '../fixtures/verbs-engine.js';
import { useVerbs } from '../fixtures/verbs-host.js';

beforeAll(async () => {
  await useVerbs();
}, 120_000);

const engines: TestEngine[] = [];

function engine(): TestEngine {
  const made = new TestEngine();
  engines.push(made);
  return made;
}

afterEach(() => {
  if (engines.length > 0) Reactor.current().pollBy('inline');
  for (const one of engines.splice(0)) one.close();
});

const ECHO = join(process.cwd(), 'build', 'test', 'fixtures', 'verbs-echo-worker.js');

/** A real device, under emulation: slow. */
const isReal = process.env.SANSWITCH_TEST_RDMA_ADDRESS !== undefined;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** One message each way. */
async function bounce(one: TestEngine, client: number, server: number, text: string): Promise<void> {
  one.send(client, 1, text);
  const there = await one.completion(server, layout.VERBS_OP_RECEIVE);
  expect(one.text(there.cookie, there.length)).toBe(text);
  one.receive(server, there.cookie);
  await one.completion(client, layout.VERBS_OP_SEND);
}

describe.each(['blocking', 'spin'] as const)('the dedicated poller, idle strategy %s', (strategy) => {
  it('moves what comes for a thread that sleeps, and wakes it', async () => {
    const one = engine();
    const worker = new Worker(ECHO);
    try {
      const [port] = await once(worker, 'message');
      Reactor.current().pollBy('dedicated', strategy);
      const connection = await prepareClient(one, port);
      one.receive(connection, 100, 101);
      one.native.connect(connection, Buffer.alloc(0));
      await one.cm(layout.VERBS_CM_ESTABLISHED, connection);
      for (let round = 0; round < 20; round++) {
        one.send(connection, 1, `round ${round}`);
        const { status, cookie, length } = await one.completion(connection, layout.VERBS_OP_RECEIVE);
        expect(status).toBe(layout.VERBS_STATUS_OK);
        expect(one.text(cookie, length)).toBe(`round ${round}`);
        one.receive(connection, cookie);
        await one.completion(connection, layout.VERBS_OP_SEND);
      }
      const { events, foreignBatches } = one.native.stats();
      // Spinning, it finds them before the device has to wake anybody; asleep itself, it leaves that to the device.
      if (strategy === 'spin') expect(foreignBatches).toBeGreaterThan(15);
      else expect(events + foreignBatches).toBeGreaterThan(15);
    } finally {
      await worker.terminate();
    }
  });
});

describe.each(['inline', 'dedicated'] as const)('an engine that is polled %s', (poller) => {
  it('hears of every message, whether the thread spins or sleeps', async () => {
    const one = engine();
    Reactor.current().pollBy(poller);
    const { client, server } = await connectPair(one, one);
    for (let round = 0; round < 100; round++) {
      if (round % 10 === 0) await sleep(3);
      const start = performance.now();
      await bounce(one, client, server, `round ${round}`);
      // A lost wake-up would be found by the test's own timer, 100 ms later.
      if (!isReal) expect(performance.now() - start).toBeLessThan(90);
    }
    const { completions, events, foreignBatches } = one.native.stats();
    expect(completions).toBeGreaterThan(199);
    if (poller === 'inline') expect(foreignBatches).toBe(0);
    if (poller === 'inline') expect(events).toBeGreaterThan(0);
  });

  it('takes no processor while nothing comes, and wakes then', async () => {
    const one = engine();
    Reactor.current().pollBy(poller);
    const { client, server } = await connectPair(one, one);
    await bounce(one, client, server, 'before');
    await sleep(200);
    const { events } = one.native.stats();
    const { sleeps } = Reactor.current().stats();
    expect(await idleShare()).toBeLessThan(0.1);
    expect(one.native.stats().events).toBe(events);
    expect(Reactor.current().stats().sleeps - sleeps).toBeLessThan(100);
    await bounce(one, client, server, 'after');
  });
});
