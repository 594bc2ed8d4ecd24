/**
 * Memory for large receives that is registered already (`WSPBorrowMemory`): blocks of a few sizes, lent to sessions for a
 * transfer each. Bounded; what nobody has borrowed for a while is given back.
 */
import type { VerbsConnection } from './connection.js';
import type { Device } from './device.js';
import type { Registration } from './registration-cache.js';

/** Bytes: the smallest block, and what each size is a power of two times of. */
const BLOCK_BYTES_MIN = 64 * 1024;
/** Bytes of all blocks of a device, lent or not. */
const POOL_BYTES_MAX = 64 * 1024 * 1024;
/** Bytes that are lent, up to which a connection may have several blocks. The rest is for those that have none. */
const SEVERAL_BYTES_MAX = POOL_BYTES_MAX / 2;
/** Blocks that nobody has borrowed for so long go. */
const IDLE_MS = 10_000;

/** Memory that is lent. */
export class TargetBlock {
  readonly bytes: Uint8Array;
  readonly registration: Registration;
  usedMs = 0;

  constructor(bytes: Uint8Array, registration: Registration) {
    this.bytes = bytes;
    this.registration = registration;
  }
}

/** The blocks of one device. */
export class TargetPool {
  private totalBytes = 0;
  private lentBytes = 0;
  /** By size; the last one given back is lent first. */
  private readonly free = new Map<number, TargetBlock[]>();
  private readonly device: Device;
  private timer: NodeJS.Timeout | undefined;

  constructor(device: Device) {
    this.device = device;
  }

  /**
   * A block of at least `bytes` bytes; null: too much is lent.
   * @param hasOthers the connection has blocks already
   * @throws WsaError WSAENOBUFS: no more memory can be locked
   */
  borrow(connection: VerbsConnection, bytes: number, hasOthers: boolean): TargetBlock | null {
    let size = BLOCK_BYTES_MIN;
    while (size < bytes) size *= 2;
    if (hasOthers && this.lentBytes + size > SEVERAL_BYTES_MAX) return null;
    const block = this.free.get(size)?.pop() ?? this.make(connection, size);
    if (block !== null) this.lentBytes += size;
    return block;
  }

  private make(connection: VerbsConnection, size: number): TargetBlock | null {
    if (this.totalBytes + size > POOL_BYTES_MAX) this.drop(Number.POSITIVE_INFINITY);
    if (this.totalBytes + size > POOL_BYTES_MAX) return null;
    const memory = new Uint8Array(size);
    const registration = this.device.cacheFor(connection.handle).acquire(memory);
    this.totalBytes += size;
    return new TargetBlock(memory, registration);
  }

  giveBack(block: TargetBlock): void {
    block.usedMs = performance.now();
    const size = block.bytes.length;
    this.lentBytes -= size;
    const blocks = this.free.get(size);
    if (blocks === undefined) this.free.set(size, [block]);
    else blocks.push(block);
    this.timer ??= setTimeout(() => this.sweep(), IDLE_MS).unref();
  }

  /** Gives back everything that is not lent. */
  close(): void {
    clearTimeout(this.timer);
    this.drop(Number.POSITIVE_INFINITY);
  }

  private sweep(): void {
    this.drop(performance.now() - IDLE_MS);
    this.timer = this.free.size === 0 ? undefined : setTimeout(() => this.sweep(), IDLE_MS).unref();
  }

  private drop(beforeMs: number): void {
    for (const [size, blocks] of this.free) {
      const kept = blocks.filter((block) => block.usedMs > beforeMs);
      for (const { registration, bytes } of blocks.filter((block) => block.usedMs <= beforeMs)) {
        this.totalBytes -= size;
        this.device.cache.release(registration);
        this.device.cache.forget(bytes.buffer);
      }
      if (kept.length === 0) this.free.delete(size);
      else this.free.set(size, kept);
    }
  }
}
