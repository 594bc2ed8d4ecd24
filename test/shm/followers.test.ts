import { afterEach, expect, it } from 'vitest';
import { COST } from '#src/providers/shm/cost.js';
import { Followers } from '#src/providers/shm/followers.js';
import { Beside } from './beside.js';
import { eventually } from './party.js';
import { killPeers, Peer, STRICT } from './peer.js';

const all: Followers[] = [];

function reactor(name: string): { followers: Followers; refunds: [pid: number, count: number][] } {
  const refunds: [number, number][] = [];
  const followers = new Followers(name, (pid, count) => refunds.push([pid, count]));
  all.push(followers);
  return { followers, refunds };
}

afterEach(async () => {
  for (const followers of all.splice(0)) followers.close();
  await killPeers();
});

it('who has sent callers away hears which have come, several at a time, and nobody else does', async () => {
  const sender = reactor('a');
  const another = reactor('b');
  const target = reactor('c');
  sender.followers.sent();
  another.followers.sent();
  for (let i = 0; i < 3; i++) target.followers.came('a', 7);
  target.followers.came('a', 8);
  target.followers.came('b', 7);
  await eventually('the news', () => sender.refunds.length === 2 && another.refunds.length === 1);
  expect(sender.refunds).toEqual([
    [7, 3],
    [8, 1],
  ]);
  expect(another.refunds).toEqual([[7, 1]]);
  expect(target.refunds).toEqual([]);
});

it('who sends callers to itself hears it at once', () => {
  const { followers, refunds } = reactor('a');
  followers.sent();
  followers.came('a', 7);
  expect(refunds).toEqual([[7, 1]]);
});

it('the deposits of honest callers come back to the listener', async () => {
  const beside = await Beside.open(2);
  const client = await Peer.process(STRICT);
  const refunds: number[] = [];
  // The budget of the client's process, on the listener's thread.
  const { running } = (beside.sw as unknown as { context: { running: { spi: HasHost }[] } }).context;
  const talk = (running[0] as { spi: HasHost }).spi.host.talkOf(client.pid);
  const refund = talk.refund.bind(talk);
  talk.refund = (units) => {
    refunds.push(units);
    refund(units);
  };
  await Promise.all(Array.from({ length: 50 }, () => client.do.connect('sink', { port: beside.port })));
  const sum = (): number => refunds.reduce((total, units) => total + units, 0);
  await eventually('all have come back', () => sum() === 50 * COST.silent);
  await beside.close();
});

interface HasHost {
  readonly host: { talkOf(pid: number): { refund: (units: number) => void } };
}
