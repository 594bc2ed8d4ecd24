/**
 * Peers that are hostile, or strangers: whatever they do ends their own connection, with an error, and nothing else. They
 * drive the hardware by the addon's calls, as no provider would.
 */
import { createSwitch, type StreamSocket, type Switch } from 'sanswitch';
import { CF_ACCEPT, NO_ERROR, WSAECONNABORTED, WSAECONNRESET, WSAETIMEDOUT } from 'sanswitch/spi';
import { afterEach, expect, it } from 'vitest';
import * as layout from '#src/layout/layout.gen.js';
import { encodeGreeting } from '#src/providers/verbs/greeting.js';
import { useFakeVerbs } from '../fixtures/fake-verbs.js';
import { prepareClient, TestEngine } from '../fixtures/verbs-engine.js';
import { verbsEntry } from '../fixtures/verbs-place.js';
import { connectOutcome, ProviderRig } from './provider-rig.js';

const fake = await useFakeVerbs();
const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  for (const kind of ['qp', 'mr', 'mw', 'id']) expect([kind, fake.control(`live ${kind}`)]).toEqual([kind, 0]);
});

async function rigOf(server: object = {}): Promise<ProviderRig> {
  const rig = await ProviderRig.start(server);
  cleanUps.push(() => rig.stop());
  return rig;
}

function attacker(): TestEngine {
  const engine = new TestEngine();
  cleanUps.push(() => engine.close());
  return engine;
}

const greeting = (messageBytes: number = layout.VERBS_SLOT_BYTES) =>
  encodeGreeting(layout.VERBS_SAYS_CONNECT, 0, messageBytes);

/** Connects to a provider's listener with this private data; the connection's handle if it is accepted, or why not. */
async function intrude(engine: TestEngine, port: number, privateData: Uint8Array, receives = 40) {
  const client = await prepareClient(engine, port, 128);
  engine.receive(client, ...Array.from({ length: receives }, (_, i) => 1_000 + i));
  engine.native.connect(client, privateData);
  const answer = await engine.until(
    () =>
      engine.cms.find(
        ({ event, connection }) =>
          connection === client && (event === layout.VERBS_CM_ESTABLISHED || event === layout.VERBS_CM_REJECTED),
      ),
    'an answer',
  );
  return { client, answer };
}

it('a caller with another greeting, or none, is refused without anybody being asked', async () => {
  const rig = await rigOf();
  const { listener, port } = await rig.server.listening();
  const engine = attacker();
  const garbage = Buffer.alloc(56, 0xa5);
  const older = greeting();
  older[layout.VERBS_GREETING_VERSION] = 99;
  for (const privateData of [Buffer.alloc(0), garbage, older, greeting(16), greeting(0), greeting().subarray(0, 9)]) {
    const { answer } = await intrude(engine, port, privateData);
    expect(answer).toMatchObject({ event: layout.VERBS_CM_REJECTED, status: layout.VERBS_REJECT_BY_LISTENER });
    expect(answer.privateData[layout.VERBS_GREETING_REASON]).toBe(layout.VERBS_REFUSED_GREETING);
  }
  expect(listener.acceptable).toBe(0);
  expect(rig.server.harness.spi.WSPQueryRefusals?.()).toEqual({ 'request:not-ours': 6 });
});

it('[WSD-3.4] a listener that speaks RDMA but not ours: TCP/IP may try', async () => {
  const rig = await rigOf();
  const engine = attacker();
  const port = engine.native.listenerPort(engine.native.listen(4, '127.0.0.1', 0, 8, 0));
  const answers = [
    (connection: number) => engine.native.reject(connection, Buffer.from('go away')),
    (connection: number) => {
      engine.native.prepare(connection, 8, 8, 0, 0, new Int32Array(4));
      return engine.native.accept(connection, Buffer.from('welcome to another protocol'));
    },
  ];
  for (const [i, answer] of answers.entries()) {
    const [outcome] = await Promise.all([
      connectOutcome(rig.client, '127.0.0.1', port),
      engine.cm(layout.VERBS_CM_CONNECT_REQUEST).then(({ connection }) => expect(answer(connection)).toBe(0)),
    ]);
    expect(outcome).toMatchObject({
      code: WSAETIMEDOUT,
      reason: i === 0 ? expect.stringMatching(/^rejected/) : 'not-ours',
    });
  }
});

it('[WSD-5.4] a flood of messages that nobody has room for waits at its sender; the listener goes on', async () => {
  const rig = await rigOf();
  const { listener, port } = await rig.server.listening();
  const engine = attacker();
  const [{ client }, far] = await Promise.all([intrude(engine, port, greeting()), rig.server.accepted(listener)]);
  for (let i = 0; i < 100; i++) engine.send(client, i, `message ${i}`);
  await rig.harness.settle();
  const { near } = await rig.connected();
  expect(near.connects).toEqual([NO_ERROR]);
  for (let i = 0; i < 100; i++) {
    const receive = rig.server.harness.receive(far);
    await rig.server.harness.done(receive);
    expect(receive.data.toString()).toBe(`message ${i}`);
  }
});

it('[WSD-5.4] where receives are shared a flood ends its own connection, and no other', async () => {
  const rig = await rigOf({ sharedReceiveQueueFrom: 0 });
  const honest = await rig.connected();
  const { listener, port } = await rig.server.listening();
  const engine = attacker();
  const [{ client }, far] = await Promise.all([intrude(engine, port, greeting()), rig.server.accepted(listener)]);
  for (let i = 0; i < 100; i++) engine.send(client, i, `message ${i}`);
  await rig.harness.until('the end', () => far.closes.length > 0);
  expect(rig.server.harness.spi.WSPQueryRefusals?.()).toMatchObject({ 'connection:overrun': 1 });
  const receive = rig.server.harness.receive(honest.far);
  rig.harness.send(honest.near, Buffer.from('still here'));
  await rig.server.harness.done(receive);
  expect(receive.data.toString()).toBe('still here');
});

it('a message that is larger than any slot ends the connection', async () => {
  const rig = await rigOf();
  const { listener, port } = await rig.server.listening();
  const engine = attacker();
  const [{ client }, far] = await Promise.all([intrude(engine, port, greeting()), rig.server.accepted(listener)]);
  const receive = rig.server.harness.receive(far);
  engine.submit({
    connection: client,
    op: layout.VERBS_OP_SEND,
    flags: 1,
    offset: 0,
    length: layout.VERBS_SLOT_BYTES + 1,
  });
  await rig.server.harness.done(receive);
  expect(receive.error).toBe(WSAECONNABORTED);
  expect(rig.server.harness.spi.WSPQueryRefusals?.()).toMatchObject({ 'connection:oversized-message': 1 });
  const { near } = await rig.connected();
  expect(near.connects).toEqual([NO_ERROR]);
});

it('[WSD-6.1] reads and writes of memory that was never opened end the connection, and touch nothing', async () => {
  const rig = await rigOf();
  const { listener, port } = await rig.server.listening();
  const engine = attacker();
  for (const op of [layout.VERBS_OP_READ, layout.VERBS_OP_WRITE]) {
    const [{ client }, far] = await Promise.all([intrude(engine, port, greeting()), rig.server.accepted(listener)]);
    const arenaBefore = Buffer.from(rig.providers[0].engine.bytes.subarray(layout.VERBS_ARENA_OFFSET, 2_000_000));
    const receive = rig.server.harness.receive(far);
    engine.submit({
      connection: client,
      op,
      flags: 1,
      offset: 0,
      length: 64,
      remoteKey: 7,
      remoteAddress: 0x7f00_0000_0000n,
    });
    await rig.server.harness.done(receive);
    expect([WSAECONNABORTED, WSAECONNRESET]).toContain(receive.error);
    const arenaAfter = Buffer.from(rig.providers[0].engine.bytes.subarray(layout.VERBS_ARENA_OFFSET, 2_000_000));
    expect(arenaAfter.equals(arenaBefore)).toBe(true);
  }
});

it('[WSD-4.4] callers that vanish before they are accepted cost a turn each', async () => {
  const rig = await rigOf();
  const { listener, port } = await rig.server.listening(4);
  const engine = attacker();
  for (let i = 0; i < 20; i++) {
    const client = await prepareClient(engine, port);
    engine.native.connect(client, greeting());
    await rig.harness.settle();
    engine.native.destroy(client);
  }
  await rig.harness.settle();
  // What is left of them is at most a backlog of dead ones.
  const near = rig.client.connecting(port);
  for (let i = 0; i < 20 && near.connects.length === 0; i++) {
    try {
      rig.server.harness.accept(listener, () => CF_ACCEPT);
    } catch {
      // Gone, or nobody there yet.
    }
    await rig.harness.settle();
  }
  expect(near.connects).toEqual([NO_ERROR]);
});

// ------------------------------------------------------------------ behind the session

async function victim(): Promise<{ sw: Switch; port: number; sockets: StreamSocket[] }> {
  const sw = await createSwitch({ providers: [verbsEntry], negotiationTimeoutMs: 500 });
  cleanUps.push(() => sw.close());
  const sockets: StreamSocket[] = [];
  const listener = await sw.listen({ port: 0, host: '127.0.0.1' }, (socket) => {
    sockets.push(socket);
    socket.handlers = { received: (_, bytes) => void socket.send(bytes), closed() {} };
  });
  return { sw, port: listener.address().port, sockets };
}

/** A HELLO that a session believes. */
function hello(): Buffer {
  const bytes = Buffer.alloc(layout.SESSION_HEADER_BYTES + layout.SESSION_HELLO_BYTES);
  const body = layout.SESSION_HEADER_BYTES;
  bytes[layout.SESSION_HEADER_KIND] = layout.SESSION_HELLO;
  bytes.writeUInt16LE(layout.SESSION_VERSION, body + layout.SESSION_HELLO_VERSION);
  bytes.writeUInt16LE(32, body + layout.SESSION_HELLO_RECEIVE_BUFFERS);
  bytes.writeUInt32LE(8_192, body + layout.SESSION_HELLO_MESSAGE_BYTES);
  bytes.writeUInt32LE(3, body + layout.SESSION_HELLO_CAPABILITIES);
  bytes.writeUInt32LE(65_536, body + layout.SESSION_HELLO_RDMA_THRESHOLD_BYTES);
  bytes.writeUInt32LE(8_388_608, body + layout.SESSION_HELLO_MAX_RDMA_BYTES);
  return bytes;
}

function message(kind: number, credits: number, value: number, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(layout.SESSION_HEADER_BYTES + body.length);
  bytes[layout.SESSION_HEADER_KIND] = kind;
  bytes.writeUInt16LE(credits, layout.SESSION_HEADER_CREDITS);
  bytes.writeUInt32LE(value, layout.SESSION_HEADER_VALUE);
  bytes.set(body, layout.SESSION_HEADER_BYTES);
  return bytes;
}

function offer(total: number, inline: number, key: number, address: bigint): Buffer {
  const body = Buffer.alloc(layout.SESSION_OFFER_BYTES + inline);
  body.writeUInt32LE(total, layout.SESSION_OFFER_TOTAL_BYTES);
  body.writeUInt32LE(inline, layout.SESSION_OFFER_INLINE_BYTES);
  const descriptor = layout.SESSION_OFFER_KEY_LOW;
  body.writeUInt32LE(key, descriptor + layout.VERBS_DESCRIPTOR_KEY);
  body.writeUInt32LE(total, descriptor + layout.VERBS_DESCRIPTOR_LENGTH);
  body.writeBigUInt64LE(address, descriptor + layout.VERBS_DESCRIPTOR_ADDRESS);
  return message(layout.SESSION_OFFER, 0, 1, body);
}

function sendBytes(engine: TestEngine, connection: number, slot: number, bytes: Uint8Array): void {
  const offset = slot * layout.VERBS_SLOT_BYTES;
  engine.arena.set(bytes, offset);
  const flags = layout.VERBS_FLAG_SIGNALLED;
  engine.submit({ connection, op: layout.VERBS_OP_SEND, flags, cookie: slot, offset, length: bytes.length });
}

const attacks: readonly [name: string, needsHello: boolean, messages: readonly Uint8Array[]][] = [
  ['says nothing', false, []],
  ['sends an empty message', false, [Buffer.alloc(0)]],
  ['sends garbage for a HELLO', false, [Buffer.alloc(64, 0xee)]],
  ['sends a HELLO of 257 bytes of garbage', false, [Buffer.concat([message(1, 0, 0, Buffer.alloc(249, 0xff))])]],
  ['sends DATA before the HELLO', false, [message(layout.SESSION_DATA, 0, 0, Buffer.from('x'))]],
  ['sends garbage after the HELLO', true, [Buffer.alloc(8_192, 0xee)]],
  ['sends credits that overflow', true, [message(layout.SESSION_CREDIT, 65_535, 0, Buffer.alloc(0))]],
  ['offers memory that is not there', true, [offer(100_000, 0, 0x1234, 0xdead_beef_0000n)]],
  ['offers more than may be', true, [offer(0xffff_ffff, 0, 1, 0n)]],
  ['offers less than it sends along', true, [offer(10, 64, 1, 0n)]],
  ['says done of nothing', true, [message(layout.SESSION_DONE, 0, 7, Buffer.alloc(4))]],
  ['names a target that nobody asked for', true, [message(layout.SESSION_TARGET, 0, 7, Buffer.alloc(20))]],
];

it.each(attacks)('a peer that %s loses its connection, and the switch goes on', async (_name, needsHello, messages) => {
  const { sw, port, sockets } = await victim();
  const engine = attacker();
  const { client, answer } = await intrude(engine, port, greeting());
  expect(answer.event).toBe(layout.VERBS_CM_ESTABLISHED);
  let slot = 0;
  for (const bytes of needsHello ? [hello(), ...messages] : messages) sendBytes(engine, client, slot++, bytes);
  await engine.cm(layout.VERBS_CM_DISCONNECTED, client);
  engine.native.disconnect(client);
  const socket = await sw.connect({ port, host: '127.0.0.1' });
  expect(socket.provider).toBe('verbs');
  const echoed = new Promise<string>((resolve) => {
    socket.handlers = { received: (_, bytes) => resolve(Buffer.from(bytes).toString()), closed() {} };
  });
  socket.send(Buffer.from('hello'));
  expect(await echoed).toBe('hello');
  expect(sockets.length).toBeGreaterThan(0);
});

it('peers that say anything at all, 60 of them, end themselves and nobody else', { timeout: 60_000 }, async () => {
  const { sw, port } = await victim();
  const honest = await sw.connect({ port, host: '127.0.0.1' });
  let echoed = 0;
  honest.handlers = {
    received: (_, bytes) => {
      echoed += bytes.length;
    },
    closed() {},
  };
  const seed = Date.now() & 0x7fff_ffff;
  let state = seed;
  const random = (limit: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >>> 8) % limit;
  };
  for (let peer = 0; peer < 60; peer++) {
    const engine = attacker();
    const { client } = await intrude(engine, port, greeting());
    sendBytes(engine, client, 0, hello());
    for (let slot = 1; slot < 20; slot++) {
      const body = Buffer.from(Array.from({ length: random(300) }, () => random(256)));
      sendBytes(engine, client, slot, message(random(16), random(3) === 0 ? random(65_536) : 0, random(8), body));
    }
    honest.send(Buffer.alloc(1_000));
    await new Promise((resolve) => setTimeout(resolve, 5));
    engine.native.destroy(client);
  }
  const endMs = Date.now() + 5_000;
  while (echoed < 60_000 && Date.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 5));
  expect([`seed ${seed}`, echoed]).toEqual([`seed ${seed}`, 60_000]);
  expect(honest.state).toBe('open');
});
