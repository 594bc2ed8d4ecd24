/**
 * One end of a connection on a link: two record rings, ours in our segment, the peer's in its own; the words of both in
 * the two cells. Everything read from the peer's cell is checked before it is used.
 */
import { RingCorruptError } from '../../errors.js';
import {
  CELL_BLOCKED_NEED_WORD,
  CELL_BLOCKED_SEQ_WORD,
  CELL_CONS_WORD,
  CELL_PROD_WORD,
  CELL_SLOT_SEQ_WORD,
  CELL_SLOT_WORD,
  RECORD_ALIGN,
  RECORD_DATA,
  RECORD_LINK_CLOSE,
  RECORD_LINK_SPACE,
  RECORD_SWITCH,
  SLOT_CLASS_SHIFT,
  SLOT_INDEX_MASK,
} from '../../layout/layout.gen.js';
import type { Watch } from '../../reactor/reactor.js';
import { RingConsumer } from '../../ring/consumer.js';
import { RingProducer } from '../../ring/producer.js';
import { NO_ERROR, WSAECONNRESET, WSAEDISCON, WSAEWOULDBLOCK, type WsaCode } from '../../spi/codes.js';
import type { Overlapped, WsaBuffer } from '../../spi/types.js';
import type { Link } from './link.js';
import type { Move } from './move-record.js';
import { cellWord, SLOT_BYTES_MAX, SLOT_CLASSES, slotName, slotPlace } from './segment.js';
import type { SlotHolder } from './slots.js';

/** Bytes of one connection that a sweep handles before its neighbours get a turn. */
const VISIT_BYTES = 65_536;
/** Bytes: whoever asks for this much at once moves data in bulk and is given the largest slot. */
const BULK_BYTES = 32_768;
/** A bulk claim of at most this part of the ring is granted whole. */
const WHOLE_SHARE = 3;
/** Bytes kept for a SWITCH record. */
const SWITCH_RESERVE_BYTES = 16;
/** Bytes that a peer may leave unread and have all of the stream: a record so short tells the session's end at most. */
const END_RECORD_BYTES = 16;

/** What a connection tells the socket that it serves. */
export interface ConnectionOwner {
  /** The peer has answered our OPEN or ATTACH, null: by ACCEPT. @returns false: nobody waits for that */
  answered(connection: ShmConnection, reason: number | null): boolean;
  /** In place of an answer: the other side goes on at another reactor. @returns false: nobody waits for that */
  redirected(connection: ShmConnection, move: Move): boolean;
  /** The other side of a connection that stands, or that we have closed, goes on at another reactor. */
  moved(connection: ShmConnection, move: Move): void;
  /** The peer has consumed: a claim that failed may succeed now. */
  spaceMade(): void;
  /** The peer has closed, or the link is gone, and nothing more can be received. */
  peerClosed(connection: ShmConnection): void;
  /** A record has come: `overlapped` lends it. */
  received(overlapped: Overlapped, bytes: number): void;
  /** The posted receive fails, as will all others. */
  receiveFailed(overlapped: Overlapped): void;
}

/** One end. */
export class ShmConnection implements SlotHolder {
  readonly id: number;
  /** Place in the link's polled set; -1 if it is not in it. Kept by the link. */
  polledIndex = -1;
  watch: Watch | null = null;
  /** Link-ring position (unwrapped) behind our last NEWS; until the peer has consumed it, it looks at us by itself. */
  newsAt = 0;
  /** We have written CLOSE. */
  closeSent = false;
  /** The peer has written CLOSE, or the link is gone. */
  peerDone = false;
  /** Why nothing can be sent or received any more, once `peerDone`. */
  endCode: WsaCode = WSAECONNRESET;
  /** Opened by the peer, who has said nothing yet: counted by the link. */
  isSilent = false;
  /** It has been accepted, here or by the peer. */
  stands = false;
  /** The peer has said that it goes on elsewhere. */
  private hasMoved = false;
  private posted: Overlapped | null = null;
  /** A claim is open: the switch may be writing into the ring. */
  isWriting = false;
  private waitsForSpace = false;
  private peerBlocked = false;
  private blockedSeen: number;
  private slot: number;
  private retiring: { readonly slot: number; readonly position: number } | null = null;
  private slotSeqSeen: number;
  /** Where the SWITCH record that was just read leads. */
  private switchTo = 0;
  readonly producer: RingProducer;
  private readonly consumer: RingConsumer;
  readonly link: Link;
  private readonly owner: ConnectionOwner;
  private readonly ownCell: number;

  /** Both cells are drained; ours is given its smallest slot again. */
  constructor(link: Link, id: number, owner: ConnectionOwner) {
    this.link = link;
    this.id = id;
    this.owner = owner;
    const cell = cellWord(id);
    this.ownCell = cell;
    const own = link.own.words;
    const peer = link.peer.words;
    this.slot = slotName(0, id);
    this.nameSlot();
    const place = slotPlace(this.slot) as { base: number; bytes: number };
    this.producer = new RingProducer(
      {
        prodWords: own,
        prodIndex: cell + CELL_PROD_WORD,
        consWords: peer,
        consIndex: cell + CELL_CONS_WORD,
        words: own,
        base: place.base,
        capacity: place.bytes,
      },
      { reserve: SWITCH_RESERVE_BYTES },
    );
    // The sequence before the name: if the peer changes it in between, the next look sees another sequence.
    this.slotSeqSeen = Atomics.load(peer, cell + CELL_SLOT_SEQ_WORD);
    const peerPlace = this.peerPlace(Atomics.load(peer, cell + CELL_SLOT_WORD));
    this.blockedSeen = Atomics.load(peer, cell + CELL_BLOCKED_SEQ_WORD);
    this.consumer = new RingConsumer(
      {
        prodWords: peer,
        prodIndex: cell + CELL_PROD_WORD,
        consWords: own,
        consIndex: cell + CELL_CONS_WORD,
        words: peer,
        base: peerPlace.base,
        capacity: peerPlace.bytes,
      },
      { capacityLimit: SLOT_BYTES_MAX },
    );
  }

  /** Has the peer consumed everything that any connection with this id has written? */
  static isDrained(link: Link, id: number): boolean {
    const cell = cellWord(id);
    return link.own.words[cell + CELL_PROD_WORD] === Atomics.load(link.peer.words, cell + CELL_CONS_WORD);
  }

  /** It enters the link's polled set: the reactor watches the peer's PROD. */
  startWatch(): void {
    const { peer, reactor } = this.link;
    const word = peer.wordOffset + this.ownCell + CELL_PROD_WORD;
    this.watch = reactor.addWatch(peer.windowId, word, this.consumer.position);
  }

  /** It leaves: nothing that we have consumed may stay uncommitted, since nobody looks any more. */
  stopWatch(): void {
    if (this.watch !== null) this.link.reactor.removeWatch(this.watch);
    this.watch = null;
    if (!this.closeSent) this.commit();
  }

  // ---------------------------------------------------------------- sending

  /** WSPClaimMessageBuffer. */
  claim(minBytes: number, maxBytes: number, out: WsaBuffer): WsaCode {
    try {
      return this.peerDone ? this.endCode : this.claimRoom(minBytes, maxBytes, out);
    } catch (error) {
      this.link.distrust(error);
      return WSAECONNRESET;
    }
  }

  private claimRoom(minBytes: number, maxBytes: number, out: WsaBuffer): WsaCode {
    const { producer } = this;
    if (minBytes > producer.payloadLimit || (maxBytes >= BULK_BYTES && producer.capacity < SLOT_BYTES_MAX)) {
      this.enlarge(maxBytes >= BULK_BYTES ? SLOT_CLASSES.length - 1 : 1);
      if (minBytes > producer.payloadLimit) return WSAEWOULDBLOCK;
    }
    const leastBytes = this.leastOf(minBytes, maxBytes);
    let at = producer.claim(leastBytes, maxBytes);
    if (at < 0 && this.enlarge((this.slot >>> SLOT_CLASS_SHIFT) + 1)) at = producer.claim(leastBytes, maxBytes);
    if (at < 0) at = this.block(leastBytes, maxBytes);
    if (at < 0) return WSAEWOULDBLOCK;
    this.isWriting = true;
    out.bytes = this.link.own.bytes;
    out.offset = at;
    out.length = producer.room;
    return NO_ERROR;
  }

  /**
   * What moves in bulk is granted whole where several such fit. Cut to what is left at the end of the ring it would come
   * in ever other lengths, which the receiver's allocator can't reuse: 10 to 20 % of the rate.
   */
  private leastOf(minBytes: number, maxBytes: number): number {
    return maxBytes >= BULK_BYTES && maxBytes <= this.producer.capacity / WHOLE_SHARE ? maxBytes : minBytes;
  }

  /** WSPSend of the claimed room: visible to the peer at once. */
  send(bytes: number): void {
    this.isWriting = false;
    this.producer.commit(RECORD_DATA, bytes);
    this.producer.publish();
    this.link.news(this);
  }

  /**
   * The peer must make room: everything is published, the need is written down, and then looked at once more, since the
   * peer may have consumed in between. One of us sees the other (design: Dekker's pattern).
   */
  private block(minBytes: number, maxBytes: number): number {
    const { producer } = this;
    const { words } = this.link.own;
    producer.publish();
    this.link.news(this);
    words[this.ownCell + CELL_BLOCKED_NEED_WORD] = producer.needPosition(minBytes);
    Atomics.add(words, this.ownCell + CELL_BLOCKED_SEQ_WORD, 1);
    const { position } = producer;
    const at = producer.claim(minBytes, maxBytes);
    this.waitsForSpace = at < 0;
    // This look has published padding. Without it the peer may have found its ring less than half full meanwhile, and so
    // not looked for a blocked producer. Once only: at the start of the ring there is nothing to pad.
    return at < 0 && producer.position !== position ? this.block(minBytes, maxBytes) : at;
  }

  /** A SPACE record: the peer has consumed as far as we needed. @returns whether anybody waits for that */
  spaceMade(): boolean {
    if (!this.waitsForSpace) return false;
    this.waitsForSpace = false;
    this.owner.spaceMade();
    return true;
  }

  /** Goes on in a larger slot, if one can be had. @returns whether it did */
  private enlarge(wanted: number): boolean {
    this.retire();
    if (this.retiring !== null) return false;
    const current = this.slot >>> SLOT_CLASS_SHIFT;
    for (let sizeClass = Math.min(wanted, SLOT_CLASSES.length - 1); sizeClass > current; sizeClass--) {
      const index = this.link.slots.take(sizeClass, this);
      if (index < 0) continue;
      const old = this.slot;
      this.slot = slotName(sizeClass, index);
      const place = slotPlace(this.slot) as { base: number; bytes: number };
      if (this.producer.isDrained()) {
        this.nameSlot();
        this.giveBack(old);
      } else {
        this.producer.writeSwitch(this.slot);
        this.retiring = { slot: old, position: this.producer.position };
      }
      this.producer.rebase(place.base, place.bytes);
      return true;
    }
    return false;
  }

  /** Gives back the slot that a SWITCH led away from, once the peer has passed it. */
  private retire(): void {
    if (this.retiring === null) return;
    const consumed = (this.producer.position - this.producer.used()) | 0;
    if (((consumed - this.retiring.position) | 0) < 0) return;
    this.giveBack(this.retiring.slot);
    this.retiring = null;
  }

  surrender(): boolean {
    if (this.isWriting || !this.producer.isDrained()) return false;
    this.retire();
    const old = this.slot;
    this.slot = slotName(0, this.id);
    this.nameSlot();
    const place = slotPlace(this.slot) as { base: number; bytes: number };
    this.producer.rebase(place.base, place.bytes);
    this.giveBack(old);
    return true;
  }

  /** Writes the slot into our cell, for the peer to obey when it finds records after having been drained. */
  private nameSlot(): void {
    const { words } = this.link.own;
    words[this.ownCell + CELL_SLOT_WORD] = this.slot;
    Atomics.add(words, this.ownCell + CELL_SLOT_SEQ_WORD, 1);
  }

  private giveBack(slot: number): void {
    const sizeClass = slot >>> SLOT_CLASS_SHIFT;
    if (sizeClass > 0) this.link.slots.give(sizeClass, slot & SLOT_INDEX_MASK);
  }

  // -------------------------------------------------------------- receiving

  /** WSPRecv. The record may be there already: the link looks. */
  post(overlapped: Overlapped): void {
    this.posted = overlapped;
    if (this.polledIndex < 0) this.link.poll(this);
    // The peer writes nothing any more for which the reactor would look, and a busy loop does not sleep.
    if (this.peerDone) process.nextTick(() => this.link.work());
  }

  /** Is there a receive that a record could complete? */
  get wantsRecords(): boolean {
    return this.posted !== null;
  }

  /**
   * Hands over what has come, up to VISIT_BYTES. Returns how many records it handled. @throws RingCorruptError
   * @param fresh look past the cheap peek: the last look before the link forgets this connection
   */
  sweep(fresh: boolean): number {
    const { consumer } = this;
    const wasDrained = consumer.isDrained;
    if (!(fresh ? consumer.reload() : consumer.poll())) {
      return this.peerDone ? this.fail() : 0;
    }
    if (wasDrained) this.obeySlot();
    let budget = VISIT_BYTES;
    let records = 0;
    while (this.posted !== null && budget > 0 && consumer.next()) {
      records++;
      // Short records, too, come to an end.
      budget -= consumer.length + RECORD_ALIGN;
      if (consumer.type === RECORD_DATA) this.complete();
      else this.follow();
      if (this.closeSent) return records;
      const isDue = consumer.release();
      // Before the commit: once the writer sees the ring drained it may move it again, by the name in its cell.
      if (consumer.type === RECORD_SWITCH) this.rebase();
      if (isDue) this.commit();
    }
    // `watch` is gone if a handler closed this connection.
    if (this.watch !== null) this.link.reactor.setSeen(this.watch, consumer.position);
    // A thread that goes to sleep need not be called once more for it.
    if (records > 0 || this.peerBlocked) this.commit();
    // Padding and SWITCH complete no receive: behind the last of them nobody would look once more.
    return this.peerDone && this.isRead ? records + this.fail() : records;
  }

  private complete(): void {
    const overlapped = this.posted as Overlapped;
    this.posted = null;
    if (this.isSilent) {
      this.isSilent = false;
      this.link.spoken();
    }
    overlapped.bytes = this.link.peer.bytes;
    overlapped.offset = this.consumer.offset;
    this.owner.received(overlapped, this.consumer.length);
  }

  /** The ring goes on elsewhere. */
  private follow(): void {
    if (this.consumer.type !== RECORD_SWITCH || this.consumer.length !== 4) {
      throw new RingCorruptError(`a record of type ${this.consumer.type} in a connection's ring`);
    }
    this.switchTo = this.link.peer.words[this.consumer.offset >>> 2];
  }

  private rebase(): void {
    const place = this.peerPlace(this.switchTo);
    this.consumer.rebase(place.base, place.bytes);
  }

  /** After having been drained: the peer may have moved the ring meanwhile. */
  private obeySlot(): void {
    const { words } = this.link.peer;
    const seq = Atomics.load(words, this.ownCell + CELL_SLOT_SEQ_WORD);
    if (seq === this.slotSeqSeen) return;
    this.slotSeqSeen = seq;
    const place = this.peerPlace(Atomics.load(words, this.ownCell + CELL_SLOT_WORD));
    this.consumer.rebase(place.base, place.bytes);
  }

  private peerPlace(name: number): { readonly base: number; readonly bytes: number } {
    const place = slotPlace(name);
    if (place === null) throw new RingCorruptError(`a connection's ring in slot ${name}, which does not exist`);
    return place;
  }

  /** Tells the peer what we have consumed, and wakes it if it was blocked and has its room now. */
  commit(): void {
    if (!this.consumer.commit() && !this.peerBlocked) return;
    const { words } = this.link.peer;
    const seq = Atomics.load(words, this.ownCell + CELL_BLOCKED_SEQ_WORD);
    if (seq === this.blockedSeen) return;
    const need = Atomics.load(words, this.ownCell + CELL_BLOCKED_NEED_WORD);
    this.peerBlocked = ((this.consumer.position - need) | 0) < 0;
    if (this.peerBlocked) return;
    this.blockedSeen = seq;
    this.link.record(RECORD_LINK_SPACE, this.id);
  }

  // ----------------------------------------------------------------- ending

  /** See ConnectionOwner. */
  answered(reason: number | null): boolean {
    return this.owner.answered(this, reason);
  }

  /** A MOVE. @returns false: it can't be meant */
  moved(move: Move): boolean {
    if (this.stands) {
      if (this.hasMoved || this.peerDone || (!this.closeSent && !this.isRead)) return false;
      this.hasMoved = true;
      this.owner.moved(this, move);
      return true;
    }
    if (!this.link.initiator) return false;
    if (!this.closeSent) return this.owner.redirected(this, move);
    // The answer to a connect that was cancelled: like a REJECT it ends the id's use.
    this.link.freeId(this.id);
    return true;
  }

  /** Has everything been read that the peer has published? @throws RingCorruptError */
  private get isRead(): boolean {
    return !this.consumer.reload();
  }

  /** Is nothing under way that this side knows of? */
  isQuiet(): boolean {
    try {
      return !this.isWriting && this.isRead;
    } catch (error) {
      this.link.distrust(error);
      return false;
    }
  }

  /** The posted receive, which is posted no more. */
  takePosted(): Overlapped | null {
    const { posted } = this;
    this.posted = null;
    return posted;
  }

  /** The peer's process has ended: as a reset only where it has left something unread, as the system's own sockets do. */
  endProcess(): void {
    if (!this.peerDone && this.isTaken()) this.endCode = WSAEDISCON;
    this.endPeer();
  }

  /** Has the peer consumed everything that we have sent? */
  private isTaken(): boolean {
    try {
      return this.producer.used() <= END_RECORD_BYTES;
    } catch (error) {
      this.link.distrust(error);
      return false;
    }
  }

  /** The peer has closed or is gone: what it sent before is still delivered, then receives fail (rule 7.3). */
  endPeer(): void {
    if (this.peerDone) return;
    this.peerDone = true;
    if (this.closeSent) this.discard();
    else {
      this.owner.peerClosed(this);
      if (this.posted !== null && this.polledIndex < 0) this.link.poll(this);
    }
  }

  /** Nothing more can come: the posted receive fails (rule 7.3). @returns 1 if there was one */
  fail(): number {
    const overlapped = this.takePosted();
    if (overlapped === null) return 0;
    this.owner.receiveFailed(overlapped);
    return 1;
  }

  /** WSPCloseSocket: nothing is delivered any more. @returns the receive that was posted */
  close(): Overlapped | null {
    const overlapped = this.takePosted();
    this.closeSent = true;
    this.link.unpoll(this);
    if (this.peerDone) this.discard();
    this.link.record(RECORD_LINK_CLOSE, this.id);
    this.link.closed(this);
    return overlapped;
  }

  /** Whoever gets this id next must find the peer's ring drained. */
  private discard(): void {
    try {
      this.consumer.discard();
    } catch (error) {
      this.link.distrust(error);
    }
  }

  /** Both sides are done with it: our slots go back. */
  releaseSlots(): void {
    this.giveBack(this.slot);
    if (this.retiring !== null) this.giveBack(this.retiring.slot);
    this.retiring = null;
    this.slot = slotName(0, this.id);
  }
}
