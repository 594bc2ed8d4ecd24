import { afterAll, describe, expect, it } from 'vitest';
import { CLAIM_BOUND_PORT, CLAIM_VIRTUAL_PORT } from '#src/layout/layout.gen.js';
import type { SocketReport } from '#src/native/addon.js';
import { bindTcp, closeDescriptor, localPort } from '#src/native/os.js';
import { acquireVirtualPort } from '#src/ports/virtual-ports.js';
import { isSourceGenuine, listenersFor } from '#src/providers/shm/verify.js';
import type { SocketAddress } from '#src/spi/types.js';
import { killPeers, Peer } from './peer.js';

afterAll(killPeers);

function report(address: string, more: Partial<SocketReport> = {}): SocketReport {
  const family = address.includes(':') ? 6 : 4;
  return { family, address, port: 80, uid: 0, inode: 1, cookie: 1n, v6only: false, interfaceIndex: 0, ...more };
}

function found(reports: SocketReport[], address: string): string[] {
  const destination: SocketAddress = { family: address.includes(':') ? 6 : 4, address, port: 80 };
  return listenersFor(reports, destination).map((one) => one.address);
}

describe('which listening sockets TCP would reach', () => {
  it('the most specific ones', () => {
    const all = [report('127.0.0.1'), report('0.0.0.0'), report('::')];
    expect(found(all, '127.0.0.1')).toEqual(['127.0.0.1']);
    expect(found(all, '127.0.0.2')).toEqual(['0.0.0.0']);
    expect(found(all, '::1')).toEqual(['::']);
    expect(found([report('::')], '10.1.2.3')).toEqual(['::']);
    expect(found([report('::', { v6only: true })], '10.1.2.3')).toEqual([]);
    expect(found([report('::ffff:127.0.0.1')], '127.0.0.1')).toEqual(['::ffff:127.0.0.1']);
    expect(found([report('127.0.0.1')], '127.0.0.2')).toEqual([]);
    expect(found([report('0.0.0.0')], '::1')).toEqual([]);
    expect(found([], '127.0.0.1')).toEqual([]);
    expect(found([report('127.0.0.1'), report('127.0.0.1', { cookie: 2n })], '127.0.0.1')).toHaveLength(2);
  });
});

describe('who may claim which source', () => {
  const credentials = { pid: process.pid, uid: process.getuid?.() ?? 0, gid: 0 };
  const client = (other: Partial<typeof credentials> = {}) => ({
    credentials: { ...credentials, ...other },
    portBlocks: new Map<number, number>(),
  });
  const self = client();
  const at = (port: number, address = '127.0.0.1'): SocketAddress => ({ family: 4, address, port });

  it('a virtual port: only the process that holds its block', async () => {
    const port = acquireVirtualPort('127.0.0.1') as number;
    expect(isSourceGenuine(CLAIM_VIRTUAL_PORT, at(port), self)).toBe(true);
    expect(isSourceGenuine(CLAIM_VIRTUAL_PORT, at(port, '127.9.9.9'), self)).toBe(true);
    expect(isSourceGenuine(CLAIM_VIRTUAL_PORT, at(port), client({ pid: process.ppid }))).toBe(false);
    expect(isSourceGenuine(CLAIM_VIRTUAL_PORT, at(port, '192.0.2.1'), self)).toBe(false);
    const peer = await Peer.process();
    const [theirs] = (await peer.do.takePorts(1)) as [number];
    expect(isSourceGenuine(CLAIM_VIRTUAL_PORT, at(theirs), self)).toBe(false);
    expect(isSourceGenuine(CLAIM_VIRTUAL_PORT, at(theirs), client({ pid: peer.pid }))).toBe(true);
  });

  it('a process of another pid namespace has no number, and no port either', () => {
    // Nobody holds this block: its owner is "0" too.
    expect(isSourceGenuine(CLAIM_VIRTUAL_PORT, at(1_030), client({ pid: 0 }))).toBe(false);
  });

  it('a real port: only the user who has bound it', () => {
    const fd = bindTcp('127.0.0.1', 0, 4);
    const port = localPort(fd);
    expect(isSourceGenuine(CLAIM_BOUND_PORT, at(port), self)).toBe(true);
    expect(isSourceGenuine(CLAIM_BOUND_PORT, at(port, '127.0.0.2'), self)).toBe(false);
    expect(isSourceGenuine(CLAIM_BOUND_PORT, at(port), client({ uid: credentials.uid + 1 }))).toBe(false);
    expect(isSourceGenuine(CLAIM_VIRTUAL_PORT, at(port), self)).toBe(false);
    closeDescriptor(fd);
    expect(isSourceGenuine(CLAIM_BOUND_PORT, at(port), self)).toBe(false);
    expect(isSourceGenuine(CLAIM_BOUND_PORT, at(0), self)).toBe(false);
    expect(isSourceGenuine(77, at(port), self)).toBe(false);
  });
});
