/** The switch: what an application creates once per thread, and asks for its sockets and listeners. */
import type { AddressInfo } from 'node:net';
import { SwitchClosedError } from '../errors.js';
import { invalidArgType } from '../socket/misuse.js';
import type { SwitchSocket } from '../socket/socket.js';
import type { AnyBytes, LentBytes, StreamSocket } from '../socket/stream-socket.js';
import { Counters, type SwitchStats } from '../stats/counters.js';
import { checkConfig, type SwitchOptions } from './config.js';
import { connect } from './connect.js';
import type { SwitchContext } from './context.js';
import { DecisionHistory, type DecisionRecord } from './decisions.js';
import { SwitchListener } from './listener.js';
import { tcp } from './registry.js';
import type { ConnectOptions, LendingConnectOptions, LendingListenOptions, ListenOptions } from './requests.js';
import { checkConnect, checkListen } from './validate.js';

/** A listener: one port, one stream of accepted sockets, whichever provider they come by (rule 4.2). */
export interface Listener {
  /** As `net.Server.address()`: the port is the real one. */
  address(): AddressInfo;
  /** Which companions listen beside TCP/IP, and why others don't. */
  readonly decision: DecisionRecord;
  /** Stops accepting; sockets that were accepted live on. Idempotent. */
  close(): Promise<void>;
  /** Whether the listener keeps the event loop alive (it does unless `unref` was called). */
  ref(): this;
  unref(): this;
  /** `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Made by `createSwitch`. */
export class Switch {
  private readonly context: SwitchContext;
  private closing: Promise<void> | null = null;

  /** Use `createSwitch`. */
  constructor(context: SwitchContext) {
    this.context = context;
  }

  /**
   * Connects. The socket is paused until it has a `received` handler or `receive()` is called.
   * @throws what `net.connect` gives for the same failure; AbortError; ProviderRequiredError; SwitchClosedError
   */
  connect(options: LendingConnectOptions): Promise<StreamSocket<LentBytes>>;
  connect(options: ConnectOptions): Promise<StreamSocket>;
  async connect(options: ConnectOptions<AnyBytes>): Promise<StreamSocket<AnyBytes>> {
    this.assertOpen();
    return connect(this.context, checkConnect(options, this.context.config.highWaterMarkBytes));
  }

  /**
   * Listens. `connected` is called with each accepted socket, after its session stands (rule 3.6).
   * @throws what `net.Server.listen` gives for the same failure; AbortError; ProviderRequiredError; SwitchClosedError
   */
  listen(options: LendingListenOptions, connected: (socket: StreamSocket<LentBytes>) => void): Promise<Listener>;
  listen(options: ListenOptions, connected: (socket: StreamSocket) => void): Promise<Listener>;
  async listen(options: ListenOptions<AnyBytes>, connected: (socket: never) => void): Promise<Listener> {
    this.assertOpen();
    const request = checkListen(options, this.context.config.highWaterMarkBytes);
    if (typeof connected !== 'function') throw invalidArgType('connected', 'of type function', connected);
    return SwitchListener.open(this.context, request, connected as (socket: SwitchSocket) => void);
  }

  /** Counters per provider and per reason of a decision. */
  stats(): SwitchStats {
    const { counters, sockets, listeners } = this.context;
    return counters.snapshot(sockets, listeners.size);
  }

  /** The last decisions, oldest first. */
  decisions(): DecisionRecord[] {
    return this.context.history.recent();
  }

  /** Ends listeners, sockets (by a reset) and providers. Idempotent. Every operation under way fails with SwitchClosedError. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async shutDown(): Promise<void> {
    const { operations, listeners, sockets } = this.context;
    for (const operation of operations) operation.cancel(new SwitchClosedError());
    await Promise.all([...listeners].map((listener) => listener.close()));
    for (const socket of sockets) socket.abort();
  }

  private assertOpen(): void {
    if (this.closing !== null) throw new SwitchClosedError();
  }
}

/**
 * Creates a switch for this thread and starts its providers (rule 1.1). A provider that can't start is left out; the reason
 * stands in `sw.providers()` and in every decision record.
 * @throws InvalidOptionError, UnknownProviderError
 */
export async function createSwitch(options: SwitchOptions = {}): Promise<Switch> {
  const config = checkConfig(options);
  return new Switch({
    config,
    tcp,
    counters: new Counters(),
    history: new DecisionHistory(config.decisionHistory),
    sockets: new Set(),
    listeners: new Set(),
    operations: new Set(),
  });
}
