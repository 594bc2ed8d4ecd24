/** A SAN connection as the handles of this folder see it: what it tells them, and errors in the platform's words. */
import type { Buffer } from 'node:buffer';
import { constants } from 'node:os';
import type { SwitchSocket } from '../socket/socket.js';
import { isDeparture } from '../spi/codes.js';
import type { Status } from './internals.js';

/** What a handle is told. */
export interface WireEvents {
  /** A private copy. */
  received(bytes: Buffer): void;
  ended(): void;
  /** It is over, though not in order. @param status negated errno */
  failed(status: Status): void;
}

/** A connection as a handle has it: what it tells, in the platform's order and words. */
export class Wire {
  private readonly stream: SwitchSocket;
  /** The peer's end has been told: what happens on its side after that, only writes hear of. */
  private isEnded = false;
  /** The peer's process is gone. As over TCP/IP, where its system answers the first write by a reset, the next one fails. */
  private isDeserted = false;
  private isAnswered = false;

  /** Nothing is told before the first `resume`. */
  constructor(stream: SwitchSocket, events: WireEvents) {
    this.stream = stream;
    stream.pause();
    stream.handlers = {
      // The switch hands out copies of Node's own kind unless it is asked to lend.
      received: (_, bytes) => events.received(bytes as Buffer),
      ended: () => {
        this.isEnded = true;
        // As over TCP/IP, where it is read in a later turn: what answers the last data must not find the end before it.
        setImmediate(() => events.ended());
      },
      closed: (_, error) => {
        if (error === null || this.isEnded) return;
        this.isDeserted = isDeparture(error);
        this.isEnded = this.isDeserted;
        if (this.isDeserted) events.ended();
        else events.failed(statusOf(error));
      },
    };
  }

  /** @param sent with a negated errno, or 0 once it has left its buffer */
  send(bytes: Uint8Array, sent: (status: Status) => void): void {
    if (this.isDeserted && !this.isAnswered) {
      this.isAnswered = true;
      setImmediate(sent, 0);
      return;
    }
    this.stream.send(bytes, (error) => sent(error ? this.writeStatus(error) : 0));
  }

  /** Who writes to a peer that has ended has a broken pipe. */
  private writeStatus(error: Error): Status {
    return this.isEnded ? -constants.errno.EPIPE : statusOf(error);
  }
}

/** Codes that mean, for whoever reads or writes, that the peer or the way to it is gone. */
function statusOf(error: Error): Status {
  const { code } = error as NodeJS.ErrnoException;
  const errno = code === undefined ? undefined : (constants.errno as Record<string, number>)[code];
  return -(errno ?? constants.errno.ECONNRESET);
}
