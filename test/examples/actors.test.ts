import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('examples/ping-pong.mjs plays across two workers', async () => {
  const file = fileURLToPath(new URL('../../examples/ping-pong.mjs', import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file, '1000']);
  expect(stderr).toBe('');
  expect(stdout).toBe('ping has caught the last ball\n');
});
