/** Shared receive queues: many connections of an engine, and one that has gone elsewhere. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as layout from '#src/layout/layout.gen.js';
import { connectPair, type Pair, type TestEngine } from '../fixtures/verbs-engine.js';
import { closeEngine, engine } from '../fixtures/verbs-engines.js';
import { useVerbs } from '../fixtures/verbs-host.js';

beforeAll(async () => {
  await useVerbs();
}, 120_000);

const taken = new Int32Array(1);

async function pairs(client: TestEngine, server: TestEngine, count: number): Promise<Pair[]> {
  const made: Pair[] = [];
  for (let i = 0; i < count; i++) made.push(await connectPair(client, server, 4, 16, 1));
  return made;
}

async function expectMessage(one: TestEngine, connection: number, text: string): Promise<number> {
  const { status, cookie, length } = await one.completion(connection, layout.VERBS_OP_RECEIVE);
  expect(status).toBe(layout.VERBS_STATUS_OK);
  expect(one.text(cookie, length)).toBe(text);
  return cookie;
}

describe('a shared receive queue', () => {
  it('serves all its connections, and gives its slots back with the last one', async () => {
    const [client, server] = [engine(), engine()];
    const three = await pairs(client, server, 3);
    server.receive(three[1].server, 10, 11, 12, 13, 14);
    three.forEach((pair, index) => client.send(pair.client, index, `from ${index}`));
    const used = await Promise.all(three.map((pair, index) => expectMessage(server, pair.server, `from ${index}`)));
    expect([...used].sort()).toEqual([10, 11, 12]);
    server.receive(three[0].server, used[0]);
    server.native.destroy(three[1].server);
    server.native.destroy(three[0].server);
    client.send(three[2].client, 5, 'still here');
    await expectMessage(server, three[2].server, 'still here');
    server.native.destroy(three[2].server);
    const back = await server.until(() => {
      const slots = server.completions.filter((one) => one.status === layout.VERBS_STATUS_SLOT_BACK);
      return slots.length === 2 ? slots : undefined;
    }, 'slots');
    expect(back.every((one) => one.connection === 0 && one.op === layout.VERBS_OP_RECEIVE)).toBe(true);
    expect(server.native.stats().connections).toBe(0);
  });

  it('is refused a slot that stands in it already, and more than it holds', async () => {
    const [client, server] = [engine(), engine()];
    const [pair] = await pairs(client, server, 1);
    server.receive(pair.server, ...Array.from({ length: 16 }, (_, i) => i), 3);
    const refused = await server.completion(pair.server, layout.VERBS_OP_RECEIVE);
    expect([refused.status, refused.cookie]).toEqual([layout.VERBS_STATUS_NOT_POSTED, 3]);
  });

  it('goes on to serve a connection that has gone to another engine, also when its own has ended [WSD-8.1]', async () => {
    const [client, from, to] = [engine(), engine(), engine()];
    const [moved, stays] = await pairs(client, from, 2);
    from.receive(stays.server, 10, 11, 12);
    const token = from.native.detach(moved.server);
    client.send(moved.client, 1, 'meanwhile');
    await client.completion(moved.client, layout.VERBS_OP_SEND);
    expect(to.native.attach(token as bigint, new Int32Array([300, 301]), taken)).toBe(moved.server);
    expect(taken[0]).toBe(2);
    expect(await expectMessage(to, moved.server, 'meanwhile')).toBe(300);
    for (let i = 0; i < 8; i++) {
      client.send(moved.client, 1, `moved ${i}`);
      const slot = await expectMessage(to, moved.server, `moved ${i}`);
      to.receive(moved.server, slot);
      client.send(stays.client, 2, `stays ${i}`);
      from.receive(stays.server, await expectMessage(from, stays.server, `stays ${i}`));
    }
    closeEngine(from);
    for (let i = 0; i < 8; i++) {
      client.send(moved.client, 1, `alone ${i}`);
      to.receive(moved.server, await expectMessage(to, moved.server, `alone ${i}`));
    }
    expect(to.native.stats().copiedReceives).toBe(17);
    to.send(moved.server, 50, 'answer');
    await expectMessage(client, moved.client, 'answer');
  });

  it('has a peer fail that sends more than slots stand for it elsewhere', async () => {
    const [client, from, to] = [engine(), engine(), engine()];
    const [pair] = await pairs(client, from, 1);
    from.receive(pair.server, 10, 11, 12);
    const token = from.native.detach(pair.server);
    expect(to.native.attach(token as bigint, new Int32Array([300]), taken)).toBe(pair.server);
    client.send(pair.client, 1, 'one');
    client.send(pair.client, 1, 'two');
    expect(await expectMessage(to, pair.server, 'one')).toBe(300);
    const { status, cookie } = await to.completion(pair.server, layout.VERBS_OP_RECEIVE);
    expect([status, cookie]).toEqual([layout.VERBS_STATUS_GENERAL, layout.VERBS_SLOT_COUNT]);
  });
});
