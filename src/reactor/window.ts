/**
 * Windows: the memory into which segments are mapped. A window is a WebAssembly.Memory of 4 GiB that no WebAssembly ever
 * sees: the one kind of shared memory whose pages may be replaced, by official means, on every Node. It costs address
 * space only. Windows are made when needed, never given back, and never shown to users of the package.
 */
import { NoWindowError } from '../errors.js';
import type { NativeAddon } from '../native/addon.js';
import { requireNative } from '../native/load.js';
import { check, ERRNO, systemError } from '../native/os.js';

/** Bytes of one window. */
const WINDOW_BYTES = 4 * 1024 ** 3;
const WASM_PAGE_BYTES = 64 * 1024;
/** Regions start at multiples of this, a multiple of every page size. */
const GRANULE_BYTES = 64 * 1024;
/** How soon a segment that could not be unmapped is tried again. */
const UNMAP_RETRY_MS = 20;

/** A piece of a window. `bytes` and `words` cover exactly the region. */
export interface Region {
  readonly windowId: number;
  /** Where it starts in its window, in bytes. */
  readonly offset: number;
  /** The same in words: add it to a word's index in `words` to get the index that the reactor wants. */
  readonly wordOffset: number;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
}

/** A segment of our own and the descriptor of its memfd, which the caller passes on and closes. */
export interface OwnSegment {
  readonly region: Region;
  readonly descriptor: number;
}

/** What TypeScript's libraries do not declare outside browsers. */
interface WebAssemblyNamespace {
  readonly Memory: new (options: { initial: number; maximum: number; shared: true }) => { buffer: SharedArrayBuffer };
}

interface Window {
  readonly id: number;
  readonly buffer: SharedArrayBuffer;
  /** Unused ranges, [start, end) in bytes, by start; neighbours are merged. */
  free: { start: number; end: number }[];
}

function reserve(): SharedArrayBuffer {
  const wasm = (globalThis as unknown as { WebAssembly?: WebAssemblyNamespace }).WebAssembly;
  if (wasm === undefined) {
    throw new NoWindowError('shared memory needs WebAssembly, which this process does without (node --jitless?)');
  }
  const pages = WINDOW_BYTES / WASM_PAGE_BYTES;
  try {
    return new wasm.Memory({ initial: pages, maximum: pages, shared: true }).buffer;
  } catch (cause) {
    const message = 'shared memory needs 4 to 10 GiB of address space, which this process can not have (ulimit -v?)';
    throw new NoWindowError(message, { cause });
  }
}

/** Takes `bytes` from the first free range that has them. @returns where, or -1 */
function take(window: Window, bytes: number): number {
  const index = window.free.findIndex((range) => range.end - range.start >= bytes);
  if (index < 0) return -1;
  const range = window.free[index];
  const offset = range.start;
  range.start += bytes;
  if (range.start === range.end) window.free.splice(index, 1);
  return offset;
}

function giveBack(window: Window, start: number, bytes: number): void {
  const ranges = [...window.free, { start, end: start + bytes }].sort((a, b) => a.start - b.start);
  const merged: typeof ranges = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    if (last !== undefined && last.end === range.start) last.end = range.end;
    else merged.push(range);
  }
  window.free = merged;
}

/** The windows of one thread, and who has which part of them. */
export class WindowPool {
  private readonly addon: NativeAddon;
  private readonly windows: Window[] = [];
  private mapped = 0;
  /** @throws NativeUnavailableError */
  constructor(addon: NativeAddon = requireNative()) {
    this.addon = addon;
  }

  /** Regions in use. */
  get regionCount(): number {
    return this.mapped;
  }

  /** Windows made so far. */
  get windowCount(): number {
    return this.windows.length;
  }

  /** Makes the first window now, so that whoever needs one finds out at once whether there can be any. */
  prepare(): void {
    if (this.windows.length === 0) this.addWindow();
  }

  /** Makes and maps a segment of our own. @param bytes a multiple of 64 KiB, at most 4 GiB @throws SystemError */
  mapOwn(bytes: number): OwnSegment {
    const region = this.allocate(bytes);
    const descriptor = this.addon.mapOwnSegment(region.windowId, region.offset, bytes);
    if (descriptor < 0) this.release(region);
    return { region, descriptor: check(descriptor, 'memfd_create') };
  }

  /**
   * Maps a peer's segment. JavaScript must never write into it: that ends the process. Does not take the descriptor.
   * @throws SystemError; EPERM: it is not a memfd of exactly this size with the seals of a segment
   */
  mapPeer(bytes: number, descriptor: number): Region {
    const region = this.allocate(bytes);
    const result = this.addon.mapPeerSegment(region.windowId, region.offset, bytes, descriptor);
    if (result < 0) this.release(region);
    check(result, 'mmap');
    return region;
  }

  /**
   * Maps a segment that native code makes. @param map maps it there; returns it, or throws
   * @param bytes a multiple of 64 KiB, at most 4 GiB
   */
  mapBy<Made>(bytes: number, map: (windowId: number, offset: number) => Made): { region: Region; made: Made } {
    const region = this.allocate(bytes);
    try {
      return { region, made: map(region.windowId, region.offset) };
    } catch (error) {
      this.release(region);
      throw error;
    }
  }

  /**
   * Unmaps a segment. Its arrays then show empty memory that may become another segment's: drop them. One that the system
   * is too short of memory to unmap is tried again a little later, and meanwhile given to nobody.
   * @throws SystemError EINVAL: there is no such segment
   */
  unmap(region: Region): void {
    const result = this.addon.unmapSegment(region.windowId, region.offset, region.bytes.length);
    if (result === ERRNO.EINVAL) throw systemError(result, 'mmap');
    if (result >= 0) this.release(region);
    else setTimeout(() => this.unmap(region), UNMAP_RETRY_MS).unref();
  }

  private allocate(bytes: number): Region {
    if (!(bytes > 0 && bytes <= WINDOW_BYTES) || bytes % GRANULE_BYTES !== 0) {
      throw new RangeError(`a region can't have ${bytes} bytes`);
    }
    let window = this.windows[0];
    let offset = -1;
    for (let i = 0; i < this.windows.length && offset < 0; i++) {
      window = this.windows[i];
      offset = take(window, bytes);
    }
    if (offset < 0) {
      window = this.addWindow();
      offset = take(window, bytes);
    }
    this.mapped++;
    return {
      windowId: window.id,
      offset,
      wordOffset: offset / 4,
      bytes: new Uint8Array(window.buffer, offset, bytes),
      words: new Int32Array(window.buffer, offset, bytes / 4),
    };
  }

  private addWindow(): Window {
    const buffer = reserve();
    const id = check(this.addon.registerWindow(new Uint8Array(buffer)), 'registerWindow');
    const window = { id, buffer, free: [{ start: 0, end: WINDOW_BYTES }] };
    this.windows.push(window);
    return window;
  }

  private release(region: Region): void {
    const window = this.windows.find((one) => one.id === region.windowId);
    if (window === undefined) return;
    giveBack(window, region.offset, region.bytes.length);
    this.mapped--;
  }
}

let threadPool: WindowPool | undefined;

/** This thread's windows: one pool, since windows are never given back. @throws NativeUnavailableError */
export function threadWindows(): WindowPool {
  threadPool ??= new WindowPool();
  return threadPool;
}
