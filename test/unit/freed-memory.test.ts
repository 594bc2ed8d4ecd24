import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { copyOut } from '#src/native/bytes.js';
import { loadNative } from '#src/native/load.js';

const MIB = 1024 * 1024;
const BUFFERS = 64;
/** What other parts of the process may take or give back meanwhile. */
const NOISE_BYTES = 16 * MIB;
const DIST = new URL('../../dist/native/', import.meta.url).href;

const { addon } = loadNative();
const { glibcVersionRuntime } = (process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } })
  .header;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Receives in bulk and forgets it all. */
function receive(): void {
  const source = new Uint8Array(MIB).fill(1);
  const received: Uint8Array[] = [];
  for (let i = 0; i < BUFFERS; i++) received.push(copyOut(source, 0, MIB));
  received.length = 0;
  // The second waits until the first has swept array buffers, which goes on in another thread.
  collect();
  collect();
}

function resident(): number {
  return process.memoryUsage.rss();
}

/** Waits, for `limit_ms`, until no more than `bytes` are resident. @returns whether that came about */
async function fallsTo(bytes: number, limit_ms: number): Promise<boolean> {
  for (let left_ms = limit_ms; left_ms > 0; left_ms -= 50) {
    if (resident() <= bytes) return true;
    await delay(50);
  }
  return false;
}

const lack = glibcVersionRuntime === undefined ? ' (needs glibc)' : '';

describe.skipIf(lack !== '')(`memory that bulk traffic has freed${lack}`, () => {
  it('is kept meanwhile, and given back when there is no more traffic', async () => {
    const before = resident();
    receive();
    expect(resident()).toBeGreaterThan(before + BUFFERS * MIB - NOISE_BYTES);
    expect(await fallsTo(before + NOISE_BYTES, 5_000)).toBe(true);
    // And so once more.
    receive();
    expect(resident()).toBeGreaterThan(before + BUFFERS * MIB - NOISE_BYTES);
    expect(await fallsTo(before + NOISE_BYTES, 5_000)).toBe(true);
  });

  it('is kept while any thread has such traffic', async () => {
    const worker = new Worker(
      `import('${DIST}load.js').then(({ loadNative }) => {
        loadNative().addon.keepFreedMemory(true);
        const { parentPort } = require('node:worker_threads');
        parentPort.on('message', () => {});
        parentPort.postMessage('keeps');
      });`,
      { eval: true },
    );
    await once(worker, 'message');
    const before = resident();
    receive();
    addon?.keepFreedMemory(false);
    expect(await fallsTo(before + NOISE_BYTES, 200)).toBe(false);
    await worker.terminate();
    expect(await fallsTo(before + NOISE_BYTES, 1_000)).toBe(true);
  });
});

it('a process need not wait until freed memory has been given back', () => {
  const code = `import { copyOut } from '${DIST}bytes.js';
    copyOut(new Uint8Array(${MIB}), 0, ${MIB});
    const start_ms = performance.now();
    process.on('exit', () => console.log(performance.now() - start_ms));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' });
  expect(Number(output)).toBeLessThan(1_900);
});
