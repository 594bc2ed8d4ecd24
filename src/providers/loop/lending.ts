/** Memory that a `LoopProvider` lends or gives: message buffers, targets of large transfers, memory for the application. */
import { NO_ERROR, WSAEINVAL, WSAENOBUFS, type WsaCode, WsaError } from '../../spi/codes.js';
import type { RdmaLocalBuffer } from '../../spi/provider.js';
import { MEM_READ, MEM_WRITE, type MemoryHandle, type WsaBuffer } from '../../spi/types.js';
import type { Registration } from './memory.js';
import type { LoopHost, LoopSocket } from './socket.js';

/** Bytes before and behind lent memory that must not change. */
const GUARD_BYTES = 16;
const GUARD = 0xc7;
const POISON = 0xdd;

/** Memory between two guards. */
export class GuardedBytes {
  // A Buffer, as a stranger's provider may have it: its `slice` is no copy.
  readonly bytes: Uint8Array;
  readonly offset = GUARD_BYTES;
  length: number;

  constructor(length: number) {
    this.bytes = Buffer.alloc(length + 2 * GUARD_BYTES, GUARD);
    this.length = length;
  }

  /** Whether the writer stayed inside what it was given. */
  get guardsStand(): boolean {
    const { bytes } = this;
    return bytes.subarray(0, GUARD_BYTES).every(isGuard) && bytes.subarray(bytes.length - GUARD_BYTES).every(isGuard);
  }

  /** Its user has given it up: a use after that shows. */
  poison(): void {
    this.bytes.fill(POISON);
  }
}

function isGuard(byte: number): boolean {
  return byte === GUARD;
}

/** A message buffer: with the switch, then on its way. */
export class MessageBuffer extends GuardedBytes {
  private readonly host: LoopHost;
  private isOut = true;

  constructor(host: LoopHost, length: number) {
    super(length);
    this.host = host;
    host.counters.messageBuffers += 1;
  }

  /** It is the provider's again. */
  release(): void {
    if (!this.isOut) return;
    this.isOut = false;
    this.host.counters.messageBuffers -= 1;
    if (this.host.settings.poison) this.poison();
  }
}

/** `WSPAllocateMessageBuffer`. @returns 0, WSAENOBUFS, or WSAEINVAL for a size that no message has */
export function allocateMessageBuffer(socket: LoopSocket, bytes: number, out: WsaBuffer): WsaCode {
  const { settings, counters, fabric } = socket.host;
  if (!(bytes >= 1 && bytes <= settings.maxMessageBytes)) {
    fabric.fault(`a message buffer of ${bytes} bytes`);
    return WSAEINVAL;
  }
  socket.messageBuffer?.release();
  socket.messageBuffer = null;
  if (counters.messageBuffers >= settings.messageBuffers) return WSAENOBUFS;
  const buffer = new MessageBuffer(socket.host, bytes);
  socket.messageBuffer = buffer;
  out.bytes = buffer.bytes;
  out.offset = buffer.offset;
  out.length = buffer.length;
  return NO_ERROR;
}

/** What is lent of a socket's registrations. */
export interface Loan {
  readonly registration: Registration;
  readonly memory: GuardedBytes;
}

/** `WSPBorrowMemory`. @returns null: too much is lent already, or no memory can be registered */
export function borrowMemory(socket: LoopSocket, bytes: number): RdmaLocalBuffer | null {
  const { settings, counters, fabric, memory } = socket.host;
  if (!(bytes >= 1 && bytes <= settings.maxRdmaBytes)) {
    fabric.fault(`a loan of ${bytes} bytes`);
    return null;
  }
  if (counters.lentBytes + bytes > settings.lentBytes) return null;
  const lent = new GuardedBytes(bytes);
  const whole = lent.bytes.subarray(lent.offset, lent.offset + bytes);
  let registration: Registration;
  try {
    registration = memory.register(socket, whole, MEM_READ | MEM_WRITE, false);
  } catch (error) {
    if (error instanceof WsaError) return null;
    throw error;
  }
  counters.lentBytes += bytes;
  socket.loans.set(registration.handle, { registration, memory: lent });
  return { bytes: lent.bytes, offset: lent.offset, length: bytes, handle: registration.handle };
}

/** `WSPReturnMemory`. @returns 0 or WSAEINVAL */
export function returnMemory(socket: LoopSocket, handle: MemoryHandle): WsaCode {
  const { fabric, memory } = socket.host;
  const loan = socket.loans.get(handle);
  if (loan === undefined) {
    fabric.fault(`memory: ${handle} is not lent to that socket`);
    return WSAEINVAL;
  }
  if (!loan.memory.guardsStand) fabric.fault(`memory: more was written than the ${loan.memory.length} bytes lent`);
  memory.deregister(socket, handle, false);
  forget(socket, loan);
  return NO_ERROR;
}

function forget(socket: LoopSocket, { registration, memory }: Loan): void {
  socket.loans.delete(registration.handle);
  socket.host.counters.lentBytes -= memory.length;
  if (socket.host.settings.poison) memory.poison();
}

/** What a socket that closes has been lent is the provider's again; its registrations have gone already. */
export function takeBack(socket: LoopSocket): void {
  socket.messageBuffer?.release();
  socket.messageBuffer = null;
  for (const loan of socket.loans.values()) forget(socket, loan);
}

/** `WSPAllocateMemory`. @returns null: as much as may be has been given away */
export function allocateMemory(host: LoopHost, bytes: number): Uint8Array | null {
  const { settings, counters } = host;
  if (counters.applicationBytes + bytes > settings.applicationBytes) return null;
  counters.applicationBytes += bytes;
  return new Uint8Array(bytes);
}
