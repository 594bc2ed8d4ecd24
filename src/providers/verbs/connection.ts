/**
 * One reliable connection: its queue pair, the receives that stand, what is under way, and its end. A connection that has
 * ended on the wire is *drained* first, so that what came before the end is delivered before anybody hears of it (rule 7.3);
 * one that is closed here lingers until its messages have arrived, for a bounded time.
 */
import {
  VERBS_ASYNC_QUEUE_PAIR_ACCESS,
  VERBS_CM_DEVICE_REMOVAL,
  VERBS_CM_DISCONNECTED,
  VERBS_CM_ESTABLISHED,
  VERBS_FLAG_SIGNALLED,
  VERBS_OP_RECEIVE,
  VERBS_OP_SEND,
  VERBS_OP_WRITE,
  VERBS_STATUS_FLUSHED,
  VERBS_STATUS_LOCAL_LENGTH,
  VERBS_STATUS_OK,
  VERBS_STATUS_QUEUE_LOST,
  VERBS_STATUS_SLOT_BACK,
} from '../../layout/layout.gen.js';
import { systemError } from '../../native/os.js';
import { NO_ERROR, WSAECONNABORTED, WSAECONNRESET, WSAENETDOWN, WSAENOBUFS, type WsaCode } from '../../spi/codes.js';
import type { Overlapped, WsaBuffer } from '../../spi/types.js';
import type { CmEvent } from './cm-event.js';
import type { ConnectionHost, ConnectionOwner, ConnectionState } from './connection-host.js';
import { CopiedSends } from './copied-sends.js';
import type { Device } from './device.js';
import { type Completion, type Due, type Engine, type Poster, Submission, type Tenant } from './engine.js';
import { PostedSlots } from './receives.js';
import { connectionCode, eventCode, isConnectFailure, isShortage, operationCode } from './status.js';
import { MemoryWindows } from './windows.js';
import { Work, WorkQueue } from './work-queue.js';

/** Receives that stand for one connection: what a session announces, and what it needs besides. */
export const RECEIVE_SLOTS = 40;
/** Operations that may be under way on the send queue; more wait here. */
const SEND_DEPTH = 128;
/** Operations in a row without a completion; their places are free only when one comes. */
const SILENT_MAX = 15;
/** Places of the send queue for its owner. The rest may be taken by what a former one has posted without a completion. */
const SEND_PLACES = SEND_DEPTH - SILENT_MAX;
/** Those that are kept for memory windows. */
const WINDOW_PLACES = 16;
/** Bytes that a device may copy into its own queue with the request. */
const INLINE_BYTES = 220;
/** How long a closed connection waits for the peer to have its messages. */
const LINGER_MS = 2_000;
/** How long an ended one waits for the last word of its queue pair, or of the peer. */
const DRAIN_MS = 1_000;

const prepared = new Int32Array(3);
const submission = new Submission();

/** One connection. It belongs to its owner until `close` or `leave`. */
export class VerbsConnection implements Tenant, Due, Poster {
  readonly handle: number;
  readonly device: Device;
  readonly owner: ConnectionOwner;
  /** Messages can be sent. */
  stands = false;
  /** Why it has ended; 0: it has not. */
  endCode: WsaCode = NO_ERROR;
  /** When something was last heard of the peer, milliseconds of the engine's clock, while that is kept. */
  heardMs = 0;
  readonly windows: MemoryWindows;
  /** What `prepare` could not have, for people. */
  shortage = '';
  /** Queue pair, memory and everything else have gone back. */
  isGone = false;
  private readonly host: ConnectionHost;
  private readonly engine: Engine;
  lastPlace = -1;
  private readonly work = new WorkQueue();
  /** Operations since the last that surely has a completion. */
  private silent = 0;
  /** Bytes of the largest message that is copied into the queue as it is posted. */
  private inlineBytes = 0;
  awaitsPost = false;
  private readonly copied = new CopiedSends();
  /** What found the send queue full, in order. */
  private readonly waiting: Work[] = [];
  private posted: PostedSlots;
  /** Its queue pair takes receives from a shared queue, perhaps that of a former owner. */
  private usesShared = false;
  /** That queue is this engine's. */
  private sharesReceives = false;
  private isClosed = false;
  private probeCookie = -1;
  private timer: NodeJS.Timeout | undefined;

  constructor(host: ConnectionHost, handle: number, device: Device, owner: ConnectionOwner) {
    this.host = host;
    this.engine = host.engine;
    this.handle = handle;
    this.device = device;
    this.owner = owner;
    this.windows = new MemoryWindows(this.engine, handle);
    this.posted = new PostedSlots(this.engine.arena, RECEIVE_SLOTS);
    device.joined();
    this.engine.settle(handle, this);
  }

  // ---------------------------------------------------------------- beginning

  /**
   * Makes the queue pair and posts the receives.
   * @returns 0; WSAENOBUFS: no queue pair, or no memory to lock (`shortage`); WSAECONNABORTED: it can't be, the peer may be gone
   */
  prepare(): WsaCode {
    const { device, engine, handle, host } = this;
    const shares = device.hasSharedReceives && device.connections >= host.sharedReceiveQueueFrom;
    // Who can't share has receives of its own.
    let result = shares ? this.makePair(device.sharedSlots.limit, 1) : -1;
    if (result < 0) result = this.makePair(RECEIVE_SLOTS, 0);
    if (result < 0) {
      if (!isShortage(result)) return WSAECONNABORTED;
      return this.lacks(`no queue pair can be made (${systemError(result, 'rdma_create_qp').code})`);
    }
    this.inlineBytes = prepared[0] as number;
    this.usesShared = prepared[2] === 1;
    this.sharesReceives = this.usesShared;
    if (this.sharesReceives) return device.share(handle) ? NO_ERROR : this.lacks(device.shortage);
    while (this.posted.length < RECEIVE_SLOTS) {
      const slot = device.takeSlot(handle);
      if (slot < 0) return this.lacks(device.shortage);
      this.post(slot);
    }
    return engine.flush() ? NO_ERROR : this.lacks('this thread is behind with its completions');
  }

  private lacks(what: string): WsaCode {
    this.shortage = what;
    return WSAENOBUFS;
  }

  private makePair(receiveDepth: number, shared: 0 | 1): number {
    return this.engine.native.prepare(this.handle, SEND_DEPTH, receiveDepth, INLINE_BYTES, shared, prepared);
  }

  /** @returns 0 or a negated errno */
  connect(greeting: Uint8Array): number {
    return this.engine.native.connect(this.handle, greeting);
  }

  /** @returns 0 or a negated errno: the caller is gone */
  accept(greeting: Uint8Array): number {
    const result = this.engine.native.accept(this.handle, greeting);
    this.stands = result >= 0;
    return result;
  }

  /**
   * A connection that comes from another owner, who has left it as `state` says.
   * @param slots where its messages are to come, `count` of them: none where they come into this engine's own shared queue
   * @returns false: it can't receive here (`shortage`), and can only be closed
   */
  takeOver({ usesShared, inlineBytes, nextCookie }: ConnectionState, slots: Int32Array, count: number): boolean {
    const { device, handle } = this;
    this.inlineBytes = inlineBytes;
    // Completions of what the former owner was told of may still come: they must be nobody else's.
    this.work.nextCookie = nextCookie;
    this.silent = SILENT_MAX;
    for (let i = 0; i < count; i++) this.posted.add(slots[i] as number);
    this.usesShared = usesShared;
    this.sharesReceives = usesShared && count === 0;
    this.stands = this.sharesReceives ? device.share(handle) : device.canUseAll(handle, slots.subarray(0, count));
    this.shortage = device.shortage;
    return this.stands;
  }

  // ------------------------------------------------------------------ sending

  /** Messages and transfers whose owner has not heard their end. */
  get pending(): number {
    return this.work.length + this.waiting.length - this.copied.told;
  }

  /** Is there a place of the send queue for one more bind or invalidation? */
  get hasWindowPlace(): boolean {
    return this.stands && this.endCode === NO_ERROR && this.work.length < SEND_PLACES;
  }

  /** Posts an operation, now or when the send queue has a place for it, and the arena a slot. */
  start(work: Work): void {
    this.waiting.push(work);
    this.pump();
  }

  /** Posts what waits, as far as there is room. */
  pump(): void {
    while (this.waiting.length > 0 && this.hasPlace) {
      const work = this.waiting[0] as Work;
      if (work.source !== null && !this.gather(work, work.source)) return;
      this.waiting.shift();
      this.submit(work);
    }
  }

  /**
   * Asks the peer's device, unless something is under way already, by an RDMA write of nothing: its processor never sees it. One
   * that is not answered ends the connection, whoever owns it by then: it does not keep it from moving (rule 8.1).
   */
  probe(): void {
    if (!this.stands || this.endCode !== NO_ERROR || this.pending > 0 || this.work.has(this.probeCookie)) return;
    const probe = new Work(VERBS_OP_WRITE, null, 0);
    this.submit(probe);
    this.probeCookie = probe.cookie;
    this.copied.settle(probe);
  }

  /** A slot's first `length` bytes. */
  send(slot: number, length: number, overlapped: Overlapped): void {
    const work = new Work(VERBS_OP_SEND, overlapped, length, slot);
    work.offset = slot * this.engine.arena.slotBytes;
    this.device.slotsUnderWay += 1;
    if (this.hasPlace && this.waiting.length === 0) this.submit(work);
    else this.start(work);
  }

  private get hasPlace(): boolean {
    return this.work.length < SEND_PLACES - WINDOW_PLACES;
  }

  /**
   * Copies a message into a slot of the arena, now or when there is one.
   * @returns false: there are slots, no more memory can be locked, and none of what is locked will come back by itself
   */
  sendCopied(source: readonly WsaBuffer[], length: number, overlapped: Overlapped): boolean {
    const work = new Work(VERBS_OP_SEND, overlapped, length);
    work.source = source;
    if (this.waiting.length === 0 && !this.gather(work, source)) {
      if (this.engine.arena.free > 0 && this.device.slotsUnderWay === 0) return false;
    }
    this.start(work);
    return true;
  }

  /** @returns false: no slot is free; `pump` is called when one is */
  private gather(work: Work, source: readonly WsaBuffer[]): boolean {
    const slot = this.device.fillSlot(this.handle, source);
    if (slot < 0) {
      this.host.starved.add(this);
      return false;
    }
    this.device.slotsUnderWay += 1;
    work.slot = slot;
    work.offset = slot * this.engine.arena.slotBytes;
    work.source = null;
    return true;
  }

  /** Of the next operation that is entered or posted. */
  get nextCookie(): number {
    return this.work.nextCookie;
  }

  /** An operation that posts itself was posted (binds, invalidations), behind everything that had been started. */
  entered(work: Work): void {
    this.work.push(work);
    if (work.ended === null) this.copied.settle(work);
  }

  private submit(work: Work): void {
    submission.op = work.op;
    this.silent = this.silent < SILENT_MAX ? this.silent + 1 : 0;
    submission.flags = this.silent === 0 ? VERBS_FLAG_SIGNALLED : 0;
    submission.cookie = this.work.push(work);
    submission.region = work.region;
    submission.offset = work.offset;
    submission.length = work.bytes;
    submission.remoteKey = work.remoteKey;
    submission.remoteLow = work.remoteLow;
    submission.remoteHigh = work.remoteHigh;
    const isCopied = work.slot >= 0 && work.bytes <= this.inlineBytes;
    if (isCopied) this.copied.enter(work);
    this.engine.submit(this.handle, submission, this, !isCopied);
  }

  wasPosted(): void {
    this.copied.posted(this.tellCopied);
  }

  private readonly tellCopied = (work: Work): void => {
    const { overlapped } = work;
    this.freeSlot(work);
    work.overlapped = null;
    if (overlapped !== null) this.owner.workDone(overlapped, NO_ERROR, work.bytes);
  };

  private freeSlot(work: Work): void {
    this.engine.arena.give(work.slot);
    this.device.slotsUnderWay -= 1;
    work.slot = -1;
  }

  private workCompleted({ cookie, status }: Completion): void {
    if (!this.work.has(cookie)) {
      // Of what a former owner was told to be at its end.
      if (status !== VERBS_STATUS_OK) this.end(connectionCode(status));
      return;
    }
    for (let work = this.work.shift(); work !== null; work = this.work.shift()) {
      const isLast = work.cookie === cookie;
      this.finish(work, isLast ? status : VERBS_STATUS_OK);
      if (isLast) break;
    }
    if (this.waiting.length > 0) this.pump();
    if (this.isClosed && this.endCode === NO_ERROR && this.work.length + this.waiting.length === 0) this.disconnect();
  }

  private finish(work: Work, status: number): void {
    if (work.slot >= 0) this.freeSlot(work);
    this.copied.ended(work);
    if (status === VERBS_STATUS_OK) this.heardMs = this.engine.nowMs;
    else this.end(connectionCode(status));
    work.ended?.(status);
    const { overlapped } = work;
    if (overlapped === null) return;
    const isFlushed = status === VERBS_STATUS_FLUSHED;
    const code = isFlushed && this.endCode !== NO_ERROR ? this.endCode : operationCode(status);
    this.owner.workDone(overlapped, code, status === VERBS_STATUS_OK ? work.bytes : 0);
  }

  // ---------------------------------------------------------------- receiving

  private post(slot: number): void {
    this.posted.add(slot);
    this.engine.submitReceive(this.handle, slot);
  }

  /** A message was dealt with: its slot may take another one. */
  giveBack(slot: number): void {
    if (this.sharesReceives) this.device.giveShared(slot);
    else if (this.isClosed || this.isGone || this.endCode !== NO_ERROR) this.engine.arena.give(slot);
    else this.post(slot);
  }

  private received({ status, bytes, cookie: slot }: Completion): void {
    if (status === VERBS_STATUS_SLOT_BACK) return this.engine.arena.give(slot);
    if (!(this.sharesReceives ? this.device.takeShared(slot) : this.posted.remove(slot))) return;
    if (status !== VERBS_STATUS_OK) {
      this.giveBack(slot);
      if (status === VERBS_STATUS_LOCAL_LENGTH) this.host.refusals.count('connection:oversized-message');
      this.end(connectionCode(status));
      return;
    }
    this.heardMs = this.engine.nowMs;
    if (this.isClosed) this.giveBack(slot);
    else this.owner.message(slot, bytes);
  }

  // ------------------------------------------------------------ what happens

  completed(completion: Completion): void {
    if (completion.op === VERBS_OP_RECEIVE) this.received(completion);
    else if (completion.status !== VERBS_STATUS_QUEUE_LOST) this.workCompleted(completion);
    else if (this.isClosed) this.destroy();
    else {
      this.end(WSAENETDOWN);
      this.drain();
    }
  }

  happened(event: CmEvent): void {
    if (this.isClosed) {
      if (event.event !== VERBS_CM_ESTABLISHED) this.destroy();
    } else if (event.event === VERBS_CM_ESTABLISHED) {
      this.stands = true;
      this.owner.established(event);
    } else if (event.event === VERBS_CM_DISCONNECTED) this.end(WSAECONNRESET);
    else if (event.event === VERBS_CM_DEVICE_REMOVAL) this.end(WSAENETDOWN);
    else if (isConnectFailure(event.event)) {
      if (this.stands) this.end(WSAECONNRESET);
      else this.owner.refused(event);
    }
  }

  failed(event: number): void {
    if (event === VERBS_ASYNC_QUEUE_PAIR_ACCESS) this.host.refusals.count('connection:bad-access');
    if (this.isClosed) this.destroy();
    else this.end(eventCode(event));
  }

  // ------------------------------------------------------------------- ending

  /** The connection is over: what came before is delivered, what is under way fails, then the owner hears of it. */
  end(code: WsaCode): void {
    if (this.endCode !== NO_ERROR || this.isGone) return;
    this.endCode = code;
    this.engine.native.disconnect(this.handle);
    // Its completion comes behind those of everything that had arrived.
    const marker = new Work(VERBS_OP_SEND, null, 0, -1, () => this.engine.runLater(this));
    for (const work of this.waiting.splice(0)) this.finish(work, VERBS_STATUS_FLUSHED);
    this.submit(marker);
    this.wait(DRAIN_MS, () => this.drain());
    if (!this.isClosed) this.owner.lost(code);
  }

  runDue(): void {
    if (this.endCode !== NO_ERROR) this.drain();
  }

  private drain(): void {
    if (this.isGone) return;
    this.destroy();
    if (!this.isClosed) this.owner.drained();
  }

  /**
   * Its socket is closed: nobody hears of it any more. Memory of the application is out of the device's reach when this
   * returns; messages under way may still arrive.
   * @returns the operations that had not ended
   */
  close(): Overlapped[] {
    const aborted: Overlapped[] = [];
    let usesMemory = false;
    for (const work of [...this.work, ...this.waiting]) {
      if (work.overlapped !== null) aborted.push(work.overlapped);
      work.overlapped = null;
      usesMemory ||= work.region !== 0;
    }
    this.isClosed = true;
    if (this.isGone || !this.stands || this.endCode !== NO_ERROR) {
      this.destroy();
      return aborted;
    }
    this.host.lingering.add(this);
    if (usesMemory) {
      this.engine.native.disconnect(this.handle);
      this.destroy();
    } else if (this.work.length + this.waiting.length === 0) this.disconnect();
    else {
      // Has a completion, behind everything that has none.
      if (this.copied.told > 0) this.start(new Work(VERBS_OP_WRITE, null, 0));
      this.wait(LINGER_MS, () => this.disconnect());
    }
    return aborted;
  }

  /** Tells the peer, and waits for its answer, so that a lost packet is sent again. */
  private disconnect(): void {
    if (this.isGone) return;
    this.engine.native.disconnect(this.handle);
    this.wait(DRAIN_MS, () => this.destroy());
  }

  private wait(timeMs: number, then: () => void): void {
    clearTimeout(this.timer);
    // What waits for a peer keeps no process alive.
    this.timer = setTimeout(then, timeMs).unref();
  }

  /** Gives everything back, at any step. */
  destroy(): void {
    this.vanish(() => this.engine.native.destroy(this.handle));
  }

  /** Refuses a connect request, whose connection this would have been. */
  refuse(greeting: Uint8Array): void {
    this.vanish(() => this.engine.native.reject(this.handle, greeting));
  }

  private vanish(giveUp: () => void): void {
    if (this.isGone) return;
    clearTimeout(this.timer);
    this.host.starved.delete(this);
    const { engine, handle } = this;
    engine.flush();
    this.windows.close();
    this.isGone = true;
    giveUp();
    engine.evict(handle, this.sharesReceives);
    this.posted.giveBack();
    this.device.left(handle);
    for (const work of this.waiting.splice(0)) this.finish(work, VERBS_STATUS_FLUSHED);
    for (let work = this.work.shift(); work !== null; work = this.work.shift()) this.finish(work, VERBS_STATUS_FLUSHED);
    if (this.host.lingering.delete(this) && this.host.lingering.size === 0) this.host.lingered();
  }

  /** For the next owner, if it has one. */
  get state(): ConnectionState {
    return { usesShared: this.usesShared, inlineBytes: this.inlineBytes, nextCookie: this.nextCookie };
  }

  /** It goes to another owner: nothing is under way. @returns its token, or a negated errno: it stays */
  leave(): bigint | number {
    const { engine, handle } = this;
    this.windows.freeAll();
    const token = engine.native.detach(handle);
    if (typeof token === 'number') return token;
    this.windows.close();
    this.isGone = true;
    clearTimeout(this.timer);
    engine.evict(handle, this.sharesReceives);
    // They come back one by one.
    this.posted.clear();
    this.device.left(handle);
    return token;
  }
}
