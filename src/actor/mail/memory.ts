/** The memory of a mail link: who writes what where. The layout is MailMemory in src/layout/schema.ts. */
import { InvalidOptionError } from '../../errors.js';
import {
  MAIL_MEMORY_BYTES,
  MAIL_MEMORY_SLEEP_EPOCH0_WORD,
  MAIL_MEMORY_SLEEP_EPOCH1_WORD,
  MAIL_RING_BYTES,
  RING_CAPACITY_MAX,
} from '../../layout/layout.gen.js';
import { type RingMemory, ringBytes, ringOver } from '../../ring/memory.js';
import { sharedPages } from '../shared-pages.js';

/** The two ends of a link. */
export type MailSide = 0 | 1;

/** Bytes of the smallest ring: room for a header and a few fields in half of it. */
const RING_BYTES_MIN = 1024;

/** Makes the memory of a link whose rings have `capacity` bytes, a power of two. @throws InvalidOptionError */
export function makeMailMemory(capacity: number = MAIL_RING_BYTES): SharedArrayBuffer {
  const isPowerOfTwo = Number.isInteger(capacity) && Number.isInteger(Math.log2(capacity));
  // Both rings stand in one buffer, and words are counted in 31 bits.
  if (!isPowerOfTwo || capacity < RING_BYTES_MIN || capacity > RING_CAPACITY_MAX / 2) {
    throw new InvalidOptionError(
      `the ring of a mail link has a power of two of bytes, from ${RING_BYTES_MIN}, not ${capacity}`,
    );
  }
  return sharedPages(MAIL_MEMORY_BYTES + 2 * ringBytes(capacity));
}

/** The memory as one side sees it. */
export interface MailPlace {
  readonly words: Int32Array;
  /** The ring that this side writes. */
  readonly out: RingMemory;
  /** The ring that it reads. */
  readonly in: RingMemory;
  /** Index of the word that says whether this side sleeps. */
  readonly ownEpochWord: number;
  /** The same of the other side. */
  readonly peerEpochWord: number;
}

/** @throws RangeError: no memory of a mail link */
export function mailPlace(buffer: SharedArrayBuffer, side: MailSide): MailPlace {
  const ringTotal = (buffer.byteLength - MAIL_MEMORY_BYTES) / 2;
  const capacity = ringTotal - ringBytes(0);
  const rings = [0, 1].map((index) => ringOver(buffer, MAIL_MEMORY_BYTES + index * ringTotal, capacity));
  const epochs = [MAIL_MEMORY_SLEEP_EPOCH0_WORD, MAIL_MEMORY_SLEEP_EPOCH1_WORD];
  const other = 1 - side;
  return {
    words: new Int32Array(buffer, 0, buffer.byteLength >>> 2),
    out: rings[side] as RingMemory,
    in: rings[other] as RingMemory,
    ownEpochWord: epochs[side] as number,
    peerEpochWord: epochs[other] as number,
  };
}
