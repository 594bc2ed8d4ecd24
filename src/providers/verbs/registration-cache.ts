/**
 * Application memory that stays registered for the next transfer (rule 6.2), since registering costs more than most
 * transfers. Entries hold their ArrayBuffer: what is registered is never freed, so its addresses never mean something else.
 * Bounded in bytes, least recently used first; what nobody has used for a while goes too, so that idle memory is given back.
 */
import { WSAENOBUFS, WsaError } from '../../spi/codes.js';

/** Ranges begin and end at multiples of this within their buffer, so that neighbouring sends share them. */
const GRAIN_BYTES = 256 * 1024;
/** What has not been used for so long is deregistered. */
const IDLE_MS = 10_000;

/** Memory that a device has registered. */
export interface RegisteredRegion {
  readonly region: number;
  /** At which the peer sees it. */
  readonly address: bigint;
}

/** Who registers: a device. */
export interface Registrar {
  /** @returns a negated errno where it can't */
  register(bytes: Uint8Array): RegisteredRegion | number;
  deregister(region: number): void;
}

/** A registered range of a buffer. */
export class Registration {
  /** Byte offsets in the buffer. */
  readonly start: number;
  readonly end: number;
  readonly region: number;
  /** Of its first byte, as the peer sees it. */
  readonly address: bigint;
  /** Transfers that use it now. */
  uses = 0;
  usedMs = 0;
  /** It is in the cache; otherwise it goes when nobody uses it any more. */
  cached = true;
  private readonly bufferBytes: number;
  /** Null: it does not keep its buffer alive, but as long as a transfer uses it. */
  private strong: ArrayBufferLike | null;
  private readonly weak: WeakRef<ArrayBufferLike> | null;

  /** @param keepsAlive whether the buffer lives as long as this */
  constructor(
    buffer: ArrayBufferLike,
    start: number,
    end: number,
    { region, address }: RegisteredRegion,
    keepsAlive = true,
  ) {
    this.strong = keepsAlive ? buffer : null;
    this.weak = keepsAlive ? null : new WeakRef(buffer);
    this.start = start;
    this.end = end;
    this.region = region;
    this.address = address;
    this.bufferBytes = buffer.byteLength;
  }

  get bytes(): number {
    return this.end - this.start;
  }

  /** Undefined: nobody has it any more. */
  get buffer(): ArrayBufferLike | undefined {
    return this.strong ?? this.weak?.deref();
  }

  use(buffer: ArrayBufferLike): void {
    this.uses += 1;
    this.strong = buffer;
  }

  unuse(): void {
    this.uses -= 1;
    if (this.uses === 0 && this.weak !== null) this.strong = null;
  }

  covers(start: number, end: number): boolean {
    return this.start <= start && end <= this.end;
  }

  /** The buffer was transferred elsewhere: its memory is somebody else's now. */
  get isDetached(): boolean {
    return this.buffer?.byteLength !== this.bufferBytes;
  }
}

/** @throws WsaError WSAENOBUFS: the memory could move or shrink under a registration */
export function demandFixed(buffer: ArrayBufferLike): void {
  const { resizable, growable } = buffer as { resizable?: boolean; growable?: boolean };
  if (resizable === true || growable === true) {
    throw new WsaError(WSAENOBUFS, 'memory that can be resized is not registered');
  }
}

/** The registrations of one device. */
export class RegistrationCache {
  hits = 0;
  misses = 0;
  evictions = 0;
  /** Bytes that are registered now, used or not. */
  registeredBytes = 0;
  private readonly registrar: Registrar;
  private readonly limitBytes: number;
  private readonly now: () => number;
  /** Cached, least recently used first. */
  private readonly recent = new Set<Registration>();
  private readonly byBuffer = new Map<ArrayBufferLike, Registration[]>();
  /** Of memory that is registered as long as it lives. */
  private readonly lasting = new Set<Registration>();
  private readonly lastingOf = new WeakMap<ArrayBufferLike, Registration>();
  private readonly collected = new FinalizationRegistry<Registration>((registration) => this.end(registration));
  private timer: NodeJS.Timeout | undefined;

  /** @param limitBytes what may stay registered although nobody uses it */
  constructor(registrar: Registrar, limitBytes: number, now: () => number = () => performance.now()) {
    this.registrar = registrar;
    this.limitBytes = limitBytes;
    this.now = now;
  }

  /**
   * The registration that covers `bytes`, until `release`.
   * @throws WsaError WSAENOBUFS: memory that can be resized, or no more can be locked (rule 5.8)
   */
  acquire(bytes: Uint8Array): Registration {
    const { buffer, byteOffset: start, length } = bytes;
    const end = start + length;
    demandFixed(buffer);
    let found = this.find(buffer, start, end);
    if (found === undefined) {
      found = this.register(buffer, start, end);
      this.misses += 1;
    } else this.hits += 1;
    found.use(buffer);
    if (!this.lasting.has(found)) this.touch(found);
    return found;
  }

  release(registration: Registration): void {
    registration.unuse();
    if (registration.uses > 0) return;
    if (!registration.cached) this.deregister(registration);
    else if (registration.isDetached) this.drop(registration);
    else if (this.registeredBytes > this.limitBytes) this.evict(this.limitBytes);
  }

  /**
   * Memory that is registered until nobody has it any more. A finalizer that comes late does no harm: the pages are locked until
   * then, and whatever has the same addresses later is another buffer.
   * @throws WsaError WSAENOBUFS; RangeError: there is no such memory
   */
  allocate(length: number): Uint8Array {
    if (this.registeredBytes + length > this.limitBytes) this.evict(Math.max(0, this.limitBytes - length));
    if (this.registeredBytes + length > this.limitBytes) throw new WsaError(WSAENOBUFS, 'too much is registered');
    const bytes = new Uint8Array(length);
    const registration = new Registration(bytes.buffer, 0, length, this.registered(bytes), false);
    this.registeredBytes += length;
    this.lasting.add(registration);
    this.lastingOf.set(bytes.buffer, registration);
    this.collected.register(bytes.buffer, registration, registration);
    return bytes;
  }

  /** The memory is about to mean something else (rule 6.2): no later transfer may use these registrations. */
  forget(buffer: ArrayBufferLike): void {
    for (const registration of [...(this.byBuffer.get(buffer) ?? [])]) this.drop(registration);
    const lasting = this.lastingOf.get(buffer);
    if (lasting !== undefined) this.end(lasting);
  }

  /** Deregisters everything that no transfer uses. */
  close(): void {
    for (const registration of [...this.recent]) this.drop(registration);
    for (const registration of [...this.lasting]) this.end(registration);
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** What was registered as long as its memory lives. */
  private end(registration: Registration): void {
    if (!this.lasting.delete(registration)) return;
    this.collected.unregister(registration);
    registration.cached = false;
    if (registration.uses === 0) this.deregister(registration);
  }

  private find(buffer: ArrayBufferLike, start: number, end: number): Registration | undefined {
    const lasting = this.lastingOf.get(buffer);
    if (lasting?.cached && !lasting.isDetached) return lasting;
    const ranges = this.byBuffer.get(buffer);
    if (ranges === undefined) return undefined;
    if (ranges[0]?.isDetached) this.forget(buffer);
    return ranges.find((one) => one.cached && one.covers(start, end));
  }

  private register(buffer: ArrayBufferLike, from: number, to: number): Registration {
    const start = from - (from % GRAIN_BYTES);
    const end = Math.min(buffer.byteLength, Math.ceil(to / GRAIN_BYTES) * GRAIN_BYTES);
    const bytes = new Uint8Array(buffer, start, end - start);
    this.evict(Math.max(0, this.limitBytes - bytes.length));
    const registration = new Registration(buffer, start, end, this.registered(bytes));
    this.registeredBytes += registration.bytes;
    const ranges = this.byBuffer.get(buffer);
    if (ranges === undefined) this.byBuffer.set(buffer, [registration]);
    else ranges.push(registration);
    return registration;
  }

  private registered(bytes: Uint8Array): RegisteredRegion {
    let made = this.registrar.register(bytes);
    // Locked memory is short: perhaps what nobody uses is enough.
    if (typeof made === 'number' && this.evict(0) > 0) made = this.registrar.register(bytes);
    if (typeof made !== 'number') return made;
    throw new WsaError(WSAENOBUFS, `${bytes.length} bytes can't be registered (errno ${-made})`);
  }

  private touch(registration: Registration): void {
    registration.usedMs = this.now();
    this.recent.delete(registration);
    this.recent.add(registration);
    this.timer ??= setTimeout(() => this.sweep(), IDLE_MS).unref();
  }

  /** Drops what has been idle for too long; the timer stands only while there is something. */
  private sweep(): void {
    const beforeMs = this.now() - IDLE_MS;
    for (const registration of this.recent) {
      if (registration.uses === 0 && (registration.usedMs <= beforeMs || registration.isDetached)) {
        this.drop(registration);
      }
    }
    this.timer = this.recent.size === 0 ? undefined : setTimeout(() => this.sweep(), IDLE_MS).unref();
  }

  /** Drops what nobody uses, until no more than `bytes` are registered. @returns how many went */
  private evict(bytes: number): number {
    let count = 0;
    if (this.registeredBytes <= bytes) return count;
    for (const registration of this.recent) {
      if (registration.uses > 0) continue;
      this.drop(registration);
      this.evictions += 1;
      count += 1;
      if (this.registeredBytes <= bytes) break;
    }
    return count;
  }

  private drop(registration: Registration): void {
    registration.cached = false;
    this.recent.delete(registration);
    const buffer = registration.buffer as ArrayBufferLike;
    const left = this.byBuffer.get(buffer)?.filter((one) => one !== registration) ?? [];
    if (left.length === 0) this.byBuffer.delete(buffer);
    else this.byBuffer.set(buffer, left);
    if (registration.uses === 0) this.deregister(registration);
  }

  private deregister(registration: Registration): void {
    this.registeredBytes -= registration.bytes;
    this.registrar.deregister(registration.region);
  }
}
