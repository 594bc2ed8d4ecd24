/**
 * How the pieces of large sends get into the provider's memory: how large, and by which kind of copy.
 *
 * An ordinary copy leaves the bytes in this processor's caches. A reader whose processor shares the last level of cache
 * gets them from there, faster than from memory; any other has to pull every line out of ours, up to ten times slower
 * than memory. Which of the two it is no system call says, and a hypervisor may change it at any time. So both kinds are
 * tried on the way, and the faster one is kept until it slows down (measured: ARCHITECTURE.md, "Bulk"). Time counts while
 * there is something to send: copying, and waiting for the reader.
 */
import { COLD_COPY_MIN_BYTES, copyBytes, copyPastCaches } from '../../native/bytes.js';

const MIB = 1024 * 1024;
/** Bytes of a piece while the reader keeps up: reader and writer overlap within one send. */
const PIECE_BYTES = MIB / 2;
/** Bytes of a piece while the reader is behind, and overlap comes of itself. */
const LARGE_PIECE_BYTES = MIB;
/** Large pieces after each wait for room. */
const LARGE_PIECES = 16;
/** Bytes before a measurement, so that what the other kind has left in the ring is gone. */
const SETTLE_BYTES = 4 * MIB;
/** Bytes of a measurement. */
const MEASURE_BYTES = 8 * MIB;
/** Each kind is measured this often, alternately; the best counts, since noise only ever adds. */
const ROUNDS = 2;
/** Bytes before the first trial: most connections never get there. */
const FIRST_HOLD_BYTES = 64 * MIB;
/** Bytes over which the chosen kind is watched. */
const WATCH_BYTES = 32 * MIB;
/** Such stretches until the next trial, doubled each time that a trial confirms the last. */
const STRETCHES = 64;
const STRETCHES_MAX = 1024;
/** The kind chosen is tried anew when it takes this many times as long as in its trial, for several stretches on end. */
const SLOWED_DOWN = 1.4;
const SLOW_STRETCHES = 3;
/** Past the caches must take less than this share of the time of a cached copy, which other data in the caches pays for. */
const WORTH_IT = 0.9;

function steadyUs(): number {
  return performance.now() * 1000;
}

type Phase = 'hold' | 'settle' | 'measure';

/** One connection's way of copying large sends. */
export class BulkCopy {
  /** Does the copy bypass the caches at present? */
  bypassing = false;
  private chosen = false;
  private largePieces = 0;
  /** Something has been copied since `emptied`. */
  private hasCopied = false;
  private phase: Phase = 'hold';
  private bytesLeft = FIRST_HOLD_BYTES;
  /** Stretches between trials at present, and those left until the next. */
  private stretches = STRETCHES;
  private stretchesLeft = 1;
  /** Time that the chosen kind may take for a stretch, µs. */
  private limitUs = Number.POSITIVE_INFINITY;
  private slowStretches = 0;
  private startUs = 0;
  /** Since when there is nothing to send; 0: there is. */
  private idleSinceUs = 0;
  private measurements = 0;
  /** Best time of each kind in this trial, µs. */
  private cachedUs = Number.POSITIVE_INFINITY;
  private bypassedUs = Number.POSITIVE_INFINITY;
  private readonly nowUs: () => number;

  /** @param nowUs a steady clock, µs */
  constructor(nowUs: () => number = steadyUs) {
    this.nowUs = nowUs;
  }

  /** Bytes of the next piece, at most. */
  get pieceBytes(): number {
    return this.largePieces > 0 ? LARGE_PIECE_BYTES : PIECE_BYTES;
  }

  /** There was no room: the reader is behind. */
  waited(): void {
    this.largePieces = LARGE_PIECES;
  }

  /** Nothing is left to send, and the application has not said more yet. */
  emptied(): void {
    if (this.hasCopied) this.idleSinceUs = this.nowUs();
    this.hasCopied = false;
  }

  /** Copies one piece, as `copyBytes` does. */
  copy(target: Uint8Array, targetOffset: number, source: Uint8Array, sourceOffset: number, length: number): void {
    if (length < COLD_COPY_MIN_BYTES) {
      copyBytes(target, targetOffset, source, sourceOffset, length);
      return;
    }
    this.hasCopied = true;
    if (this.idleSinceUs > 0) {
      this.startUs += this.nowUs() - this.idleSinceUs;
      this.idleSinceUs = 0;
    }
    if (this.bypassing) copyPastCaches(target, targetOffset, source, sourceOffset, length);
    else copyBytes(target, targetOffset, source, sourceOffset, length);
    if (this.largePieces > 0) this.largePieces--;
    this.bytesLeft -= length;
    if (this.bytesLeft <= 0) this.next();
  }

  private next(): void {
    const now = this.nowUs();
    const tookUs = now - this.startUs;
    this.startUs = now;
    if (this.phase === 'settle') {
      this.phase = 'measure';
      this.bytesLeft = MEASURE_BYTES;
    } else if (this.phase === 'measure') {
      this.measured(tookUs);
    } else {
      this.slowStretches = tookUs > this.limitUs ? this.slowStretches + 1 : 0;
      if (--this.stretchesLeft <= 0 || this.slowStretches >= SLOW_STRETCHES) this.startTrial();
      else this.bytesLeft = WATCH_BYTES;
    }
  }

  private startTrial(): void {
    this.measurements = 0;
    this.cachedUs = Number.POSITIVE_INFINITY;
    this.bypassedUs = Number.POSITIVE_INFINITY;
    this.settle(false);
  }

  private settle(bypassing: boolean): void {
    this.bypassing = bypassing;
    this.phase = 'settle';
    this.bytesLeft = SETTLE_BYTES;
  }

  private measured(tookUs: number): void {
    if (this.bypassing) this.bypassedUs = Math.min(this.bypassedUs, tookUs);
    else this.cachedUs = Math.min(this.cachedUs, tookUs);
    if (++this.measurements < 2 * ROUNDS) {
      this.settle(!this.bypassing);
      return;
    }
    const best = this.bypassedUs < WORTH_IT * this.cachedUs;
    this.stretches = best === this.chosen ? Math.min(this.stretches * 2, STRETCHES_MAX) : STRETCHES;
    this.chosen = best;
    const bestUs = best ? this.bypassedUs : this.cachedUs;
    this.limitUs = SLOWED_DOWN * bestUs * (WATCH_BYTES / MEASURE_BYTES);
    this.hold(this.stretches);
  }

  private hold(stretches: number): void {
    this.bypassing = this.chosen;
    this.phase = 'hold';
    this.bytesLeft = WATCH_BYTES;
    this.stretchesLeft = stretches;
    this.slowStretches = 0;
  }
}
