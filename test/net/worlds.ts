/** Runs programs that use `net` in each of the worlds in which they must behave the same. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Played, Scene } from '../fixtures/net/stage.js';

const run = promisify(execFile);
const register = new URL('../../dist/register/index.js', import.meta.url).href;
const LIMIT_MS = 300_000;

const overVerbs = new URL('../../build/test/fixtures/net/over-verbs.js', import.meta.url).href;

/** `plain`: both ends as they are. `mixed`: only the one that listens has the switch. `tcp`, `shm`: both have it, with that provider. */
export const worlds = ['plain', 'mixed', 'tcp', 'shm'] as const;
/** `verbs`: both have it, with that provider, where there is a device. */
export type World = (typeof worlds)[number] | 'verbs';

const environments: Readonly<Record<World, Record<string, string>>> = {
  plain: {},
  mixed: { STAGE_PLAIN_GUEST: '1' },
  tcp: { SANSWITCH_PROVIDERS: 'tcp!' },
  shm: { SANSWITCH_PROVIDERS: 'shm' },
  verbs: {},
};

/** Who serves the sockets; `none`: the platform, which says nothing, as of any that a server has accepted by TCP/IP. */
export const servedBy: Readonly<Record<World, readonly string[]>> = {
  plain: ['none'],
  mixed: ['none'],
  tcp: ['none', 'tcp'],
  shm: ['shm'],
  verbs: ['verbs'],
};

/** Runs a program of `test/fixtures/net`. @returns what it prints @throws Error with all that it said if it fails */
export async function runIn(world: World, program: string, ...args: string[]): Promise<string> {
  const path = fileURLToPath(new URL(`../../build/test/fixtures/net/${program}.js`, import.meta.url));
  const env = { ...process.env, ...environments[world] };
  const node = world === 'plain' ? [] : ['--import', register];
  // Before the first, which is what starts the switch.
  if (world === 'verbs') node.unshift('--import', overVerbs);
  const { stdout } = await run(process.execPath, [...node, path, ...args], { env, timeout: LIMIT_MS });
  return stdout;
}

/** Declares the tests of a program's scenes: in each world they are noted down as they are over `node:net` alone. */
export function describeScenes(
  program: string,
  scenes: Readonly<Record<string, Scene>>,
  among: readonly World[] = worlds,
): void {
  describe(program, () => {
    const played = {} as Record<World, Record<string, Played>>;
    beforeAll(async () => {
      for (const world of new Set<World>(['plain', ...among])) played[world] = JSON.parse(await runIn(world, program));
    }, LIMIT_MS);

    describe.each(among)('%s', (world) => {
      it.each(Object.entries(scenes))('%s', (name, scene) => {
        const plain = played.plain[name] as Played;
        const { server, client, providers } = played[world][name] as Played;
        expect({ server, client }).toEqual(scene.notes ?? { server: plain.server, client: plain.client });
        expect(providers).toHaveLength(plain.providers.length);
        expect(providers.filter((provider) => !servedBy[world].includes(provider))).toEqual([]);
        expect([...server, ...client].filter((note) => /HANGS|THROWS/.test(note))).toEqual([]);
      });
    });
  });
}
