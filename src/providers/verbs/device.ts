/** One RDMA device, as the connections of one engine share it: registered memory, and the queue of receives that many share. */
import {
  VERBS_ACCESS_BIND,
  VERBS_ACCESS_LOCAL_WRITE,
  VERBS_CHUNK_BYTES,
  VERBS_SLOT_BYTES,
  VERBS_SLOT_COUNT,
} from '../../layout/layout.gen.js';
import { copyBytes } from '../../native/bytes.js';
import { systemError } from '../../native/os.js';
import type { VerbsConnectionDevice } from '../../native/verbs.js';
import type { WsaBuffer } from '../../spi/types.js';
import type { Engine } from './engine.js';
import { PostedSlots } from './receives.js';
import { RegistrationCache } from './registration-cache.js';
import { TargetPool } from './targets.js';

const SLOTS_PER_CHUNK = VERBS_CHUNK_BYTES / VERBS_SLOT_BYTES;
/** Receives of the queue that connections share, at most. They stand for all of them: who is idle needs none. */
const SHARED_RECEIVE_SLOTS = 1_024;
/** What each connection that shares brings in, until the queue is full. */
const SHARED_SLOTS_EACH = 64;

const keys = new Int32Array(4);

/** The address among what `register` tells of a region. */
export function addressOf(told: Int32Array): bigint {
  return (BigInt((told[3] as number) >>> 0) << 32n) | BigInt((told[2] as number) >>> 0);
}

/** One device. */
export class Device {
  readonly name: string;
  readonly hasWindows: boolean;
  readonly hasSharedReceives: boolean;
  readonly cache: RegistrationCache;
  readonly targets = new TargetPool(this);
  /** Slots in the shared queue; empty until a connection shares. */
  readonly sharedSlots: PostedSlots;
  /** Connections that share receives; any of them names the queue. */
  private readonly sharing = new Set<number>();
  /** By chunk of the arena: 1, where this device has registered it. */
  private readonly usedChunks = new Uint8Array(VERBS_SLOT_COUNT / SLOTS_PER_CHUNK);
  /** Slots from which messages are sent now: they come back. */
  slotsUnderWay = 0;
  /** Why there was no slot the last time that there was none, for people. */
  shortage = '';
  /** Bytes of application memory that peers may reach now. */
  exposedBytes = 0;
  private readonly severalBytesMax: number;
  private connectionCount = 0;
  private readonly engine: Engine;
  /** A connection by this device, by which memory is registered. */
  private via = 0;

  constructor(engine: Engine, info: VerbsConnectionDevice, cacheBytes: number) {
    this.engine = engine;
    this.severalBytesMax = cacheBytes / 2;
    this.name = info.name;
    this.hasWindows = info.hasWindows;
    this.hasSharedReceives = info.hasSharedReceives;
    this.sharedSlots = new PostedSlots(engine.arena, Math.min(SHARED_RECEIVE_SLOTS, info.maxSharedDepth));
    const access = VERBS_ACCESS_LOCAL_WRITE | (info.hasWindows ? VERBS_ACCESS_BIND : 0);
    this.cache = new RegistrationCache(
      {
        register: (bytes) => {
          const region = engine.native.register(this.via, bytes, access, keys);
          return region < 0 ? region : { region, address: addressOf(keys) };
        },
        deregister: (region) => void engine.native.deregister(region),
      },
      cacheBytes,
    );
  }

  /** May a connection that has exposed memory expose `bytes` more? Half of the cache's bound is for those that have none. */
  mayExposeSeveral(bytes: number): boolean {
    return this.exposedBytes + bytes <= this.severalBytesMax;
  }

  get connections(): number {
    return this.connectionCount;
  }

  /** The cache, for a connection that stands. */
  cacheFor(connection: number): RegistrationCache {
    this.via = connection;
    return this.cache;
  }

  joined(): void {
    this.connectionCount += 1;
  }

  left(connection: number): void {
    this.connectionCount -= 1;
    this.sharing.delete(connection);
  }

  /** A free slot in memory that this device has registered; -1: there is none, or no more memory can be locked (`shortage`). */
  takeSlot(connection: number): number {
    const { arena } = this.engine;
    const slot = arena.take();
    if (slot < 0) this.shortage = 'all slots for messages are in use';
    if (slot < 0 || this.canUse(connection, slot)) return slot;
    arena.give(slot);
    return -1;
  }

  /** A slot into which a message is copied. @returns -1: as `takeSlot` */
  fillSlot(connection: number, source: readonly WsaBuffer[]): number {
    const { arena, bytes } = this.engine;
    const slot = this.takeSlot(connection);
    if (slot < 0) return -1;
    let at = arena.offsetOf(slot);
    for (const part of source) {
      copyBytes(bytes, at, part.bytes, part.offset, part.length);
      at += part.length;
    }
    return slot;
  }

  /** Registers the memory of a slot, if it is not yet. @returns false: no more memory can be locked */
  canUse(connection: number, slot: number): boolean {
    const chunk = (slot / SLOTS_PER_CHUNK) | 0;
    if (this.usedChunks[chunk] === 1) return true;
    const result = this.engine.native.useChunk(connection, chunk);
    if (result >= 0) this.usedChunks[chunk] = 1;
    else this.shortage = `memory for messages can't be registered (${systemError(result, 'ibv_reg_mr').code})`;
    return result >= 0;
  }

  canUseAll(connection: number, slots: Int32Array): boolean {
    return slots.every((slot) => this.canUse(connection, slot));
  }

  /** A connection shares receives from now on. @returns false: no receive can be had */
  share(connection: number): boolean {
    this.sharing.add(connection);
    this.fill();
    return this.sharedSlots.length > 0;
  }

  /** A message has landed in a slot of the shared queue. @returns false: it is none of these */
  takeShared(slot: number): boolean {
    return this.sharedSlots.remove(slot);
  }

  /** A slot is free again: it goes back into the shared queue if that wants it. */
  giveShared(slot: number): void {
    const { value: connection } = this.sharing.values().next();
    if (connection === undefined || this.sharedSlots.length >= this.sharedSlots.limit) this.engine.arena.give(slot);
    else this.postShared(connection, slot);
  }

  /** Posts as many receives as those that share are to have. */
  private fill(): void {
    const { value: connection } = this.sharing.values().next();
    const wanted = Math.min(this.sharedSlots.limit, this.sharing.size * SHARED_SLOTS_EACH);
    while (connection !== undefined && this.sharedSlots.length < wanted) {
      const slot = this.takeSlot(connection);
      if (slot < 0) return;
      this.postShared(connection, slot);
    }
  }

  /** Gives back all that is not a connection's; there is none any more. */
  close(): void {
    this.targets.close();
    this.cache.close();
    this.sharedSlots.giveBack();
  }

  private postShared(connection: number, slot: number): void {
    this.sharedSlots.add(slot);
    this.engine.submitReceive(connection, slot);
  }
}
