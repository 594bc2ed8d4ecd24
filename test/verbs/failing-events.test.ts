/**
 * Events that can't be taken, over the fake libraries: there are some, so their descriptor is readable, and every call that is to
 * take one fails. The thread rests all the same, what does not depend on them goes on, and once they can be taken all are told.
 */
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { createSwitch } from 'sanswitch';
import { afterEach, describe, expect, it } from 'vitest';
import * as layout from '#src/layout/layout.gen.js';
import { connectPair, TestEngine } from '../fixtures/verbs-engine.js';
import { eventually, Party } from '../shm/party.js';
import { afterwards } from '../switch/helpers.js';
import { FAKE_OPTIONS, fakeLibraries } from './fake-libraries.js';

const { EIO } = constants.errno;
const HOST = '127.0.0.1';
const LARGE = Buffer.alloc(300_000, 'large');
/** Tries that a second may see: more and more seldom, down to eight. */
const TRIES_MAX = 40;
/** Of the 1,000 ms; a thread that turns takes all that the machine has left. */
const PROCESSOR_MAX_MS = 100;

const verbs = await fakeLibraries();
const engines: TestEngine[] = [];

afterEach(() => {
  for (const one of engines.splice(0)) one.close();
});

function engine(): TestEngine {
  const made = new TestEngine();
  engines.push(made);
  return made;
}

/** From now on every call of `name` fails. */
const fail = (name: string) => verbs.control(`fail ${name} 1 ${EIO} always`);

/** Waits for a second, in which the function is hardly called, and this process does nothing else either. */
async function restful(name: string): Promise<void> {
  const before = { calls: verbs.control(`calls ${name}`), usage: process.cpuUsage() };
  await delay(1_000);
  const { user, system } = process.cpuUsage(before.usage);
  const calls = verbs.control(`calls ${name}`) - before.calls;
  expect(calls).toBeGreaterThan(2);
  expect(calls).toBeLessThan(TRIES_MAX);
  expect((user + system) / 1_000).toBeLessThan(PROCESSOR_MAX_MS);
}

describe('events of the connection manager', () => {
  it('all of them are told, in their order', async () => {
    const [client, server] = [engine(), engine()];
    const pair = await connectPair(client, server);
    fail('rdma_get_cm_event');
    expect(client.native.disconnect(pair.client)).toBe(0);
    const resolving = Array.from({ length: 100 }, () => client.native.resolve(4, '', 0, HOST, 9, 5_000));
    await restful('rdma_get_cm_event');
    expect([client.cms, server.cms]).toEqual([[], []]);
    verbs.control('reset');
    await server.cm(layout.VERBS_CM_DISCONNECTED, pair.server);
    await eventually('the last', () => client.cms.length > resolving.length);
    const resolved = client.cms.filter(({ event }) => event === layout.VERBS_CM_ADDRESS_RESOLVED);
    expect(resolved.map(({ connection }) => connection)).toEqual(resolving);
  });

  it('[WSD-8.1] those of a connection that changes its engine meanwhile go with it', async () => {
    const [client, from, to] = [engine(), engine(), engine()];
    const pair = await connectPair(client, from);
    fail('rdma_get_cm_event');
    client.native.disconnect(pair.client);
    const slots = new Int32Array([300, 301, 302, 303]);
    const token = from.native.detach(pair.server) as bigint;
    expect(to.native.attach(token, slots, new Int32Array(1))).toBe(pair.server);
    await restful('rdma_get_cm_event');
    verbs.control('reset');
    await to.cm(layout.VERBS_CM_DISCONNECTED, pair.server);
  });

  it('connections go on, and connects that wait are served when it is over', { timeout: 30_000 }, async () => {
    const options = { ...FAKE_OPTIONS, connectTimeoutMs: 20_000 };
    const sw = await createSwitch({
      providers: [{ name: 'verbs', required: true, options }],
      sanConnectTimeoutMs: 20_000,
    });
    afterwards(() => sw.close());
    const listener = await sw.listen({ host: HOST }, (socket) => void Party.of(socket, 'echo'));
    const { port } = listener.address();
    const connect = async () => Party.of(await sw.connect({ port, host: HOST }), 'sink');
    const echoed = async (party: Party) => {
      const wanted = party.received + LARGE.length;
      party.socket.send(LARGE);
      await eventually('the echo', () => party.closed || party.received >= wanted);
      expect(party.error).toBeNull();
    };
    const old = await connect();
    await echoed(old);
    fail('rdma_get_cm_event');
    const connects = Array.from({ length: 10 }, connect);
    await restful('rdma_get_cm_event');
    await echoed(old);
    verbs.control('reset');
    for (const party of await Promise.all(connects)) await echoed(party);
  });

  it('an engine can be closed meanwhile', async () => {
    const [client, server] = [engine(), engine()];
    const pair = await connectPair(client, server);
    fail('rdma_get_cm_event');
    client.native.disconnect(pair.client);
    await delay(20);
    for (const one of engines.splice(0)) one.close();
    await delay(300);
    expect(verbs.control('live')).toBe(0);
  });
});

describe('asynchronous events of a device', () => {
  it('all of them are told, in their order', async () => {
    const [client, server] = [engine(), engine()];
    const pair = await connectPair(client, server);
    fail('ibv_get_async_event');
    const types = [10, 9, 11, 12, 13, 17, 18];
    for (const type of types) verbs.control(`event ${type}`);
    await restful('ibv_get_async_event');
    expect([client.asyncs, server.asyncs]).toEqual([[], []]);
    client.send(pair.client, 1, 'text');
    await eventually('a message', () => server.completions.some(({ op }) => op === layout.VERBS_OP_RECEIVE));
    verbs.control('reset');
    for (const one of [client, server]) {
      await eventually('the last', () => one.asyncs.length >= types.length);
      expect(one.asyncs.map(({ event }) => event)).toEqual(types);
    }
  });
});
