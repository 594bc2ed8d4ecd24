// Programs that use `net`, with a given Node: over shared memory they must note down what they note down over `node:net` alone.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

const programs = ['life', 'options', 'flows', 'secure'];
const program_limit_ms = 120_000;

/**
 * @param {string} root of the checkout
 * @param {(args: string[], timeout: number, env?: Record<string, string>) => Promise<string>} run runs that Node; what it prints
 * @returns {Promise<number>} how many scenes were played
 * @throws {Error} that names those in which the notes differ, and who served sockets that were not served by shared memory
 */
export async function playScenes(root, run) {
  const register = pathToFileURL(join(root, 'dist', 'register', 'index.js')).href;
  const wrong = [];
  let count = 0;
  for (const name of programs) {
    const path = join(root, 'build', 'test', 'fixtures', 'net', `${name}.js`);
    const { scenes } = await import(pathToFileURL(path).href);
    const plain = JSON.parse(await run([path], program_limit_ms));
    const ours = JSON.parse(
      await run(['--import', register, path], program_limit_ms, {
        SANSWITCH_PROVIDERS: 'shm',
        SANSWITCH_NO_WARNING: '1',
      }),
    );
    for (const [title, { notes }] of Object.entries(scenes)) {
      count += 1;
      const { server, client } = notes ?? plain[title];
      const { providers, ...seen } = ours[title];
      const others = providers.filter((provider) => provider !== 'shm');
      if (isDeepStrictEqual(seen, { server, client }) && others.length === 0) continue;
      wrong.push(`${name}, ${title}: ${JSON.stringify({ expected: { server, client }, seen, others }, null, 2)}`);
    }
  }
  if (wrong.length > 0) throw new Error(`${wrong.length} of ${count} scenes:\n${wrong.join('\n')}`);
  return count;
}
