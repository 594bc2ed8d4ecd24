/**
 * What sockets over `verbs` see of what happens to the hardware, with the fake libraries: every status that a request can end
 * with, asynchronous events, a device that is removed, no memory to lock, and devices that lack something.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createSwitch, type Switch } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import { eventually, Party } from '../shm/party.js';
import { afterwards, listening, plainServer } from '../switch/helpers.js';
import { FAKE_OPTIONS, fakeLibraries } from './fake-libraries.js';
import { Round } from './round.js';

const LARGE = Buffer.alloc(300_000, 'large');

const verbs = await fakeLibraries();

/** A switch over RDMA, which is demanded, or not. */
async function newSwitch(required = true, options: object = {}): Promise<Switch> {
  const sw = await createSwitch({ providers: [{ name: 'verbs', required, options: { ...FAKE_OPTIONS, ...options } }] });
  afterwards(() => sw.close());
  return sw;
}

interface Pair {
  readonly sw: Switch;
  readonly near: Party;
  readonly far: Party;
  /** Numbers of their queue pairs. */
  readonly nearPair: number;
  readonly farPair: number;
}

/** Two connected sockets that have spoken with each other. */
async function connected(options: object = {}): Promise<Pair> {
  const sw = await newSwitch(true, options);
  const { port, next } = await listening(sw);
  const [near, far] = await Promise.all([sw.connect({ port, host: '127.0.0.1' }), next()]);
  const farPair = verbs.control('last qp');
  const pair = { sw, near: Party.of(near, 'sink'), far: Party.of(far, 'sink'), nearPair: farPair - 1, farPair };
  near.send(Buffer.from('hello'));
  await pair.far.got(5);
  await delay(2);
  return pair;
}

/** Both ends hear of it; this side with one of these codes. */
async function broken({ near, far }: Pair, codes: RegExp): Promise<void> {
  await eventually('both ends are closed', () => near.closed && far.closed);
  expect(near.error?.code).toMatch(codes);
  expect(far.error).not.toBeNull();
}

describe('a request that fails', () => {
  const statuses = Array.from({ length: 21 }, (_, index) => index + 1).filter((status) => status !== 5);

  it.each(statuses)('with status %i: a send ends both sockets with a code', async (status) => {
    const pair = await connected();
    verbs.control(`status send 1 ${status}`);
    pair.near.socket.send(Buffer.from('text'));
    await broken(pair, /^E(CONNABORTED|CONNRESET|TIMEDOUT|NETDOWN|FAULT)$/);
  });

  it.each(statuses)('with status %i: a receive does', async (status) => {
    const pair = await connected();
    verbs.control(`status receive 1 ${status}`);
    pair.far.socket.send(Buffer.from('text'));
    await broken(pair, /^E(CONNABORTED|CONNRESET|TIMEDOUT|NETDOWN)$/);
    expect(pair.near.received).toBe(0);
  });

  it.each(['bind', 'read', 'invalidate'])('a %s of a large send does', async (operation) => {
    const pair = await connected();
    verbs.control(`status ${operation} 1 21`);
    for (let i = 0; i < 3; i++) pair.near.socket.send(LARGE);
    await broken(pair, /^E(CONNABORTED|CONNRESET|TIMEDOUT)$/);
  });

  it('because the path is dead: within 3 s by default, and with ETIMEDOUT', async () => {
    const pair = await connected({ ackTimeout: 14, retryCount: 6 });
    verbs.control('cut');
    const begin = performance.now();
    pair.near.socket.send(Buffer.from('text'));
    await eventually('this end is closed', () => pair.near.closed, 3_000);
    expect(pair.near.error?.code).toBe('ETIMEDOUT');
    expect(performance.now() - begin).toBeGreaterThan(400);
    verbs.control('mend');
  });
});

describe('an asynchronous event', () => {
  // Fatal, refused request, refused access.
  it.each([1, 2, 3])('of type %i about a queue pair ends its connection with ECONNABORTED', async (type) => {
    const pair = await connected();
    verbs.control(`event ${type} qp ${pair.nearPair}`);
    await broken(pair, /^ECONNABORTED$/);
  });

  // Established by a message, drained, path migrated (and not), last receive of a queue pair that was ended.
  it.each([4, 5, 6, 7, 16])('of type %i about a queue pair ends nothing', async (type) => {
    const pair = await connected();
    verbs.control(`event ${type} qp ${pair.nearPair}`);
    await delay(5);
    pair.near.socket.send(LARGE);
    await pair.far.got(5 + LARGE.length);
    expect(pair.near.closed || pair.far.closed).toBe(false);
  });

  // Port active, port down, LID, P_Key, subnet manager, client registration, GID.
  it.each([9, 10, 11, 12, 13, 17, 18])('of type %i about the port ends nothing by itself', async (type) => {
    const pair = await connected();
    verbs.control(`event ${type}`);
    await delay(5);
    pair.near.socket.send(LARGE);
    await pair.far.got(5 + LARGE.length);
    expect(pair.near.closed || pair.far.closed).toBe(false);
  });

  it('that breaks the hardware of a queue pair ends its connection', async () => {
    const pair = await connected();
    verbs.control(`break ${pair.nearPair}`);
    await broken(pair, /^E(CONNABORTED|CONNRESET)$/);
  });
});

describe('a device that is removed', () => {
  it('ends its connections with ENETDOWN; TCP/IP serves until there is another', async () => {
    const pair = await connected();
    const sw = await newSwitch(false);
    const { port, next } = await listening(sw);
    verbs.control('remove fake0');
    await broken(pair, /^ENETDOWN$/);
    const [near] = await Promise.all([sw.connect({ port, host: '127.0.0.1' }), next()]);
    expect(near.provider).toBe('tcp');
    expect(near.decision.candidates.find(({ provider }) => provider === 'verbs')?.reason).toBeTruthy();
    await pair.sw.close();
    await sw.close();
    verbs.control('device fake0 lo 127.0.0.1/8,::1/128');
    const again = await connected();
    expect(again.near.socket.provider).toBe('verbs');
    await again.sw.close();
    expect(verbs.control('live')).toBe(0);
  });

  it('in the middle of large sends ends them', async () => {
    const pair = await connected();
    const errors: unknown[] = [];
    verbs.control('hold data');
    for (let i = 0; i < 3; i++) pair.near.socket.send(LARGE, (error) => errors.push(error ?? null));
    await delay(5);
    verbs.control('remove fake0');
    await broken(pair, /^ENETDOWN$/);
    await eventually('all sends are called back', () => errors.length === 3);
    expect(errors.every((error) => error instanceof Error)).toBe(true);
    await pair.sw.close();
    verbs.control('reset');
    verbs.control('device fake0 lo 127.0.0.1/8,::1/128');
    await (await connected()).sw.close();
    expect(verbs.control('live')).toBe(0);
  });
});

describe('memory that can not be locked', () => {
  it('lets TCP/IP serve, with a reason', async () => {
    const sw = await newSwitch(false);
    const { port, next } = await listening(sw);
    verbs.control('memlock 0');
    const [near] = await Promise.all([sw.connect({ port, host: '127.0.0.1' }), next()]);
    expect(near.provider).toBe('tcp');
    const candidate = near.decision.candidates.find(({ provider }) => provider === 'verbs');
    expect(candidate?.reason).toMatch(/^out-of-resources/);
  });

  it('of a large send once the connection stands: it arrives all the same', async () => {
    const pair = await connected();
    verbs.control('memlock 0');
    pair.near.socket.send(LARGE);
    await pair.far.got(5 + LARGE.length);
    expect(pair.near.closed || pair.far.closed).toBe(false);
  });
});

describe('a device without', () => {
  it.each([['windows'], ['srq'], ['inline'], ['read'], ['windows and read']])('%s serves as ever', async (what) => {
    const fault = { injector: null, phase: 'start', at: 0, isStrict: true } as const;
    const commands = what.split(' and ').map((feature) => `without ${feature}`);
    for (const options of [{}, { sharedReceiveQueueFrom: 0 }]) {
      expect(await new Round(verbs, fault, commands, options).run()).toEqual({ isReached: false, seen: 'as ever' });
    }
  });
});

describe('an iWARP device', () => {
  const fault = { injector: null, phase: 'start', at: 0, isStrict: true } as const;

  it('[WSD-5.7, 6.1] serves as ever, and is never asked to read', async () => {
    for (const options of [{}, { sharedReceiveQueueFrom: 0 }]) {
      const round = new Round(verbs, fault, ['iwarp'], options);
      expect(await round.run()).toEqual({ isReached: false, seen: 'as ever' });
    }
    verbs.control('iwarp');
    verbs.control('status read 1 21');
    const pair = await connected();
    for (let i = 1; i <= 3; i++) {
      pair.near.socket.send(LARGE);
      await pair.far.got(5 + i * LARGE.length);
    }
    expect(pair.near.closed || pair.far.closed).toBe(false);
  });

  it('[WSD-3.4] tells that nobody listens by an errno: TCP/IP serves at once, and the next time without asking', async () => {
    verbs.control('iwarp');
    const sw = await newSwitch(false);
    const { port } = await plainServer();
    const first = await sw.connect({ port, host: '127.0.0.1' });
    const second = await sw.connect({ port, host: '127.0.0.1' });
    const [asked, remembered] = [first, second].map(({ provider, decision }) => {
      expect(provider).toBe('tcp');
      return decision.candidates.find((candidate) => candidate.provider === 'verbs');
    });
    expect(asked?.reason).toBe('no-listener');
    expect(JSON.stringify(remembered)).toMatch(/no-listener.*met before/);
  });
});
