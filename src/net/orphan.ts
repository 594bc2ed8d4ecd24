/** A SAN connection whose socket has been closed: what was sent still gets to the peer, as over TCP/IP. */
import type { SwitchSocket } from '../socket/socket.js';

/** How often it is looked at while something is left to send. */
const LOOK_MS = 10;
/** How long the peer may take nothing of it before the process need not stay for it. */
const STUCK_MS = 1_000;
/** How long the peer may take nothing, or not end, before the connection is given up; Linux gives it as long. */
const ORPHAN_MS = 60_000;

/**
 * Ends a connection as closing a TCP descriptor does: what was sent still gets there, and nobody waits for it but the process,
 * which stays until it has left, or the peer reads no more. What is unread, or comes later, is answered by a reset.
 * @param isUnread something may lie unread, since the socket does not read
 */
export function letGo(stream: SwitchSocket, isUnread: boolean): void {
  if (stream.state !== 'closed') new Orphan(stream).begin(isUnread);
}

class Orphan {
  private readonly stream: SwitchSocket;
  /** Bytes that were left at the last look, and since when so many. */
  private left = -1;
  private since = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(stream: SwitchSocket) {
    this.stream = stream;
  }

  begin(isUnread: boolean): void {
    const { stream } = this;
    stream.handlers = {
      received: () => stream.abort(),
      ended() {},
      closed: () => clearTimeout(this.timer),
    };
    stream.resume();
    // The provider shows what is there in the next turns of the loop, and a reset must not come behind an end.
    if (isUnread) setImmediate(() => setImmediate(() => this.end()));
    else this.end();
  }

  private end(): void {
    this.stream.end();
    this.look();
  }

  private look(): void {
    const { stream } = this;
    const left = stream.queuedBytes;
    const now = performance.now();
    if (left !== this.left) {
      this.left = left;
      this.since = now;
    }
    const waited = now - this.since;
    if (waited >= ORPHAN_MS) return stream.abort();
    if (left === 0 || waited >= STUCK_MS) stream.unref();
    this.timer = setTimeout(() => this.look(), left === 0 ? ORPHAN_MS : LOOK_MS).unref();
  }
}
