/** What the tests of the fake RDMA libraries say of these is true of Soft-RoCE as well, but for what they name. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { buildProgram } from '../native/build.mjs';

it.each(['fake_verbs_test', 'fake_verbs_memory_test', 'fake_verbs_events_test'])('%s', async (name) => {
  const program = await buildProgram(`${name}.cc`, 'plain');
  const run = promisify(execFile)(program, [], { timeout: 50_000 });
  const { stdout, stderr } = await run.catch((error: { stdout: string; stderr: string }) => error);
  expect(`${stdout}${stderr}`).not.toMatch(/not ok|does not hold/);
  expect(stdout).toMatch(/^ok /m);
});
