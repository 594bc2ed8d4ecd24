/** The native engine by its calls: connections, messages, RDMA, errors, the end. Over the fake libraries, or a real device. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as layout from '#src/layout/layout.gen.js';
import { address, connectPair, prepareClient } from '../fixtures/verbs-engine.js';
import { engine } from '../fixtures/verbs-engines.js';
import { useVerbs } from '../fixtures/verbs-host.js';

beforeAll(async () => {
  await useVerbs();
}, 120_000);

describe('connections of an engine', () => {
  it('stands after resolve, route, connect and accept, with private data both ways', async () => {
    const one = engine();
    const listener = one.native.listen(4, address, 0, 16, 0);
    const client = await prepareClient(one, one.native.listenerPort(listener));
    expect(one.native.connect(client, Buffer.from('hello'))).toBe(0);
    const request = await one.cm(layout.VERBS_CM_CONNECT_REQUEST);
    expect(request.listener).toBe(listener);
    expect(request.privateData.subarray(0, 5).toString()).toBe('hello');
    const out = new Int32Array(3);
    expect(one.native.prepare(request.connection, 16, 16, 64, 0, out)).toBe(0);
    expect(out[1]).toBeGreaterThan(0);
    expect(one.native.accept(request.connection, Buffer.from('welcome'))).toBe(0);
    const established = await one.cm(layout.VERBS_CM_ESTABLISHED, client);
    expect(established.privateData.subarray(0, 7).toString()).toBe('welcome');
    await one.cm(layout.VERBS_CM_ESTABLISHED, request.connection);
    expect(one.native.disconnect(client)).toBe(0);
    await one.cm(layout.VERBS_CM_DISCONNECTED, request.connection);
    await one.cm(layout.VERBS_CM_DISCONNECTED, client);
    expect(one.native.destroy(client)).toBe(0);
    expect(one.native.destroy(client)).toBeLessThan(0);
    expect(one.native.destroy(request.connection)).toBe(0);
    expect(one.native.stats().connections).toBe(0);
  });

  it('is refused where nobody listens, and by a listener with its private data', async () => {
    const one = engine();
    const lonely = await prepareClient(one, 9);
    one.native.connect(lonely, Buffer.alloc(0));
    expect((await one.cm(layout.VERBS_CM_REJECTED, lonely)).status).toBe(layout.VERBS_REJECT_NO_LISTENER);
    const listener = one.native.listen(4, address, 0, 16, 0);
    const client = await prepareClient(one, one.native.listenerPort(listener));
    one.native.connect(client, Buffer.alloc(0));
    const request = await one.cm(layout.VERBS_CM_CONNECT_REQUEST);
    expect(one.native.reject(request.connection, Buffer.from('no'))).toBe(0);
    const rejected = await one.cm(layout.VERBS_CM_REJECTED, client);
    expect(rejected.status).toBe(layout.VERBS_REJECT_BY_LISTENER);
    expect(rejected.privateData.subarray(0, 2).toString()).toBe('no');
  });

  it('can be destroyed at every step', async () => {
    const one = engine();
    const port = one.native.listenerPort(one.native.listen(4, address, 0, 16, 0));
    for (let steps = 0; steps < 4; steps++) {
      const client = one.native.resolve(4, address, 0, address, port, 2_000);
      if (steps > 0) await one.cm(layout.VERBS_CM_ADDRESS_RESOLVED, client);
      if (steps > 1) one.native.resolveRoute(client, 2_000);
      if (steps > 2) await one.cm(layout.VERBS_CM_ROUTE_RESOLVED, client);
      expect(one.native.destroy(client)).toBe(0);
    }
    const client = await prepareClient(one, port);
    one.receive(client, 1, 2);
    one.native.connect(client, Buffer.alloc(0));
    expect(one.native.destroy(client)).toBe(0);
    expect(one.native.stats().connections).toBeLessThan(2);
  });
});

describe('messages of an engine', () => {
  it('go both ways, in order, inline and not', async () => {
    const one = engine();
    const { client, server } = await connectPair(one, one);
    one.send(client, 1, 'short');
    one.send(client, 2, 'x'.repeat(layout.VERBS_SLOT_BYTES));
    const first = await one.completion(server, layout.VERBS_OP_RECEIVE);
    const second = await one.completion(server, layout.VERBS_OP_RECEIVE);
    expect(one.text(first.cookie, first.length)).toBe('short');
    expect([first.cookie, second.cookie, second.length]).toEqual([200, 201, layout.VERBS_SLOT_BYTES]);
    expect(one.text(second.cookie, second.length)).toBe('x'.repeat(layout.VERBS_SLOT_BYTES));
    expect((await one.completion(client, layout.VERBS_OP_SEND)).cookie).toBe(1);
    expect((await one.completion(client, layout.VERBS_OP_SEND)).cookie).toBe(2);
    one.send(server, 3, 'back');
    const third = await one.completion(client, layout.VERBS_OP_RECEIVE);
    expect(one.text(third.cookie, third.length)).toBe('back');
  });

  it('wake a thread that sleeps', async () => {
    const one = engine();
    const { client, server } = await connectPair(one, one);
    for (let round = 0; round < 20; round++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      one.send(client, 1, `round ${round}`);
      const { cookie, length } = await one.completion(server, layout.VERBS_OP_RECEIVE);
      expect(one.text(cookie, length)).toBe(`round ${round}`);
      one.receive(server, cookie);
      await one.completion(client, layout.VERBS_OP_SEND);
    }
  });

  it('that can not be posted complete all the same', async () => {
    const one = engine();
    const { client } = await connectPair(one, one);
    const send = { connection: client, op: layout.VERBS_OP_SEND, cookie: 7, length: 8 };
    const taken = one.submit(
      { ...send, offset: layout.VERBS_CHUNK_BYTES - 4 },
      { ...send, region: 77 },
      { ...send, op: 99 },
      { ...send, connection: 12345 },
      { connection: client, op: layout.VERBS_OP_RECEIVE, cookie: layout.VERBS_SLOT_COUNT },
    );
    expect(taken).toBe(5);
    await one.until(() => (one.completions.length >= 5 ? true : undefined), 'completions');
    expect(one.completions.map((each) => each.status)).toEqual(Array(5).fill(layout.VERBS_STATUS_NOT_POSTED));
    expect(one.completions.map((each) => each.vendorError)).toEqual([22, 22, 22, 107, 22]);
  });

  it('are flushed when the connection ends', async () => {
    const one = engine();
    const { client, server } = await connectPair(one, one);
    one.native.disconnect(server);
    for (let i = 0; i < 4; i++) {
      expect((await one.completion(client, layout.VERBS_OP_RECEIVE)).status).toBe(layout.VERBS_STATUS_FLUSHED);
    }
  });
});

describe('RDMA of an engine', () => {
  it('reads and writes registered memory, and not without the right', async () => {
    const one = engine();
    const { client, server } = await connectPair(one, one);
    const remote = Buffer.from(new SharedArrayBuffer(65_536)).fill('remote.');
    const local = Buffer.from(new SharedArrayBuffer(65_536));
    const keys = new Int32Array(4);
    const { VERBS_ACCESS_LOCAL_WRITE: localWrite, VERBS_ACCESS_REMOTE_READ: read } = layout;
    const target = one.native.register(client, local, localWrite, keys);
    expect(target).toBeGreaterThan(0);
    const source = one.native.register(server, remote, read, keys);
    expect(source).toBeGreaterThan(0);
    const remoteKey = keys[1] >>> 0;
    const remoteAddress = (BigInt(keys[3] >>> 0) << 32n) | BigInt(keys[2] >>> 0);
    const signalled = { connection: client, flags: layout.VERBS_FLAG_SIGNALLED, region: target, length: 65_536 };
    one.submit({ ...signalled, op: layout.VERBS_OP_READ, cookie: 1, remoteKey, remoteAddress });
    expect((await one.completion(client, layout.VERBS_OP_READ)).status).toBe(layout.VERBS_STATUS_OK);
    expect(local.equals(remote)).toBe(true);
    one.submit({ ...signalled, op: layout.VERBS_OP_WRITE, cookie: 2, remoteKey, remoteAddress });
    const { status } = await one.completion(client, layout.VERBS_OP_WRITE);
    expect([layout.VERBS_STATUS_REMOTE_ACCESS, layout.VERBS_STATUS_REMOTE_REQUEST]).toContain(status);
    expect(one.native.deregister(source)).toBe(0);
    expect(one.native.deregister(source)).toBeLessThan(0);
  });

  it('goes through a memory window until that is invalidated [WSD-6.1]', async () => {
    const one = engine();
    const { client, server } = await connectPair(one, one);
    const device = one.native.connectionDevice(server);
    if (typeof device === 'number') throw new Error(`no device: ${device}`);
    expect(device.hasWindows).toBe(true);
    const remote = Buffer.from(new SharedArrayBuffer(8192)).fill('window.');
    const local = Buffer.from(new SharedArrayBuffer(8192));
    const keys = new Int32Array(4);
    const target = one.native.register(client, local, layout.VERBS_ACCESS_LOCAL_WRITE, keys);
    const source = one.native.register(server, remote, layout.VERBS_ACCESS_BIND, keys);
    const base = (BigInt(keys[3] >>> 0) << 32n) | BigInt(keys[2] >>> 0);
    const window = one.native.allocateWindow(server);
    expect(window).toBeGreaterThan(0);
    const key = new Int32Array(1);
    const read = { connection: client, op: layout.VERBS_OP_READ, flags: layout.VERBS_FLAG_SIGNALLED, region: target };
    for (let round = 0; round < 3; round++) {
      const bound = one.native.bindWindow(server, window, source, 4096, 4096, layout.VERBS_ACCESS_REMOTE_READ, 5, key);
      expect(bound).toBe(0);
      expect((await one.completion(server, layout.VERBS_OP_BIND)).status).toBe(layout.VERBS_STATUS_OK);
      one.submit({ ...read, length: 4096, remoteKey: key[0] >>> 0, remoteAddress: base + 4096n });
      expect((await one.completion(client, layout.VERBS_OP_READ)).status).toBe(layout.VERBS_STATUS_OK);
      expect(local.subarray(0, 4096).equals(remote.subarray(4096))).toBe(true);
      expect(one.native.invalidateWindow(server, window, 6)).toBe(0);
      expect((await one.completion(server, layout.VERBS_OP_INVALIDATE)).status).toBe(layout.VERBS_STATUS_OK);
    }
    one.submit({ ...read, length: 4096, remoteKey: key[0] >>> 0, remoteAddress: base + 4096n });
    expect((await one.completion(client, layout.VERBS_OP_READ)).status).not.toBe(layout.VERBS_STATUS_OK);
    expect(one.native.freeWindow(window)).toBe(0);
    expect(one.native.deregister(source)).toBe(0);
  });
});
