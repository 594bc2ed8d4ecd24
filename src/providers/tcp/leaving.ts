/** A TCP/IP connection that changes its owner (rule 8.1): what is sent meanwhile, and who waits for it to be quiet. */
import { HandOverError } from '../../errors.js';
import type { SentCallback } from '../../switch/transport.js';

interface HeldSend {
  readonly bytes: Uint8Array;
  readonly sent: SentCallback | undefined;
}

/** Made when a move begins. */
export class Leaving {
  /** What was written before has left. */
  isQuiet = false;
  /** The application has ended meanwhile. */
  ended = false;
  /** Bytes of `sends`. */
  bytes = 0;
  private sends: HeldSend[] = [];
  private done: ((error: Error | null) => void) | null;
  private readonly timer: NodeJS.Timeout;

  /** @param late called if it takes longer than `timeoutMs`; `done` is told why afterwards */
  constructor(timeoutMs: number, done: (error: Error | null) => void, late: () => void) {
    this.done = done;
    this.timer = setTimeout(() => {
      late();
      this.settle(new HandOverError(`the connection stays: the peer has not read within ${timeoutMs} ms`));
    }, timeoutMs);
  }

  /** What was written before has left, or never will. */
  settle(error: Error | null): void {
    const { done } = this;
    clearTimeout(this.timer);
    this.done = null;
    this.isQuiet = error === null;
    done?.(error);
  }

  hold(bytes: Uint8Array, sent: SentCallback | undefined): void {
    this.bytes += bytes.length;
    this.sends.push({ bytes, sent });
  }

  /** It stays: everything is sent here after all. */
  release(send: (bytes: Uint8Array, sent: SentCallback | undefined) => void): void {
    for (const { bytes, sent } of this.sends.splice(0)) send(bytes, sent);
  }

  /** It goes. @returns private copies of what was held; the senders are told */
  take(): Uint8Array[] {
    const sends = this.sends.splice(0);
    for (const { sent } of sends) if (sent !== undefined) process.nextTick(sent, null);
    return sends.map(({ bytes }) => new Uint8Array(bytes));
  }

  /** The connection has ended. */
  fail(error: Error | null): void {
    const details = error === null ? {} : { cause: error };
    const ended = new HandOverError('the connection has ended meanwhile', details);
    for (const { sent } of this.sends.splice(0)) sent?.(error ?? ended);
    this.settle(ended);
  }
}
