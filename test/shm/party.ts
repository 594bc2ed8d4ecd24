/** One end of a connection under test: a socket, what it has seen, and a few things that it can be told to do. */
import { setTimeout as delay } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import type { SocketHandlers, StreamSocket } from 'sanswitch';
import { Pattern, type PatternOptions } from './pattern.js';

/** `echo` sends back and ends when the peer does; `sink` counts; `hold` never reads until told to. */
export type Behaviour = 'echo' | 'sink' | 'hold';

/** What a party has seen so far; plain data. */
export interface Facts {
  readonly provider: string;
  readonly received: number;
  readonly crc: number;
  readonly ended: boolean;
  readonly closed: boolean;
  readonly errorCode: string | null;
  readonly urgent: string;
  readonly stops: number;
  readonly drains: number;
  readonly queuedBytes: number;
  readonly state: string;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly family: string;
}

/** Waits for a condition, for long: the machine may be busy. @throws an Error that says what did not happen */
export async function eventually(what: string, met: () => boolean | Promise<boolean>, timeoutMs = 15_000) {
  const until = performance.now() + timeoutMs;
  while (!(await met())) {
    if (performance.now() > until) throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    await delay(2);
  }
}

export class Party {
  socket!: StreamSocket;
  received = 0;
  crc = 0;
  ended = false;
  closed = false;
  error: NodeJS.ErrnoException | null = null;
  urgent = '';
  stops = 0;
  drains = 0;
  /** `end()` when the peer does. */
  answersEnd = true;
  readonly handlers: SocketHandlers;
  private readonly whenClosed: Promise<void>;
  private resolveClosed!: () => void;
  private wakeFlood: (() => void) | null = null;

  constructor(behaviour: Behaviour) {
    this.whenClosed = new Promise((resolve) => {
      this.resolveClosed = resolve;
    });
    const sink = (_: StreamSocket, bytes: Uint8Array): void => this.count(bytes);
    const echo = (socket: StreamSocket, bytes: Uint8Array): void => {
      this.count(bytes);
      if (socket.send(bytes)) return;
      this.stops++;
      socket.pause();
    };
    this.handlers = {
      ...(behaviour !== 'hold' && { received: behaviour === 'echo' ? echo : sink }),
      drained: (socket) => {
        this.drains++;
        if (behaviour === 'echo') socket.resume();
        this.wakeFlood?.();
      },
      urgent: (_, bytes) => {
        this.urgent += Buffer.from(bytes).toString('latin1');
      },
      ended: (socket) => {
        this.ended = true;
        if (this.answersEnd) socket.end();
      },
      closed: (_, error) => {
        this.closed = true;
        this.error = error as NodeJS.ErrnoException | null;
        this.resolveClosed();
        this.wakeFlood?.();
      },
    };
  }

  /** One that attends to this socket from now on. */
  static of(socket: StreamSocket, behaviour: Behaviour): Party {
    const party = new Party(behaviour);
    party.socket = socket;
    socket.handlers = party.handlers;
    return party;
  }

  private count(bytes: Uint8Array): void {
    this.received += bytes.length;
    this.crc = crc32(bytes, this.crc);
  }

  /** Does it hold, told to do so and not told to read? */
  get holds(): boolean {
    return !this.closed && this.socket.handlers.received === undefined;
  }

  /** A holding party starts to read. */
  read(): void {
    this.socket.handlers = { ...this.handlers, received: (_, bytes) => this.count(bytes) };
  }

  /** Sends a pattern, stopping whenever `send` says so. @returns its checksum, when all of it has been accepted */
  async flood(options: PatternOptions): Promise<number> {
    const pattern = new Pattern(options);
    for (let piece = pattern.next(); piece !== null; piece = pattern.next()) {
      if (this.closed) throw this.error ?? new Error('closed');
      if (this.socket.send(piece) || this.closed) continue;
      const seen = this.drains;
      this.stops++;
      await new Promise<void>((resolve) => {
        this.wakeFlood = resolve;
        if (this.drains !== seen || this.closed) resolve();
      });
      this.wakeFlood = null;
    }
    return pattern.crc;
  }

  closing(): Promise<void> {
    return this.whenClosed;
  }

  /** Until so much has come. */
  async got(bytes: number, timeoutMs?: number): Promise<void> {
    const met = (): boolean => this.received >= bytes || this.closed;
    await eventually(`${bytes} bytes received (now ${this.received})`, met, timeoutMs);
  }

  facts(): Facts {
    const { socket } = this;
    const { provider, queuedBytes, state, localAddress, localPort, remoteAddress, remotePort, family } = socket;
    const { received, crc, ended, closed, urgent, stops, drains } = this;
    const errorCode = this.error === null ? null : (this.error.code ?? this.error.message);
    const seen = { received, crc, ended, closed, errorCode, urgent, stops, drains };
    return { ...seen, provider, queuedBytes, state, localAddress, localPort, remoteAddress, remotePort, family };
  }
}
