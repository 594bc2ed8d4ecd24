/** The part of the SPI contract that concerns memory which the provider lends or gives; others pass by. */
import {
  MEM_READ,
  MEM_WRITE,
  NO_ERROR,
  type Socket,
  WSA_IO_PENDING,
  WSAEINVAL,
  WSAENOBUFS,
  type WsaBuffer,
} from 'sanswitch/spi';
import { expect, it } from 'vitest';
import { type Endpoint, type Harness, Operation } from './harness.js';
import type { Rig } from './rig.js';

const BYTES = 300;
const pattern = (seed: number) => new Uint8Array(BYTES).map((_, i) => i * seed);
const nothing = (): WsaBuffer => ({ bytes: new Uint8Array(0), offset: 0, length: 0 });

/** Writes a message into a buffer of the provider and sends it; an error's code if it can't be had. */
function sendInPlace(harness: Harness, endpoint: Endpoint, message: Uint8Array, roomBytes = message.length) {
  const out = nothing();
  const code = harness.spi.WSPAllocateMessageBuffer!(endpoint.socket, roomBytes, out);
  if (code !== NO_ERROR) return code;
  if (out.length < roomBytes) harness.breaches.push('a message buffer smaller than was asked for');
  out.bytes.set(message, out.offset);
  const operation = new Operation(harness);
  const buffer = { bytes: out.bytes, offset: out.offset, length: message.length };
  const sent = harness.begin(endpoint, operation, () => harness.spi.WSPSend(endpoint.socket, [buffer], 1, operation));
  return sent === WSA_IO_PENDING ? operation : sent;
}

async function received(harness: Harness, endpoint: Endpoint): Promise<Buffer> {
  const receive = harness.receive(endpoint);
  await harness.done(receive);
  return receive.data;
}

/** Declares the tests of lent memory. */
export function lendingConformance(getRig: () => Rig, getHarness: () => Harness): void {
  it('[WSD-5.5] a message written into a buffer of the provider arrives; there is always another one', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    if (harness.spi.WSPAllocateMessageBuffer === undefined) return;
    for (let round = 1; round <= 100; round++) {
      const operation = sendInPlace(harness, near, pattern(round), BYTES + (round % 7)) as Operation;
      expect(await received(harness, far)).toEqual(Buffer.from(pattern(round)));
      await harness.done(operation);
      expect([operation.error, operation.bytesMoved]).toEqual([NO_ERROR, BYTES]);
    }
  });

  it('[WSD-5.5] a message buffer that was not sent is void when another is asked for, or the socket closes', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    if (harness.spi.WSPAllocateMessageBuffer === undefined) return;
    for (let round = 0; round < 1_000; round++) {
      expect(harness.spi.WSPAllocateMessageBuffer(near.socket, BYTES, nothing())).toBe(NO_ERROR);
    }
    // A send of other memory comes in between.
    const own = harness.send(near, pattern(3)) as Operation;
    const inPlace = sendInPlace(harness, near, pattern(5)) as Operation;
    expect(await received(harness, far)).toEqual(Buffer.from(pattern(3)));
    expect(await received(harness, far)).toEqual(Buffer.from(pattern(5)));
    await harness.done(own, inPlace);
    expect(harness.spi.WSPAllocateMessageBuffer(near.socket, BYTES, nothing())).toBe(NO_ERROR);
  });

  it('[WSD-5.6] borrowed memory is read into, given back, and lent again', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    const { spi, extensions } = harness;
    if (spi.WSPBorrowMemory === undefined || extensions.WSPRdmaRead === undefined) return;
    const source = pattern(5);
    const { handle, descriptor } = extensions.WSPRegisterRdmaMemory!(far.socket, source, MEM_READ);
    for (let round = 0; round < 50; round++) {
      const local = spi.WSPBorrowMemory(near.socket, BYTES)!;
      expect(local.length).toBeGreaterThanOrEqual(BYTES);
      const part = { bytes: local.bytes, offset: local.offset + 20, length: BYTES - 100, handle: local.handle };
      const read = new Operation(harness);
      const code = harness.begin(near, read, () => extensions.WSPRdmaRead!(near.socket, part, descriptor, 100, read));
      expect(code).toBe(WSA_IO_PENDING);
      await harness.done(read);
      expect([read.error, read.bytesMoved]).toEqual([NO_ERROR, BYTES - 100]);
      const start = local.offset + 20;
      expect(Buffer.from(local.bytes.subarray(start, start + BYTES - 100))).toEqual(Buffer.from(source.subarray(100)));
      expect(spi.WSPReturnMemory!(near.socket, local.handle)).toBe(NO_ERROR);
    }
    expect(extensions.WSPDeregisterRdmaMemory!(far.socket, handle)).toBe(NO_ERROR);
  });

  it('[WSD-5.7] borrowed memory is opened to the peer, who writes', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    const { spi, extensions } = harness;
    if (spi.WSPBorrowMemory === undefined) return;
    const target = spi.WSPBorrowMemory(far.socket, BYTES)!;
    const whole = target.bytes.subarray(target.offset, target.offset + BYTES);
    const { handle, descriptor } = extensions.WSPRegisterRdmaMemory!(far.socket, whole, MEM_WRITE);
    const source = pattern(7);
    const registered = extensions.WSPRegisterMemory!(near.socket, source, MEM_READ);
    const write = new Operation(harness);
    const local = { bytes: source, offset: 0, length: BYTES, handle: registered };
    harness.begin(near, write, () => extensions.WSPRdmaWrite!(near.socket, local, descriptor, 0, write));
    await harness.done(write);
    expect(write.error).toBe(NO_ERROR);
    await harness.until('the bytes', () => Buffer.from(whole).equals(Buffer.from(source)));
    expect(extensions.WSPDeregisterMemory!(near.socket, registered)).toBe(NO_ERROR);
    expect(extensions.WSPDeregisterRdmaMemory!(far.socket, handle)).toBe(NO_ERROR);
    expect(spi.WSPReturnMemory!(far.socket, target.handle)).toBe(NO_ERROR);
  });

  it('[WSD-6.3] what was not borrowed can not be given back; the close takes back the rest', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    const { spi } = harness;
    if (spi.WSPBorrowMemory === undefined) return;
    const giveBack = (socket: Socket, handle: number) => spi.WSPReturnMemory!(socket, handle);
    const mine = spi.WSPBorrowMemory(near.socket, BYTES)!;
    const kept = spi.WSPBorrowMemory(near.socket, BYTES)!;
    expect(mine.handle).not.toBe(kept.handle);
    expect(giveBack(far.socket, mine.handle)).toBe(WSAEINVAL);
    expect(giveBack(near.socket, mine.handle)).toBe(NO_ERROR);
    expect(giveBack(near.socket, mine.handle)).toBe(WSAEINVAL);
  });

  it('[WSD-5.8] as much is lent as there is; then none, until some is given back', async () => {
    const harness = getHarness();
    const { near } = await getRig().connected();
    const { spi } = harness;
    if (spi.WSPBorrowMemory === undefined) return;
    const most = 100_000;
    const lent = [];
    let next = spi.WSPBorrowMemory(near.socket, BYTES);
    for (; next !== null && lent.length < most; next = spi.WSPBorrowMemory(near.socket, BYTES)) lent.push(next.handle);
    expect(next).toBeNull();
    expect(spi.WSPReturnMemory!(near.socket, lent.pop()!)).toBe(NO_ERROR);
    expect(spi.WSPBorrowMemory(near.socket, BYTES)).not.toBeNull();
  });

  it("[WSD-6.1] the application's memory is zeroed, its own, and outlives the socket", async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    const { spi, extensions } = harness;
    if (spi.WSPAllocateMemory === undefined) return;
    const bytes = spi.WSPAllocateMemory(near.socket, BYTES)!;
    const other = spi.WSPAllocateMemory(near.socket, BYTES)!;
    expect([bytes.length, other.length]).toEqual([BYTES, BYTES]);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    bytes.set(pattern(3));
    expect(other.every((byte) => byte === 0)).toBe(true);
    if (extensions.WSPRdmaRead !== undefined) {
      const { handle, descriptor } = extensions.WSPRegisterRdmaMemory!(near.socket, bytes, MEM_READ);
      const target = new Uint8Array(BYTES);
      const registered = extensions.WSPRegisterMemory!(far.socket, target, MEM_WRITE);
      const read = new Operation(harness);
      const local = { bytes: target, offset: 0, length: BYTES, handle: registered };
      harness.begin(far, read, () => extensions.WSPRdmaRead!(far.socket, local, descriptor, 0, read));
      await harness.done(read);
      expect(target).toEqual(pattern(3));
      expect(extensions.WSPDeregisterMemory!(far.socket, registered)).toBe(NO_ERROR);
      expect(extensions.WSPDeregisterRdmaMemory!(near.socket, handle)).toBe(NO_ERROR);
    }
    harness.close(near.socket);
    await harness.settle();
    expect(bytes).toEqual(pattern(3));
  });

  it('[WSD-5.8] a size that no message or transfer has is refused', async () => {
    const harness = getHarness();
    const { near } = await getRig().connected();
    const { spi } = harness;
    for (const bytes of [0, 0xffff_ffff]) {
      const code = spi.WSPAllocateMessageBuffer?.(near.socket, bytes, nothing()) ?? WSAEINVAL;
      expect([WSAEINVAL, WSAENOBUFS]).toContain(code);
      expect(spi.WSPBorrowMemory?.(near.socket, bytes) ?? null).toBeNull();
    }
  });
}
