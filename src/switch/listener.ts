/** Listening (section 4): the TCP/IP listener that owns the port, its companions, and the one stream of accepted sockets. */
import type { AddressInfo, Socket as PlatformSocket } from 'node:net';
import { rethrowLater } from '../rethrow.js';
import { Inbound } from '../socket/inbound.js';
import type { Ends, SwitchSocket } from '../socket/socket.js';
import { activity } from '../stats/activity.js';
import { CompanionSet } from './companions.js';
import { record, type SwitchContext } from './context.js';

import { DecisionDraft, type DecisionRecord } from './decisions.js';
import { endsOf, establish } from './establish.js';

import { Operation } from './operation.js';
import { TcpOptions } from './options.js';
import type { Caller } from './requests.js';
import type { CheckedListen } from './validate.js';

type TcpListener = Awaited<ReturnType<SwitchContext['tcp']['listen']>>;
type Connected = (socket: SwitchSocket) => void;

/** For what only a caller with a tag comes to. */
function nobody(_: never): void {}

/** A listener as the switch keeps it; the application sees the part that `Listener` describes. */
export class SwitchListener {
  private readonly context: SwitchContext;
  private readonly request: CheckedListen;
  private readonly connected: Connected;
  private readonly tcp: TcpListener;
  private readonly companions: CompanionSet<never>;
  private closing: Promise<void> | null = null;

  private constructor(context: SwitchContext, request: CheckedListen, connected: Connected, tcp: TcpListener) {
    this.context = context;
    this.request = request;
    this.connected = connected;
    this.tcp = tcp;
    this.companions = new CompanionSet<never>(context, request, tcp, {
      place: (caller) => this.place(caller),
      connected,
      handedOver: nobody,
      withdrawn: nobody,
      failed: (error) => this.reportFailure(error),
    });
  }

  /**
   * Rule 4.1: TCP/IP listens first, always.
   * @throws its errors (EADDRINUSE, EADDRNOTAVAIL: rule 2.0); ProviderRequiredError; the reason of a cancellation
   */
  static async open(context: SwitchContext, request: CheckedListen, connected: Connected): Promise<SwitchListener> {
    const operation = new Operation(context.operations, request.signal);
    const draft = new DecisionDraft('listen', request.host ?? '', request.port);
    const early: PlatformSocket[] = [];
    let listener: SwitchListener | null = null;
    try {
      const tcp = await operation.race(
        context.tcp.listen({
          ...request,
          arrived: (socket) => (listener === null ? early.push(socket) : listener.arrived(socket)),
          failed: (error) => request.failed?.(error),
        }),
        (late) => late.server.close(),
      );
      listener = new SwitchListener(context, request, connected, tcp);
      listener.open(draft);
      context.listeners.add(listener);
      activity.note();
      for (const socket of early) listener.arrived(socket);
      return listener;
    } catch (error) {
      if (listener === null) {
        draft.candidates.push(...context.leftOut);
        draft.add('tcp', 'failed', operation.cancelled ? 'cancelled' : 'listen-failed', (error as Error).message);
        record(context, draft, null);
      }
      throw error;
    } finally {
      operation.end();
    }
  }

  address(): AddressInfo {
    return this.tcp.address;
  }

  get decision(): DecisionRecord {
    return this.companions.decision;
  }

  /** Rule 1.3. */
  addressesChanged(): void {
    this.companions.addressesChanged();
  }

  close(): Promise<void> {
    this.closing ??= new Promise((resolve) => {
      this.context.listeners.delete(this);
      activity.note();
      this.companions.close();
      // The platform's own callback waits for the sockets that were accepted, which live on: listening ends at once.
      this.tcp.server.close();
      setImmediate(resolve);
    });
    return this.closing;
  }

  ref(): this {
    this.tcp.server.ref();
    return this;
  }

  unref(): this {
    this.tcp.server.unref();
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private open(draft: DecisionDraft): void {
    try {
      this.companions.open(draft);
    } catch (error) {
      void this.close();
      throw error;
    }
  }

  private reportFailure(error: Error): void {
    try {
      this.request.failed?.(error);
    } catch (thrown) {
      rethrowLater(thrown);
    }
  }

  /** Rule 4.3: all callers are served on this thread. */
  private place(caller: Caller): false | null {
    const { admit } = this.request;
    return admit === undefined || admit(caller) === true ? null : false;
  }

  private arrived(platform: PlatformSocket): void {
    const { context, request } = this;
    const ends = endsOf(platform);
    const draft = new DecisionDraft('accept', ends.localAddress, ends.localPort);
    const refusal = this.refusalOf(ends);
    if (refusal !== null) {
      platform.on('error', () => {});
      platform.resetAndDestroy();
      context.counters.of('tcp').rejects += 1;
      draft.add('tcp', 'failed', refusal);
      record(context, draft, null);
      return;
    }
    draft.add('tcp', 'chosen', 'arrived');
    const inbound = new Inbound(request.handlers, request, true);
    const transport = new context.tcp.Transport(platform, inbound, request.highWaterMarkBytes);
    context.counters.of('tcp').accepts += 1;
    this.deliver(
      establish(context, {
        transport,
        inbound,
        ends,
        decision: record(context, draft, 'tcp'),
        highWaterMarkBytes: request.highWaterMarkBytes,
        options: new TcpOptions(platform, request.remembered),
      }),
    );
  }

  /** Why an arrival by TCP/IP is reset; null: it is welcome. */
  private refusalOf(ends: Ends): string | null {
    // What a switch that demands a provider gets by TCP/IP is a fallback of the peer's.
    if (!this.context.policy.takesTcp) return 'provider-required';
    if (this.request.admit === undefined) return null;
    const family = ends.family === 'IPv6' ? 6 : 4;
    const caller: Caller = {
      provider: 'tcp',
      remote: { family, address: ends.remoteAddress, port: ends.remotePort },
      local: { family, address: ends.localAddress, port: ends.localPort },
    };
    try {
      return this.place(caller) === null ? null : 'not-admitted';
    } catch (error) {
      rethrowLater(error);
      return 'not-admitted';
    }
  }

  private deliver(socket: SwitchSocket): void {
    try {
      this.connected(socket);
    } catch (error) {
      rethrowLater(error);
    }
  }
}
