/** What the test machine does on this side; the machine itself is tested by running in it (test/rdma). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeArchive } from '../vm/cpio.mjs';
import { prepareKernel } from '../vm/kernel.mjs';
import { isClockRight } from '../vm/machine.mjs';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'sanswitch-vm-test-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** The suites' runner on a machine that has nothing. */
function runWithout(env: Readonly<Record<string, string>> = {}) {
  return spawnSync(process.execPath, ['test/vm/run.mjs', '--machine'], {
    encoding: 'utf8',
    env: { HOME: home, PATH: home, ...env },
  });
}

describe('the test machine', () => {
  it('says everything that is missing, and fails', () => {
    const { status, stdout } = runWithout();
    expect(status).toBe(1);
    expect(stdout).toMatch(
      /^not ok rdma: the test machine needs .*qemu-system-x86_64.* sudo apt-get install -y .*qemu-system-x86/,
    );
    expect(stdout).toContain('SANSWITCH_SKIP_RDMA=1');
  });

  it('says so where it is told of a kernel that is not there', () => {
    const none = join(home, 'none.deb');
    expect(prepareKernel({ mayFetch: false, env: { SANSWITCH_VM_KERNEL: none } })).toEqual({
      folder: null,
      message: `SANSWITCH_VM_KERNEL: there is no ${none}`,
    });
  });

  it('fetches no kernel unasked, and says how', () => {
    const { folder, message } = prepareKernel({ mayFetch: false, env: { XDG_CACHE_HOME: home } });
    expect(folder).toBeNull();
    expect(message).toContain('apt-get download');
    expect(message).toContain('SANSWITCH_VM_KERNEL=');
    expect(readdirSync(home)).toEqual([]);
  });

  it('is content to be skipped', () => {
    const { status, stdout } = runWithout({ SANSWITCH_SKIP_RDMA: '1' });
    expect([status, stdout]).toEqual([0, 'skip rdma: SANSWITCH_SKIP_RDMA is 1\n']);
  });

  it('rejects a clock that runs away, not one that is told of late', () => {
    expect(isClockRight({ guest_s: 20.9, host_s: 20 })).toBe(true);
    expect(isClockRight({ guest_s: 1, host_s: 2.3 })).toBe(true);
    expect(isClockRight({ guest_s: 280, host_s: 20 })).toBe(false);
    expect(isClockRight({ guest_s: 10, host_s: 20 })).toBe(false);
  });

  it('writes an archive in the format that Linux reads', () => {
    const archive = makeArchive({ folders: ['a'], files: { 'a/b': Buffer.from('hello') }, links: { 'a/c': 'b' } });
    const text = archive.toString('latin1');
    expect(text.match(/070701/g)).toHaveLength(4);
    expect(archive.length % 4).toBe(0);
    // Name and content begin at multiples of four.
    expect([text.indexOf('a/b\0') % 4, text.indexOf('hello') % 4]).toEqual([2, 0]);
    expect(text.endsWith('TRAILER!!!\0\0\0\0')).toBe(true);
  });
});
