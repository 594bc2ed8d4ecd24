/** RDMA engines of threads that are ended while their connections stand and messages go round. */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, it } from 'vitest';
import type { FakeVerbs } from '../fixtures/fake-verbs.js';
import { useVerbs } from '../fixtures/verbs-host.js';

// Under emulation a thread takes a second to start.
const CYCLES = process.env.SANSWITCH_TEST_RDMA_ADDRESS === undefined ? 100 : 10;
const AT_ONCE = 4;
const WORKER = join(process.cwd(), 'build', 'test', 'fixtures', 'verbs-engine-worker.js');

let verbs: FakeVerbs | null;

beforeAll(async () => {
  verbs = await useVerbs();
}, 120_000);

async function cycle(poller: 'inline' | 'dedicated', delayMs: number): Promise<void> {
  const worker = new Worker(WORKER, { workerData: { poller } });
  // A worker that fails emits an error instead, which rejects this.
  await once(worker, 'message');
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  await worker.terminate();
}

const descriptors = (): number => readdirSync('/proc/self/fd').length;

describe.each(['inline', 'dedicated'] as const)('a thread with an engine, polled %s', (poller) => {
  it(`can be ended at any moment, ${CYCLES} times, and leaves nothing`, { timeout: 120_000 }, async () => {
    await cycle(poller, 0);
    const before = descriptors();
    let started = 0;
    const run = async (): Promise<void> => {
      while (started < CYCLES) await cycle(poller, started++ % 7);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, run));
    if (verbs !== null) expect(verbs.control('live')).toBe(0);
    expect(descriptors()).toBeLessThan(before + 8);
  });
});
