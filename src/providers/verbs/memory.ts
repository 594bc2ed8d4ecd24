/**
 * Registered memory of one provider's sockets (section 6): for local use by the cache of its device, for the peer by a memory
 * window that is bound to the one connection (rule 6.1), or by a registration of its own where the device has no windows.
 */
import {
  VERBS_ACCESS_LOCAL_WRITE,
  VERBS_ACCESS_REMOTE_READ,
  VERBS_ACCESS_REMOTE_WRITE,
  VERBS_DESCRIPTOR_ADDRESS,
  VERBS_DESCRIPTOR_KEY,
  VERBS_DESCRIPTOR_LENGTH,
  VERBS_OP_BIND,
  VERBS_OP_INVALIDATE,
  VERBS_STATUS_OK,
} from '../../layout/layout.gen.js';
import { NO_ERROR, WSAEINVAL, WSAENOBUFS, type WsaCode, WsaError } from '../../spi/codes.js';
import type { RdmaLocalBuffer } from '../../spi/provider.js';
import {
  MEM_READ,
  MEM_WRITE,
  type MemoryHandle,
  RDMA_DESCRIPTOR_BYTES,
  type RdmaRegistration,
} from '../../spi/types.js';
import type { VerbsConnection } from './connection.js';
import { addressOf } from './device.js';
import type { Engine } from './engine.js';
import { demandFixed, type Registration } from './registration-cache.js';
import type { VerbsSocket } from './socket.js';
import type { TargetBlock } from './targets.js';
import { Work } from './work-queue.js';

/**
 * Bytes of the largest transfer (SO_MAX_RDMA_SIZE): long enough to keep a wire busy, and what an application that does not
 * read holds of its peer's is no more than a few of them.
 */
export const RDMA_BYTES_MAX = 1024 * 1024;

/** Memory of one socket: registered for itself, or for its peer. */
class Entry {
  readonly socket: VerbsSocket;
  readonly connection: VerbsConnection;
  /** Of the cache; null: a region of its own. */
  readonly registration: Registration | null;
  /** Its own region, and the memory of it, which lives as long; 0: none. */
  region = 0;
  bytes: Uint8Array | null = null;
  /** Bound for the peer; 0: none. */
  window = 0;
  /** The peer may write there. */
  isWritable = false;
  /** What it was borrowed as; null: it is the switch's own memory. */
  block: TargetBlock | null = null;
  /** Bytes that the peer may reach; 0: it is for local use. */
  readonly exposedBytes: number;

  constructor(
    socket: VerbsSocket,
    connection: VerbsConnection,
    registration: Registration | null,
    exposedBytes: number,
  ) {
    this.socket = socket;
    this.connection = connection;
    this.registration = registration;
    this.exposedBytes = exposedBytes;
  }

  get isRemote(): boolean {
    return this.exposedBytes > 0;
  }
}

/** What the peer needs to reach memory of ours. */
export interface RemoteMemory {
  readonly key: number;
  readonly bytes: number;
  readonly address: bigint;
}

function describe({ key, bytes, address }: RemoteMemory): Uint8Array {
  const descriptor = new Uint8Array(RDMA_DESCRIPTOR_BYTES);
  const view = new DataView(descriptor.buffer);
  view.setInt32(VERBS_DESCRIPTOR_KEY, key, true);
  view.setUint32(VERBS_DESCRIPTOR_LENGTH, bytes, true);
  view.setBigUint64(VERBS_DESCRIPTOR_ADDRESS, address, true);
  return descriptor;
}

/** Null: it has not the length of a descriptor. Everything in it is the peer's word. */
export function readDescriptor(descriptor: Uint8Array): RemoteMemory | null {
  if (descriptor.length !== RDMA_DESCRIPTOR_BYTES) return null;
  const view = new DataView(descriptor.buffer, descriptor.byteOffset, RDMA_DESCRIPTOR_BYTES);
  return {
    key: view.getInt32(VERBS_DESCRIPTOR_KEY, true),
    bytes: view.getUint32(VERBS_DESCRIPTOR_LENGTH, true),
    address: view.getBigUint64(VERBS_DESCRIPTOR_ADDRESS, true),
  };
}

const keys = new Int32Array(4);
/** The registrations of one provider. */
export class VerbsMemory {
  private readonly engine: Engine;
  private readonly entries = new Map<MemoryHandle, Entry>();
  private readonly bySocket = new Map<VerbsSocket, Set<MemoryHandle>>();
  private lastHandle = 0;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** `WSPRegisterMemory`. @throws WsaError WSAENOBUFS */
  register(socket: VerbsSocket, bytes: Uint8Array): MemoryHandle {
    const connection = standing(socket);
    const registration = connection.device.cacheFor(connection.handle).acquire(bytes);
    return this.add(new Entry(socket, connection, registration, 0));
  }

  /**
   * `WSPRegisterRdmaMemory`.
   * @throws WsaError WSAENOBUFS: no more can be locked, or the socket has a part already and the others need theirs
   */
  expose(socket: VerbsSocket, bytes: Uint8Array, access: number): RdmaRegistration {
    const connection = standing(socket);
    if (!connection.device.mayExposeSeveral(bytes.length) && this.has(socket, ({ isRemote }) => isRemote)) {
      throw new WsaError(WSAENOBUFS, 'too much is registered for peers');
    }
    const rights =
      ((access & MEM_READ) === 0 ? 0 : VERBS_ACCESS_REMOTE_READ) |
      ((access & MEM_WRITE) === 0 ? 0 : VERBS_ACCESS_REMOTE_WRITE);
    return connection.device.hasWindows
      ? this.exposeByWindow(socket, connection, bytes, rights)
      : this.exposeByRegion(socket, connection, bytes, rights);
  }

  private exposeByWindow(
    socket: VerbsSocket,
    connection: VerbsConnection,
    bytes: Uint8Array,
    rights: number,
  ): RdmaRegistration {
    const registration = connection.device.cacheFor(connection.handle).acquire(bytes);
    const offset = bytes.byteOffset - registration.start;
    const window = this.bind(connection, registration.region, offset, bytes.length, rights);
    if (window < 0) {
      connection.device.cache.release(registration);
      throw new WsaError(WSAENOBUFS, 'no memory window');
    }
    const entry = new Entry(socket, connection, registration, bytes.length);
    entry.window = window;
    entry.isWritable = (rights & VERBS_ACCESS_REMOTE_WRITE) !== 0;
    const remote = { key: keys[0] as number, bytes: bytes.length, address: registration.address + BigInt(offset) };
    return { handle: this.add(entry), descriptor: describe(remote) };
  }

  /** Binds a window, whose key `keys[0]` then is, in order before whatever is sent later. @returns the window, or -1 */
  private bind(connection: VerbsConnection, region: number, offset: number, bytes: number, rights: number): number {
    const { native } = this.engine;
    // It posts itself, so what was entered before must be posted first.
    if (!connection.hasWindowPlace || !this.engine.flush()) return -1;
    const window = connection.windows.take();
    if (window <= 0) return -1;
    if (native.bindWindow(connection.handle, window, region, offset, bytes, rights, -1, keys) < 0) {
      connection.windows.ended(window, true);
      return -1;
    }
    connection.windows.wasBound(window);
    connection.entered(new Work(VERBS_OP_BIND, null, 0));
    return window;
  }

  private exposeByRegion(
    socket: VerbsSocket,
    connection: VerbsConnection,
    bytes: Uint8Array,
    rights: number,
  ): RdmaRegistration {
    demandFixed(bytes.buffer);
    const entry = new Entry(socket, connection, null, bytes.length);
    entry.bytes = bytes;
    entry.region = this.engine.native.register(connection.handle, bytes, rights | VERBS_ACCESS_LOCAL_WRITE, keys);
    if (entry.region < 0) throw new WsaError(WSAENOBUFS, `${bytes.length} bytes can't be registered`);
    const remote = { key: keys[1] as number, bytes: bytes.length, address: addressOf(keys) };
    return { handle: this.add(entry), descriptor: describe(remote) };
  }

  /** The registration that covers a transfer's local part; null: none does. */
  find(socket: VerbsSocket, { handle, bytes, offset, length }: RdmaLocalBuffer): Registration | null {
    const entry = this.entries.get(handle);
    const registration = entry?.registration;
    if (entry?.socket !== socket || entry.isRemote || registration == null) return null;
    const start = bytes.byteOffset + offset;
    const covers = bytes.buffer === registration.buffer && registration.covers(start, start + length);
    return covers ? registration : null;
  }

  /** `WSPBorrowMemory`. @returns null: there is none now */
  borrow(socket: VerbsSocket, length: number): RdmaLocalBuffer | null {
    const { connection } = socket;
    if (connection === null || connection.isGone || !(length >= 1 && length <= RDMA_BYTES_MAX)) return null;
    let block: TargetBlock | null;
    try {
      const hasOthers = this.has(socket, (entry) => entry.block !== null);
      block = connection.device.targets.borrow(connection, length, hasOthers);
    } catch (error) {
      if (error instanceof WsaError && error.wsaCode === WSAENOBUFS) return null;
      throw error;
    }
    if (block === null) return null;
    const entry = new Entry(socket, connection, block.registration, 0);
    entry.block = block;
    return { bytes: block.bytes, offset: 0, length: block.bytes.length, handle: this.add(entry) };
  }

  /** `WSPReturnMemory`. @returns 0, or WSAEINVAL */
  giveBackBorrowed(socket: VerbsSocket, handle: MemoryHandle): WsaCode {
    return this.entries.get(handle)?.block == null ? WSAEINVAL : this.remove(socket, handle, false);
  }

  /** `WSPAllocateMemory`. @returns null: it can't be had */
  allocate(socket: VerbsSocket, length: number): Uint8Array | null {
    const { connection } = socket;
    if (connection === null || connection.isGone) return null;
    try {
      return connection.device.cacheFor(connection.handle).allocate(length);
    } catch (error) {
      if (error instanceof RangeError || (error instanceof WsaError && error.wsaCode === WSAENOBUFS)) return null;
      throw error;
    }
  }

  /** Both kinds of deregistration. @returns 0, or WSAEINVAL: it is no such memory of that socket's */
  deregister(socket: VerbsSocket, handle: MemoryHandle, isRemote: boolean): WsaCode {
    return this.entries.get(handle)?.block ? WSAEINVAL : this.remove(socket, handle, isRemote);
  }

  private remove(socket: VerbsSocket, handle: MemoryHandle, isRemote: boolean): WsaCode {
    const entry = this.entries.get(handle);
    if (entry === undefined || entry.socket !== socket || entry.isRemote !== isRemote) return WSAEINVAL;
    this.entries.delete(handle);
    this.bySocket.get(socket)?.delete(handle);
    this.giveBack(entry);
    return NO_ERROR;
  }

  private has(socket: VerbsSocket, isMeant: (entry: Entry) => boolean): boolean {
    for (const handle of this.bySocket.get(socket) ?? []) if (isMeant(this.entries.get(handle) as Entry)) return true;
    return false;
  }

  /** Has the socket registered memory now? */
  isUsedBy(socket: VerbsSocket): boolean {
    return (this.bySocket.get(socket)?.size ?? 0) > 0;
  }

  /** Everything that a socket still has goes with it (rule 6.3). Its connection moves nothing any more. */
  releaseAll(socket: VerbsSocket): void {
    for (const handle of this.bySocket.get(socket) ?? []) {
      const entry = this.entries.get(handle) as Entry;
      this.entries.delete(handle);
      if (entry.window > 0) entry.connection.windows.ended(entry.window, false);
      entry.window = 0;
      this.giveBack(entry);
    }
    this.bySocket.delete(socket);
  }

  private add(entry: Entry): MemoryHandle {
    const handle = ++this.lastHandle;
    this.entries.set(handle, entry);
    entry.connection.device.exposedBytes += entry.exposedBytes;
    const handles = this.bySocket.get(entry.socket);
    if (handles === undefined) this.bySocket.set(entry.socket, new Set([handle]));
    else handles.add(handle);
    return handle;
  }

  private giveBack(entry: Entry): void {
    const { native } = this.engine;
    const { connection, registration, window, block } = entry;
    connection.device.exposedBytes -= entry.exposedBytes;
    if (block !== null) return connection.device.targets.giveBack(block);
    if (entry.region > 0) native.deregister(entry.region);
    // What the application is given next must not change in its hands: that takes no turn of the send queue.
    if (window > 0 && !entry.isWritable && this.invalidate(entry)) return;
    if (window > 0) connection.windows.ended(window, false);
    if (registration !== null) connection.device.cache.release(registration);
  }

  /** Has the device end the peer's access, in order behind what was sent. @returns false: it can't */
  private invalidate({ connection, registration, window }: Entry): boolean {
    const { native } = this.engine;
    if (!connection.hasWindowPlace || !this.engine.flush()) return false;
    if (native.invalidateWindow(connection.handle, window, connection.nextCookie) < 0) return false;
    const ended = (status: number): void => {
      connection.windows.ended(window, status === VERBS_STATUS_OK);
      if (registration !== null) connection.device.cache.release(registration);
    };
    connection.entered(new Work(VERBS_OP_INVALIDATE, null, 0, -1, ended));
    return true;
  }
}

/** Memory is registered by way of a connection. @throws WsaError WSAENOBUFS: there is none (any more) */
function standing({ connection }: VerbsSocket): VerbsConnection {
  if (connection === null || connection.isGone) throw new WsaError(WSAENOBUFS, 'the connection has ended');
  return connection;
}
