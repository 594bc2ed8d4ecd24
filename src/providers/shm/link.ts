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
  LINK_CONNECTION_LIMIT,
  LINK_OPEN_BYTES,
  RECORD_LINK_ACCEPT,
  RECORD_LINK_CLOSE,
  RECORD_LINK_NEWS,
  RECORD_LINK_OPEN,
  RECORD_LINK_REJECT,
  RECORD_LINK_SPACE,
  SEGMENT_HEADER_LINK_CONS_WORD,
  SEGMENT_HEADER_SLEEP_EPOCH_WORD,
} from '../../layout/layout.gen.js';
import { closeDescriptor, type PeerCredentials } from '../../native/os.js';
import type { Reactor, Watch } from '../../reactor/reactor.js';
import type { Region, WindowPool } from '../../reactor/window.js';
import { RingConsumer } from '../../ring/consumer.js';
import { RingProducer } from '../../ring/producer.js';
import { Waker } from '../../ring/sleep-epoch.js';
import { ShmConnection } from './connection.js';
import { decodeOpen, type OpenRequest } from './open-record.js';
import { linkRing } from './segment.js';
import { SlotAllocator } from './slots.js';

/** Members of the polled set from which the link ring is committed, so that idle ones leave it. */
const POLLED_MAX = 128;
/** Polls after which it is committed all the same. */
const COMMIT_POLLS = 4096;
/** Link records handled before the connections get their turn. */
const RECORDS_PER_POLL = 256;
/** Where short records are put together; a typed array of its own would cost more than the record. */
const scratch = new Int32Array(2);
/** Free ids looked at from either end. */
const FREE_IDS_TRIED = 4;
/** How soon records that found the link ring full are tried again. */
const BACKLOG_RETRY_MS = 1;

/** What happens on a link that concerns its provider. */
export interface LinkOwner {
  /** The peer opens a connection; null: its OPEN says nothing that can be meant. */
  opened(link: Link, id: number, request: OpenRequest | null): void;
  accepted(link: Link, id: number): void;
  rejected(link: Link, id: number, reason: number): void;
  /** The peer closed a connection that nobody has accepted yet. */
  withdrawn(link: Link, id: number): void;
  /** The link is gone, and every connection on it. */
  died(link: Link, reason: string): void;
}

/** What the handshake has brought about. */
export interface LinkPlace {
  /** The Unix socket. */
  readonly fd: number;
  readonly own: Region;
  readonly peer: Region;
  readonly credentials: PeerCredentials;
  readonly initiator: boolean;
  readonly peerReactorId?: string;
}

/** One side of a link. */
export class Link {
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
  isReleased = false;
  private readonly connections: (ShmConnection | undefined)[] = [];
  /** Connections on this link, both sides' CLOSE not yet seen. */
  connectionCount = 0;
  private readonly polled: ShmConnection[] = [];
  private polls = 0;
  private readonly freeIds: number[] = [];
  private nextId = 0;
  private readonly out: RingProducer;
  private readonly in: RingConsumer;
  private readonly waker: Waker;
  private readonly watch: Watch;
  private readonly linkId: number;
  /** Positions of our link ring, unwrapped: 53 bits never alias. */
  private consumedTotal = 0;
  private consumedLow = 0;
  private readonly backlog: Int32Array[] = [];
  private backlogTypes: number[] = [];
  private backlogTimer: NodeJS.Timeout | undefined;
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
    this.out = new RingProducer(linkRing(this.own, this.peer));
    const incoming = linkRing(this.peer, this.own);
    this.in = new RingConsumer(incoming);
    this.waker = new Waker(this.peer.words, SEGMENT_HEADER_SLEEP_EPOCH_WORD);
    this.linkId = reactor.addLink(
      this.fd,
      this.own.windowId,
      this.own.wordOffset + SEGMENT_HEADER_SLEEP_EPOCH_WORD,
      () => this.die('the peer is gone', false),
    );
    this.watch = reactor.addWatch(this.peer.windowId, this.peer.wordOffset + incoming.prodIndex, this.in.position);
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
    this.connections[connection.id] = undefined;
    this.connectionCount--;
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
    if (this.peerConsumed() < connection.newsAt) return;
    connection.newsAt = this.record(RECORD_LINK_NEWS, connection.id);
  }

  /** How far the peer has consumed our link ring, unwrapped. */
  private peerConsumed(): number {
    const low = Atomics.load(this.peer.words, SEGMENT_HEADER_LINK_CONS_WORD);
    const step = (low - this.consumedLow) | 0;
    if (step === 0) return this.consumedTotal;
    // What nonsense the peer may have written there, the producer finds when it needs room; here it costs only wake-ups.
    if (step > 0) {
      this.consumedLow = low;
      this.consumedTotal += step;
    }
    return this.consumedTotal;
  }

  /** Writes a record of one or two words. @returns the unwrapped position behind it */
  record(type: number, id: number, extra?: number): number {
    scratch[0] = id;
    if (extra !== undefined) scratch[1] = extra;
    return this.write(type, scratch, extra === undefined ? 1 : 2);
  }

  /** Writes a link record and wakes the peer if it sleeps. @returns the unwrapped position behind it */
  write(type: number, payload: Int32Array, words: number): number {
    if (this.isDead || this.isBroken) return 0;
    if (this.backlog.length > 0 || !this.tryWrite(type, payload, words)) this.postpone(type, payload.slice(0, words));
    return this.consumedTotal + ((this.out.position - this.consumedLow) >>> 0);
  }

  private tryWrite(type: number, payload: Int32Array, words: number): boolean {
    const bytes = words * 4;
    let at: number;
    try {
      at = this.out.claim(bytes, bytes);
    } catch (error) {
      this.distrust(error);
      return true;
    }
    if (at < 0) return false;
    for (let i = 0; i < words; i++) this.own.words[(at >>> 2) + i] = payload[i];
    this.out.commit(type, bytes);
    this.out.publish();
    if (this.waker.isDue()) this.reactor.wake(this.linkId);
    return true;
  }

  /** The link ring is full: the peer holds many consumed records uncommitted. They go out a little later, in order. */
  private postpone(type: number, payload: Int32Array): void {
    this.backlog.push(payload);
    this.backlogTypes.push(type);
    this.backlogTimer ??= setTimeout(() => this.retryBacklog(), BACKLOG_RETRY_MS);
    if (this.backlog.length > 4 * LINK_CONNECTION_LIMIT) this.die('the peer does not read its link ring', true);
  }

  private retryBacklog(): void {
    this.backlogTimer = undefined;
    if (this.isDead) return;
    let done = 0;
    while (!this.isBroken && done < this.backlog.length) {
      const payload = this.backlog[done] as Int32Array;
      if (!this.tryWrite(this.backlogTypes[done] as number, payload, payload.length)) break;
      done++;
    }
    this.backlog.splice(0, done);
    this.backlogTypes.splice(0, done);
    if (this.backlog.length > 0 && !this.isBroken)
      this.backlogTimer = setTimeout(() => this.retryBacklog(), BACKLOG_RETRY_MS);
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
      let work = !this.isDead && this.in.poll() ? this.readLinkRing() : 0;
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
        if (this.in.reload()) work += this.readLinkRing();
        this.in.commit();
      }
      return work + this.sweep(true);
    } catch (error) {
      return this.failed(error);
    }
  }

  /** Does nothing keep the thread from sleeping? */
  get settled(): boolean {
    return this.polled.length === 0 && (this.isDead || this.in.isCommitted);
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

  private readLinkRing(): number {
    let records = 0;
    while (records < RECORDS_PER_POLL && this.in.next()) {
      records++;
      this.handle(this.in.type, this.in.offset, this.in.length);
      if (this.isDead) return records;
      if (this.in.release()) this.in.commit();
    }
    this.reactor.setSeen(this.watch, this.in.position);
    this.reactor.dirty = true;
    return records;
  }

  private handle(type: number, offset: number, length: number): void {
    const { words } = this.peer;
    const at = offset >>> 2;
    const id = words[at];
    if (length < 4 || id < 0 || id >= LINK_CONNECTION_LIMIT)
      throw new RingCorruptError(`a link record for connection ${id}`);
    const connection = this.connections[id];
    if (type === RECORD_LINK_NEWS) {
      if (connection?.wantsRecords) this.poll(connection);
    } else if (type === RECORD_LINK_SPACE) connection?.spaceMade();
    else if (type === RECORD_LINK_CLOSE) this.peerClosed(id, connection);
    else if (type === RECORD_LINK_OPEN) {
      if (length < LINK_OPEN_BYTES || this.initiator || connection !== undefined) {
        throw new RingCorruptError(`an OPEN of connection ${id}, which can't be opened`);
      }
      this.owner.opened(this, id, decodeOpen(words, at));
    } else if (type === RECORD_LINK_ACCEPT && this.initiator) this.owner.accepted(this, id);
    else if (type === RECORD_LINK_REJECT && this.initiator && length >= 8) this.owner.rejected(this, id, words[at + 1]);
    else throw new RingCorruptError(`a link record of type ${type}`);
  }

  private peerClosed(id: number, connection: ShmConnection | undefined): void {
    if (connection === undefined) return this.owner.withdrawn(this, id);
    connection.endPeer();
    if (connection.closeSent) this.drop(connection);
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
    process.nextTick(() => this.die(error.message, true));
  }

  private failed(error: unknown): number {
    if (!(error instanceof RingCorruptError)) throw error;
    this.die(error.message, true);
    return 1;
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
    clearTimeout(this.backlogTimer);
    this.reactor.removeLink(this.linkId);
    this.reactor.removeWatch(this.watch);
    closeDescriptor(this.fd);
    for (const connection of this.connections) {
      if (connection === undefined) continue;
      connection.endPeer();
      if (connection.closeSent) this.drop(connection);
    }
    this.owner.died(this, reason);
    if (this.connectionCount === 0) this.release();
  }

  /** What the peer had written before its end still counts: a CLOSE behind the last bytes is an orderly end. */
  private lastLook(): void {
    try {
      while (this.in.reload() && this.readLinkRing() > 0);
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
