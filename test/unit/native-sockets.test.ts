import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { requireNative } from '#src/native/load.js';
import {
  bindTcp,
  boundSockets,
  boundSocketsKnown,
  closeDescriptor,
  descriptorInode,
  deviceChanges,
  drainDeviceChanges,
  listeningSockets,
  localPort,
  reachedListener,
  releaseDescriptor,
  socketCookie,
} from '#src/native/os.js';

const coded = (code: string) => expect.objectContaining({ code });
const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === '::1'));
const servers: net.Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(options: net.ListenOptions): Promise<{ port: number; fd: number }> {
  const server = net.createServer().listen({ port: 0, ...options });
  servers.push(server);
  await once(server, 'listening');
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  return { port: (server.address() as net.AddressInfo).port, fd };
}

describe('whom TCP would reach', () => {
  const at = (port: number, address = '127.0.0.1') => ({ family: address === '::1' ? 6 : 4, address, port }) as const;

  it('is the listener of that very address, or of the wildcard, and nobody else', async () => {
    const exact = await listen({ host: '127.0.0.1' });
    const wildcard = await listen({ host: '0.0.0.0' });
    expect(reachedListener(at(2_000), at(exact.port))).toBe(socketCookie(exact.fd));
    expect(reachedListener(at(2_000), at(exact.port, '127.0.0.2'))).toBe(0n);
    expect(reachedListener(at(2_000), at(wildcard.port, '127.0.0.2'))).toBe(socketCookie(wildcard.fd));
    const bound = bindTcp('127.0.0.1', 0, 4);
    expect(reachedListener(at(2_000), at(localPort(bound)))).toBe(0n);
    closeDescriptor(bound);
  });

  it('is nobody once the listener has closed, and whoever has the port next', async () => {
    const first = await listen({ host: '127.0.0.1' });
    const cookie = socketCookie(first.fd);
    servers.pop()?.close();
    expect(reachedListener(at(2_000), at(first.port))).toBe(0n);
    const next = await listen({ host: '127.0.0.1', port: first.port });
    expect(reachedListener(at(2_000), at(first.port))).toBe(socketCookie(next.fd));
    expect(socketCookie(next.fd)).not.toBe(cookie);
  });

  it.skipIf(!hasIPv6)('crosses families as TCP does', async () => {
    const dual = await listen({ host: '::' });
    const only = await listen({ host: '::', ipv6Only: true });
    expect(reachedListener(at(2_000), at(dual.port))).toBe(socketCookie(dual.fd));
    expect(reachedListener(at(2_000, '::1'), at(only.port, '::1'))).toBe(socketCookie(only.fd));
    expect(reachedListener(at(2_000), at(only.port))).toBe(0n);
  });

  it('refuses what is no address', () => {
    const { reachedListener: ask } = requireNative();
    expect(ask(4, 'nowhere', 1, '127.0.0.1', 1)).toBeLessThan(0);
    expect(() => ask(4, '127.0.0.1', 0, '127.0.0.1', 1)).toThrow(TypeError);
    expect(() => ask(4, 1 as never, 1, '127.0.0.1', 1)).toThrow(TypeError);
  });
});

describe('who listens on a port', () => {
  it('is told with owner, inode and cookie', async () => {
    const { port, fd } = await listen({ host: '127.0.0.1' });
    const report = {
      family: 4,
      address: '127.0.0.1',
      port,
      uid: process.getuid?.(),
      inode: descriptorInode(fd),
      cookie: socketCookie(fd),
      v6only: false,
      interfaceIndex: 0,
    };
    expect(listeningSockets(port)).toEqual([report]);
    expect(readlinkSync(`/proc/self/fd/${fd}`)).toBe(`socket:[${report.inode}]`);
    expect(socketCookie(fd)).toBe(report.cookie);
  });

  it.skipIf(!hasIPv6)('tells dual-stack listeners from those for IPv6 alone', async () => {
    const dual = await listen({ host: '::' });
    const only = await listen({ host: '::', ipv6Only: true });
    const local = await listen({ host: '::1' });
    expect(listeningSockets(dual.port)).toMatchObject([{ family: 6, address: '::', v6only: false }]);
    expect(listeningSockets(only.port)).toMatchObject([{ family: 6, address: '::', v6only: true }]);
    expect(listeningSockets(local.port)).toMatchObject([{ family: 6, address: '::1' }]);
  });

  it('is nobody on a free port, and not who is merely connected or bound there', async () => {
    const { port } = await listen({ host: '127.0.0.1' });
    const client = net.connect(port, '127.0.0.1');
    await once(client, 'connect');
    expect(listeningSockets(client.localPort as number)).toEqual([]);
    client.destroy();
    const fd = bindTcp('127.0.0.1', 0, 4);
    expect(listeningSockets(localPort(fd))).toEqual([]);
    closeDescriptor(fd);
  });

  it('is found among several hundred listeners', async () => {
    const all = await Promise.all(Array.from({ length: 300 }, () => listen({ host: '127.0.0.1' })));
    for (const { port, fd } of all) {
      expect(listeningSockets(port).map((report) => report.cookie)).toEqual([socketCookie(fd)]);
    }
  });

  it.each([0, -1, 65_536, 1.5, Number.NaN])('is not asked for port %s', (port) => {
    expect(() => listeningSockets(port)).toThrow(TypeError);
  });
});

describe('bound sockets', () => {
  it('are bound as asked, and handed over to node:net', async () => {
    const { port } = await listen({ host: '127.0.0.1' });
    const fd = bindTcp('127.0.0.1', 0, 4);
    const local = localPort(fd);
    expect(local).toBeGreaterThan(0);
    if (boundSocketsKnown()) {
      expect(boundSockets(local)).toMatchObject([{ address: '127.0.0.1', port: local, cookie: socketCookie(fd) }]);
    } else console.log('this kernel does not report bound sockets');
    releaseDescriptor(fd);
    const socket = new net.Socket({ fd }).connect(port, '127.0.0.1');
    await once(socket, 'connect');
    expect(socket.localPort).toBe(local);
    socket.destroy();
  });

  it.skipIf(!hasIPv6)('exist for IPv6 too', () => {
    const fd = bindTcp('::1', 0, 6);
    expect(localPort(fd)).toBeGreaterThan(0);
    closeDescriptor(fd);
  });

  it('report why they can not be', async () => {
    const { port } = await listen({ host: '127.0.0.1' });
    expect(() => bindTcp('127.0.0.1', port, 4)).toThrow(coded('EADDRINUSE'));
    expect(() => bindTcp('192.0.2.1', 0, 4)).toThrow(coded('EADDRNOTAVAIL'));
    expect(() => bindTcp('nonsense', 0, 4)).toThrow(coded('EINVAL'));
    expect(() => bindTcp('127.0.0.1', 0, 6)).toThrow(coded('EINVAL'));
    expect(() => bindTcp('fe80::1%nonsense', 0, 6)).toThrow(coded('EINVAL'));
    expect(() => bindTcp('127.0.0.1', 65_536, 4)).toThrow(TypeError);
    expect(() => socketCookie(99_999)).toThrow(coded('EBADF'));
    expect(() => descriptorInode(99_999)).toThrow(coded('EBADF'));
    expect(() => localPort(99_999)).toThrow(coded('EBADF'));
  });
});

/** A network of one's own, in which addresses may be changed. */
const unshareReason =
  spawnSync('unshare', ['-rn', 'ip', 'link', 'show', 'lo']).status === 0
    ? null
    : 'needs unshare -rn and ip, and the right to use them';

describe('device changes', () => {
  it('have a descriptor of their own, at which nothing waits while there are none of RDMA devices', () => {
    const fd = deviceChanges();
    expect(fd).toBeGreaterThan(2);
    expect(drainDeviceChanges(fd)).toBe(0);
    closeDescriptor(fd);
    expect(() => drainDeviceChanges(fd)).toThrow('EBADF');
  });
});

describe.skipIf(unshareReason !== null)(`address changes ${unshareReason ?? ''}`, () => {
  it('are noticed as they happen, and counted', () => {
    const script = `
      const { execFileSync } = await import('node:child_process');
      const { addressChanges, drainAddressChanges } = await import('#src/native/os.js');
      const { Poll } = await import('#src/reactor/poll.js');
      const fd = addressChanges();
      const ip = (text) => execFileSync('ip', text.split(' '));
      let count = 0, calls = 0;
      const poll = new Poll(fd, () => { calls++; count += drainAddressChanges(fd); }).start();
      poll.ref();
      const until = (n) => new Promise((resolve) => { const look = () => (count >= n ? resolve() : setTimeout(look, 1)); look(); });
      console.log(drainAddressChanges(fd));
      ip('link set lo up');
      await until(1);
      const before = count;
      ip('addr add 10.9.8.7/24 dev lo');
      await until(before + 1);
      ip('addr del 10.9.8.7/24 dev lo');
      await until(before + 2);
      console.log(count - before, calls > 0);
      poll.close();
    `;
    const result = spawnSync('unshare', ['-rn', process.execPath, '--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 15_000,
    });
    expect(result.stderr).toBe('');
    expect(result.stdout).toBe('0\n2 true\n');
  });
});

it.skipIf(unshareReason !== null)('the sockets of another network namespace are not seen', async () => {
  const { port } = await listen({ host: '127.0.0.1' });
  const script = `import('#src/native/os.js').then((os) => console.log(os.listeningSockets(${port}).length))`;
  const result = spawnSync('unshare', ['-rn', process.execPath, '-e', script], { encoding: 'utf8', timeout: 15_000 });
  expect(result.stdout).toBe('0\n');
});

describe('copy', () => {
  const { copy } = requireNative();
  const source = Uint8Array.from({ length: 256 }, (_, index) => index);

  it('copies between arrays of any kind, in bytes', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(64));
    copy(shared, 3, source, 10, 5);
    expect([...shared.subarray(2, 9)]).toEqual([0, 10, 11, 12, 13, 14, 0]);
    const words = new Float64Array(2);
    copy(words, 8, source.subarray(100), 0, 8);
    expect(new Uint8Array(words.buffer)[8]).toBe(100);
    const same = source.slice();
    copy(same, 1, same, 0, 255);
    expect([...same]).toEqual([0, ...source.subarray(0, 255)]);
    copy(shared, 64, source, 256, 0);
  });

  it.each([
    [60, 0, 5],
    [-1, 0, 1],
    [0, -1, 1],
    [0, 252, 5],
    [0, 0, -1],
    [0, 0, 2 ** 53],
    [2 ** 53, 0, 1],
  ])('refuses to go beyond either array: %s, %s, %s', (to, from, length) => {
    const target = new Uint8Array(64);
    expect(() => copy(target, to, source, from, length)).toThrow(RangeError);
    expect(target.every((byte) => byte === 0)).toBe(true);
  });

  it('refuses what is no typed array', () => {
    const unsafe = copy as (...args: unknown[]) => void;
    expect(() => unsafe(source.buffer, 0, source, 0, 1)).toThrow(TypeError);
    expect(() => unsafe(source, 0, 'text', 0, 1)).toThrow(TypeError);
    expect(() => unsafe(source, '0', source, 0, 1)).toThrow(TypeError);
    expect(() => unsafe()).toThrow(TypeError);
  });

  it('finds a detached array empty', () => {
    const detached = new Uint8Array(64);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    expect(() => copy(detached, 0, source, 0, 1)).toThrow(RangeError);
  });
});
