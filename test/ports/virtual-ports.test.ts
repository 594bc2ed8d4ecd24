import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import {
  acquireVirtualPort,
  holdsVirtualPort,
  isVirtualPort,
  releaseVirtualPort,
  virtualPortBlock,
  virtualPortOwner,
} from '#src/ports/virtual-ports.js';
import { eventually } from '../shm/party.js';
import { killPeers, Peer } from '../shm/peer.js';

const [low, high] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1')
  .trim()
  .split(/\s+/)
  .map(Number) as [number, number];

afterAll(killPeers);

function take(count: number): number[] {
  return Array.from({ length: count }, () => acquireVirtualPort('127.0.0.1') as number);
}

describe('[WSD-2.5] virtual ports', () => {
  it('are unique among processes and threads, outside the ephemeral range, and name their owner', async () => {
    const child = await Peer.process();
    const thread = await Peer.thread();
    const sets = [take(150), await child.do.takePorts(150), await thread.do.takePorts(150)] as number[][];
    const all = sets.flat();
    expect(new Set(all).size).toBe(450);
    expect(all.every((port) => port >= 1_024 && port < 65_536 && (port < low || port > high))).toBe(true);
    expect(all.every(isVirtualPort)).toBe(true);
    expect(sets.map(([port]) => virtualPortOwner(port as number))).toEqual([process.pid, child.pid, process.pid]);
    expect(sets.map(([port]) => holdsVirtualPort(port as number))).toEqual([true, false, false]);
    // Whoever dies has no ports any more.
    const [, [childPort], [threadPort]] = sets as [number[], [number], [number]];
    await child.kill();
    await thread.kill();
    await eventually(
      'the blocks are free',
      () => virtualPortOwner(childPort) === 0 && virtualPortOwner(threadPort) === 0,
    );
    for (const port of sets[0] as number[]) releaseVirtualPort('127.0.0.1', port);
  });

  it('go back, block by block, but for the last', () => {
    const ports = take(200);
    const blocks = new Set(ports.map((port) => port - (port % 64)));
    expect(blocks.size).toBeGreaterThanOrEqual(4);
    for (const port of ports) releaseVirtualPort('127.0.0.1', port);
    expect(ports.some(holdsVirtualPort)).toBe(false);
    const still = [...blocks].filter((first) => virtualPortOwner(first) === process.pid);
    expect(still.length).toBe(1);
    // And are taken again.
    const [again] = take(1) as [number];
    expect(again - (again % 64)).toBe(still[0]);
    releaseVirtualPort('127.0.0.1', again);
  });

  it('the owner answers many who ask, and nobody owns a port of no block', async () => {
    const [port] = take(1) as [number];
    for (let i = 0; i < 200; i++) {
      expect(virtualPortOwner(port)).toBe(process.pid);
      if (i % 16 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(virtualPortOwner(1_024)).toBe(0);
    expect(isVirtualPort(80)).toBe(false);
    expect(isVirtualPort(low)).toBe(false);
    expect(isVirtualPort(high)).toBe(false);
    releaseVirtualPort('127.0.0.1', port);
  });
});

describe('many virtual ports', () => {
  it('cost few descriptors: beyond the first blocks they come by the thousand', () => {
    const ports = take(3_000);
    expect(new Set(ports).size).toBe(3_000);
    expect(ports.every(isVirtualPort)).toBe(true);
    expect(ports.every(holdsVirtualPort)).toBe(true);
    const blocks = new Set(ports.map(virtualPortBlock));
    expect(blocks.size).toBeLessThanOrEqual(8);
    for (const first of blocks) expect(virtualPortOwner(first + 1)).toBe(process.pid);
    for (const port of ports) releaseVirtualPort('127.0.0.1', port);
    expect([...blocks].filter((first) => virtualPortOwner(first) === process.pid)).toHaveLength(1);
  });

  it('keep one unused block, so that connections that come and go claim none each time', () => {
    const ports = take(64);
    const [other] = take(1) as [number];
    releaseVirtualPort('127.0.0.1', other);
    expect(virtualPortOwner(other)).toBe(process.pid);
    // A port that is given back twice is free once.
    releaseVirtualPort('127.0.0.1', other);
    const again = take(2);
    expect(new Set(again).size).toBe(2);
    for (const port of [...ports, ...again]) releaseVirtualPort('127.0.0.1', port);
  });
});
