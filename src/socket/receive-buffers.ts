/** The application's own memory to receive into (`receiveBuffer`), asked for as it is needed. */
import { InvalidOptionError } from '../errors.js';
import type { ReceiveBuffer } from './stream-socket.js';

/** What one socket is given to receive into. */
export class ReceiveBuffers {
  private readonly source: ReceiveBuffer;
  /** It was given, and turned out too small for what it was meant for: the next delivery has it. */
  private spare: Uint8Array | null = null;
  /** What was shown last, and of which memory: a stream of messages of one size makes no view for each. */
  private shown: Uint8Array | null = null;
  private shownOf: Uint8Array | null = null;

  constructor(source: ReceiveBuffer) {
    this.source = source;
  }

  /** Memory for the next delivery, or why there is none. */
  next(): Uint8Array | Error {
    const next = this.spare ?? ask(this.source);
    this.spare = null;
    return next;
  }

  /** The first `length` bytes of `target`. */
  view(target: Uint8Array, length: number): Uint8Array {
    if (length === target.length) return target;
    if (this.shown?.length === length && this.shownOf === target) return this.shown;
    this.shownOf = target;
    this.shown = target.subarray(0, length);
    return this.shown;
  }

  /**
   * Memory for `bytes` bytes that come there by themselves, after a while: only what a function gives is nobody else's
   * meanwhile. @returns null: there is none, or not enough
   */
  ahead(bytes: number): Uint8Array | Error | null {
    if (typeof this.source !== 'function') return null;
    const next = this.next();
    if (next instanceof Error || next.length === bytes) return next;
    if (next.length > bytes) return next.subarray(0, bytes);
    this.spare = next;
    return null;
  }
}

function ask(source: ReceiveBuffer): Uint8Array | Error {
  let next: unknown;
  try {
    next = typeof source === 'function' ? source() : source;
  } catch (error) {
    return error instanceof Error ? error : new InvalidOptionError(`receiveBuffer threw ${String(error)}`);
  }
  if (next instanceof Uint8Array && next.length > 0) return next;
  return new InvalidOptionError('receiveBuffer must give a Uint8Array of at least one byte');
}
