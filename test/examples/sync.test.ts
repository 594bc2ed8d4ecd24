import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('examples/sync-queue.mjs passes every item from two workers to the main thread', async () => {
  const file = fileURLToPath(new URL('../../examples/sync-queue.mjs', import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file, '500']);
  expect(stderr).toBe('');
  expect(stdout).toBe('1000 items, sum 250500\n');
});
