import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

function runExample(name: string, args: readonly string[]) {
  const file = fileURLToPath(new URL(`../../examples/${name}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return { child, output: () => output, ended: once(child, 'close') as Promise<[number | null]> };
}

it('the echo server and the echo client of examples/ understand each other', async () => {
  const server = runExample('echo-server', []);
  try {
    while (!server.output().includes('listening on port')) await once(server.child.stdout, 'data');
    const port = /listening on port (\d+)/.exec(server.output())?.[1] ?? '';
    const client = runExample('echo-client', [port, 'grüße']);
    expect((await client.ended)[0]).toBe(0);
    expect(client.output()).toMatch(/^connected by \w+\necho: grüße\n$/);
    server.child.kill('SIGINT');
    expect((await server.ended)[0]).toBe(0);
    expect(server.output()).toMatch(/port \d+ has connected by \w+\nport \d+ is gone\n$/);
  } finally {
    server.child.kill('SIGKILL');
  }
});
