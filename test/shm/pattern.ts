/** Bytes that can be told apart: a seeded stream in pieces of seeded sizes, and its checksum. */
import { crc32 } from 'node:zlib';

const BLOCK_BYTES = 4 * 1024 * 1024;
const block = new Uint8Array(BLOCK_BYTES);
let state = 0x9e3779b9;
for (let i = 0; i < BLOCK_BYTES; i += 4) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
  block[i] = state >>> 24;
  block[i + 1] = state >>> 16;
  block[i + 2] = state >>> 8;
  block[i + 3] = state >>> 20;
}

/** What to send. */
export interface PatternOptions {
  readonly totalBytes: number;
  readonly seed?: number;
  /** Largest piece, up to 2 MiB; pieces have between `minBytes` and this. */
  readonly maxBytes?: number;
  readonly minBytes?: number;
}

/** A stream of `totalBytes`. */
export class Pattern {
  /** Of all that `next` has given. */
  crc = 0;
  left: number;
  private state: number;
  private readonly min: number;
  private readonly span: number;

  constructor({ totalBytes, seed = 1, maxBytes = 1_572_864, minBytes = 0 }: PatternOptions) {
    this.left = totalBytes;
    this.state = seed | 0;
    this.min = minBytes;
    this.span = maxBytes - minBytes + 1;
  }

  /** The next piece, or null. Never written to afterwards. */
  next(): Uint8Array | null {
    if (this.left === 0) return null;
    const length = Math.min(this.left, this.min + (this.random() % this.span));
    const offset = this.random() % (BLOCK_BYTES / 2);
    const piece = block.subarray(offset, offset + length);
    this.left -= length;
    this.crc = crc32(piece, this.crc);
    return piece;
  }

  /** 0 to 2^24 - 1. */
  private random(): number {
    this.state = (Math.imul(this.state, 1_103_515_245) + 12_345) | 0;
    return this.state >>> 8;
  }
}

/** The checksum of what a Pattern of these options gives. */
export function patternCrc(options: PatternOptions): number {
  const pattern = new Pattern(options);
  while (pattern.next() !== null);
  return pattern.crc;
}
