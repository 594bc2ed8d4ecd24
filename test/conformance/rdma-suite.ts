/** The part of the SPI contract that concerns registered memory and RDMA; providers without RDMA pass by (rule 5.12). */
import {
  MEM_READ,
  MEM_WRITE,
  NEVER_RDMA_BYTES,
  NO_ERROR,
  RDMA_DESCRIPTOR_BYTES,
  SO_MAX_RDMA_SIZE,
  SO_RDMA_THRESHOLD_SIZE,
  SOL_SOCKET,
  WSA_IO_PENDING,
} from 'sanswitch/spi';
import { expect, it } from 'vitest';
import { type Endpoint, type Harness, Operation } from './harness.js';
import type { Rig } from './rig.js';

const BYTES = 300;

function hasRdma(harness: Harness, endpoint: Endpoint): boolean {
  const { spi } = harness;
  return (spi.WSPGetSockOpt(endpoint.socket, SOL_SOCKET, SO_RDMA_THRESHOLD_SIZE) as number) < NEVER_RDMA_BYTES;
}

/** A transfer of `near`'s memory against what `far` opened with `access`. */
async function transfer(
  harness: Harness,
  near: Endpoint,
  kind: 'WSPRdmaRead' | 'WSPRdmaWrite',
  descriptor: Uint8Array,
  local: Uint8Array,
  remoteOffset = 0,
): Promise<Operation> {
  const handle = harness.extensions.WSPRegisterMemory!(near.socket, local, MEM_READ | MEM_WRITE);
  const operation = new Operation(harness);
  const code = harness.begin(near, operation, () =>
    harness.extensions[kind]!(
      near.socket,
      { bytes: local, offset: 0, length: local.length, handle },
      descriptor,
      remoteOffset,
      operation,
    ),
  );
  if (code === WSA_IO_PENDING) await harness.done(operation);
  else operation.error = code;
  harness.extensions.WSPDeregisterMemory!(near.socket, handle);
  return operation;
}

/** Declares the RDMA tests. */
export function rdmaConformance(getRig: () => Rig, getHarness: () => Harness): void {
  const pattern = (seed: number) => new Uint8Array(BYTES).map((_, i) => i * seed);

  it('[WSD-5.7] RDMA write: the bytes are there when a message sent after it arrives', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    if (!hasRdma(harness, near)) return;
    const target = new Uint8Array(BYTES + 10);
    const { handle, descriptor } = harness.extensions.WSPRegisterRdmaMemory!(far.socket, target, MEM_WRITE);
    expect(descriptor.length).toBe(RDMA_DESCRIPTOR_BYTES);
    const local = pattern(3);
    const registered = harness.extensions.WSPRegisterMemory!(near.socket, local, MEM_READ);
    const write = new Operation(harness);
    const receive = harness.receive(far);
    harness.begin(near, write, () =>
      harness.extensions.WSPRdmaWrite!(
        near.socket,
        { bytes: local, offset: 0, length: BYTES, handle: registered },
        descriptor,
        10,
        write,
      ),
    );
    const send = harness.send(near, new Uint8Array([1])) as Operation;
    await harness.done(receive);
    expect(target.subarray(10)).toEqual(local);
    expect([...target.subarray(0, 10)]).toEqual(new Array(10).fill(0));
    await harness.done(write, send);
    expect([write.error, write.bytesMoved]).toEqual([NO_ERROR, BYTES]);
    expect(harness.extensions.WSPDeregisterMemory!(near.socket, registered)).toBe(NO_ERROR);
    expect(harness.extensions.WSPDeregisterRdmaMemory!(far.socket, handle)).toBe(NO_ERROR);
  });

  it('[WSD-5.6] RDMA read, where the provider has it', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    if (!hasRdma(harness, near) || harness.extensions.WSPRdmaRead === undefined) return;
    const source = pattern(5);
    const { handle, descriptor } = harness.extensions.WSPRegisterRdmaMemory!(far.socket, source, MEM_READ);
    const local = new Uint8Array(BYTES - 100);
    const read = await transfer(harness, near, 'WSPRdmaRead', descriptor, local, 100);
    expect([read.error, read.bytesMoved]).toEqual([NO_ERROR, BYTES - 100]);
    expect(local).toEqual(source.subarray(100));
    expect(harness.extensions.WSPDeregisterRdmaMemory!(far.socket, handle)).toBe(NO_ERROR);
  });

  it('[WSD-6.1] read access is not write access', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    if (!hasRdma(harness, near)) return;
    const target = new Uint8Array(BYTES);
    const { descriptor } = harness.extensions.WSPRegisterRdmaMemory!(far.socket, target, MEM_READ);
    expect((await transfer(harness, near, 'WSPRdmaWrite', descriptor, pattern(3))).error).not.toBe(NO_ERROR);
    expect(target.every((byte) => byte === 0)).toBe(true);
  });

  it('[WSD-6.1] write access is not read access', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    if (!hasRdma(harness, near) || harness.extensions.WSPRdmaRead === undefined) return;
    const { descriptor } = harness.extensions.WSPRegisterRdmaMemory!(far.socket, pattern(3), MEM_WRITE);
    const local = new Uint8Array(BYTES);
    expect((await transfer(harness, near, 'WSPRdmaRead', descriptor, local)).error).not.toBe(NO_ERROR);
    expect(local.every((byte) => byte === 0)).toBe(true);
  });

  it('[WSD-6.1] memory is open to the one peer, over the one connection', async () => {
    const harness = getHarness();
    const first = await getRig().connected();
    if (!hasRdma(harness, first.near)) return;
    const second = await getRig().connected();
    const target = new Uint8Array(BYTES);
    const { descriptor } = harness.extensions.WSPRegisterRdmaMemory!(first.far.socket, target, MEM_WRITE);
    expect((await transfer(harness, second.near, 'WSPRdmaWrite', descriptor, pattern(3))).error).not.toBe(NO_ERROR);
    expect(target.every((byte) => byte === 0)).toBe(true);
  });

  it('[WSD-6.1] memory is open while it is registered, and no byte further than it reaches', async () => {
    const harness = getHarness();
    for (const deregister of [true, false]) {
      const { near, far } = await getRig().connected();
      if (!hasRdma(harness, near)) return;
      const target = new Uint8Array(BYTES);
      const { handle, descriptor } = harness.extensions.WSPRegisterRdmaMemory!(far.socket, target, MEM_WRITE);
      if (deregister) expect(harness.extensions.WSPDeregisterRdmaMemory!(far.socket, handle)).toBe(NO_ERROR);
      const write = await transfer(harness, near, 'WSPRdmaWrite', descriptor, pattern(3), deregister ? 0 : 1);
      expect(write.error).not.toBe(NO_ERROR);
      expect(target.every((byte) => byte === 0)).toBe(true);
    }
  });

  it('[WSD-5.5] a transfer larger than SO_MAX_RDMA_SIZE is refused', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    if (!hasRdma(harness, near)) return;
    const most = harness.spi.WSPGetSockOpt(near.socket, SOL_SOCKET, SO_MAX_RDMA_SIZE) as number;
    const { descriptor } = harness.extensions.WSPRegisterRdmaMemory!(far.socket, new Uint8Array(most + 1), MEM_WRITE);
    const write = await transfer(harness, near, 'WSPRdmaWrite', descriptor, new Uint8Array(most + 1));
    expect(write.error).not.toBe(NO_ERROR);
  });
}
