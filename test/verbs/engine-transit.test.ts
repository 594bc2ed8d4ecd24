/** RDMA connections that go from one engine to another, with messages on their way. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as layout from '#src/layout/layout.gen.js';
import { address, connectPair, prepareClient, type TestEngine } from '../fixtures/verbs-engine.js';
import { closeEngine, engine } from '../fixtures/verbs-engines.js';
import { useVerbs } from '../fixtures/verbs-host.js';

beforeAll(async () => {
  await useVerbs();
}, 120_000);

function tokenOf(from: TestEngine, connection: number): bigint {
  const token = from.native.detach(connection);
  if (typeof token !== 'bigint') throw new Error(`detach: errno ${-token}`);
  return token;
}

const taken = new Int32Array(1);
const slots = new Int32Array([300, 301, 302, 303]);

/** Takes `count` messages of a connection: their texts and slots. */
async function messages(one: TestEngine, connection: number, count: number): Promise<[string, number][]> {
  const found: [string, number][] = [];
  for (let i = 0; i < count; i++) {
    const { status, cookie, length } = await one.completion(connection, layout.VERBS_OP_RECEIVE);
    expect(status).toBe(layout.VERBS_STATUS_OK);
    found.push([one.text(cookie, length), cookie]);
  }
  return found;
}

/** Waits for `count` slots that come back, and takes them. */
async function slotsBack(one: TestEngine, count: number): Promise<number[]> {
  const back: number[] = [];
  for (let i = 0; i < count; i++) {
    const { status, cookie } = await one.completion(0, layout.VERBS_OP_RECEIVE);
    expect(status).toBe(layout.VERBS_STATUS_SLOT_BACK);
    back.push(cookie);
  }
  return back;
}

describe('a connection that changes its engine [WSD-8.1]', () => {
  it('loses nothing that comes before, meanwhile and after', async () => {
    const [client, from, to] = [engine(), engine(), engine()];
    const pair = await connectPair(client, from);
    client.send(pair.client, 1, 'before');
    expect(await messages(from, pair.server, 1)).toEqual([['before', 200]]);
    const token = tokenOf(from, pair.server);
    expect(from.native.detach(pair.server)).toBe(-107);
    client.send(pair.client, 2, 'meanwhile');
    await client.completion(pair.client, layout.VERBS_OP_SEND);
    await client.completion(pair.client, layout.VERBS_OP_SEND);
    expect(to.native.attach(token, slots.subarray(0, 2), taken)).toBe(-105);
    expect(to.native.attach(token, slots, taken)).toBe(pair.server);
    expect(taken[0]).toBe(3);
    expect(await messages(to, pair.server, 1)).toEqual([['meanwhile', 300]]);
    expect(await slotsBack(from, 1)).toEqual([201]);
    to.receive(pair.server, 310, 311);
    for (const text of ['a', 'b', 'c', 'd']) client.send(pair.client, 3, text);
    expect(await messages(to, pair.server, 4)).toEqual([
      ['a', 301],
      ['b', 302],
      ['c', 310],
      ['d', 311],
    ]);
    expect(await slotsBack(from, 2)).toEqual([202, 203]);
    to.send(pair.server, 5, 'answer');
    expect((await messages(client, pair.client, 1))[0][0]).toBe('answer');
    expect(to.native.attach(token, slots, taken)).toBe(-116);
    expect([from.native.stats().connections, to.native.stats().connections]).toEqual([0, 1]);
    expect(to.native.stats().copiedReceives).toBe(3);
  });

  it('goes on when its former engine has ended', async () => {
    const [client, from, to] = [engine(), engine(), engine()];
    const pair = await connectPair(client, from);
    const token = tokenOf(from, pair.server);
    closeEngine(from);
    client.send(pair.client, 1, 'to nobody');
    expect(to.native.attach(token, slots, taken)).toBe(pair.server);
    client.send(pair.client, 2, 'to you');
    expect((await messages(to, pair.server, 2)).map(([text]) => text)).toEqual(['to nobody', 'to you']);
    client.native.disconnect(pair.client);
    await to.cm(layout.VERBS_CM_DISCONNECTED, pair.server);
    for (let i = 0; i < 2; i++) {
      expect((await to.completion(pair.server, layout.VERBS_OP_RECEIVE)).status).toBe(layout.VERBS_STATUS_FLUSHED);
    }
  });

  it('goes on from a third one, and back', async () => {
    const [client, from, third] = [engine(), engine(), engine()];
    const pair = await connectPair(client, from);
    expect(third.native.attach(tokenOf(from, pair.server), slots, taken)).toBe(pair.server);
    client.send(pair.client, 1, 'one');
    expect(await messages(third, pair.server, 1)).toEqual([['one', 300]]);
    third.receive(pair.server, 320);
    const token = tokenOf(third, pair.server);
    expect(await slotsBack(third, 3)).toEqual([301, 302, 303]);
    expect(from.native.attach(token, new Int32Array([400, 401, 402, 403]), taken)).toBe(pair.server);
    expect(taken[0]).toBe(4);
    for (const text of ['two', 'three', 'four', 'five']) client.send(pair.client, 1, text);
    expect(await messages(from, pair.server, 4)).toEqual([
      ['two', 400],
      ['three', 401],
      ['four', 402],
      ['five', 403],
    ]);
    expect(await slotsBack(from, 4)).toEqual([200, 201, 202, 203]);
    expect(await slotsBack(third, 1)).toEqual([320]);
  });

  it('ends if nobody takes it, and gives the slots back', async () => {
    const [client, from] = [engine(), engine()];
    const pair = await connectPair(client, from);
    const token = tokenOf(from, pair.server);
    await client.cm(layout.VERBS_CM_DISCONNECTED, pair.client);
    expect(from.native.attach(token, slots, taken)).toBe(-116);
    expect(await slotsBack(from, 4)).toEqual([200, 201, 202, 203]);
  });

  it('ends after two seconds even if who gave it has ended before', async () => {
    const [client, from, other] = [engine(), engine(), engine()];
    const pair = await connectPair(client, from);
    const token = tokenOf(from, pair.server);
    closeEngine(from);
    await client.cm(layout.VERBS_CM_DISCONNECTED, pair.client);
    expect(other.native.attach(token, slots, taken)).toBe(-116);
  });

  it('may be a connect request', async () => {
    const [client, from, to] = [engine(), engine(), engine()];
    const listener = from.native.listen(4, address, 0, 16, 0);
    const connection = await prepareClient(client, from.native.listenerPort(listener));
    client.native.connect(connection, Buffer.from('hello'));
    const request = await from.cm(layout.VERBS_CM_CONNECT_REQUEST);
    expect(to.native.attach(tokenOf(from, request.connection), new Int32Array(0), taken)).toBe(request.connection);
    expect(to.native.prepare(request.connection, 8, 8, 0, 0, new Int32Array(3))).toBe(0);
    to.receive(request.connection, 1);
    expect(to.native.accept(request.connection, Buffer.from('welcome'))).toBe(0);
    await client.cm(layout.VERBS_CM_ESTABLISHED, connection);
    await to.cm(layout.VERBS_CM_ESTABLISHED, request.connection);
    client.send(connection, 1, 'here');
    expect(await messages(to, request.connection, 1)).toEqual([['here', 1]]);
  });

  it('wakes its new engine from sleep', async () => {
    const [client, from, to] = [engine(), engine(), engine()];
    const pair = await connectPair(client, from);
    expect(to.native.attach(tokenOf(from, pair.server), slots, taken)).toBe(pair.server);
    for (let round = 0; round < 10; round++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      client.send(pair.client, 1, `round ${round}`);
      const [[text, slot]] = await messages(to, pair.server, 1);
      expect(text).toBe(`round ${round}`);
      to.receive(pair.server, slot);
    }
  });
});
