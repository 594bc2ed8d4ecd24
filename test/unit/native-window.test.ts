import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requireNative } from '#src/native/load.js';
import { closeDescriptor } from '#src/native/os.js';
import { type Region, threadWindows, WindowPool } from '#src/reactor/window.js';
import { connectEnds } from '../fixtures/word-link.js';
import { descriptorCount, hostileReason, startHostile } from './native-hostile.js';

const MiB = 1 << 20;
const EPERM = expect.objectContaining({ code: 'EPERM', syscall: 'mmap' });

describe('own and peer segments', () => {
  it('shows what the owner writes, through a second mapping', () => {
    const windows = threadWindows();
    const before = windows.regionCount;
    const { region, descriptor } = windows.mapOwn(256 * MiB);
    const peer = windows.mapPeer(256 * MiB, descriptor);
    closeDescriptor(descriptor);
    region.words[0] = 42;
    region.bytes[256 * MiB - 1] = 7;
    expect(Atomics.load(peer.words, 0)).toBe(42);
    expect(peer.bytes[256 * MiB - 1]).toBe(7);
    expect(peer.bytes.length).toBe(256 * MiB);
    windows.unmap(peer);
    expect(peer.words[0]).toBe(0);
    expect(region.words[0]).toBe(42);
    windows.unmap(region);
    expect(region.words[0]).toBe(0);
    expect(windows.regionCount).toBe(before);
  });

  it('crosses processes', async () => {
    const name = `sanswitch-test-window-${process.pid}`;
    const child = fork(join(process.cwd(), 'build', 'test', 'fixtures', 'word-peer.js'), [name, '0']);
    await once(child, 'message');
    const { own, peer, fd } = await connectEnds(name);
    Atomics.store(own.words, 64, 123_456);
    while (Atomics.load(peer.words, 64) !== 123_456) await new Promise(setImmediate);
    closeDescriptor(fd);
    await once(child, 'exit');
    // What the dead peer wrote stays readable.
    expect(peer.words[64]).toBe(123_456);
    threadWindows().unmap(own);
    threadWindows().unmap(peer);
  });

  it('gives regions back and opens a second window when one is full', () => {
    const windows = new WindowPool();
    const regions: Region[] = [];
    for (let i = 0; i < 17; i++) {
      const { region, descriptor } = windows.mapOwn(256 * MiB);
      closeDescriptor(descriptor);
      region.words[0] = i;
      regions.push(region);
    }
    expect(windows.windowCount).toBe(2);
    expect(new Set(regions.map((region) => `${region.windowId}/${region.offset}`)).size).toBe(17);
    for (const [index, region] of regions.entries()) expect(region.words[0]).toBe(index);
    for (const region of [3, 1, 2, 16, 0].map((index) => regions[index])) windows.unmap(region);
    const { region, descriptor } = windows.mapOwn(1_024 * MiB);
    closeDescriptor(descriptor);
    // The four at the start have become one hole again.
    expect(region.offset).toBe(0);
    expect(windows.windowCount).toBe(2);
    expect(windows.regionCount).toBe(13);
  });

  it.each([0, -65_536, 1, 65_537, 4 * 1024 ** 3 + 65_536, Number.NaN])('refuses a segment of %s bytes', (bytes) => {
    expect(() => threadWindows().mapOwn(bytes)).toThrow(RangeError);
  });
});

describe('a process that can not have a window is told why', () => {
  const script = `import('#src/reactor/window.js').then(({ threadWindows }) => {
    try { threadWindows().mapOwn(1 << 20); } catch (error) { console.log(error.code, error.message); }
  })`;

  it('with too little address space', () => {
    const command = `ulimit -v 4000000 && exec "$0" -e "$1"`;
    const output = execFileSync('sh', ['-c', command, process.execPath, script], { encoding: 'utf8' });
    expect(output).toMatch(/^ERR_SANSWITCH_NO_WINDOW .*address space.*ulimit/);
  });

  it('without WebAssembly', () => {
    const output = execFileSync(process.execPath, ['--jitless', '-e', script], { encoding: 'utf8' });
    expect(output).toMatch(/^ERR_SANSWITCH_NO_WINDOW .*WebAssembly.*jitless/);
  });
});

describe('the addon checks what it is asked to map', () => {
  const addon = requireNative();
  const { region, descriptor } = threadWindows().mapOwn(MiB);
  const { windowId, offset } = region;
  const EINVAL = -22;
  const EEXIST = -17;

  it.each([
    ['an unknown window', 99, 0, MiB, EINVAL],
    ['an offset inside a page', windowId, 100, MiB, EINVAL],
    ['a size inside a page', windowId, 64 * MiB, 100, EINVAL],
    ['no size', windowId, 64 * MiB, 0, EINVAL],
    ['a range beyond the window', windowId, 4 * 1024 ** 3 - 4_096, 8_192, EINVAL],
    ['the place of another segment', windowId, offset, MiB, EEXIST],
    ['a range that begins in another segment', windowId, offset + MiB - 4_096, MiB, EEXIST],
    ['a range around another segment', windowId, offset, 2 * MiB, EEXIST],
  ])('%s', (_, window, at, bytes, result) => {
    expect(addon.mapOwnSegment(window, at, bytes)).toBe(result);
    expect(addon.mapPeerSegment(window, at, bytes, descriptor)).toBe(result);
  });

  it('unmaps only what was mapped', () => {
    expect(addon.unmapSegment(windowId, offset, MiB / 2)).toBe(EINVAL);
    expect(addon.unmapSegment(windowId, offset + 4_096, MiB)).toBe(EINVAL);
    expect(addon.unmapSegment(99, 0, MiB)).toBe(EINVAL);
    expect(addon.unmapSegment(windowId, offset, MiB)).toBe(0);
    expect(addon.unmapSegment(windowId, offset, MiB)).toBe(EINVAL);
  });

  it('throws for arguments of the wrong type, and registers only whole pages', () => {
    const unsafe = addon as unknown as Record<string, (...args: unknown[]) => unknown>;
    expect(() => unsafe.mapOwnSegment('0', 0, MiB)).toThrow(TypeError);
    expect(() => unsafe.mapOwnSegment(0, -1, MiB)).toThrow(TypeError);
    expect(() => unsafe.mapOwnSegment(0, 0.5, MiB)).toThrow(TypeError);
    expect(() => unsafe.mapOwnSegment()).toThrow(TypeError);
    expect(() => unsafe.registerWindow({})).toThrow(TypeError);
    expect(() => unsafe.registerWindow(new Int32Array(4))).toThrow(TypeError);
    expect(addon.registerWindow(new Uint8Array(100))).toBe(EINVAL);
  });
});

describe.skipIf(hostileReason !== null)(`a peer's segment ${hostileReason ?? ''}`, () => {
  it('is taken when it is as it must be', async () => {
    const before = descriptorCount();
    const peer = await startHostile('good');
    const { descriptor } = peer.receive();
    const region = threadWindows().mapPeer(MiB, descriptor);
    expect(String.fromCharCode(...region.bytes.subarray(0, 4))).toBe('SNSW');
    threadWindows().unmap(region);
    closeDescriptor(descriptor);
    await peer.end();
    expect(descriptorCount()).toBe(before);
  });

  it.each([
    ['an ordinary file', 'file'],
    ['a pipe', 'pipe'],
    ['pages of another kind', 'huge'],
    ['another size', 'size'],
    ['no seals but SEAL', 'S'],
    ['no SHRINK', 'gfS'],
    ['no GROW', 'sfS'],
    ['no FUTURE_WRITE', 'sgS'],
    ['no SEAL', 'sgf'],
    ['WRITE instead of FUTURE_WRITE', 'sgwS'],
    ['WRITE besides FUTURE_WRITE', 'sgfwS'],
  ])('is refused: %s', async (_, what) => {
    const regions = threadWindows().regionCount;
    const peer = await startHostile(what, 2 * MiB);
    if (peer.said.startsWith('unable')) console.log(`${what}: ${peer.said}`);
    else {
      const { descriptor } = peer.receive();
      expect(() => threadWindows().mapPeer(2 * MiB, descriptor)).toThrow(EPERM);
      closeDescriptor(descriptor);
    }
    await peer.end();
    expect(threadWindows().regionCount).toBe(regions);
  });

  it('is refused: a descriptor that is none', () => {
    expect(() => threadWindows().mapPeer(MiB, 99_999)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });
});
