/** Peers that speak the protocols of a link by hand, and so can break them. They live in the test's own process. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  CELL_CONS_WORD,
  CELL_PROD_WORD,
  CLAIM_VIRTUAL_PORT,
  LINK_RING_OFFSET,
  RECORD_DATA,
  RECORD_LINK_ATTACH,
  RECORD_LINK_MOVE,
  RECORD_LINK_NEWS,
  RECORD_LINK_OPEN,
  SEGMENT_BYTES,
  SEGMENT_HEADER_SLEEP_EPOCH_WORD,
  SESSION_HEADER_BYTES,
  SESSION_HELLO,
} from '#src/layout/layout.gen.js';
import {
  closeDescriptor,
  listeningSockets,
  type ReceivedMessage,
  receiveMessage,
  sendMessage,
  unixConnect,
} from '#src/native/os.js';
import { acquireVirtualPort } from '#src/ports/virtual-ports.js';
import {
  decodeIdent,
  decodeWelcome,
  encodeJoin,
  HANDSHAKE_BYTES_MAX,
  type Ident,
} from '#src/providers/shm/handshake.js';
import { rendezvousName } from '#src/providers/shm/host.js';
import { encodeAttach, encodeMove } from '#src/providers/shm/move-record.js';
import { encodeOpen, type OpenRequest } from '#src/providers/shm/open-record.js';
import { cellWord, initialiseSegment, linkRing, slotName, slotPlace } from '#src/providers/shm/segment.js';
import { type OwnSegment, type Region, threadWindows } from '#src/reactor/window.js';
import { RingConsumer } from '#src/ring/consumer.js';
import { RingProducer } from '#src/ring/producer.js';
import { Waker } from '#src/ring/sleep-epoch.js';
import { encodeHello, writeHeader } from '#src/switch/session/messages.js';
import { eventually } from './party.js';

export interface RawMessage extends ReceivedMessage {
  readonly bytes: Uint8Array;
}

/** The next message; length 0 or a thrown ECONNRESET: the other side has hung up. */
export async function nextMessage(fd: number): Promise<RawMessage> {
  const bytes = new Uint8Array(HANDSHAKE_BYTES_MAX);
  for (let i = 0; i < 5_000; i++) {
    const message = receiveMessage(fd, bytes);
    if (message !== null) return { ...message, bytes };
    await delay(1);
  }
  throw new Error('no message within 5 s');
}

/** Until the other side has hung up. */
export async function hungUp(fd: number): Promise<void> {
  await eventually('the other side hangs up', () => {
    try {
      const message = receiveMessage(fd, new Uint8Array(HANDSHAKE_BYTES_MAX));
      return message !== null && message.length === 0;
    } catch {
      return true;
    }
  });
}

/** Meets the server on `port`. */
export async function meet(port: number): Promise<{ fd: number; cookie: bigint; ident: Ident }> {
  const [report] = listeningSockets(port);
  const cookie = (report as { cookie: bigint }).cookie;
  const fd = unixConnect(rendezvousName(cookie));
  const { bytes, length } = await nextMessage(fd);
  return { fd, cookie, ident: decodeIdent(bytes, length) as Ident };
}

/** One side of a link, held by hand. */
export class RawLink {
  readonly fd: number;
  readonly own: Region;
  readonly peer: Region;
  readonly out: RingProducer;
  readonly in: RingConsumer;
  private readonly waker: Waker;
  readonly cookie: bigint;
  private isHeld = false;
  private isUnmapped = false;

  constructor(fd: number, own: Region, peer: Region, cookie: bigint) {
    this.fd = fd;
    this.own = own;
    this.peer = peer;
    this.cookie = cookie;
    this.out = new RingProducer(linkRing(own, peer));
    this.in = new RingConsumer(linkRing(peer, own));
    this.waker = new Waker(peer.words, SEGMENT_HEADER_SLEEP_EPOCH_WORD);
  }

  /** Joins the server on `port` as a client; `prepare` may spoil the segment first. */
  static async join(port: number, prepare: (own: OwnSegment) => void = () => {}): Promise<RawLink | number> {
    const { fd, cookie } = await meet(port);
    const own = threadWindows().mapOwn(SEGMENT_BYTES);
    initialiseSegment(own.region);
    prepare(own);
    sendMessage(fd, encodeJoin('ab'.repeat(16)), own.descriptor);
    closeDescriptor(own.descriptor);
    const { bytes, length, descriptor } = await nextMessage(fd);
    if (descriptor < 0) {
      threadWindows().unmap(own.region);
      closeDescriptor(fd);
      return decodeWelcome(bytes, length);
    }
    const peer = threadWindows().mapPeer(SEGMENT_BYTES, descriptor);
    closeDescriptor(descriptor);
    return new RawLink(fd, own.region, peer, cookie);
  }

  /** Makes the other side look. */
  wake(): void {
    try {
      sendMessage(this.fd, Uint8Array.of(1));
    } catch {
      // It has hung up: what the test waits for.
    }
  }

  record(type: number, words: Int32Array | readonly number[]): void {
    this.append(type, words);
    this.wake();
  }

  /** A link record without a wake-up. */
  append(type: number, words: Int32Array | readonly number[]): void {
    this.assertMapped();
    const payload = Int32Array.from(words);
    const at = this.out.claim(payload.byteLength, payload.byteLength);
    this.own.words.set(payload, at >>> 2);
    this.out.commit(type, payload.byteLength);
    if (this.isHeld) return;
    this.out.publish();
    if (this.waker.isDue()) this.wake();
  }

  /** All link records that `write` writes become visible in one moment. */
  atOnce(write: () => void): void {
    this.isHeld = true;
    write();
    this.isHeld = false;
    this.out.publish();
  }

  /** The next link record of the other side, as [type, ...words]. */
  async next(): Promise<number[]> {
    let found: number[] | null = null;
    await eventually('a link record', () => {
      this.assertMapped();
      if (!this.in.reload() || !this.in.next()) return false;
      const { type, offset, length } = this.in;
      found = [type, ...this.peer.words.slice(offset >>> 2, (offset + length) >>> 2)];
      this.in.release();
      this.in.commit();
      return true;
    });
    return found as unknown as number[];
  }

  /** Opens connection `id` from a virtual port of this process, unless told otherwise. */
  open(id: number, port: number, change: Partial<OpenRequest> = {}): void {
    const source = { family: 4, address: '127.0.0.1', port: acquireVirtualPort('127.0.0.1') as number } as const;
    const destination = { family: 4, address: '127.0.0.1', port } as const;
    const request = { cookie: this.cookie, claim: CLAIM_VIRTUAL_PORT, source, destination, ...change };
    this.record(RECORD_LINK_OPEN, encodeOpen(id, request));
  }

  /** Our end of connection `id` goes on elsewhere. */
  move(id: number, token: bigint, reactorId?: string): void {
    this.record(RECORD_LINK_MOVE, encodeMove(id, token, reactorId));
  }

  /** Connection `id` is to be the continuation of one that was moved. */
  attach(id: number, token: bigint): void {
    this.record(RECORD_LINK_ATTACH, encodeAttach(id, token));
  }

  /** Our ring of connection `id`, in its smallest slot. */
  ring(id: number): RingProducer {
    const cell = cellWord(id);
    const { base, bytes } = slotPlace(slotName(0, id)) as { base: number; bytes: number };
    return new RingProducer({
      prodWords: this.own.words,
      prodIndex: cell + CELL_PROD_WORD,
      consWords: this.peer.words,
      consIndex: cell + CELL_CONS_WORD,
      words: this.own.words,
      base,
      capacity: bytes,
    });
  }

  /** Writes a record into the ring of connection 0, and says so. */
  write(ring: RingProducer, payload: Uint8Array, type = RECORD_DATA): void {
    this.publish(ring, payload, type);
    this.record(RECORD_LINK_NEWS, [0]);
  }

  /** Writes a record into a ring, and tells nobody. */
  publish(ring: RingProducer, payload: Uint8Array, type = RECORD_DATA): void {
    const at = ring.claim(payload.length, payload.length);
    this.own.bytes.set(payload, at);
    ring.commit(type, payload.length);
    ring.publish();
  }

  /** A word of our cell of connection `id`. */
  setCell(id: number, word: number, value: number): void {
    Atomics.store(this.own.words, cellWord(id) + word, value);
    this.wake();
  }

  /** The same, and nobody is woken. */
  setCellQuietly(id: number, word: number, value: number): void {
    Atomics.store(this.own.words, cellWord(id) + word, value);
  }

  /** A word of the other side's cell of connection `id`. */
  peerCell(id: number, word: number): number {
    return Atomics.load(this.peer.words, cellWord(id) + word);
  }

  /** How far the other side has written connection `id`. */
  peerPublished(id: number): number {
    return this.peerCell(id, CELL_PROD_WORD);
  }

  /** Says that all of it has been read. */
  consume(id: number): void {
    this.setCell(id, CELL_CONS_WORD, this.peerPublished(id));
  }

  /** Has the other side read all that we have written? */
  isConsumed(id: number): boolean {
    return Atomics.load(this.own.words, cellWord(id) + CELL_PROD_WORD) === this.peerCell(id, CELL_CONS_WORD);
  }

  /** Index of the first word of the smallest slot of connection `id`. */
  slotWord(id: number): number {
    return (slotPlace(slotName(0, id)) as { base: number }).base >>> 2;
  }

  /** Index of the first word of the link ring. */
  ringWord(): number {
    return LINK_RING_OFFSET >>> 2;
  }

  /** Has the other side hung up? Takes its wake-ups meanwhile. */
  isGone(): boolean {
    try {
      for (;;) {
        const message = receiveMessage(this.fd, new Uint8Array(HANDSHAKE_BYTES_MAX));
        if (message === null || message.length === 0) return message !== null;
      }
    } catch {
      return true;
    }
  }

  close(): void {
    closeDescriptor(this.fd);
    this.unmap();
  }

  /** Its places in the windows are other segments' now: whoever still waits for a record must not read or write there. */
  private assertMapped(): void {
    if (this.isUnmapped) throw new Error('the link is over');
  }

  /** All but the socket, which is closed already. */
  unmap(): void {
    this.isUnmapped = true;
    threadWindows().unmap(this.own);
    threadWindows().unmap(this.peer);
  }
}

/** A session message of this kind. */
export function sessionMessage(kind: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(SESSION_HEADER_BYTES + body.length);
  writeHeader(bytes, 0, kind, 0, 0);
  bytes.set(body, SESSION_HEADER_BYTES);
  return bytes;
}

/** The negotiation message of an honest client. */
export function helloMessage(): Uint8Array {
  const hello = { receiveBuffers: 32, messageBytes: 16_384, capabilities: 1, rdmaThresholdBytes: 0, maxRdmaBytes: 0 };
  return sessionMessage(SESSION_HELLO, encodeHello(hello));
}
