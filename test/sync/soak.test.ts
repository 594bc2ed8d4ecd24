import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

function soak(...options: string[]) {
  const file = fileURLToPath(new URL('../../build/test/soak/main.js', import.meta.url));
  const child = spawn(process.execPath, [file, 'hand-off', ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return { child, ended: once(child, 'close').then(([code]) => ({ code: code as number | null, output })) };
}

it.each([[], ['--sleep'], ['--mixed']])('npm run soak -- hand-off %s', { timeout: 60_000 }, async (...kind) => {
  const { code, output } = await soak('--rounds', '10000', ...kind).ended;
  expect(output).toMatch(/10000 of 10000 rounds, \d+ a second\n$/);
  expect(code).toBe(0);
});

it('explains itself', async () => {
  expect(await soak('--help').ended).toMatchObject({ code: 0, output: expect.stringContaining('--rounds N') });
  for (const options of [['--rounds', '7'], ['--rounds', 'many'], ['--fast']]) {
    const { code, output } = await soak(...options).ended;
    expect(code).toBe(2);
    expect(output.trimEnd().split('\n')).toHaveLength(1);
  }
});

it('ends on Ctrl-C and says how far it has come', { timeout: 60_000 }, async () => {
  const { child, ended } = soak('--rounds', '1000000000');
  setTimeout(() => child.kill('SIGINT'), 1_500);
  const { code, output } = await ended;
  expect(output).toMatch(/\d+ of 1000000000 rounds/);
  expect(code).toBe(130);
});
