import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeTree, rdmaDevice } from '../doctor/sysfs-tree.js';
import { fakeVerbsEnvironment } from '../fixtures/fake-verbs.js';
import { LATE, LATE_STORY, LATE_STORY_END } from '../fixtures/late-story.js';
import { buildAddon, buildLibrary } from '../native/build.mjs';

const PROGRAM = fileURLToPath(new URL('../../build/test/fixtures/verbs-addresses.js', import.meta.url));

/** A network of one's own, in which addresses may be changed. */
const unshareReason =
  spawnSync('unshare', ['-rn', 'ip', 'link', 'show', 'lo']).status === 0
    ? null
    : 'needs unshare -rn and ip, and the right to use them';

let library = '';
beforeAll(async () => {
  await buildAddon();
  library = await buildLibrary('fake-verbs', 'plain');
}, 120_000);

/** The fixture's story, over one device that belongs to the loopback. */
async function story(commands = ''): Promise<Record<'before' | 'added' | 'removed' | 'back', string[]>> {
  const { root, remove } = makeTree({
    'class/net/lo/address': '00:00:00:00:00:00',
    ...rdmaDevice('fake0', [{}], { 'device/net/lo/address': '' }),
  });
  try {
    const device = 'device fake0 lo 127.0.0.0/8,10.77.9.0/24';
    const { stdout, stderr } = await promisify(execFile)('unshare', ['-rn', process.execPath, PROGRAM, 'lo'], {
      env: { ...process.env, ...fakeVerbsEnvironment(library, `${device}; ${commands}`), SANSWITCH_SYSFS: root },
      timeout: 15_000,
    });
    expect(stderr).toBe('');
    return JSON.parse(stdout);
  } finally {
    remove();
  }
}

/** That of a program which starts before its device. */
async function lateStory(): Promise<unknown> {
  const device = rdmaDevice('fake0', [{}], { 'device/net/lo/address': '' });
  const absent = Object.entries(device).map(([path, text]) => [path.replace('infiniband', 'absent'), text]);
  const { root, remove } = makeTree({ 'class/net/lo/address': '00:00:00:00:00:00', ...Object.fromEntries(absent) });
  try {
    const environment = fakeVerbsEnvironment(library, 'device gone0 lo 10.0.0.0/8; remove gone0');
    const { stdout, stderr } = await promisify(execFile)(
      'unshare',
      ['-rn', process.execPath, LATE, 'lo', '127.0.0.1', 'fake'],
      { env: { ...process.env, ...environment, SANSWITCH_SYSFS: root }, timeout: 15_000 },
    );
    expect(stderr).toBe('');
    return JSON.parse(stdout);
  } finally {
    remove();
  }
}

describe.skipIf(unshareReason !== null)(`addresses that come and go ${unshareReason ?? ''}`, () => {
  it('[WSD-1.3] are served, listened on and reached by RDMA as long as they are there', async () => {
    const { before, added, removed, back } = await story();
    expect(before).toEqual(['127.0.0.1/8', '::1/128']);
    expect(added).toEqual(['verbs', 'chosen: served']);
    expect(removed.slice(1, 2)).toEqual(['not-serving: no-subnet']);
    expect(removed[0]).not.toBe('verbs');
    expect(back).toEqual(added);
  });

  it('[WSD-1.3] are listened on although the devices hear of them later than the provider', async () => {
    // The first is the bind to 127.0.0.1; ENODEV.
    const { added } = await story('fail rdma_bind_addr 2 19; fail rdma_bind_addr 3 19');
    expect(added).toEqual(['verbs', 'chosen: served']);
  });

  it('[WSD-1.3] come with a device that the program was started before, and serve the listeners that it had', async () => {
    expect(await lateStory()).toEqual({ ...LATE_STORY, ...LATE_STORY_END });
  });
});
