/** Listening (section 4): the TCP/IP listener that owns the port, and the one stream of accepted sockets. */
import type { AddressInfo, Socket as PlatformSocket } from 'node:net';
import { Inbound } from '../socket/inbound.js';
import { rethrowLater } from '../socket/rethrow.js';
import type { SwitchSocket } from '../socket/socket.js';
import { record, type SwitchContext } from './context.js';
import { DecisionDraft, type DecisionRecord } from './decisions.js';
import { endsOf, handOver } from './hand-over.js';
import { Operation } from './operation.js';
import { TcpOptions } from './options.js';
import type { CheckedListen } from './validate.js';

type TcpListener = Awaited<ReturnType<SwitchContext['tcp']['listen']>>;

/** A listener as the switch keeps it; the application sees the part that `Listener` describes. */
export class SwitchListener {
  private readonly context: SwitchContext;
  private readonly request: CheckedListen;
  private readonly connected: (socket: SwitchSocket) => void;
  private tcp: TcpListener | null = null;
  private decided: DecisionRecord | null = null;
  private closing: Promise<void> | null = null;

  private constructor(context: SwitchContext, request: CheckedListen, connected: (socket: SwitchSocket) => void) {
    this.context = context;
    this.request = request;
    this.connected = connected;
  }

  /** Rule 4.1: TCP/IP listens first, always. @throws its errors (EADDRINUSE, EADDRNOTAVAIL: rule 2.0) */
  static async open(
    context: SwitchContext,
    request: CheckedListen,
    connected: (socket: SwitchSocket) => void,
  ): Promise<SwitchListener> {
    const operation = new Operation(context.operations, request.signal);
    const listener = new SwitchListener(context, request, connected);
    const draft = new DecisionDraft('listen', request.host ?? '', request.port);
    try {
      listener.tcp = await operation.race(
        context.tcp.listen({
          ...request,
          arrived: (socket) => listener.arrived(socket),
          failed: (error) => request.failed?.(error),
        }),
        (late) => late.server.close(),
      );
      draft.add('tcp', 'chosen', 'owns-the-port');
      listener.decided = record(context, draft, 'tcp', listener.address().port);
      context.listeners.add(listener);
      return listener;
    } finally {
      operation.end();
    }
  }

  address(): AddressInfo {
    return (this.tcp as TcpListener).address;
  }

  get decision(): DecisionRecord {
    return this.decided as DecisionRecord;
  }

  close(): Promise<void> {
    this.closing ??= new Promise((resolve) => {
      this.context.listeners.delete(this);
      // Its callback waits for the sockets that were accepted, which live on: the listening itself ends at once.
      (this.tcp as TcpListener).server.close();
      setImmediate(resolve);
    });
    return this.closing;
  }

  ref(): this {
    this.tcp?.server.ref();
    return this;
  }

  unref(): this {
    this.tcp?.server.unref();
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private arrived(platform: PlatformSocket): void {
    const { context, request } = this;
    const ends = endsOf(platform);
    const inbound = new Inbound(request.handlers, false);
    const transport = new context.tcp.Transport(platform, inbound, request.highWaterMarkBytes);
    const draft = new DecisionDraft('accept', ends.localAddress, ends.localPort);
    draft.add('tcp', 'chosen', 'arrived');
    context.counters.of('tcp').accepts += 1;
    const socket = handOver(context, {
      transport,
      inbound,
      ends,
      decision: record(context, draft, 'tcp'),
      highWaterMarkBytes: request.highWaterMarkBytes,
      options: new TcpOptions(platform, request.remembered),
    });
    this.deliver(socket);
  }

  private deliver(socket: SwitchSocket): void {
    try {
      this.connected(socket);
    } catch (error) {
      rethrowLater(error);
    }
  }
}
