/**
 * A link joins two reactors, of two processes or of one: a Unix socket for handshake, wake-up and sign of death, and a
 * segment in each direction. Its link ring carries what concerns no single byte stream: OPEN, ACCEPT, REJECT, CLOSE,
 * NEWS and SPACE. The reactor polls one word per link, and the rings of the connections in the polled set.
 *
 * NEWS. An unconsumed link record is the armed flag: a connection with one is polled by the peer and gets no second one.
 * The reader puts whatever a link record names into its polled set and commits the link ring lazily; in `commitLink` it
 * commits, then looks at every member once more, then forgets the empty ones. Either the writer still sees its record
 * unconsumed and the reader's last look sees the data, or the writer sees it consumed and writes NEWS again.
 */
import { RingCorruptError } from '../../errors.js';
import {
  LINK_ATTACH_BYTES,
  LINK_CONNECTION_LIMIT,
  LINK_MOVE_BYTES,
  LINK_OPEN_BYTES,
  LINK_RING_BYTES,
  RECORD_ALIGN,
  RECORD_LINK_ACCEPT,
  RECORD_LINK_ATTACH,
  RECORD_LINK_CLOSE,
  RECORD_LINK_MOVE,
  RECORD_LINK_NEWS,
  RECORD_LINK_OPEN,
  RECORD_LINK_REJECT,
  RECORD_LINK_SPACE,
  SEGMENT_HEADER_SLEEP_EPOCH_WORD,
} from '../../layout/layout.gen.js';
import { closeDescriptor, type PeerCredentials } from '../../native/os.js';
import type { Budget } from '../../reactor/budget.js';
import { LINK_OVERDONE, type Reactor, type Watch } from '../../reactor/reactor.js';
import type { Region, WindowPool } from '../../reactor/window.js';
import { RingConsumer } from '../../ring/consumer.js';
import { ShmConnection } from './connection.js';
import { COST } from './cost.js';
import type { LinkOwner, LinkPlace } from './link-place.js';
import { LinkWriter, type WritingLink } from './link-writer.js';
import { decodeAttach, decodeMove, type Move } from './move-record.js';
import { decodeOpen } from './open-record.js';
import type { LinkBreach, OpenRefusal } from './refusals.js';
import { linkRing } from './segment.js';
import { SlotAllocator } from './slots.js';

/** Members of the polled set from which the link ring is committed, so that idle ones leave it. */
const POLLED_MAX = 128;
/** Words that a thread watches, at most, for members to stay in the polled set while it sleeps. */
const KEPT_WATCHES = 64;
/** Polls after which it is committed all the same. */
const COMMIT_POLLS = 4096;
/** Link records handled before the connections get their turn. */
const RECORDS_PER_POLL = 256;
/** Free ids looked at from either end. */
const FREE_IDS_TRIED = 4;
/** Records as which an OPEN counts that is refused, among those of one poll. */
const REFUSED_RECORDS = 16;
/** Records in a full link ring, at least: the peer may go on writing after its end. */
const LAST_RECORDS = LINK_RING_BYTES / RECORD_ALIGN;

/** One side of a link. */
export class Link implements WritingLink {
  readonly slots = new SlotAllocator();
  readonly reactor: Reactor;
  readonly own: Region;
  readonly peer: Region;
  /** The process at the other end, as the kernel names it. */
  readonly credentials: PeerCredentials;
  /** See Client in verify.ts. */
  readonly portBlocks = new Map<number, number>();
  /** Only the side that made the link opens connections on it, so it alone chooses ids. */
  readonly initiator: boolean;
  /** What the peer's reactor calls itself; '' where it did not say. */
  readonly peerReactorId: string;
  /** Nothing can be written any more; what the peer had published before is still read. */
  isDead = false;
  private isBroken = false;
  /** The peer is gone: the last look. */
  private isEnding = false;
  isReleased = false;
  private readonly connections: (ShmConnection | undefined)[] = [];
  /** Connections on this link, both sides' CLOSE not yet seen. */
  connectionCount = 0;
  /** Connections that the peer has opened and said nothing on yet, those that wait to be accepted included. */
  silent = 0;
  /** Ids of the latter. */
  private readonly waiting = new Set<number>();
  /** Shared by the links with one process. */
  readonly talk: Budget;
  /** What the OPENs that were refused in this poll count as. */
  private refusedRecords = 0;
  /** The peer talked too much of what leads nowhere: its link ring is not read until the timer ends. */
  private restTimer: NodeJS.Timeout | undefined;
  private readonly polled: ShmConnection[] = [];
  private polls = 0;
  private readonly freeIds: number[] = [];
  private nextId = 0;
  private readonly in: RingConsumer;
  private readonly writer: LinkWriter;
  private watch: Watch;
  private readonly linkWord: number;
  private readonly linkId: number;
  readonly fd: number;
  private readonly windows: WindowPool;
  private readonly owner: LinkOwner;

  /** Takes over `fd` and both regions. @throws SystemError */
  constructor(owner: LinkOwner, reactor: Reactor, windows: WindowPool, place: LinkPlace) {
    this.owner = owner;
    this.reactor = reactor;
    this.windows = windows;
    this.fd = place.fd;
    this.own = place.own;
    this.peer = place.peer;
    this.credentials = place.credentials;
    this.initiator = place.initiator;
    this.peerReactorId = place.peerReactorId ?? '';
    this.talk = place.talk;
    const incoming = linkRing(this.peer, this.own);
    this.in = new RingConsumer(incoming);
    this.writer = new LinkWriter(this);
    this.linkId = reactor.addLink(
      this.fd,
      this.own.windowId,
      this.own.wordOffset + SEGMENT_HEADER_SLEEP_EPOCH_WORD,
      (event) => this.socketEnded(event),
    );
    this.linkWord = this.peer.wordOffset + incoming.prodIndex;
    this.watch = reactor.addWatch(this.peer.windowId, this.linkWord, this.in.position);
  }

  // ------------------------------------------------------------ connections

  /** Chooses an id for a new connection; -1: the link is full. */
  takeId(): number {
    // The newest, whose memory is in the caches; or the oldest, since an id whose last user's bytes the peer has not
    // consumed to the end yet is not free, and the newest may all be such.
    const { freeIds } = this;
    const last = freeIds.length - 1;
    for (let i = 0; i < 2 * FREE_IDS_TRIED && i <= last; i++) {
      const at = i < FREE_IDS_TRIED ? last - i : i - FREE_IDS_TRIED;
      const id = freeIds[at] as number;
      if (!ShmConnection.isDrained(this, id)) continue;
      freeIds.splice(at, 1);
      return id;
    }
    return this.nextId < LINK_CONNECTION_LIMIT ? this.nextId++ : -1;
  }

  /** Adds a connection; OPEN or ACCEPT, which the caller writes next, counts as its NEWS. */
  add(connection: ShmConnection): void {
    this.connections[connection.id] = connection;
    this.connectionCount++;
  }

  get(id: number): ShmConnection | undefined {
    return this.connections[id];
  }

  /** Both sides have closed it. */
  private drop(connection: ShmConnection): void {
    // Whoever hears that the peer has closed may have closed in answer, and dropped it.
    if (this.connections[connection.id] !== connection) return;
    this.connections[connection.id] = undefined;
    this.connectionCount--;
    if (connection.isSilent) this.silent--;
    this.unpoll(connection);
    connection.releaseSlots();
    if (this.initiator) this.freeIds.push(connection.id);
    if (this.isDead && this.connectionCount === 0) this.release();
  }

  /** Gives back an id that no OPEN was written for, or that was rejected. */
  freeId(id: number): void {
    const connection = this.connections[id];
    if (connection === undefined) this.freeIds.push(id);
    else this.drop(connection);
  }

  // ------------------------------------------------------------------ sending

  /** A connection has published records: the peer must look, unless it does so already. */
  news(connection: ShmConnection): void {
    if (this.writer.peerConsumed() < connection.newsAt) return this.writer.wakeSleeper();
    connection.newsAt = this.record(RECORD_LINK_NEWS, connection.id);
  }

  /** Writes a record of one or two words. @returns the unwrapped position behind it */
  record(type: number, id: number, extra?: number): number {
    return this.writer.record(type, id, extra);
  }

  /** Writes a link record and wakes the peer if it sleeps. @returns the unwrapped position behind it */
  write(type: number, payload: Int32Array, words: number): number {
    return this.writer.write(type, payload, words);
  }

  get isSilenced(): boolean {
    return this.isDead || this.isBroken;
  }

  wakePeer(): boolean {
    return this.reactor.wake(this.linkId);
  }

  unread(): void {
    this.breach('ring-unread', 'the peer does not read its link ring');
  }

  unwakeable(): void {
    this.die('the peer can not be woken', false);
  }

  // ---------------------------------------------------------------- receiving

  /** Puts a connection into the polled set: its ring is looked at with every poll. */
  poll(connection: ShmConnection): void {
    if (connection.polledIndex >= 0) return;
    connection.polledIndex = this.polled.length;
    this.polled.push(connection);
    connection.startWatch();
    this.reactor.dirty = true;
  }

  /** Takes it out again. */
  unpoll(connection: ShmConnection): void {
    const index = connection.polledIndex;
    if (index < 0) return;
    const last = this.polled.pop() as ShmConnection;
    if (last !== connection) {
      this.polled[index] = last;
      last.polledIndex = index;
    }
    connection.polledIndex = -1;
    connection.stopWatch();
  }

  /** One poll: link records first, then every member's ring. Returns how much was done. */
  work(): number {
    if (this.isReleased) return 0;
    try {
      let work = this.hears && this.in.poll() ? this.readLinkRing() : 0;
      work += this.sweep(false);
      if (this.polled.length > POLLED_MAX || ++this.polls > COMMIT_POLLS) work += this.commitLink();
      return work;
    } catch (error) {
      return this.failed(error);
    }
  }

  /** Before sleeping, and now and then: see NEWS above. */
  commitLink(): number {
    if (this.isReleased) return 0;
    this.polls = 0;
    try {
      let work = 0;
      if (!this.isDead) {
        // Read first: a record that is read behind the commit still arms its connection, which must not be forgotten.
        if (this.hears && this.in.reload()) work += this.readLinkRing();
        this.in.commit();
      }
      return work + this.sweep(true);
    } catch (error) {
      return this.failed(error);
    }
  }

  /**
   * Before sleeping: nothing may have come. A few members stay polled and armed, whose peer then needs no link record to be
   * heard, nor we to look for it; more of them would make every sleeper's look long. @returns how much was done
   */
  settle(): number {
    return this.keepsPolled ? this.work() : this.commitLink();
  }

  /** Does nothing keep the thread from sleeping? */
  get settled(): boolean {
    return this.keepsPolled || (this.polled.length === 0 && (this.isDead || this.in.isCommitted));
  }

  private get keepsPolled(): boolean {
    return !this.isDead && this.reactor.watchCount <= KEPT_WATCHES;
  }

  private sweep(forget: boolean): number {
    let work = 0;
    for (let i = this.polled.length - 1; i >= 0; i--) {
      const connection = this.polled[i];
      // A handler may have closed others: the set is shorter then.
      if (connection === undefined) continue;
      const records = this.isBroken ? connection.fail() : connection.sweep(forget);
      work += records;
      if (!connection.wantsRecords || (forget && records === 0)) this.unpoll(connection);
    }
    return work;
  }

  /** Is the link ring read now? */
  private get hears(): boolean {
    return !this.isDead && this.restTimer === undefined;
  }

  /** The peer's idle talk must wait; its connections are served as ever. Without the watch it can't keep us awake. */
  private rest(): void {
    if (this.restTimer !== undefined || this.isDead || this.isEnding) return;
    this.owner.breached('throttled');
    this.reactor.removeWatch(this.watch);
    this.restTimer = setTimeout(() => {
      this.restTimer = undefined;
      this.watch = this.reactor.addWatch(this.peer.windowId, this.linkWord, this.in.position);
    }, this.talk.periodMs).unref();
  }

  private readLinkRing(): number {
    let records = 0;
    this.refusedRecords = 0;
    while (records + this.refusedRecords < RECORDS_PER_POLL && this.hears && this.in.next()) {
      records++;
      this.handle(this.in.type, this.in.offset, this.in.length);
      if (this.isDead) return records;
      if (this.in.release()) this.in.commit();
    }
    if (this.restTimer === undefined) this.reactor.setSeen(this.watch, this.in.position);
    this.reactor.dirty = true;
    return records;
  }

  private handle(type: number, offset: number, length: number): void {
    const { words } = this.peer;
    const at = offset >>> 2;
    const id = words[at];
    if (length < 4 || id < 0 || id >= LINK_CONNECTION_LIMIT) throw new RingCorruptError(`a link record for id ${id}`);
    const connection = this.connections[id];
    // Who is at its end opens nothing any more, and takes nothing back.
    if (this.isEnding && connection === undefined) return;
    if (type === RECORD_LINK_NEWS) {
      if (connection?.wantsRecords && connection.polledIndex < 0) this.poll(connection);
      else this.spend(COST.idle);
    } else if (type === RECORD_LINK_SPACE) {
      if (!connection?.spaceMade()) this.spend(COST.idle);
    } else if (type === RECORD_LINK_CLOSE) this.peerClosed(id, connection);
    else if (type === RECORD_LINK_OPEN || type === RECORD_LINK_ATTACH) {
      const bytes = type === RECORD_LINK_OPEN ? LINK_OPEN_BYTES : LINK_ATTACH_BYTES;
      if (length < bytes || this.initiator || connection !== undefined || this.waiting.has(id)) {
        throw new RingCorruptError(`an OPEN or ATTACH of connection ${id}, which can't be opened`);
      }
      if (type === RECORD_LINK_OPEN) this.owner.opened(this, id, decodeOpen(words, at));
      else this.owner.attached(this, id, decodeAttach(words, at));
    } else if (type === RECORD_LINK_ACCEPT && this.initiator) this.owner.accepted(this, id);
    else if (type === RECORD_LINK_REJECT && this.initiator && length >= 8) this.owner.rejected(this, id, words[at + 1]);
    else if (type === RECORD_LINK_MOVE && length >= LINK_MOVE_BYTES) this.moved(id, connection, decodeMove(words, at));
    else throw new RingCorruptError(`a link record of type ${type}`);
  }

  private moved(id: number, connection: ShmConnection | undefined, move: Move): void {
    this.spend(COST.moved);
    if (!connection?.moved(move)) throw new RingCorruptError(`a MOVE of connection ${id}, which can't move`);
  }

  /** The peer makes us meet a reactor that we have no link with. */
  chargeMeeting(): void {
    this.spend(COST.meeting);
  }

  /** An OPEN waits to be accepted. */
  wait(id: number): void {
    this.waiting.add(id);
    this.silent++;
    this.spend(COST.silent);
  }

  /** The peer speaks on a connection that it has opened. */
  spoken(): void {
    this.silent--;
    this.talk.refund(COST.silent);
  }

  /** It waits no more. @returns false: it has not waited */
  waited(id: number): boolean {
    if (!this.waiting.delete(id)) return false;
    this.silent--;
    return true;
  }

  private spend(cost: number): void {
    if (this.talk.spend(cost)) this.rest();
  }

  /** Answers an OPEN with REJECT. @param reason REJECT_* */
  refuse(id: number, reason: number, why: OpenRefusal): void {
    this.owner.refused(why);
    this.refusedRecords += REFUSED_RECORDS;
    this.spend(why === 'source-unverifiable' ? COST.unverified : COST.refused);
    this.record(RECORD_LINK_REJECT, id, reason);
  }

  private peerClosed(id: number, connection: ShmConnection | undefined): void {
    if (connection === undefined) return this.withdrawn(id);
    connection.endPeer();
    if (connection.closeSent) this.drop(connection);
  }

  private withdrawn(id: number): void {
    this.spend(COST.withdrawn);
    if (this.waited(id)) this.owner.withdrawn(this, id);
  }

  /** This side has closed a connection: CLOSE is written, and if the peer's has come it is over. */
  closed(connection: ShmConnection): void {
    if (connection.peerDone && this.connections[connection.id] === connection) this.drop(connection);
  }

  // ------------------------------------------------------------------- ending

  /**
   * The peer wrote nonsense, found in the middle of something else: the link ends when that is over.
   * @throws `error` if it is another one than RingCorruptError
   */
  distrust(error: unknown): void {
    if (!(error instanceof RingCorruptError)) throw error;
    if (this.isBroken) return;
    this.isBroken = true;
    process.nextTick(() => this.breach('nonsense', error.message));
  }

  private failed(error: unknown): number {
    if (!(error instanceof RingCorruptError)) throw error;
    this.breach('nonsense', error.message);
    return 1;
  }

  /** Ends the link for what the peer did. */
  private breach(what: LinkBreach, reason: string): void {
    if (!this.isDead) this.owner.breached(what);
    this.die(reason, true);
  }

  private socketEnded(event: number): void {
    if (event === LINK_OVERDONE) this.breach('endless-wakes', 'the peer wakes without end');
    else this.die('the peer is gone', false);
  }

  /**
   * Ends the link: the peer sees its socket close, our connections see theirs reset, after they have read what had come.
   * @param isBroken the peer wrote nonsense: nothing more is read
   */
  die(reason: string, isBroken: boolean): void {
    if (isBroken) this.isBroken = true;
    if (this.isDead) return;
    if (!this.isBroken) this.lastLook();
    this.isDead = true;
    this.writer.stop();
    clearTimeout(this.restTimer);
    this.reactor.removeLink(this.linkId);
    this.reactor.removeWatch(this.watch);
    closeDescriptor(this.fd);
    for (const connection of this.connections) {
      if (connection === undefined) continue;
      if (this.isBroken) connection.endPeer();
      else connection.endProcess();
      if (connection.closeSent) this.drop(connection);
    }
    this.owner.died(this, reason);
    if (this.connectionCount === 0) this.release();
    // No watched word tells the reactor of what is left to do, and a busy event loop is never about to sleep.
    else process.nextTick(() => this.work());
  }

  /** What the peer had written before its end still counts: a CLOSE behind the last bytes is an orderly end. */
  private lastLook(): void {
    this.isEnding = true;
    clearTimeout(this.restTimer);
    this.restTimer = undefined;
    try {
      for (let left = LAST_RECORDS; left > 0 && this.in.reload(); left -= this.readLinkRing());
    } catch (error) {
      if (!(error instanceof RingCorruptError)) throw error;
      this.isBroken = true;
    }
  }

  /** Nobody uses the memory any more. Not at once: a handler of a sweep may have closed the last connection. */
  private release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    process.nextTick(() => {
      this.windows.unmap(this.peer);
      this.windows.unmap(this.own);
    });
  }
}
