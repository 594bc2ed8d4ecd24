import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { closeDescriptor, sendMessage, unixAccept, unixConnect, unixListen } from '#src/native/os.js';
import { LINK_OVERDONE, Reactor } from '#src/reactor/reactor.js';
import { threadWindows } from '#src/reactor/window.js';
import { idleShare } from '../fixtures/idleness.js';
import { acceptEnds, connectEnds, type Ends, EPOCH_WORD, WordLink } from '../fixtures/word-link.js';

const peerModule = join(process.cwd(), 'build', 'test', 'fixtures', 'word-peer.js');

let serial = 0;
const freshName = (): string => `sanswitch-test-${process.pid}-${serial++}`;
const children: ChildProcess[] = [];
const links: WordLink[] = [];

afterEach(() => {
  for (const link of links.splice(0)) link.close();
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function startPeer(spin_us: number, busy_us = 0): Promise<{ name: string; child: ChildProcess }> {
  const name = freshName();
  const child = fork(peerModule, [name, String(spin_us), String(busy_us)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  children.push(child);
  await once(child, 'message');
  return { name, child };
}

/** Bounces a value `rounds` times, waiting before each send as `pause` says. @returns sleeps and wakes of this side */
async function bounce(link: WordLink, rounds: number, limit_ms: number, pause: (round: number) => number) {
  const before = link.reactor.stats();
  let value = 0;
  let finish = (): void => {};
  let fail = (_: Error): void => {};
  const finished = new Promise<void>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  const next = (): void => {
    if (value >= rounds) {
      finish();
      return;
    }
    const wait = pause(value);
    value++;
    if (wait < 0) link.send(value);
    else setTimeout(() => link.send(value), wait);
  };
  handlers.set(link, (received) => {
    if (received !== value) fail(new Error(`${received} came instead of ${value}`));
    else next();
  });
  const guard = setTimeout(() => fail(new Error(`stuck after ${value} of ${rounds}`)), limit_ms);
  next();
  await finished.finally(() => clearTimeout(guard));
  const after = link.reactor.stats();
  return { rounds: value, sleeps: after.sleeps - before.sleeps, wakes: link.wakes };
}

const handlers = new Map<WordLink, (value: number) => void>();

function openLink(ends: Ends, ended: (event: number) => void = () => {}): WordLink {
  const link: WordLink = new WordLink(ends, (value) => handlers.get(link)?.(value), ended);
  links.push(link);
  return link;
}

describe('two processes', () => {
  it.each([
    ['both hot', 50, 50, 20_000],
    ['one never spins', 50, 0, 4_000],
    ['neither spins', 0, 0, 4_000],
    ['both spin for 1 us', 1, 1, 4_000],
  ])('%s: every value comes back', async (_, ours_us, theirs_us, rounds) => {
    const { name } = await startPeer(theirs_us);
    const link = openLink(await connectEnds(name));
    link.reactor.spinBudgetUs = ours_us;
    await bounce(link, rounds, 18_000, () => -1);
    link.close();
  });

  it('loses no wake-up in 10^5 sleeps of both sides', { timeout: 90_000 }, async () => {
    // The peer works for up to 60 us at random, so that our sleep begins now before, now after, now during its answer.
    const { name } = await startPeer(1, 60);
    const link = openLink(await connectEnds(name));
    link.reactor.spinBudgetUs = 1;
    let sleeps = 0;
    const limit = performance.now() + 20_000;
    while (sleeps < 100_000 && performance.now() < limit) {
      sleeps += (await bounce(link, 5_000, 60_000, () => -1)).sleeps;
      await new Promise<void>((resolve) => {
        handlers.set(link, () => resolve());
        link.send(0);
      });
    }
    console.log(`slept ${sleeps} times`);
    expect(sleeps).toBeGreaterThan(5_000);
    link.close();
  });

  it('notices the end of the peer, once', async () => {
    const { name, child } = await startPeer(50);
    const ends = await connectEnds(name);
    const events: number[] = [];
    const link = openLink(ends, (event) => events.push(event));
    child.kill('SIGKILL');
    await once(child, 'exit');
    while (events.length === 0) await delay(1);
    await delay(20);
    // ECONNRESET if it had not read all wake-ups.
    expect(events).toHaveLength(1);
    expect([0, -104]).toContain(events[0]);
    // The socket is dead: sending reports it and nothing breaks.
    Atomics.store(ends.own.words, EPOCH_WORD, 0);
    expect(link.reactor.wake(0)).toBe(false);
    link.close();
    expect(link.reactor.wake(0)).toBe(false);
  });

  it('sleeps beside a silent peer at no cost', async () => {
    const { name } = await startPeer(50);
    const link = openLink(await connectEnds(name));
    await bounce(link, 1_000, 10_000, () => -1);
    await delay(50);
    expect(await idleShare()).toBeLessThan(0.05);
    link.close();
  });
});

describe('two threads and one thread', () => {
  it('bounces values between two threads of a process', async () => {
    const name = freshName();
    const worker = new Worker(peerModule, { workerData: { name, spin_us: 50, busy_us: 0 } });
    await once(worker, 'message');
    const link = openLink(await connectEnds(name));
    const result = await bounce(link, 5_000, 15_000, (round) => (round % 500 === 0 ? 2 : -1));
    expect(result.rounds).toBe(5_000);
    link.close();
    // Its reactor lets it end by itself.
    expect((await once(worker, 'exit'))[0]).toBe(0);
  });

  it('bounces values between two ends in one event loop', async () => {
    const name = freshName();
    const accepting = acceptEnds(name, () => {});
    const [near, far] = await Promise.all([connectEnds(name), accepting]);
    const echo: WordLink = new WordLink(
      far,
      (value) => echo.send(value),
      () => {},
    );
    links.push(echo);
    const link = openLink(near);
    await bounce(link, 20_000, 15_000, (round) => (round % 2_000 === 0 ? 1 : -1));
    link.close();
    echo.close();
    expect(link.reactor.closed).toBe(true);
  });
});

describe('a peer without manners', () => {
  it('that wakes without end holds up neither timers nor other work, and loses its link', async () => {
    const name = freshName();
    const listener = unixListen(name, 1);
    const theirs = unixConnect(name);
    const ours = unixAccept(listener) as number;
    const { region, descriptor } = threadWindows().mapOwn(1 << 20);
    const reactor = Reactor.current();
    const pollable = { poll: () => 0, beforeSleep: () => 0 };
    reactor.addPollable(pollable);
    const events: number[] = [];
    const linkId = reactor.addLink(ours, region.windowId, region.wordOffset + EPOCH_WORD, (event) =>
      events.push(event),
    );
    let sent = 0;
    let flooding = true;
    const flood = (): void => {
      // With descriptors too, which must not pile up.
      for (let i = 0; i < 200; i++) {
        try {
          sendMessage(theirs, new Uint8Array(100), i % 3 === 0 ? descriptor : -1);
          sent++;
        } catch {
          break;
        }
      }
      if (flooding) setImmediate(flood);
    };
    flood();
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const limit = performance.now() + 5_000;
    while ((ticks <= 15 || events.length === 0) && performance.now() < limit) await delay(1);
    clearInterval(timer);
    flooding = false;
    expect(ticks).toBeGreaterThan(15);
    expect(events).toEqual([LINK_OVERDONE]);
    // Nothing more is read: the sender's own socket fills up.
    expect(reactor.stats().wakesReceived).toBeLessThan(20_000);
    expect(sent).toBeLessThan(20_000);
    closeDescriptor(theirs);
    reactor.removeLink(linkId);
    reactor.removePollable(pollable);
    for (const fd of [ours, listener, descriptor]) closeDescriptor(fd);
    threadWindows().unmap(region);
  });

  it.each(['ECONNREFUSED', 'EBADF'])('%s: errors have the shape of Node', (code) => {
    const fail = (): unknown => (code === 'EBADF' ? closeDescriptor(2) : unixConnect(freshName()));
    expect(fail).toThrow(expect.objectContaining({ code, errno: expect.any(Number), syscall: expect.any(String) }));
  });
});
