/**
 * `verbs` without its libraries, with old ones, and without a device: it is left out with a reason that names what is amiss,
 * and TCP/IP serves (rule 1.1); what is optional is done without.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ProviderStatus } from 'sanswitch';
import { beforeAll, describe, expect, it } from 'vitest';
import type { VerbsLibraries } from '#src/native/verbs.js';
import { fakeVerbsEnvironment } from '../fixtures/fake-verbs.js';
import { buildLibrary } from '../native/build.mjs';

/** Sends a message through a switch, and tells how it went. Libraries are loaded once per process: so in one of its own. */
const PROGRAM = `
import { createSwitch } from 'sanswitch';
import { requireNative } from './dist/native/load.js';
const options = { listen: 'all', addresses: ['127.0.0.0/8'] };
const sw = await createSwitch({ providers: [{ name: 'verbs', options }] });
const handlers = { received: (socket, bytes) => socket.send(bytes) };
const listener = await sw.listen({ host: '127.0.0.1' }, (socket) => { socket.handlers = handlers; });
const { port } = listener.address();
const socket = await sw.connect({ host: '127.0.0.1', port });
socket.send(Buffer.alloc(200_000, 'x'));
let received = 0;
while (received < 200_000) received += (await socket.receive()).length;
const { provider } = socket;
const verbs = sw.providers().find(({ name }) => name === 'verbs');
console.log(JSON.stringify({ provider, verbs, libraries: requireNative().verbsLibraries() }));
socket.abort();
await sw.close();
`;

interface Report {
  readonly provider: string;
  readonly verbs: ProviderStatus;
  readonly libraries: VerbsLibraries;
}

async function report(env: Record<string, string>): Promise<Report> {
  const args = ['--input-type=module', '-e', PROGRAM];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env } });
  return JSON.parse(stdout) as Report;
}

let fake: string;
let old: string;

beforeAll(async () => {
  fake = await buildLibrary('fake-verbs');
  old = await buildLibrary('fake-verbs', 'plain', ['FAKE_WITHOUT_OPTIONAL']);
}, 120_000);

describe('[WSD-1.1] verbs is left out, and TCP/IP serves,', () => {
  it('where there are no libraries', async () => {
    const names = { SANSWITCH_LIBIBVERBS: 'nowhere.so:/neither.so', SANSWITCH_LIBRDMACM: fake };
    const { provider, verbs, libraries } = await report(names);
    expect(provider).toBe('tcp');
    expect(verbs).toMatchObject({ state: 'left-out', reason: 'cannot-start' });
    expect(verbs.detail).toMatch(/nowhere\.so.*\/neither\.so/s);
    expect(libraries.loaded).toBe(false);
    expect(libraries.tried.map(({ name, error }) => [name, error === null])).toEqual([
      ['nowhere.so', false],
      ['/neither.so', false],
      [fake, true],
    ]);
  });

  it('where a library lacks what is required', async () => {
    const { provider, verbs, libraries } = await report({
      SANSWITCH_LIBIBVERBS: fake,
      SANSWITCH_LIBRDMACM: 'libc.so.6',
    });
    expect(provider).toBe('tcp');
    expect(verbs).toMatchObject({ state: 'left-out', reason: 'cannot-start' });
    expect(verbs.detail).toMatch(/they lack .*rdma_connect/);
    expect(libraries.missing).toContain('rdma_connect');
    expect(libraries.missing).not.toContain('ibv_reg_mr');
  });

  it('where there is no device', async () => {
    const { provider, verbs } = await report(fakeVerbsEnvironment(fake, 'device fake0 lo 127.0.0.1/8; remove fake0'));
    expect(provider).toBe('tcp');
    expect(verbs).toMatchObject({ state: 'left-out', reason: 'not-ready', detail: 'there is no RDMA device' });
  });
});

it('verbs serves without what is optional', async () => {
  const { provider, libraries } = await report(fakeVerbsEnvironment(old));
  expect(provider).toBe('verbs');
  expect(libraries).toMatchObject({ loaded: true, missing: [], forkSafety: 'disabled' });
  expect(libraries.absent).toEqual(['ibv_fork_init', 'ibv_is_fork_initialized']);
});

it('verbs serves with all of it, and registered memory is safe from forks', async () => {
  const { provider, libraries } = await report(fakeVerbsEnvironment(fake));
  expect(provider).toBe('verbs');
  expect(libraries).toMatchObject({ loaded: true, missing: [], absent: [], forkSafety: 'enabled' });
});
