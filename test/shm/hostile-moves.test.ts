// MOVE and ATTACH from peers that mean harm: on the accepting side (a hostile client), and on the connecting one.
import { createSwitch, type DecisionRecord, type Switch } from 'sanswitch';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  RECORD_LINK_ACCEPT,
  RECORD_LINK_ATTACH,
  RECORD_LINK_CLOSE,
  RECORD_LINK_MOVE,
  RECORD_LINK_NEWS,
  RECORD_LINK_OPEN,
  RECORD_LINK_REJECT,
  REJECT_TOKEN,
} from '#src/layout/layout.gen.js';
import { reactorRendezvousName } from '#src/providers/shm/host.js';
import { newToken } from '#src/providers/shm/move-record.js';
import { eventually, Party } from './party.js';
import { killPeers, Peer } from './peer.js';
import { helloMessage, hungUp, RawLink, sessionMessage } from './raw.js';
import { closeServers, rendezvous, serve, welcome } from './raw-server.js';

const MODEST = { providers: ['shm'] };
const NOBODY = 'ab'.repeat(16);

let sw: Switch;
let server: Peer;
let client: Peer;
let port: number;

beforeAll(async () => {
  server = await Peer.process({ providers: ['shm!'] });
  ({ port } = await server.do.listen('echo'));
  client = await Peer.process({ ...MODEST, sanConnectTimeoutMs: 600 });
  sw = await createSwitch(MODEST);
});

afterAll(async () => {
  await sw.close();
  await killPeers();
});

afterEach(closeServers);

async function allIsWell(): Promise<void> {
  expect(server.isGone).toBe(false);
  const party = new Party('sink');
  party.socket = await sw.connect({ host: '127.0.0.1', port, handlers: party.handlers });
  party.socket.send(Buffer.from('well'));
  await party.got(4);
  await party.socket.close();
}

/** The next record that is no NEWS. */
async function answer(link: RawLink): Promise<number[]> {
  let record = await link.next();
  while (record[0] === RECORD_LINK_NEWS) record = await link.next();
  return record;
}

/** A link whose connection 0 is accepted, its session negotiated. */
async function conversing(): Promise<RawLink> {
  const link = (await RawLink.join(port)) as RawLink;
  link.open(0, port);
  expect(await answer(link)).toEqual([RECORD_LINK_ACCEPT, 0]);
  link.write(link.ring(0), helloMessage());
  // Consumed: a connection that moves must have been read to its end.
  await eventually('the HELLO is read', () => link.isConsumed(0));
  return link;
}

describe('a client that attaches', () => {
  it('with a token of nobody is rejected, after a while', async () => {
    const link = (await RawLink.join(port)) as RawLink;
    const beganMs = performance.now();
    link.attach(3, newToken());
    expect(await answer(link)).toEqual([RECORD_LINK_REJECT, 3, REJECT_TOKEN]);
    expect(performance.now() - beganMs).toBeGreaterThan(1_500);
    // The link stands, and the id can be used.
    link.open(3, port);
    expect(await answer(link)).toEqual([RECORD_LINK_ACCEPT, 3]);
    link.close();
  });

  it('and takes it back', async () => {
    const link = (await RawLink.join(port)) as RawLink;
    link.attach(3, newToken());
    link.record(RECORD_LINK_CLOSE, [3]);
    expect(await answer(link)).toEqual([RECORD_LINK_CLOSE, 3]);
    link.close();
  });

  it('twice with one token: the second is rejected at once', async () => {
    const link = (await RawLink.join(port)) as RawLink;
    const token = newToken();
    const beganMs = performance.now();
    link.atOnce(() => [link.attach(3, token), link.attach(4, token)]);
    link.wake();
    expect(await answer(link)).toEqual([RECORD_LINK_REJECT, 4, REJECT_TOKEN]);
    expect(performance.now() - beganMs).toBeLessThan(1_500);
    link.close();
  });

  it('from another process than the token was given to', async () => {
    const link = await conversing();
    const token = newToken();
    link.move(0, token);
    expect(await answer(link)).toEqual([RECORD_LINK_CLOSE, 0]);
    expect(await client.do.attach(port, token)).toEqual([RECORD_LINK_REJECT, 0, REJECT_TOKEN]);
    // Whom it was given to is served.
    const other = (await RawLink.join(port)) as RawLink;
    other.attach(0, token);
    expect(await answer(other)).toEqual([RECORD_LINK_ACCEPT, 0]);
    const before = (await server.do.allFacts()).reduce((sum, { received }) => sum + received, 0);
    other.write(other.ring(0), sessionMessage(2, Buffer.from('moved')));
    await eventually('the session goes on', async () => {
      return (await server.do.allFacts()).reduce((sum, { received }) => sum + received, 0) === before + 5;
    });
    link.close();
    other.close();
  });

  it('from another process, before the token is known', async () => {
    const link = await conversing();
    const token = newToken();
    const stranger = client.do.attach(port, token);
    const other = (await RawLink.join(port)) as RawLink;
    await new Promise((resolve) => setTimeout(resolve, 200));
    link.move(0, token);
    expect(await stranger).toEqual([RECORD_LINK_REJECT, 0, REJECT_TOKEN]);
    other.attach(0, token);
    expect(await answer(other)).toEqual([RECORD_LINK_ACCEPT, 0]);
    link.close();
    other.close();
  });

  it('never, after it has moved: its connection is reset', async () => {
    const link = await conversing();
    const { length } = await server.do.allFacts();
    link.move(0, newToken());
    expect(await answer(link)).toEqual([RECORD_LINK_CLOSE, 0]);
    link.record(RECORD_LINK_CLOSE, [0]);
    await eventually('the reset', async () => (await server.do.facts(length - 1)).closed);
    expect((await server.do.facts(length - 1)).errorCode).toBe('ECONNRESET');
    // The id is free for both.
    link.open(0, port);
    expect(await answer(link)).toEqual([RECORD_LINK_ACCEPT, 0]);
    link.close();
  });
});

describe('a client whose link ends', () => {
  it.each<[string, (link: RawLink) => unknown]>([
    ['a MOVE of what is not open', (link) => link.move(1, newToken())],
    ['a MOVE of what is not accepted yet', (link) => link.atOnce(() => [link.open(1, port), link.move(1, newToken())])],
    ['a short MOVE', (link) => link.record(RECORD_LINK_MOVE, [0, 1, 2])],
    ['a MOVE with something under way', (link) => [link.publish(link.ring(0), helloMessage()), link.move(0, 1n)]],
    ['a MOVE behind its CLOSE', (link) => link.atOnce(() => [link.record(RECORD_LINK_CLOSE, [0]), link.move(0, 1n)])],
    ['two MOVEs', (link) => link.atOnce(() => [link.move(0, 1n), link.move(0, 2n)])],
    [
      'a MOVE behind a MOVE and a CLOSE',
      (link) => link.atOnce(() => [link.move(0, 1n), link.record(RECORD_LINK_CLOSE, [0]), link.move(0, 2n)]),
    ],
    ['an ATTACH of what is open', (link) => link.attach(0, newToken())],
    ['an ATTACH of what waits', (link) => link.atOnce(() => [link.attach(5, 1n), link.attach(5, 2n)])],
    ['an OPEN of what attaches', (link) => link.atOnce(() => [link.attach(5, 3n), link.open(5, port)])],
    ['a short ATTACH', (link) => link.record(RECORD_LINK_ATTACH, [5, 1])],
  ])('%s', async (_, attack) => {
    const link = await conversing();
    attack(link);
    link.wake();
    await hungUp(link.fd);
    link.close();
    await allIsWell();
  });
});

describe('a server that answers an OPEN by a MOVE', () => {
  /** What becomes of a connect of the client. */
  async function outcome(to: number): Promise<[string, string | undefined]> {
    const result = await client.do.tryConnect({ port: to });
    const { candidates } = (await client.do.decision()) as DecisionRecord;
    return [result, candidates.find(({ provider }) => provider === 'shm')?.reason];
  }

  /** Answers each OPEN. */
  const answering = (reply: (link: RawLink, id: number) => unknown) =>
    serve(async (fd, cookie, listenerFd) => {
      const link = await welcome(fd, cookie, listenerFd);
      for (;;) {
        const [type, id] = (await link.next()) as [number, number];
        if (type === RECORD_LINK_OPEN) reply(link, id);
      }
    });

  /** A reactor that is met honestly; then `follow` has the link. */
  const reactor = (name: string, follow: (link: RawLink, record: number[]) => unknown) =>
    rendezvous(reactorRendezvousName(name), async (fd) => {
      const link = await welcome(fd, 0n, -1, () => {}, name);
      for (;;) follow(link, await link.next());
    });

  it('to nobody', async () => {
    const to = await answering((link, id) => link.move(id, newToken(), NOBODY));
    expect(await outcome(to)).toEqual(['connected by tcp', 'no-rendezvous']);
    expect((await outcome(to))[0]).toBe('connected by tcp');
  });

  it('to a reactor of another process', async () => {
    const { keys } = await server.do.owner();
    const { reactorId } = keys.shm as { reactorId: string };
    const to = await answering((link, id) => link.move(id, newToken(), reactorId));
    expect(await outcome(to)).toEqual(['connected by tcp', 'peer-unverifiable']);
  });

  it('to a name that another process has taken', async () => {
    const name = 'cd'.repeat(16);
    await server.do.squatReactor(name);
    const to = await answering((link, id) => link.move(id, newToken(), name));
    expect(await outcome(to)).toEqual(['connected by tcp', 'peer-unverifiable']);
  });

  it('to one that says it is somebody else', async () => {
    rendezvous(reactorRendezvousName(NOBODY), (fd) => welcome(fd, 0n, -1, () => {}, 'ef'.repeat(16)));
    const to = await answering((link, id) => link.move(id, newToken(), NOBODY));
    expect(await outcome(to)).toEqual(['connected by tcp', 'another-layout']);
  });

  it.each<[string, string, (link: RawLink, id: number) => unknown]>([
    ['never answers', 'connect-timed-out', () => {}],
    ['rejects', 'hand-over-failed', (link, id) => link.record(RECORD_LINK_REJECT, [id, REJECT_TOKEN])],
    ['refuses', 'hand-over-failed', (link, id) => link.record(RECORD_LINK_REJECT, [id, 2])],
    ['closes', 'link-died', (link, id) => link.record(RECORD_LINK_CLOSE, [id])],
    ['moves on', 'link-died', (link, id) => link.move(id, newToken(), NOBODY)],
    ['talks nonsense', 'link-died', (link) => link.record(9, [0])],
    ['accepts and is silent', 'negotiation-failed', (link, id) => link.record(RECORD_LINK_ACCEPT, [id])],
  ])('to one that %s', async (_, reason, follow) => {
    const name = newToken().toString(16).padStart(32, '1');
    const seen: number[][] = [];
    reactor(name, (link, record) => {
      seen.push(record);
      if (record[0] === RECORD_LINK_ATTACH) follow(link, record[1] as number);
    });
    const token = newToken();
    const to = await answering((link, id) => link.move(id, token, name));
    expect(await outcome(to)).toEqual(['connected by tcp', reason]);
    const [attach] = seen as [number[]];
    expect(attach[0]).toBe(RECORD_LINK_ATTACH);
    expect([attach[2], attach[3]]).toEqual([Number(BigInt.asIntN(32, token)), Number(token >> 32n) | 0]);
  });

  it.each<[string, (link: RawLink, id: number) => unknown]>([
    ['of another', (link, id) => link.move(id + 1, newToken(), NOBODY)],
    ['that is short', (link, id) => link.record(RECORD_LINK_MOVE, [id, 1])],
    ['in place of which it attaches', (link, id) => link.attach(id + 1, newToken())],
  ])('%s: the link ends', async (_, reply) => {
    const to = await answering(reply);
    expect(await outcome(to)).toEqual(['connected by tcp', 'link-died']);
  });

  it('that closes: the id is free, once', async () => {
    const name = 'ba'.repeat(16);
    const ids: number[] = [];
    reactor(name, (link, [type, id]) => {
      if (type !== RECORD_LINK_ATTACH) return;
      ids.push(id as number);
      // The first one at once, the others later: they are open at the same time.
      setTimeout(() => link.record(RECORD_LINK_CLOSE, [id as number]), ids.length === 1 ? 0 : 100);
    });
    const to = await answering((link, id) => link.move(id, newToken(), name));
    const outcomes = [await outcome(to), ...(await Promise.all([outcome(to), outcome(to)]))];
    expect(outcomes).toEqual(Array(3).fill(['connected by tcp', 'link-died']));
    expect(ids).toHaveLength(3);
    expect(ids[1]).not.toBe(ids[2]);
  });

  /** Accepts, negotiates, and then moves. */
  const movingLater = (name: string) =>
    answering(async (link, id) => {
      link.record(RECORD_LINK_ACCEPT, [id]);
      await eventually('HELLO', () => link.peerPublished(id) > 0);
      link.consume(id);
      link.publish(link.ring(id), helloMessage());
      link.record(RECORD_LINK_NEWS, [id]);
      await eventually('it is read', () => link.isConsumed(id));
      link.move(id, newToken(), name);
    });

  it.each([
    ['nobody', () => {}],
    ['one that never answers', () => reactor(NOBODY, () => {})],
    ['one that rejects', () => reactor(NOBODY, (link, [, id]) => link.record(RECORD_LINK_REJECT, [id as number, 5]))],
  ])('[WSD-8.2] on a connection that stands, to %s: a reset, once', async (_, prepare) => {
    prepare();
    const to = await movingLater(NOBODY);
    const party = await client.do.connect('hold', { port: to });
    await eventually('the reset', async () => (await client.do.facts(party)).closed, 4_000);
    expect(await client.do.facts(party)).toMatchObject({ provider: 'shm', errorCode: 'ECONNRESET' });
  });

  it('and others are served', async () => {
    await allIsWell();
    expect(client.isGone).toBe(false);
    expect(await client.do.tryConnect({ port })).toBe('connected by shm');
  });
});
