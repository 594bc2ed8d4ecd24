/** How a thread's counters become the bytes of its counters page (`src/layout/counters-schema.ts`). */
import { crc32 } from 'node:zlib';
import * as layout from '../layout/layout.gen.js';

/** The ring of a connection to its peer: what the SPI calls RingReport. */
interface ObservedRing {
  readonly peerPid: number;
  readonly capacityBytes: number;
  readonly usedBytes: number;
}

/** What is told of one connection. */
export interface ObservedConnection {
  /** Among its thread's connections; 32 bits. */
  readonly id: number;
  readonly provider: string;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly sends: number;
  readonly deliveries: number;
  readonly stalls: number;
  readonly queuedBytes: number;
  /** Null: the provider has none that it could tell of. */
  ring(): ObservedRing | null;
}

/** The figures of a thread. Whoever has some adds them. */
export class ThreadFigures {
  connections = 0;
  listeners = 0;
  actors = 0;
  mailboxDepth = 0;
  mailboxDepthMost = 0;
  bytesSent = 0;
  bytesReceived = 0;
  sends = 0;
  deliveries = 0;
  stalls = 0;
  wakesSent = 0;
  wakesReceived = 0;
  connects = 0;
  accepts = 0;
  actorRestarts = 0;
}

const PAGE = layout.COUNTERS_PAGE_BYTES;
const ENTRY = layout.COUNTERS_ENTRY_BYTES;
const FROM_ENTRIES = layout.COUNTERS_PAGE_ENTRIES;

/** Entries that a page has room for at first: most threads have few connections. */
const FIRST_ENTRIES = 8;

const WORD_RANGE = 2 ** 32;

/** The figures of a page that have 64 bits, and where they stand. */
const LONG_FIGURES = [
  ['bytesSent', layout.COUNTERS_PAGE_BYTES_SENT],
  ['bytesReceived', layout.COUNTERS_PAGE_BYTES_RECEIVED],
  ['sends', layout.COUNTERS_PAGE_SENDS],
  ['deliveries', layout.COUNTERS_PAGE_DELIVERIES],
  ['stalls', layout.COUNTERS_PAGE_STALLS],
  ['wakesSent', layout.COUNTERS_PAGE_WAKES_SENT],
  ['wakesReceived', layout.COUNTERS_PAGE_WAKES_RECEIVED],
  ['connects', layout.COUNTERS_PAGE_CONNECTS],
  ['accepts', layout.COUNTERS_PAGE_ACCEPTS],
  ['actorRestarts', layout.COUNTERS_PAGE_ACTOR_RESTARTS],
  ['mailboxDepth', layout.COUNTERS_PAGE_MAILBOX_DEPTH],
] as const;

/** Makes the bytes, again and again in the same memory. */
export class PageWriter {
  private page = Buffer.alloc(PAGE + FIRST_ENTRIES * ENTRY);
  private entries = 0;
  private sequence = 0;

  /** Who it is: never changes. @param thread Node's number of it */
  constructor(pid: number, thread: number) {
    this.page.writeUInt32LE(layout.COUNTERS_MAGIC, layout.COUNTERS_PAGE_MAGIC);
    this.page.writeUInt32LE(layout.COUNTERS_VERSION, layout.COUNTERS_PAGE_VERSION);
    this.page.writeUInt32LE(pid, layout.COUNTERS_PAGE_PID);
    this.page.writeUInt32LE(thread, layout.COUNTERS_PAGE_THREAD);
  }

  /** A new page, without entries. */
  begin(): void {
    this.entries = 0;
  }

  /** Enters a connection. @returns false: there is no more room */
  add(connection: ObservedConnection): boolean {
    if (this.entries === layout.COUNTERS_ENTRY_LIMIT) return false;
    const at = PAGE + this.entries * ENTRY;
    if (at + ENTRY > this.page.length) this.grow();
    this.entries += 1;
    const { page } = this;
    const ring = connection.ring();
    page.writeUInt32LE(connection.id, at + layout.COUNTERS_ENTRY_ID);
    // A stranger's provider may say anything.
    page.writeUInt32LE((ring?.peerPid ?? 0) >>> 0, at + layout.COUNTERS_ENTRY_PEER_PID);
    page.writeUInt16LE(connection.localPort, at + layout.COUNTERS_ENTRY_LOCAL_PORT);
    page.writeUInt16LE(connection.remotePort, at + layout.COUNTERS_ENTRY_REMOTE_PORT);
    this.text(connection.provider, at + layout.COUNTERS_ENTRY_PROVIDER, layout.COUNTERS_NAME_BYTES);
    this.text(connection.localAddress, at + layout.COUNTERS_ENTRY_LOCAL_ADDRESS, layout.COUNTERS_ADDRESS_BYTES);
    this.text(connection.remoteAddress, at + layout.COUNTERS_ENTRY_REMOTE_ADDRESS, layout.COUNTERS_ADDRESS_BYTES);
    this.long(connection.bytesSent, at + layout.COUNTERS_ENTRY_BYTES_SENT);
    this.long(connection.bytesReceived, at + layout.COUNTERS_ENTRY_BYTES_RECEIVED);
    this.long(connection.sends, at + layout.COUNTERS_ENTRY_SENDS);
    this.long(connection.deliveries, at + layout.COUNTERS_ENTRY_DELIVERIES);
    this.long(connection.stalls, at + layout.COUNTERS_ENTRY_STALLS);
    this.long(connection.queuedBytes, at + layout.COUNTERS_ENTRY_QUEUED_BYTES);
    page.writeUInt32LE((ring?.capacityBytes ?? 0) >>> 0, at + layout.COUNTERS_ENTRY_RING_CAPACITY);
    page.writeUInt32LE((ring?.usedBytes ?? 0) >>> 0, at + layout.COUNTERS_ENTRY_RING_USED);
    return true;
  }

  /** Ends the page. @param nowUs by CLOCK_MONOTONIC @returns its bytes, valid until the next `begin` */
  finish(name: string, figures: ThreadFigures, nowUs: number): Uint8Array {
    const { page } = this;
    this.sequence = (this.sequence + 1) >>> 0;
    page.writeUInt32LE(this.entries, layout.COUNTERS_PAGE_ENTRIES);
    page.writeUInt32LE(this.sequence, layout.COUNTERS_PAGE_SEQUENCE);
    page.writeUInt32LE(figures.connections, layout.COUNTERS_PAGE_CONNECTIONS);
    page.writeUInt32LE(figures.listeners, layout.COUNTERS_PAGE_LISTENERS);
    page.writeUInt32LE(figures.actors, layout.COUNTERS_PAGE_ACTORS);
    page.writeUInt32LE(figures.mailboxDepthMost, layout.COUNTERS_PAGE_MAILBOX_DEPTH_MOST);
    this.long(nowUs, layout.COUNTERS_PAGE_PUBLISHED_US);
    for (const [figure, offset] of LONG_FIGURES) this.long(figures[figure], offset);
    this.text(name, layout.COUNTERS_PAGE_NAME, layout.COUNTERS_NAME_BYTES);
    const bytes = page.subarray(0, PAGE + this.entries * ENTRY);
    page.writeUInt32LE(crc32(bytes.subarray(FROM_ENTRIES)), layout.COUNTERS_PAGE_CHECKSUM);
    return bytes;
  }

  /** An integer from 0 to 2^53. */
  private long(value: number, offset: number): void {
    this.page.writeUInt32LE(value % WORD_RANGE, offset);
    this.page.writeUInt32LE(Math.floor(value / WORD_RANGE), offset + 4);
  }

  private text(value: string, offset: number, bytes: number): void {
    const written = this.page.write(value, offset, bytes, 'latin1');
    this.page.fill(0, offset + written, offset + bytes);
  }

  private grow(): void {
    const larger = Buffer.alloc(Math.min(2 * this.page.length, PAGE + layout.COUNTERS_ENTRY_LIMIT * ENTRY));
    this.page.copy(larger);
    this.page = larger;
  }
}
