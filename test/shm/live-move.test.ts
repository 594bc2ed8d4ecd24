// Live connections that change their thread over shared memory (rules 8.1, 8.2): the peer is in another process, and any
// of the three may die at any moment.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SocketHandOver, SwitchOwner } from '#src/switch/owner.js';
import { eventually } from './party.js';
import { killPeers, Peer } from './peer.js';

/** The threads between which the connection moves, and the process at its other end. */
let one: Peer;
let other: Peer;
let remote: Peer;
let owner: SwitchOwner;

beforeEach(async () => {
  [one, other, remote] = await Promise.all([Peer.thread(), Peer.thread(), Peer.process()]);
  owner = await other.do.owner();
});

afterEach(killPeers);

/** Which end moves: the one that accepted, or the one that connected. */
const ENDS = ['accepting', 'connecting'] as const;
type End = (typeof ENDS)[number];

/** A connection between `one`, whose end echoes, and `remote`. @returns the parties' numbers */
async function connected(end: End): Promise<{ mover: number; stayer: number }> {
  const [listens, connects] = end === 'accepting' ? ([one, remote] as const) : ([remote, one] as const);
  const { port } = await listens.do.listen(end === 'accepting' ? 'echo' : 'sink');
  const party = await connects.do.connect(end === 'accepting' ? 'sink' : 'echo', { port });
  await eventually('it is accepted', async () => (await listens.do.count()) > 0);
  return end === 'accepting' ? { mover: 0, stayer: party } : { mover: party, stayer: 0 };
}

/** A word to the mover's end, and its echo. */
async function echoed(stayer: number, word: string): Promise<void> {
  const { received } = await remote.do.facts(stayer);
  await remote.do.send(stayer, word);
  await remote.do.got(stayer, received + word.length);
}

/** Bytes that may travel with a connection whose peer sends without a pause; it would otherwise be more with each move. */
const CARRIED_BYTES_MAX = 48 * 1024 * 1024;

/** Bytes that have come and travel with the connection, since the application has not had them. */
function carriedBytes({ moved }: SocketHandOver): number {
  return moved?.stream.unread.reduce((sum, bytes) => sum + bytes.length, 0) ?? 0;
}

async function resetAt(stayer: number, withinMs: number): Promise<void> {
  await eventually('the reset', async () => (await remote.do.facts(stayer)).closed, withinMs);
  expect(await remote.do.facts(stayer)).toMatchObject({ provider: 'shm', errorCode: 'ECONNRESET' });
}

describe.each(ENDS)('the %s end moves', (end) => {
  it('[WSD-8.2] to a thread that is gone: a reset, within 3 s', async () => {
    const { mover, stayer } = await connected(end);
    await other.kill();
    await one.do.handOver(mover, owner);
    await resetAt(stayer, 3_500);
  });

  it('[WSD-7.3] to a thread that ends afterwards: a reset at once', async () => {
    const { mover, stayer } = await connected(end);
    await other.do.adopt('echo', await one.do.handOver(mover, owner));
    await echoed(stayer, 'moved');
    await other.kill();
    await resetAt(stayer, 2_000);
  });

  it('[WSD-8.2] while its peer resets it: the new owner hears ECONNRESET, at once', async () => {
    const { mover, stayer } = await connected(end);
    const connection = await one.do.handOver(mover, owner);
    await remote.do.tell(stayer, 'abort');
    const beganMs = performance.now();
    const code = await other.do.adopt('echo', connection).then(
      (adopted) => other.do.closing(adopted),
      (error) => error.code,
    );
    expect(code).toBe('ECONNRESET');
    expect(performance.now() - beganMs).toBeLessThan(1_500);
  });

  it('[WSD-8.1] while its peer is busy', async () => {
    const { mover, stayer } = await connected(end);
    const moving = one.do.handOver(mover, owner);
    void remote.do.busy(700);
    await other.do.adopt('echo', await moving);
    await echoed(stayer, 'patience');
  });
});

// What `moving.test.ts` tests of the end that accepted.
describe('the connecting end moves', () => {
  it('[WSD-8.1] back and forth under full traffic: every byte once, in order', async () => {
    const { stayer, mover } = await connected('connecting');
    const totalBytes = 256 * 1024 * 1024;
    const flood = remote.do.flood(stayer, { totalBytes, seed: 7 });
    const threads = [one, other] as const;
    const owners = [await one.do.owner(), owner];
    let party = mover;
    let moves = 0;
    let mostBytes = 0;
    let isOver = false;
    const over = flood.then(async (crc) => {
      await remote.do.got(stayer, totalBytes, 60_000);
      isOver = true;
      return crc;
    });
    while (!isOver) {
      const to = (moves + 1) % 2;
      const connection = await (threads[1 - to] as Peer).do.handOver(party, owners[to] as SwitchOwner);
      party = await (threads[to] as Peer).do.adopt('echo', connection);
      mostBytes = Math.max(mostBytes, carriedBytes(connection));
      moves++;
    }
    const { received, crc, closed } = await remote.do.facts(stayer);
    expect({ received, crc, closed }).toEqual({ received: totalBytes, crc: await over, closed: false });
    expect(moves).toBeGreaterThanOrEqual(10);
    expect(mostBytes).toBeLessThan(CARRIED_BYTES_MAX);
  }, 60_000);

  it('[WSD-8.1] away from a thread that ends then', async () => {
    const { mover, stayer } = await connected('connecting');
    const connection = await one.do.handOver(mover, owner);
    await one.kill();
    await other.do.adopt('echo', connection);
    await echoed(stayer, 'alive');
  });

  it('[WSD-8.2] to a thread that ends before it takes it over: a reset, within 3 s', async () => {
    const { mover, stayer } = await connected('connecting');
    await one.do.handOver(mover, owner);
    await other.kill();
    await resetAt(stayer, 3_500);
  });

  it('[WSD-8.2] while its peer dies: the new owner hears of it, within 3 s', async () => {
    const { mover } = await connected('connecting');
    const connection = await one.do.handOver(mover, owner);
    await remote.kill();
    const code = await other.do.adopt('echo', connection).then(
      () => 'adopted',
      (error) => error.code,
    );
    expect(['ECONNRESET', 'ETIMEDOUT']).toContain(code);
    expect(await other.do.stats()).toMatchObject({ providers: { shm: { open: 0 } } });
  });

  it('[WSD-6.3] 100 times, and leaves nothing behind', async () => {
    const { mover, stayer } = await connected('connecting');
    const threads = [one, other] as const;
    const owners = [await one.do.owner(), owner];
    let party = mover;
    const move = async (i: number): Promise<void> => {
      const to = (i + 1) % 2;
      const connection = await (threads[1 - to] as Peer).do.handOver(party, owners[to] as SwitchOwner);
      party = await (threads[to] as Peer).do.adopt('echo', connection);
      await echoed(stayer, `move ${i}`);
    };
    for (let i = 0; i < 4; i++) await move(i);
    const everybody = [one, other, remote];
    const before = await Promise.all(everybody.map((peer) => peer.do.resources()));
    for (let i = 0; i < 100; i++) await move(i);
    await Promise.all(
      everybody.map((peer, i) =>
        eventually('everything is given back', async () => {
          const now = await peer.do.resources();
          const { descriptors, segments } = before[i] as typeof now;
          return now.descriptors <= descriptors && now.segments <= segments;
        }),
      ),
    );
  });
});
