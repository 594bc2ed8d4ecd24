/**
 * What an engine does when the libraries fail it, over the fake ones: the n-th call of each function for every n, every
 * status that a request can end with, memory that can't be locked, events of devices, a device that is removed.
 */
import { constants } from 'node:os';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as layout from '#src/layout/layout.gen.js';
import { type FakeVerbs, useFakeVerbs } from '../fixtures/fake-verbs.js';
import { connectPair, type Pair, prepareClient, TestEngine } from '../fixtures/verbs-engine.js';

const { ENOMEM, EIO, ENODEV, EBUSY } = constants.errno;

let verbs: FakeVerbs;
const engines: TestEngine[] = [];

beforeAll(async () => {
  verbs = await useFakeVerbs();
}, 120_000);

beforeEach(() => {
  verbs.control('reset');
});

afterEach(() => {
  for (const one of engines.splice(0)) one.close();
  expect(verbs.control('live')).toBe(0);
});

/** An engine that is closed, with nothing left of it, after the test. Waits are short: nothing here takes long. */
function engine(): TestEngine {
  const made = new TestEngine({ ackTimeout: 8, retryCount: 1, rnrRetryCount: 1 });
  made.limitMs = 500;
  engines.push(made);
  return made;
}

function positive(result: number, what: string): number {
  if (result < 0) throw new Error(`${what}: errno ${-result}`);
  return result;
}

/** Waits for a completion and fails with its status, or if no more can come. */
async function succeeded(one: TestEngine, connection: number, op: number): Promise<void> {
  const found = await one.until(() => {
    const lost = one.completions.find(({ status }) => status === layout.VERBS_STATUS_QUEUE_LOST);
    if (lost !== undefined) return lost;
    const at = one.completions.findIndex((each) => each.connection === connection && each.op === op);
    return at < 0 ? undefined : one.completions.splice(at, 1)[0];
  }, `completion of op ${op}`);
  if (found.status !== layout.VERBS_STATUS_OK) throw new Error(`op ${op}: status ${found.status}`);
}

const keys = new Int32Array(4);

/** Reads the server's memory through a window of its own, from the client. */
async function readThroughWindow(one: TestEngine, { client, server }: Pair): Promise<void> {
  const local = Buffer.from(new SharedArrayBuffer(4096));
  const remote = Buffer.from(new SharedArrayBuffer(4096)).fill('r');
  const target = positive(one.native.register(client, local, layout.VERBS_ACCESS_LOCAL_WRITE, keys), 'register');
  const source = positive(one.native.register(server, remote, layout.VERBS_ACCESS_BIND, keys), 'register');
  const remoteAddress = (BigInt(keys[3] >>> 0) << 32n) | BigInt(keys[2] >>> 0);
  const window = positive(one.native.allocateWindow(server), 'allocateWindow');
  const key = new Int32Array(1);
  const { VERBS_ACCESS_REMOTE_READ: access, VERBS_FLAG_SIGNALLED: flags } = layout;
  positive(one.native.bindWindow(server, window, source, 0, 4096, access, 5, key), 'bindWindow');
  await succeeded(one, server, layout.VERBS_OP_BIND);
  const read = { connection: client, op: layout.VERBS_OP_READ, flags, region: target, length: 4096 };
  one.submit({ ...read, remoteKey: key[0] >>> 0, remoteAddress });
  await succeeded(one, client, layout.VERBS_OP_READ);
  if (!local.equals(remote)) throw new Error('the wrong bytes were read');
  positive(one.native.invalidateWindow(server, window, 6), 'invalidateWindow');
  await succeeded(one, server, layout.VERBS_OP_INVALIDATE);
  positive(one.native.freeWindow(window), 'freeWindow');
  positive(one.native.deregister(source), 'deregister');
  positive(one.native.deregister(target), 'deregister');
}

/** A life of an engine: connect, transfer, close. @throws Error: something of it failed */
async function live(): Promise<void> {
  const one = engine();
  const pair = await connectPair(one, one);
  const { client, server, listener } = pair;
  one.send(client, 1, 'there');
  await succeeded(one, server, layout.VERBS_OP_RECEIVE);
  await succeeded(one, client, layout.VERBS_OP_SEND);
  // The thread sleeps, and is woken by a completion event.
  await new Promise((resolve) => setTimeout(resolve, 5));
  one.send(server, 2, 'and back');
  await succeeded(one, client, layout.VERBS_OP_RECEIVE);
  await readThroughWindow(one, pair);
  positive(one.native.disconnect(client), 'disconnect');
  await one.cm(layout.VERBS_CM_DISCONNECTED, server);
  await one.cm(layout.VERBS_CM_DISCONNECTED, client);
  positive(one.native.destroy(client), 'destroy');
  positive(one.native.destroy(server), 'destroy');
  positive(one.native.unlisten(listener), 'unlisten');
  engines.pop();
  one.close();
}

/** What the life of an engine calls to begin something: each failure is told, and leaves nothing. */
const beginnings = [
  'rdma_create_event_channel',
  'rdma_create_id',
  'rdma_bind_addr',
  'rdma_listen',
  'rdma_set_option',
  'rdma_resolve_addr',
  'rdma_resolve_route',
  'rdma_create_qp',
  'rdma_connect',
  'rdma_accept',
  'ibv_query_device',
  'ibv_alloc_pd',
  'ibv_reg_mr',
  'ibv_create_comp_channel',
  'ibv_create_cq',
  'ibv_post_send',
  'ibv_post_recv',
  'ibv_alloc_mw',
];
/** What is called as the thread wakes and sleeps: the last calls come when all is done, and their failure is nobody's. */
const periodic = ['ibv_req_notify_cq', 'ibv_poll_cq'];
/** What is tried again, or is of no use any more when it fails. */
const harmless = ['rdma_get_cm_event', 'ibv_get_cq_event'];
/** What ends something, and may leave it there if it fails. */
const ends = [
  'rdma_disconnect',
  'ibv_dealloc_mw',
  'ibv_dereg_mr',
  'ibv_destroy_cq',
  'ibv_destroy_comp_channel',
  'ibv_dealloc_pd',
  'rdma_destroy_id',
];

/** How often the life of an engine calls a function; of what is called all the time, the first few calls. */
async function callsOf(name: string): Promise<number> {
  verbs.control('reset');
  await live();
  return Math.min(verbs.control(`calls ${name}`), 12);
}

/** Lets the `n`-th call of a function fail in the life of an engine. @returns what that said */
async function failAt(name: string, n: number): Promise<Error | null> {
  verbs.control('reset');
  verbs.control(`fail ${name} ${n} ${ENOMEM}`);
  const error = await live().then(
    () => null,
    (thrown: Error) => thrown,
  );
  for (const one of engines.splice(0)) one.close();
  return error;
}

describe('a call that fails', () => {
  it.each(beginnings)('%s: for every n the engine says so, and leaves nothing', async (name) => {
    const count = await callsOf(name);
    expect(count).toBeGreaterThan(0);
    for (let n = 1; n <= count; n++) {
      expect(await failAt(name, n), `call ${n}`).not.toBeNull();
      expect(verbs.control('live'), `call ${n}`).toBe(0);
    }
    verbs.control('reset');
    await live();
  });

  it.each(periodic)('%s: the first time the engine says so, and for every n it leaves nothing', async (name) => {
    const count = await callsOf(name);
    expect(await failAt(name, 1)).not.toBeNull();
    for (let n = 1; n <= count; n++) {
      await failAt(name, n);
      expect(verbs.control('live'), `call ${n}`).toBe(0);
    }
  });

  it.each(harmless)('%s: for every n the engine goes on', async (name) => {
    const count = await callsOf(name);
    expect(count).toBeGreaterThan(0);
    for (let n = 1; n <= count; n++) expect(await failAt(name, n), `call ${n}`).toBeNull();
  });

  it.each(ends)('%s: for every n the process goes on', async (name) => {
    const count = await callsOf(name);
    expect(count).toBeGreaterThan(0);
    for (let n = 1; n <= count; n++) {
      await failAt(name, n);
      verbs.control('forget');
      verbs.control('reset');
      await live();
    }
  });
});

describe('a call that fails while a connection changes its engine', () => {
  const slots = new Int32Array([300, 301, 302, 303]);
  const taken = new Int32Array(1);

  /** A message from the client to whoever has the other end now. */
  async function arrives(client: TestEngine, pair: Pair, owner: TestEngine): Promise<void> {
    client.send(pair.client, 1, 'text');
    await succeeded(owner, pair.server, layout.VERBS_OP_RECEIVE);
    await succeeded(client, pair.client, layout.VERBS_OP_SEND);
  }

  it('[WSD-8.1] it stays where it is when it can not leave', async () => {
    const [client, from, to] = [engine(), engine(), engine()];
    const pair = await connectPair(client, from);
    verbs.control(`fail rdma_migrate_id 1 ${ENOMEM}`);
    expect(from.native.detach(pair.server)).toBe(-ENOMEM);
    await arrives(client, pair, from);
    const token = from.native.detach(pair.server);
    expect(to.native.attach(token as bigint, slots, taken)).toBe(pair.server);
    await arrives(client, pair, to);
  });

  it.each(['rdma_migrate_id', 'ibv_req_notify_cq'])(
    '[WSD-8.1] %s: what is told of a failure can be tried again',
    async (name) => {
      const [client, from, to] = [engine(), engine(), engine()];
      const pair = await connectPair(client, from);
      const token = from.native.detach(pair.server) as bigint;
      verbs.control(`fail ${name} 1 ${ENOMEM}`);
      const attached = to.native.attach(token, slots, taken);
      if (attached < 0) expect(to.native.attach(token, slots, taken)).toBe(pair.server);
      verbs.control('reset');
      await arrives(client, pair, to);
    },
  );

  it('[WSD-8.1] its device is removed meanwhile: who takes it is told, and everything goes', async () => {
    const [client, from, to] = [engine(), engine(), engine()];
    const pair = await connectPair(client, from);
    const token = from.native.detach(pair.server) as bigint;
    verbs.control('remove fake0');
    if (to.native.attach(token, slots, taken) > 0) await to.cm(layout.VERBS_CM_DEVICE_REMOVAL, pair.server);
    for (const one of engines.splice(0)) one.close();
    verbs.control('device fake0 lo 127.0.0.1/8');
  });
});

describe('memory that a window is bound to', () => {
  it('[WSD-6.1] stays registered, and can be deregistered once the window is gone', async () => {
    const one = engine();
    const { server } = await connectPair(one, one);
    const memory = Buffer.from(new SharedArrayBuffer(4096));
    const region = one.native.register(server, memory, layout.VERBS_ACCESS_BIND, keys);
    const window = one.native.allocateWindow(server);
    const { VERBS_ACCESS_REMOTE_READ: access } = layout;
    expect(one.native.bindWindow(server, window, region, 0, 4096, access, -1, keys)).toBe(0);
    expect(one.native.deregister(region)).toBe(-EBUSY);
    expect(one.native.freeWindow(window)).toBe(0);
    expect(one.native.deregister(region)).toBe(0);
  });
});

describe('a request that fails', () => {
  const statuses = Array.from({ length: 21 }, (_, index) => index + 1);

  it.each(statuses)('with status %i: a send is told of it, and what is behind it is flushed', async (status) => {
    const one = engine();
    const { client, server } = await connectPair(one, one);
    verbs.control(`status send 2 ${status}`);
    for (const slot of [1, 2, 3]) one.send(client, slot, 'text');
    await succeeded(one, client, layout.VERBS_OP_SEND);
    expect(await one.completion(client, layout.VERBS_OP_SEND)).toMatchObject({ status, cookie: 2, length: 0 });
    const flushed = { status: layout.VERBS_STATUS_FLUSHED, cookie: 3 };
    expect(await one.completion(client, layout.VERBS_OP_SEND)).toMatchObject(flushed);
    for (let i = 0; i < 4; i++) {
      expect(await one.completion(client, layout.VERBS_OP_RECEIVE)).toMatchObject({
        status: layout.VERBS_STATUS_FLUSHED,
        cookie: 100 + i,
      });
    }
    // The other end hears of it by its connection, and has got what was sent before.
    await succeeded(one, server, layout.VERBS_OP_RECEIVE);
    one.native.disconnect(client);
    await one.cm(layout.VERBS_CM_DISCONNECTED, server);
  });

  it.each(statuses)('with status %i: a receive is told of it, with its slot', async (status) => {
    const one = engine();
    const { client, server } = await connectPair(one, one);
    verbs.control(`status receive 1 ${status}`);
    one.send(client, 1, 'text');
    expect(await one.completion(server, layout.VERBS_OP_RECEIVE)).toMatchObject({ status, cookie: 200, length: 0 });
    expect((await one.completion(client, layout.VERBS_OP_SEND)).status).toBe(layout.VERBS_STATUS_REMOTE_OPERATION);
    for (const cookie of [201, 202, 203]) {
      const flushed = { status: layout.VERBS_STATUS_FLUSHED, cookie };
      expect(await one.completion(server, layout.VERBS_OP_RECEIVE)).toMatchObject(flushed);
    }
  });

  it.each(['bind', 'read', 'invalidate'])('a %s', async (operation) => {
    const one = engine();
    const pair = await connectPair(one, one);
    verbs.control(`status ${operation} 1 ${layout.VERBS_STATUS_GENERAL}`);
    await expect(readThroughWindow(one, pair)).rejects.toThrow(`status ${layout.VERBS_STATUS_GENERAL}`);
  });

  it('because nothing is posted at the other end', async () => {
    const one = engine();
    // What the connection manager sets for the time until the next try is 0.66 s.
    one.limitMs = 5_000;
    const { client, server } = await connectPair(one, one, 1);
    for (const slot of [1, 2]) one.send(client, slot, 'text');
    await succeeded(one, client, layout.VERBS_OP_SEND);
    expect((await one.completion(client, layout.VERBS_OP_SEND)).status).toBe(layout.VERBS_STATUS_RNR_RETRIES);
    await succeeded(one, server, layout.VERBS_OP_RECEIVE);
  });

  it('because the path is cut: within the time that ACK timeout and retries give', async () => {
    const one = engine();
    const { client } = await connectPair(one, one);
    verbs.control('cut');
    const begin = performance.now();
    one.send(client, 1, 'text');
    expect((await one.completion(client, layout.VERBS_OP_SEND)).status).toBe(layout.VERBS_STATUS_RETRIES);
    expect(performance.now() - begin).toBeLessThan(500);
    verbs.control('mend');
  });
});

describe('a host that', () => {
  it('may lock no memory can connect, and is told with the first receive and the first registration', async () => {
    const one = engine();
    const listener = positive(one.native.listen(4, '127.0.0.1', 0, 16, 0), 'listen');
    verbs.control('memlock 0');
    const client = await prepareClient(one, one.native.listenerPort(listener));
    one.receive(client, 1, 2);
    for (const cookie of [1, 2]) {
      const refused = { status: layout.VERBS_STATUS_NOT_POSTED, vendorError: ENOMEM, cookie };
      expect(await one.completion(client, layout.VERBS_OP_RECEIVE)).toMatchObject(refused);
    }
    expect(one.native.useChunk(client, 0)).toBe(-ENOMEM);
    const memory = Buffer.from(new SharedArrayBuffer(4096));
    expect(one.native.register(client, memory, layout.VERBS_ACCESS_LOCAL_WRITE, keys)).toBe(-ENOMEM);
    verbs.control('memlock -1');
    expect(one.native.useChunk(client, 0)).toBe(0);
  });

  it.each([
    ['qp 1', 'queue pairs'],
    ['cq 0', 'completion queues'],
    ['cqe 8', 'room for completions'],
    ['qp_wr 8', 'deep queues'],
    ['inline 0', 'inline sends'],
  ])('has not enough (limit %s): %s', async (limit) => {
    const one = engine();
    verbs.control(`limit ${limit}`);
    await connectPair(one, one).catch((error: Error) => expect(error.message).toMatch(/^prepare: errno \d+$/));
    engines.pop()?.close();
    verbs.control('reset');
    const two = engine();
    await connectPair(two, two);
  });

  it('has no memory windows and no RDMA read says so', async () => {
    const one = engine();
    verbs.control('without windows');
    verbs.control('without read');
    const { client } = await connectPair(one, one);
    expect(one.native.connectionDevice(client)).toMatchObject({ hasWindows: false, maxReadDepth: 0 });
    expect(one.native.allocateWindow(client)).toBeLessThan(0);
  });
});

describe('an event of a device', () => {
  // IBV_EVENT_*: of ports and devices, of queue pairs.
  it.each([9, 10, 11, 12, 13, 17, 18])('of type %i is told to the engine', async (event) => {
    const one = engine();
    await connectPair(one, one);
    verbs.control(`event ${event}`);
    expect(await one.until(() => one.asyncs.shift(), 'event')).toEqual({ event, connection: 0 });
  });

  it.each([1, 2, 3, 4, 5, 6, 7])('of type %i is told to the owner of the queue pair', async (event) => {
    const one = engine();
    const { server } = await connectPair(one, one);
    // The passive end's was made last.
    verbs.control(`event ${event} qp ${verbs.control('last qp')}`);
    expect(await one.until(() => one.asyncs.shift(), 'event')).toEqual({ event, connection: server });
  });

  it('that is fatal to a queue pair comes before its requests are flushed', async () => {
    const one = engine();
    const { server } = await connectPair(one, one);
    verbs.control(`break ${verbs.control('last qp')}`);
    expect((await one.until(() => one.asyncs.shift(), 'event')).connection).toBe(server);
    for (let i = 0; i < 4; i++) {
      expect((await one.completion(server, layout.VERBS_OP_RECEIVE)).status).toBe(layout.VERBS_STATUS_FLUSHED);
    }
  });
});

describe('a device that is removed', () => {
  it('is told to each connection and to the engine; what is there can be ended, and another device serves', async () => {
    const one = engine();
    const two = engine();
    const { client, server } = await connectPair(one, two);
    verbs.control('remove fake0');
    await one.cm(layout.VERBS_CM_DEVICE_REMOVAL, client);
    await two.cm(layout.VERBS_CM_DEVICE_REMOVAL, server);
    expect((await one.until(() => one.asyncs.shift(), 'event')).event).toBe(8);
    one.send(client, 1, 'text');
    expect((await one.completion(client, layout.VERBS_OP_SEND)).status).toBe(layout.VERBS_STATUS_NOT_POSTED);
    const memory = Buffer.from(new SharedArrayBuffer(4096));
    expect(one.native.register(client, memory, layout.VERBS_ACCESS_LOCAL_WRITE, keys)).toBe(-EIO);
    expect(one.native.destroy(client)).toBe(0);
    expect(one.native.resolve(4, '127.0.0.1', 0, '127.0.0.1', 9, 500)).toBe(-ENODEV);
    const missing = one.native.resolve(4, '', 0, '127.0.0.1', 9, 500);
    expect((await one.cm(layout.VERBS_CM_ADDRESS_ERROR, missing)).status).toBe(-ENODEV);
    verbs.control('device fake0 lo 127.0.0.1/8');
    await connectPair(one, two);
  });
});
