/** Connections of the calling thread to actors that echo: peers for which no other process is needed. */
import type { StreamSocket } from 'sanswitch';
import { expect } from 'vitest';
import { until } from './runtimes.js';

/** One connection of this thread, whose peer echoes. */
export class Echo {
  /** How the connection ended; null: in order; undefined: it stands. */
  ended: NodeJS.ErrnoException | null | undefined;
  readonly socket: StreamSocket;
  private readonly sent: Buffer[] = [];
  private readonly came: Buffer[] = [];
  private cameBytes = 0;
  private sentBytes = 0;

  constructor(socket: StreamSocket) {
    this.socket = socket;
    socket.handlers = {
      received: (_, bytes) => {
        this.came.push(Buffer.from(bytes));
        this.cameBytes += bytes.length;
      },
      closed: (_, error) => {
        this.ended = error as NodeJS.ErrnoException | null;
      },
    };
  }

  /** Sends what is to come back. */
  send(bytes: Buffer): void {
    this.sent.push(bytes);
    this.sentBytes += bytes.length;
    this.socket.send(bytes);
  }

  /** Waits until everything that was sent has come back, unharmed. */
  async answered(): Promise<void> {
    await until('the echo', () => this.cameBytes >= this.sentBytes || this.ended !== undefined, 20_000);
    expect(this.ended).toBeUndefined();
    expect(Buffer.concat(this.came).equals(Buffer.concat(this.sent))).toBe(true);
    for (const list of [this.sent, this.came]) list.length = 0;
    this.sentBytes = 0;
    this.cameBytes = 0;
  }

  /** Gives the actor at the other end a name. @returns the thread that serves it */
  async name(text: string): Promise<number> {
    this.socket.send(Buffer.from(`!${text}`));
    await until('its thread', () => this.cameBytes > 0);
    const thread = Number(Buffer.concat(this.came).toString());
    this.came.length = 0;
    this.cameBytes = 0;
    return thread;
  }
}
