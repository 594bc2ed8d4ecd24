/** Registered memory of a `LoopProvider`: limits, who may reach what (rule 6.1), and what is still in use (rule 6.3). */
import { NO_ERROR, WSAEINVAL, WSAENOBUFS, type WsaCode, WsaError } from '../../spi/codes.js';
import type { RdmaLocalBuffer } from '../../spi/provider.js';
import { type MemoryHandle, RDMA_DESCRIPTOR_BYTES, type RdmaRegistration } from '../../spi/types.js';
import type { LoopHost, LoopSocket } from './socket.js';

/** One registration. */
export interface Registration {
  readonly handle: MemoryHandle;
  readonly socket: LoopSocket;
  readonly bytes: Uint8Array;
  /** MEM_READ, MEM_WRITE; for remote registrations what the peer may do. */
  readonly access: number;
  /** Open to the peer of `socket` over the connection that it has now. */
  readonly remote: boolean;
  /** Transfers under way in it. */
  uses: number;
  stands: boolean;
}

/** The registrations of one provider. */
export class LoopMemory {
  /** Refuse every registration with WSAENOBUFS, as when no page can be locked any more (rule 5.8). */
  refusing = false;
  readonly #host: LoopHost;
  readonly #registrations = new Map<MemoryHandle, Registration>();

  constructor(host: LoopHost) {
    this.#host = host;
  }

  /** @throws WsaError WSAENOBUFS */
  register(socket: LoopSocket, bytes: Uint8Array, access: number, remote: boolean): Registration {
    const { counters, settings, fabric } = this.#host;
    if (
      this.refusing ||
      counters.registrations >= settings.maxRegistrations ||
      counters.registeredBytes + bytes.length > settings.maxRegisteredBytes
    ) {
      throw new WsaError(WSAENOBUFS, `no memory to register ${bytes.length} bytes`);
    }
    const handle = fabric.nextNumber();
    const registration: Registration = { handle, socket, bytes, access, remote, uses: 0, stands: true };
    this.#registrations.set(handle, registration);
    if (remote) fabric.remoteMemory.set(handle, registration);
    counters.registrations += 1;
    counters.registeredBytes += bytes.length;
    return registration;
  }

  deregister(socket: LoopSocket, handle: MemoryHandle, remote: boolean): WsaCode {
    const registration = this.#registrations.get(handle);
    if (registration === undefined || registration.socket !== socket || registration.remote !== remote) {
      this.#host.fabric.fault(`memory: ${handle} is not a registration of that socket`);
      return WSAEINVAL;
    }
    // What the peer does in remote memory its owner can't know: that transfer fails.
    if (registration.uses > 0 && !remote)
      this.#host.fabric.fault(`memory: ${handle} was deregistered under a running transfer`);
    this.#drop(registration);
    return NO_ERROR;
  }

  /** Everything that a socket still has goes with it (rule 6.3). */
  releaseAll(socket: LoopSocket): void {
    for (const registration of this.#registrations.values()) {
      if (registration.socket !== socket) continue;
      this.#host.counters.registrationsReleasedAtClose += 1;
      this.#drop(registration);
    }
  }

  /** The registration that covers a transfer's local part, or what is wrong with it. */
  localRange(local: RdmaLocalBuffer): Registration | string {
    const registration = this.#registrations.get(local.handle);
    if (registration === undefined) return `local memory ${local.handle} is not registered`;
    const start = local.bytes.byteOffset + local.offset;
    const { bytes } = registration;
    const covers =
      bytes.buffer === local.bytes.buffer &&
      start >= bytes.byteOffset &&
      start + local.length <= bytes.byteOffset + bytes.length;
    return covers ? registration : `local memory ${local.handle} does not cover the transfer`;
  }

  #drop(registration: Registration): void {
    registration.stands = false;
    this.#registrations.delete(registration.handle);
    this.#host.fabric.remoteMemory.delete(registration.handle);
    this.#host.counters.registrations -= 1;
    this.#host.counters.registeredBytes -= registration.bytes.length;
  }
}

const MAGIC = 0x6c6f6f70;

/** What the peer needs to reach a remote registration: magic, handle, connection, length, a word each. */
export function describe({ handle, socket, bytes }: Registration): RdmaRegistration {
  const words = Uint32Array.of(MAGIC, handle, socket.connection, bytes.length);
  return { handle, descriptor: new Uint8Array(words.buffer) };
}

/** The peer's memory that a transfer is about, or why it may not be reached (rule 6.1). */
export function remoteRange(
  initiator: LoopSocket,
  descriptor: Uint8Array,
  remoteOffset: number,
  length: number,
  access: number,
): Registration | string {
  if (descriptor.length !== RDMA_DESCRIPTOR_BYTES) return `a descriptor of ${descriptor.length} bytes`;
  // A copy, since the bytes may lie anywhere.
  const [magic, handle, connection] = new Uint32Array(new Uint8Array(descriptor).buffer);
  if (magic !== MAGIC) return 'not a descriptor';
  const registration = initiator.host.fabric.remoteMemory.get(handle as number);
  if (registration === undefined || !registration.stands) return 'the memory is not registered (any more)';
  if (registration.socket !== initiator.peer || connection !== initiator.connection) {
    return 'the memory belongs to another connection';
  }
  if ((registration.access & access) === 0) return 'that access was not given';
  const last = remoteOffset + length;
  if (remoteOffset < 0 || last > registration.bytes.length) return `out of range: ${remoteOffset} to ${last}`;
  return registration;
}
