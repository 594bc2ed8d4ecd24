/**
 * Memory that can't be locked on a connection that stands already, over the fake libraries: what the application asks to have
 * registered fails with ENOBUFS, what the switch registers by itself is copied instead (rule 5.8), and in either case the
 * connection lives on. What a new connection needs and can't have sends it by TCP/IP.
 */
import { constants } from 'node:os';
import { createSwitch, type StreamSocket, type Switch } from 'sanswitch';
import { NO_ERROR, type OwnerKey, WSAENOBUFS, WsaError } from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { ownerKey } from '#src/providers/verbs/move.js';
import { MEM_READ, MEM_WRITE } from '#src/spi/types.js';
import { Harness } from '../conformance/harness.js';
import { Rig } from '../conformance/rig.js';
import { verbs as subject } from '../conformance/verbs-subject.js';
import { eventually, Party } from '../shm/party.js';
import { afterwards, listening } from '../switch/helpers.js';
import { FAKE_OPTIONS, fakeLibraries } from './fake-libraries.js';
import { ProviderRig } from './provider-rig.js';

const { ENOMEM } = constants.errno;
const LARGE = 300_000;
/** Bytes of the arena that are registered at a time: 128 slots. A connection receives into 40 of them at each end. */
const CHUNK_BYTES = 1 << 20;
const HOST = '127.0.0.1';

const verbs = await fakeLibraries();

async function newSwitch(options: object = {}): Promise<Switch> {
  const sw = await createSwitch({ providers: [{ name: 'verbs', options: { ...FAKE_OPTIONS, ...options } }] });
  afterwards(() => sw.close());
  return sw;
}

/** Two ends in one switch. */
async function connected(sw: Switch): Promise<{ near: Party; far: Party; port: number }> {
  const { port, next } = await listening(sw);
  const [near, far] = await Promise.all([sw.connect({ port, host: HOST }), next()]);
  expect(near.provider).toBe('verbs');
  return { near: Party.of(near, 'sink'), far: Party.of(far, 'sink'), port };
}

const reasonOf = ({ decision }: StreamSocket) => {
  const { reason, detail } = decision.candidates.find(({ provider }) => provider === 'verbs') ?? {};
  return `${reason}: ${detail}`;
};

const codeOf = (call: () => unknown): string | null => {
  try {
    call();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? `${error}`;
  }
  return null;
};

describe('on a connection that stands', () => {
  it('[WSD-5.8] allocate fails with ENOBUFS; other memory is copied, which is counted; all is well when there is some', async () => {
    const sw = await newSwitch();
    const { near, far } = await connected(sw);
    verbs.control('memlock 0');
    const copied = () => sw.stats().providers.verbs?.largeSendsCopied;
    expect(codeOf(() => near.socket.allocate(LARGE))).toBe('ENOBUFS');
    expect(copied()).toBe(0);
    near.socket.send(Buffer.alloc(LARGE));
    near.socket.send(Buffer.alloc(LARGE));
    await far.got(2 * LARGE);
    expect(copied()).toBe(2);
    verbs.control('memlock -1');
    const memory = near.socket.allocate(LARGE);
    near.socket.send(memory);
    near.socket.send(Buffer.alloc(LARGE));
    await far.got(4 * LARGE);
    expect(copied()).toBe(2);
    expect(near.closed || far.closed).toBe(false);
    await near.socket.close();
    await eventually('the far end hears of it', () => far.closed || far.ended);
    expect(copied()).toBe(2);
  });

  it('[WSD-5.8] the bound of registered memory is one more reason for ENOBUFS', async () => {
    const sw = await newSwitch({ registrationCacheBytes: LARGE });
    const { near } = await connected(sw);
    const memory = near.socket.allocate(LARGE);
    expect(memory.length).toBe(LARGE);
    expect(codeOf(() => near.socket.allocate(LARGE))).toBe('ENOBUFS');
    expect(near.closed).toBe(false);
  });

  it('[WSD-5.8] the receiver has none: the sender copies, counts it, and everything arrives in order', async () => {
    const sw = await newSwitch();
    const { near, far } = await connected(sw);
    // The sender's own registration is the first.
    verbs.control(`fail ibv_reg_mr 2 ${ENOMEM} always`);
    const bytes = Buffer.from(Uint8Array.from({ length: LARGE }, (_, index) => (index * 7) % 253));
    const got: Uint8Array[] = [];
    far.socket.handlers = { received: (_, piece) => void got.push(piece) };
    near.socket.send(bytes);
    near.socket.send(Buffer.from('behind it'));
    await eventually('all of it', () => got.reduce((sum, { length }) => sum + length, 0) === LARGE + 9);
    expect(Buffer.concat(got).equals(Buffer.concat([bytes, Buffer.from('behind it')]))).toBe(true);
    expect(sw.stats().providers.verbs?.largeSendsCopied).toBe(1);
  });

  it('[WSD-5.8] messages wait for the slots that are under way: none is lost, and no connection', async () => {
    const sw = await newSwitch();
    verbs.control(`memlock ${CHUNK_BYTES}`);
    const { near, far } = await connected(sw);
    // 48 slots are left, and both ends may have 32 messages under way.
    for (let i = 0; i < 200; i++) for (const { socket } of [near, far]) socket.send(Buffer.alloc(8_000, i));
    await Promise.all([near.got(200 * 8_000), far.got(200 * 8_000)]);
    expect(near.closed || far.closed).toBe(false);
  });

  it('[WSD-5.8, 6.1] through the SPI: WSAENOBUFS for what is registered, none to borrow or to allocate', async () => {
    const rig = await ProviderRig.start();
    const { near } = await rig.connected();
    const { extensions, spi } = rig.harness;
    verbs.control('memlock 0');
    const memory = new Uint8Array(LARGE);
    const refused = new WsaError(WSAENOBUFS);
    for (const call of [
      () => extensions.WSPRegisterMemory?.(near.socket, memory, MEM_WRITE),
      () => extensions.WSPRegisterRdmaMemory?.(near.socket, memory, MEM_READ),
    ]) {
      expect(call).toThrow(expect.objectContaining({ wsaCode: refused.wsaCode }));
    }
    expect(spi.WSPBorrowMemory?.(near.socket, LARGE)).toBeNull();
    expect(spi.WSPAllocateMemory?.(near.socket, LARGE)).toBeNull();
    expect(near.closes).toEqual([]);
    await rig.stop();
  });
});

describe('for the next connection', () => {
  it('[WSD-2.7, 3.4] there are no more slots: TCP/IP serves it with a reason, the first one goes on, and RDMA serves again', async () => {
    const sw = await newSwitch();
    verbs.control(`memlock ${CHUNK_BYTES}`);
    const { near, far, port } = await connected(sw);
    const second = await sw.connect({ port, host: HOST });
    expect(second.provider).toBe('tcp');
    // The caller has its 40, and the other end not.
    expect(reasonOf(second)).toMatch(/^peer-out-of-resources/);
    near.socket.send(Buffer.alloc(LARGE));
    await far.got(LARGE);
    verbs.control('memlock -1');
    expect((await sw.connect({ port, host: HOST })).provider).toBe('verbs');
  });

  it('[WSD-2.7, 3.4] the accepting side has none: it says so, counts it, and TCP/IP serves', async () => {
    const [server, client] = [await newSwitch(), await newSwitch()];
    const { port, next } = await listening(server);
    // The first is the caller's.
    verbs.control(`fail ibv_reg_mr 2 ${ENOMEM} always`);
    const [near] = await Promise.all([client.connect({ port, host: HOST }), next()]);
    expect([near.provider, reasonOf(near)]).toEqual(['tcp', expect.stringMatching(/^peer-out-of-resources/)]);
    expect(server.stats().providers.verbs?.refusals).toEqual({ 'request:no-resources': 1 });
    verbs.control('reset');
    expect((await client.connect({ port, host: HOST })).provider).toBe('verbs');
  });
});

describe('for a connection that changes its owner', () => {
  /** A listener, a client, and one that takes connections over. */
  async function trio(options: object = {}) {
    const listens = subject({ ...FAKE_OPTIONS, ...options });
    const rigs = { server: new Rig(listens), client: new Rig(subject(FAKE_OPTIONS)) };
    const third = new Harness(listens.another());
    await rigs.server.start();
    await rigs.client.start();
    await third.start(listens.options ?? {});
    afterwards(async () => {
      await third.closeAll();
      await rigs.client.stop();
      await rigs.server.stop();
      for (const { breaches } of [rigs.server.harness, rigs.client.harness, third]) expect(breaches).toEqual([]);
    });
    const { listener, port } = await rigs.server.listening();
    return { ...rigs, third, listener, near: rigs.client.connecting(port) };
  }

  it.each([
    ['own', {}],
    ['shared', { sharedReceiveQueueFrom: 0 }],
  ])(
    '[WSD-8.2] with %s receives, where its new owner can receive nothing: WSAENOBUFS, and the peer hears of it',
    async (_, options) => {
      const { server, client, third, listener, near } = await trio(options);
      const far = await server.accepted(listener);
      await client.harness.until('the connect', () => near.connects.length > 0);
      const context = structuredClone(server.harness.spi.WSPDuplicateSocket(far.socket, ownerKey() as OwnerKey));
      server.harness.close(far.socket);
      verbs.control('memlock 0');
      const taken = third.socket(4, context);
      third.watch(taken);
      await third.until('FD_CONNECT', () => taken.connects.length > 0);
      expect(taken.connects).toEqual([WSAENOBUFS]);
      await client.harness.until('the end', () => near.closes.length > 0);
      expect(near.closes[0]).not.toBe(NO_ERROR);
    },
  );

  it('[WSD-4.3, 8.2] whoever is to accept it can receive nothing: WSAENOBUFS there, and the caller is refused for that', async () => {
    const { server, client, third, listener, near } = await trio();
    let context: unknown = null;
    await server.harness.until('a caller', () => {
      try {
        context = server.harness.spi.WSPAccept(listener.socket, () => ({ owner: ownerKey() })).context;
      } catch {}
      return context !== null;
    });
    verbs.control('memlock 0');
    const taken = third.socket(4, structuredClone(context));
    third.watch(taken);
    await third.until('FD_CONNECT', () => taken.connects.length > 0);
    expect(taken.connects).toEqual([WSAENOBUFS]);
    await client.harness.until('the outcome', () => near.connects.length > 0);
    expect(near.connects[0]).not.toBe(NO_ERROR);
  });
});
