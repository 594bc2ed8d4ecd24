/** One end of a link's Unix socket while the link is being made: messages one at a time, each within a bounded time. */
import {
  closeDescriptor,
  type PeerCredentials,
  peerCredentials,
  receiveMessage,
  sendMessage,
} from '../../native/os.js';
import { Poll } from '../../reactor/poll.js';
import { HANDSHAKE_BYTES_MAX } from './handshake.js';

/** How long the other side may take for each message. A peer that blocks its event loop for longer is met over TCP/IP. */
const MESSAGE_TIMEOUT_MS = 1_000;

/** A handshake message; `descriptor` (-1: none) belongs to whoever gets this. */
export interface HandshakeMessage {
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly descriptor: number;
}

/** The other side did not speak in time. */
export class SlowPeerError extends Error {
  constructor() {
    super('the peer takes too long');
  }
}

/** A socket during the handshake; owns its descriptor until `release`. */
export class HandshakeSocket {
  readonly fd: number;
  private readonly poll: Poll;
  private timer: NodeJS.Timeout | undefined;
  private waiting: { resolve(message: HandshakeMessage): void; reject(error: Error): void } | null = null;
  private isClosed = false;

  /** Takes `fd` over. @throws SystemError; it is closed then */
  constructor(fd: number) {
    this.fd = fd;
    try {
      this.poll = new Poll(fd, () => this.readable());
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
  }

  credentials(): PeerCredentials {
    return peerCredentials(this.fd);
  }

  send(bytes: Uint8Array, descriptor = -1): void {
    sendMessage(this.fd, bytes, descriptor);
  }

  /** The next message. Rejects when the peer closes, breaks the rules or takes too long. */
  receive(): Promise<HandshakeMessage> {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.timer = setTimeout(() => this.expired(), MESSAGE_TIMEOUT_MS);
      this.poll.ref().start();
    });
  }

  private readable(): void {
    const bytes = new Uint8Array(HANDSHAKE_BYTES_MAX);
    try {
      const message = receiveMessage(this.fd, bytes);
      if (message === null) return;
      if (message.length === 0) throw new Error('the peer closed the handshake');
      const { waiting } = this;
      this.settle();
      waiting?.resolve({ bytes, length: message.length, descriptor: message.descriptor });
    } catch (error) {
      this.fail(error as Error);
    }
  }

  /** If it was this thread that had no time, the message may be there and unseen: timers go before sockets. */
  private expired(): void {
    this.readable();
    if (this.waiting !== null) this.fail(new SlowPeerError());
  }

  private settle(): void {
    clearTimeout(this.timer);
    this.waiting = null;
    this.poll.unref().stop();
  }

  private fail(error: Error): void {
    const { waiting } = this;
    this.settle();
    waiting?.reject(error);
  }

  /** The link takes the descriptor over. */
  release(): number {
    this.isClosed = true;
    this.poll.close();
    return this.fd;
  }

  close(): void {
    if (this.isClosed) return;
    this.fail(new Error('the handshake was given up'));
    this.release();
    closeDescriptor(this.fd);
  }
}
