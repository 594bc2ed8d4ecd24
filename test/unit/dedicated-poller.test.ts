/** The dedicated poller: one native thread that watches for every thread that sleeps. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { IDLE_STRATEGIES } from '#src/reactor/poller-kind.js';
import { idleShare } from '../fixtures/idleness.js';
import { acceptEnds, connectEnds, type Ends, WordLink } from '../fixtures/word-link.js';

const peerModule = join(process.cwd(), 'build', 'test', 'fixtures', 'word-peer.js');
const children: ChildProcess[] = [];
const links: WordLink[] = [];
let serial = 0;
const freshName = (): string => `sanswitch-test-dedicated-${process.pid}-${serial++}`;

afterEach(() => {
  for (const link of links.splice(0)) link.close();
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Dedicated pollers of this process. */
function pollerThreads(): number {
  const names = readdirSync('/proc/self/task').map((id) => {
    try {
      return readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim();
    } catch {
      return ''; // The thread has ended meanwhile.
    }
  });
  return names.filter((name) => name === 'poller').length;
}

async function startPeer(...task: (string | number)[]): Promise<string> {
  const name = freshName();
  const child = fork(peerModule, [name, ...task.map(String)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  children.push(child);
  await once(child, 'message');
  return name;
}

/** A link that sends 1, 2, 3, ... each when the one before has come back. */
function openBouncer(ends: Ends) {
  let value = 0;
  let rounds = 0;
  let finish: (() => void) | undefined;
  let onWrong: ((error: Error) => void) | undefined;
  const link: WordLink = new WordLink(
    ends,
    (received) => {
      if (received !== value) onWrong?.(new Error(`${received} came instead of ${value}`));
      else if (value < rounds) link.send(++value);
      else finish?.();
    },
    () => {},
  );
  links.push(link);
  return {
    link,
    async bounce(count: number, limitMs: number): Promise<void> {
      rounds = value + count;
      const guard = setTimeout(() => onWrong?.(new Error(`stuck after ${value} of ${rounds}`)), limitMs);
      await new Promise<void>((resolve, reject) => {
        finish = resolve;
        onWrong = reject;
        link.send(++value);
      }).finally(() => clearTimeout(guard));
    },
  };
}

describe('the dedicated poller', () => {
  it.each(IDLE_STRATEGIES)('%s: every value comes back, over records', { timeout: 60_000 }, async (strategy) => {
    const name = await startPeer(50, 0, strategy);
    const { link, bounce } = openBouncer(await connectEnds(name));
    link.reactor.pollBy('dedicated', strategy);
    expect(pollerThreads()).toBe(1);
    await bounce(2_000, 50_000);
    expect(link.reactor.stats().records).toBeGreaterThan(0);
    link.close();
    expect(pollerThreads()).toBe(0);
  });

  it.each([
    ['both by the poller, without spinning', 0, 'blocking'],
    ['both by the poller, 1 us', 1, 'blocking'],
    ['the peer inline', 1, ''],
  ])('loses no wake-up: %s', { timeout: 60_000 }, async (_what, spinUs, idle) => {
    // The peer works for up to 60 us at random, so that both fall asleep now before, now after, now during the other's answer.
    const name = await startPeer(spinUs, 60, ...(idle === '' ? [] : [idle]));
    const { link, bounce } = openBouncer(await connectEnds(name));
    link.reactor.spinBudgetUs = spinUs;
    link.reactor.pollBy('dedicated', 'blocking');
    const limit = performance.now() + 4_000;
    while (performance.now() < limit) await bounce(1_000, 30_000);
    expect(link.reactor.stats().sleeps).toBeGreaterThan(500);
    link.close();
  });

  it('is one thread for all workers, and goes with the last', { timeout: 30_000 }, async () => {
    const workers: Worker[] = [];
    const bouncers: ReturnType<typeof openBouncer>[] = [];
    for (let i = 0; i < 4; i++) {
      const name = freshName();
      const workerData = { name, spin_us: 50, busy_us: 0, idleStrategy: 'blocking' };
      const worker = new Worker(peerModule, { workerData });
      workers.push(worker);
      await once(worker, 'message');
      bouncers.push(openBouncer(await connectEnds(name)));
    }
    for (const { bounce } of bouncers) await bounce(500, 20_000);
    expect(pollerThreads()).toBe(1);
    // Terminated while asleep, one by one; the others go on.
    await (workers[0] as Worker).terminate();
    bouncers[0]?.link.close();
    for (const { bounce } of bouncers.slice(1)) await bounce(500, 20_000);
    expect(pollerThreads()).toBe(1);
    for (const { link } of bouncers) link.close();
    for (const worker of workers.slice(1)) if (worker.threadId !== -1) await once(worker, 'exit');
    expect(pollerThreads()).toBe(0);
  });

  it('can be joined and left under traffic', { timeout: 30_000 }, async () => {
    const name = await startPeer(50);
    const { link, bounce } = openBouncer(await connectEnds(name));
    for (let i = 0; i < 20; i++) {
      link.reactor.pollBy(i % 2 === 0 ? 'dedicated' : 'inline', IDLE_STRATEGIES[i % 4]);
      const moving = bounce(200, 20_000);
      await delay(i % 3);
      link.reactor.pollBy(i % 2 === 0 ? 'inline' : 'dedicated');
      await moving;
    }
    link.close();
    expect(pollerThreads()).toBe(0);
  });

  it('wakes a thread that waits for itself', async () => {
    const name = freshName();
    const accepting = acceptEnds(name, () => {});
    const [near, far] = await Promise.all([connectEnds(name), accepting]);
    const echo: WordLink = new WordLink(
      far,
      (value) => echo.send(value),
      () => {},
    );
    links.push(echo);
    const { link, bounce } = openBouncer(near);
    link.reactor.pollBy('dedicated');
    await bounce(2_000, 20_000);
  });

  it('costs nothing while everybody sleeps', { timeout: 30_000 }, async () => {
    const name = await startPeer(50, 0, 'blocking');
    const { link, bounce } = openBouncer(await connectEnds(name));
    link.reactor.pollBy('dedicated', 'blocking');
    await bounce(100, 10_000);
    await delay(50);
    expect(await idleShare()).toBeLessThan(0.02);
    link.close();
  });
});
