/** The README shows the examples as they are, for only those are tested. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

it.each(['http-hello', 'net-echo', 'echo-server', 'chat-server'])('the README shows examples/%s.mjs', (name) => {
  expect(read('README.md')).toContain(`\`\`\`js\n${read(`examples/${name}.mjs`)}\`\`\`\n`);
});

it('the echo server and the unmodified programs have 20 lines of code, the chat server 40', () => {
  const lines = (name: string) =>
    read(`examples/${name}.mjs`)
      .split('\n')
      .filter((line) => line !== '' && !/^\s*\/\//.test(line));
  expect(lines('echo-server').length).toBeLessThanOrEqual(20);
  for (const name of ['http-hello', 'net-echo']) expect(lines(name).length).toBeLessThanOrEqual(20);
  expect(lines('chat-server').length).toBeLessThanOrEqual(40);
});
