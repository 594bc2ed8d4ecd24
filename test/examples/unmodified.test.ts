/** The examples of programs that were not written for sanswitch. */

import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { COMMAND, node, REGISTER } from '../register/program.js';

const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}.mjs`, import.meta.url));
const HELLO = 'hello, you asked for /garden\n';

it('examples/http-hello.mjs runs with and without the switch', async () => {
  expect(await node([example('http-hello')])).toEqual({ code: 0, stdout: HELLO, stderr: '' });
  const imported = await node(['--import', REGISTER, example('http-hello')], { SANSWITCH_PROVIDERS: 'shm!' });
  expect(imported).toEqual({ code: 0, stdout: HELLO, stderr: '' });
  const run = await node([COMMAND, 'run', '--debug', '--', process.execPath, example('http-hello')]);
  expect(run).toMatchObject({ code: 0, stdout: HELLO, stderr: expect.stringMatching(/connect .* by shm: shm chosen/) });
});

it('examples/net-echo.mjs', async () => {
  const outcome = await node([example('net-echo')], { SANSWITCH_PROVIDERS: 'shm!' });
  expect(outcome).toEqual({ code: 0, stdout: 'connected by shm\nhello\n', stderr: '' });
});
