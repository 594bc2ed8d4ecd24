/** When a generator wakes. */
import { readdirSync, readlinkSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Pacer } from '#src/load/pacer.js';
import { armTimer, closeDescriptor, createTimer } from '#src/native/os.js';
import { Poll } from '#src/reactor/poll.js';

const EARLY_MS = 0.05;

/** How much later than it was to be each wake came, in order of size. */
async function latenesses(early_ms: number, delays_ms: readonly number[]): Promise<number[]> {
  let woke: (late_ms: number) => void = () => {};
  let due_ms = 0;
  const pacer = new Pacer(() => woke(performance.now() - due_ms), early_ms);
  const late: number[] = [];
  for (const delay_ms of delays_ms) {
    late.push(
      await new Promise<number>((resolve) => {
        woke = resolve;
        due_ms = performance.now() + delay_ms;
        pacer.wait(delay_ms);
      }),
    );
  }
  pacer.close();
  return late.sort((a, b) => a - b);
}

const timers = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:[timerfd]';
    } catch {
      return false;
    }
  }).length;

it('wakes within a fraction of a millisecond, and never earlier than it may', async () => {
  const delays_ms = Array.from({ length: 200 }, (_, i) => 0.2 + (i % 10) * 0.4);
  const late = await latenesses(EARLY_MS, delays_ms);
  expect(late[0]).toBeGreaterThan(-EARLY_MS - 0.001);
  // 0.07 ms where nothing else runs; libuv's timers are half a millisecond late on the average, and by whole ones.
  expect(late[20]).toBeLessThan(0.7);
});

it('does not sleep for what is nearer, and is called in the next turn', async () => {
  const late = await latenesses(EARLY_MS, [0, -5, 0.01, EARLY_MS]);
  expect(late[0]).toBeGreaterThan(-EARLY_MS - 0.001);
});

it('takes the latest moment that it was given alone', async () => {
  let calls = 0;
  const pacer = new Pacer(() => {
    calls += 1;
  }, EARLY_MS);
  const from_ms = performance.now();
  pacer.wait(0);
  pacer.wait(10_000);
  pacer.wait(60);
  await new Promise((resolve) => setTimeout(resolve, 30));
  if (performance.now() - from_ms < 50) expect(calls).toBe(0);
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(calls).toBe(1);
  pacer.wait(20);
  pacer.wait(0);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(calls).toBe(2);
  pacer.close();
});

it('may be closed while it calls, and again, and gives its descriptor back', async () => {
  const before = timers();
  for (let round = 0; round < 50; round++) {
    let calls = 0;
    await new Promise<void>((resolve) => {
      const pacer = new Pacer(() => {
        calls += 1;
        pacer.wait(0.1);
        pacer.close();
        pacer.close();
        pacer.wait(0);
        pacer.wait(1);
        resolve();
      }, EARLY_MS);
      pacer.wait(round % 2 === 0 ? 0.3 : 0);
    });
    await new Promise((resolve) => setTimeout(resolve, 2));
    expect(calls).toBe(1);
  }
  expect(timers()).toBe(before);
});

it('a timer rings once, forgets that it rang when it is armed again, and takes no nonsense', async () => {
  const fd = createTimer();
  let rings = 0;
  const poll = new Poll(fd, () => {
    rings += 1;
    armTimer(fd, 0);
  }).start();
  poll.ref();
  armTimer(fd, 1_000_000);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(rings).toBe(1);
  armTimer(fd, 1);
  armTimer(fd, 3_600_000_000_000);
  armTimer(fd, 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(rings).toBe(1);
  for (const delay_ns of [-1, 3_600_000_000_001, 0.5, Number.NaN, '1', undefined]) {
    expect(() => armTimer(fd, delay_ns as number)).toThrow(TypeError);
  }
  poll.close();
  closeDescriptor(fd);
  expect(() => armTimer(fd, 1)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  // It is given up by its owner alone, once.
  expect(() => closeDescriptor(fd)).toThrow(expect.objectContaining({ code: 'EBADF' }));
});
