/**
 * Reads counters pages of other processes. Nothing that stands there is believed: whatever does not fit is an answer in words,
 * and a page that is being written is just not whole yet.
 */
import { crc32 } from 'node:zlib';
import * as layout from '../layout/layout.gen.js';

/** One connection, as its process tells of it. */
export interface PageConnection {
  readonly id: number;
  readonly peerPid: number;
  readonly localPort: number;
  readonly remotePort: number;
  readonly provider: string;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly sends: number;
  readonly deliveries: number;
  readonly stalls: number;
  readonly queuedBytes: number;
  readonly ringCapacity: number;
  readonly ringUsed: number;
}

/** One thread, as it tells of itself. */
export interface Page {
  readonly sequence: number;
  readonly pid: number;
  readonly thread: number;
  readonly name: string;
  /** CLOCK_MONOTONIC, microseconds. */
  readonly publishedUs: number;
  readonly connections: number;
  readonly listeners: number;
  readonly actors: number;
  readonly mailboxDepth: number;
  readonly mailboxDepthMost: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly sends: number;
  readonly deliveries: number;
  readonly stalls: number;
  readonly wakesSent: number;
  readonly wakesReceived: number;
  readonly connects: number;
  readonly accepts: number;
  readonly actorRestarts: number;
  readonly entries: readonly PageConnection[];
}

/** A page that says what can't be. */
class NonsenseError extends Error {}

const WORD_RANGE = 2 ** 32;

/** What the page's memory can be asked for. */
class Reader {
  private readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  short(offset: number): number {
    return this.bytes.readUInt16LE(offset);
  }

  word(offset: number): number {
    return this.bytes.readUInt32LE(offset);
  }

  long(offset: number): number {
    const value = this.word(offset) + this.word(offset + 4) * WORD_RANGE;
    if (!Number.isSafeInteger(value)) throw new NonsenseError();
    return value;
  }

  /** Up to the first zero, and printable ASCII alone: it is written to terminals. */
  text(offset: number, bytes: number): string {
    const [text = ''] = this.bytes.toString('latin1', offset, offset + bytes).split('\0', 1);
    return text.replace(/[^\x20-\x7e]/g, '?');
  }
}

function readEntry(reader: Reader, at: number): PageConnection {
  return {
    id: reader.word(at + layout.COUNTERS_ENTRY_ID),
    peerPid: reader.word(at + layout.COUNTERS_ENTRY_PEER_PID),
    localPort: reader.short(at + layout.COUNTERS_ENTRY_LOCAL_PORT),
    remotePort: reader.short(at + layout.COUNTERS_ENTRY_REMOTE_PORT),
    provider: reader.text(at + layout.COUNTERS_ENTRY_PROVIDER, layout.COUNTERS_NAME_BYTES),
    localAddress: reader.text(at + layout.COUNTERS_ENTRY_LOCAL_ADDRESS, layout.COUNTERS_ADDRESS_BYTES),
    remoteAddress: reader.text(at + layout.COUNTERS_ENTRY_REMOTE_ADDRESS, layout.COUNTERS_ADDRESS_BYTES),
    bytesSent: reader.long(at + layout.COUNTERS_ENTRY_BYTES_SENT),
    bytesReceived: reader.long(at + layout.COUNTERS_ENTRY_BYTES_RECEIVED),
    sends: reader.long(at + layout.COUNTERS_ENTRY_SENDS),
    deliveries: reader.long(at + layout.COUNTERS_ENTRY_DELIVERIES),
    stalls: reader.long(at + layout.COUNTERS_ENTRY_STALLS),
    queuedBytes: reader.long(at + layout.COUNTERS_ENTRY_QUEUED_BYTES),
    ringCapacity: reader.word(at + layout.COUNTERS_ENTRY_RING_CAPACITY),
    ringUsed: reader.word(at + layout.COUNTERS_ENTRY_RING_USED),
  };
}

function readPage(reader: Reader, entryCount: number): Page {
  const entries: PageConnection[] = [];
  for (let i = 0; i < entryCount; i++) {
    entries.push(readEntry(reader, layout.COUNTERS_PAGE_BYTES + i * layout.COUNTERS_ENTRY_BYTES));
  }
  return {
    sequence: reader.word(layout.COUNTERS_PAGE_SEQUENCE),
    pid: reader.word(layout.COUNTERS_PAGE_PID),
    thread: reader.word(layout.COUNTERS_PAGE_THREAD),
    name: reader.text(layout.COUNTERS_PAGE_NAME, layout.COUNTERS_NAME_BYTES),
    publishedUs: reader.long(layout.COUNTERS_PAGE_PUBLISHED_US),
    connections: reader.word(layout.COUNTERS_PAGE_CONNECTIONS),
    listeners: reader.word(layout.COUNTERS_PAGE_LISTENERS),
    actors: reader.word(layout.COUNTERS_PAGE_ACTORS),
    mailboxDepth: reader.long(layout.COUNTERS_PAGE_MAILBOX_DEPTH),
    mailboxDepthMost: reader.word(layout.COUNTERS_PAGE_MAILBOX_DEPTH_MOST),
    bytesSent: reader.long(layout.COUNTERS_PAGE_BYTES_SENT),
    bytesReceived: reader.long(layout.COUNTERS_PAGE_BYTES_RECEIVED),
    sends: reader.long(layout.COUNTERS_PAGE_SENDS),
    deliveries: reader.long(layout.COUNTERS_PAGE_DELIVERIES),
    stalls: reader.long(layout.COUNTERS_PAGE_STALLS),
    wakesSent: reader.long(layout.COUNTERS_PAGE_WAKES_SENT),
    wakesReceived: reader.long(layout.COUNTERS_PAGE_WAKES_RECEIVED),
    connects: reader.long(layout.COUNTERS_PAGE_CONNECTS),
    accepts: reader.long(layout.COUNTERS_PAGE_ACCEPTS),
    actorRestarts: reader.long(layout.COUNTERS_PAGE_ACTOR_RESTARTS),
    entries,
  };
}

/** What came of a try. */
export type PageOutcome =
  | { readonly page: Page }
  /** It is none of ours, or not this version's: for people. */
  | { readonly why: string }
  /** It was being written, or is nonsense that looks like that. */
  | 'torn';

/** Reads the start of a page. @returns bytes of the whole page, or why there is none */
export function pageBytes(start: Buffer): number | string {
  if (start.length < layout.COUNTERS_PAGE_BYTES) return 'its counters page is too short';
  if (start.readUInt32LE(layout.COUNTERS_PAGE_MAGIC) !== layout.COUNTERS_MAGIC)
    return 'what it has is no counters page';
  const version = start.readUInt32LE(layout.COUNTERS_PAGE_VERSION);
  if (version !== layout.COUNTERS_VERSION) {
    return `its counters page is of version ${version}, and this sanswitch knows version ${layout.COUNTERS_VERSION}`;
  }
  const entries = start.readUInt32LE(layout.COUNTERS_PAGE_ENTRIES);
  if (entries > layout.COUNTERS_ENTRY_LIMIT) return `its counters page claims ${entries} entries`;
  return layout.COUNTERS_PAGE_BYTES + entries * layout.COUNTERS_ENTRY_BYTES;
}

/** Reads a page. @param bytes as many as `pageBytes` said, or fewer: the file has ended */
export function decodePage(bytes: Buffer): PageOutcome {
  const length = pageBytes(bytes);
  if (typeof length === 'string') return { why: length };
  // Another page than the one that was begun.
  if (length !== bytes.length) return 'torn';
  if (bytes.readUInt32LE(layout.COUNTERS_PAGE_CHECKSUM) !== crc32(bytes.subarray(layout.COUNTERS_PAGE_ENTRIES))) {
    return 'torn';
  }
  try {
    return { page: readPage(new Reader(bytes), bytes.readUInt32LE(layout.COUNTERS_PAGE_ENTRIES)) };
  } catch (error) {
    if (error instanceof NonsenseError) return { why: 'its counters page says what can not be' };
    throw error;
  }
}
