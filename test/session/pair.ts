/** Two sessions over loop in virtual time, with everything that crosses the SPI on record. */

import type { Socket } from 'sanswitch/spi';
import { type Concern, interpose } from '#src/providers/interpose/provider.js';
import { Trace, type TraceEntry } from '#src/providers/interpose/trace.js';
import { LoopFabric } from '#src/providers/loop/fabric.js';
import type { LoopOptions } from '#src/providers/loop/options.js';
import { LoopProvider } from '#src/providers/loop/provider.js';
import { Session } from '#src/switch/session/session.js';
import type { MovedSession, SessionState } from '#src/switch/session/session-state.js';
import type { TransportEvents } from '#src/switch/transport.js';
import { MiniSwitch } from '../simulation/mini-switch.js';
import { Random } from '../simulation/random.js';
import { World } from '../simulation/world.js';

export interface EndOptions {
  readonly loop?: LoopOptions;
  readonly concerns?: (fabric: LoopFabric) => readonly Concern[];
  readonly lend?: boolean;
  readonly highWaterMarkBytes?: number;
  readonly receiveBuffers?: number;
}

export interface PairOptions extends EndOptions {
  readonly client?: EndOptions;
  readonly server?: EndOptions;
  /** Called instead of opening a session on the accepted socket. */
  readonly accepted?: (socket: Socket, pair: Pair) => void;
}

const NEGOTIATION_TIMEOUT_MS = 2_000;
export const RESUME_TIMEOUT_MS = 10_000;
export const SERVER_PORT = 5_000;
export const CLIENT_PORT = 40_000;

/** One side: its session, and what the session told. */
export class End {
  readonly name: 'client' | 'server';
  readonly provider: LoopProvider;
  readonly trace = new Trace();
  readonly host: MiniSwitch;
  readonly options: EndOptions;
  /** Everything in order: `received 5`, `ended`, `drained`, `urgent abc`, `negotiated`, `closed ECONNRESET`. */
  readonly events: string[] = [];
  readonly chunks: Buffer[] = [];
  session!: Session;
  socket: Socket = -1;
  closedWith: Error | null | undefined;
  negotiatedWith: Error | null | undefined;
  /** Called with each chunk, inside the event. */
  onReceived: ((bytes: Uint8Array) => void) | null = null;
  /** The application's memory for a large receive; called again when it has come. */
  target: ((bytes: number) => Uint8Array | null) | null = null;
  onPlaced: ((bytes: Uint8Array) => void) | null = null;

  constructor(name: 'client' | 'server', options: EndOptions, fabric: LoopFabric, log: (line: string) => void) {
    this.name = name;
    this.options = options;
    this.provider = new LoopProvider({ fabric, poison: true, ...options.loop });
    this.trace.listener = ({ kind, name: what }) => log(`${name} ${kind} ${what}`);
    this.host = new MiniSwitch(interpose(this.provider, this.trace, ...(options.concerns?.(fabric) ?? [])));
  }

  get received(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** What crossed the SPI under these names, oldest first. */
  crossed(...names: readonly string[]): TraceEntry[] {
    return this.trace.entries.filter(({ name }) => names.includes(name));
  }

  open(socket: Socket, state: SessionState | null = null, stands = () => {}): void {
    const { host, options } = this;
    this.socket = socket;
    const connecting = this.name === 'client';
    this.session = new Session({
      provider: host.started,
      socket,
      handle: host.handleOf(socket),
      role: connecting ? 'connecting' : 'accepting',
      state,
      events: this.transportEvents,
      highWaterMarkBytes: options.highWaterMarkBytes ?? 65_536,
      lend: options.lend ?? false,
      peer: { address: '127.0.0.1', port: connecting ? SERVER_PORT : CLIENT_PORT },
      negotiationTimeoutMs: NEGOTIATION_TIMEOUT_MS,
      resumeTimeoutMs: RESUME_TIMEOUT_MS,
      ...(options.receiveBuffers === undefined ? {} : { receiveBuffers: options.receiveBuffers }),
      negotiated: (error) => {
        this.negotiatedWith = error;
        this.events.push(error === null ? 'negotiated' : `not negotiated ${codeOf(error)}`);
        if (error === null) stands();
      },
    });
    host.own(host.handleOf(socket), this.session);
    this.session.start();
  }

  /**
   * Goes on with a session that was handed over, as the switch does. @param opens before there is a session
   * @returns what gives it up as long as there is none
   */
  adopt({ context, state, unsent, unsentUrgent }: MovedSession, stands = () => {}, opens = () => {}): () => void {
    return this.host.attach(context, (socket, code) => {
      if (code !== 0) {
        this.host.spi.WSPCloseSocket(socket);
        this.events.push(`not attached ${code}`);
        return;
      }
      opens();
      this.open(socket, state, () => {
        for (const bytes of unsentUrgent) this.session.urgent(bytes);
        for (const bytes of unsent) this.session.send(bytes, (error) => error && this.session.abort(error));
        stands();
      });
    });
  }

  get transportEvents(): TransportEvents {
    return {
      received: (bytes) => this.#take(bytes),
      target: (bytes) => this.target?.(bytes) ?? null,
      placed: (bytes) => {
        this.onPlaced?.(bytes);
        this.#take(bytes);
      },
      drained: () => this.drained(),
      urgent: (bytes) => this.urgent(bytes),
      ended: () => this.ended(),
      closed: (error) => this.closed(error),
    };
  }

  #take(bytes: Uint8Array): void {
    this.chunks.push(Buffer.from(bytes));
    this.events.push(`received ${bytes.length}`);
    this.onReceived?.(bytes);
  }

  drained(): void {
    this.events.push('drained');
  }

  urgent(bytes: Uint8Array): void {
    this.events.push(`urgent ${Buffer.from(bytes)}`);
  }

  ended(): void {
    this.events.push('ended');
  }

  closed(error: Error | null): void {
    this.closedWith = error;
    this.events.push(error === null ? 'closed' : `closed ${codeOf(error)}`);
  }
}

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

export class Pair {
  readonly world = new World(new Random(1), 'oldest', 1_000_000);
  readonly fabric = new LoopFabric(this.world.schedule);
  /** `client down WSPSend` and the like, both sides, in the order in which it happened. */
  readonly log: string[] = [];
  readonly client: End;
  readonly server: End;
  /** Who came after them. */
  readonly later: End[] = [];

  /** Another owner for the side that `end` is, of the same kind. */
  another(end: End, options: EndOptions = {}): End {
    const other = new End(end.name, { ...end.options, ...options }, this.fabric, (line) => void this.log.push(line));
    this.later.push(other);
    return other;
  }

  /** Connects; both sessions are open afterwards, unless `accepted` says otherwise. */
  constructor(options: PairOptions = {}) {
    const { client, server, accepted, ...both } = options;
    const merged = (own: EndOptions = {}) => ({ ...both, ...own, loop: { ...both.loop, ...own.loop } });
    const log = (line: string) => void this.log.push(line);
    this.client = new End('client', merged(client), this.fabric, log);
    this.server = new End('server', merged(server), this.fabric, log);
    this.run(() => {
      this.server.host.listen(SERVER_PORT, ({ socket }) => {
        this.server.socket = socket;
        if (accepted === undefined) this.server.open(socket);
        else accepted(socket, this);
      });
      this.client.host.connect(CLIENT_PORT, SERVER_PORT, (socket) => this.client.open(socket));
    });
  }

  /** Does something, and all that follows from it without a timer. */
  run(work: () => void = () => {}): this {
    this.world.run(work, () => true);
    return this;
  }

  /** Lets timers fire until nothing is left. @returns the virtual time that passed, in ms */
  wait(): number {
    const beforeMs = this.world.nowMs;
    this.world.run(
      () => {},
      () => false,
    );
    return this.world.nowMs - beforeMs;
  }

  /** What is left behind by now: must be nothing when both sides are closed. */
  get leaks(): string[] {
    const left: string[] = [...this.fabric.faults];
    for (const end of [this.client, this.server, ...this.later]) {
      const { name, provider, host } = end;
      left.push(...host.faults);
      const { openSockets, pendingOverlapped, registrations, messageBuffers, lentBytes } = provider.counters;
      // The server's listener stays.
      if (openSockets !== (end === this.server ? 1 : 0)) left.push(`${name}: ${openSockets} sockets`);
      if (pendingOverlapped + registrations > 0)
        left.push(`${name}: ${pendingOverlapped} ops, ${registrations} memory`);
      if (messageBuffers + lentBytes > 0) left.push(`${name}: ${messageBuffers} buffers, ${lentBytes} bytes lent`);
    }
    return left;
  }
}

/** Loop as shared memory is: flow control of its own, lent receives. */
export const RING: LoopOptions = { claimsMessageBuffers: true, lendsReceives: true };
/** Loop as RDMA hardware is: posted receives, credits. */
export const HARDWARE: LoopOptions = { claimsMessageBuffers: false, lendsReceives: false };
/** Loop as RDMA hardware is whose provider lends registered memory, and some of it only. */
export const LENDING: LoopOptions = {
  claimsMessageBuffers: false,
  lendsReceives: true,
  messageBuffers: 6,
  lentBytes: 3_000,
  applicationBytes: 100_000,
};

export function bytesOf(length: number, seed = 1): Uint8Array {
  return new Random(seed).bytes(length);
}
