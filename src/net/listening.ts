/** Listening: the platform's server listens on TCP/IP, and companions beside it (rule 4.1); it takes the callers of both. */
import { AsyncResource } from 'node:async_hooks';
import cluster from 'node:cluster';
import type { AddressInfo, Server } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { SwitchSocket } from '../socket/socket.js';
import type { DecisionRecord } from '../switch/decisions.js';
import type { Objection } from '../switch/policy.js';
import type { Companions } from '../switch/requests.js';
import type { Switch } from '../switch/switch.js';
import { servesHttp2 } from './http2.js';
import { describeServer } from './info.js';
import type { Handle, InnerServer } from './internals.js';
import { PlainHandle } from './plain-handle.js';
import { type Platform, platformObjection, platformOf } from './platform.js';
import { canStream, streamHandle } from './stream-handle.js';
import { current, rulingFor, start } from './thread-face.js';

/** Somebody else has the descriptor, and will take callers or hand it on. */
const HANDED_OVER: Objection = { reason: 'handle-handed-over' };

const watched = new WeakSet<Handle>();
const besides = new WeakMap<Server, Beside>();

/** Of what `_listen2` is given: address, port, family, backlog, descriptor, flags. */
const DESCRIPTOR = 4;

/**
 * Why a server that is about to listen has to stay on TCP/IP, whatever serves here; null: it has not to. Others may listen on a
 * descriptor that came from elsewhere, and take its callers.
 */
export function objectionToListen(server: Server, args: readonly unknown[]): Objection | null {
  if (cluster.isWorker) return { reason: 'cluster-worker' };
  const fd = args[DESCRIPTOR];
  if (typeof fd === 'number' && fd >= 0) return { reason: 'file-descriptor' };
  return (server as InnerServer)._handle === null ? null : { reason: 'foreign-handle' };
}

/**
 * Companions beside a server that has just begun to listen. Idempotent.
 * @param objection to anything but TCP/IP, because of how it came to listen
 */
export function watchListen(given: Server, objection: Objection | null): void {
  const server = given as InnerServer;
  const handle = server._handle;
  if (!handle || watched.has(handle) || !isTcp(server)) return;
  watched.add(handle);
  const beside = new Beside(server, handle, objection ?? platformObjection(handle));
  besides.set(server, beside);
  const sw = current();
  if (sw !== null) beside.open(sw);
  else {
    // `listening` waits, so that who hears of it can be reached by the SAN as well.
    beside.hold();
    start().then(
      (made) => beside.open(made),
      (error: Error) => server.emit('error', error),
    );
  }
}

/** From now on TCP/IP alone serves a server, because its descriptor or one of its connections goes to another process. */
export function stayOnTcp(server: Server): void {
  besides.get(server)?.stayOnTcp();
}

/** Pipes have a name for an address. */
function isTcp(server: InnerServer): boolean {
  const address = server.address();
  return typeof address === 'object' && address !== null && 'port' in address;
}

/** Accepts by the platform's own code. */
class Beside {
  private readonly server: InnerServer;
  private readonly handle: Handle;
  private objection: Objection | null;
  private readonly resource = new AsyncResource('TCPSERVERWRAP');
  private sw: Switch | null = null;
  private companions: Companions | null = null;
  private isClosed = false;
  private isHolding = false;
  private owed = false;

  constructor(server: InnerServer, handle: Handle, objection: Objection | null) {
    this.server = server;
    this.handle = handle;
    this.objection = objection;
  }

  hold(): void {
    const { server } = this;
    this.isHolding = true;
    const emit = server.emit;
    server.emit = ((event: string, ...args: unknown[]) => {
      if (event !== 'listening' || !this.isHolding) return Reflect.apply(emit, server, [event, ...args]) as boolean;
      this.owed = true;
      return true;
    }) as typeof emit;
  }

  open(sw: Switch): void {
    this.sw = sw;
    if (!this.isClosed && this.server._handle === this.handle) this.begin(sw);
    if (!this.isHolding) return;
    this.isHolding = false;
    delete (this.server as Partial<InnerServer>).emit;
    if (this.owed && this.server._handle !== null) this.server.emit('listening');
  }

  stayOnTcp(): void {
    if (this.isClosed || this.objection !== null) return;
    this.objection = HANDED_OVER;
    this.companions?.close();
    if (this.sw !== null) this.listen(this.sw);
  }

  get decision(): DecisionRecord {
    return (this.companions as Companions).decision;
  }

  private begin(sw: Switch): void {
    const { server, handle } = this;
    const { close } = handle;
    handle.close = (closed) => {
      this.isClosed = true;
      this.companions?.close();
      Reflect.apply(close, handle, [closed]);
    };
    try {
      this.listen(sw);
    } catch (error) {
      // As when the port is taken: the server does not listen.
      server.close();
      process.nextTick(() => server.emit('error', error));
      return;
    }
    // The platform has told of `listening` by then; whoever is to have the handle, as `cluster` does, has taken it.
    setImmediate(() => {
      if (!this.isClosed && server._handle !== handle) this.stayOnTcp();
    });
  }

  /** @throws ProviderRequiredError */
  private listen(sw: Switch): void {
    const { server, handle } = this;
    const address = addressOf(server, handle);
    this.companions = sw.listenBeside<null>({
      address,
      descriptor: handle.fd ?? -1,
      ruling: rulingFor('listen', address.address, address.port, this.objection) ?? undefined,
      place: () => null,
      connected: (stream) => this.connected(stream),
      handedOver() {},
      failed: (error) => process.emitWarning(error),
    });
    describeServer(server, this);
  }

  private connected(stream: SwitchSocket): void {
    const { server, handle } = this;
    if (this.isClosed || server._handle !== handle || typeof handle.onconnection !== 'function') {
      stream.abort();
      return;
    }
    const isTls = server instanceof TlsServer;
    if (isTls && !canStream()) {
      stream.abort();
      return;
    }
    // Otherwise it has been objected to.
    const platform = platformOf(handle) as Platform;
    const isNative = isTls || (servesHttp2(server) && canStream());
    const own = isNative ? streamHandle(stream, platform) : new PlainHandle(stream, platform);
    this.resource.runInAsyncScope(handle.onconnection, handle, 0, own);
  }
}

/** Where it listens; the server itself may have lost its handle by now. */
function addressOf(server: InnerServer, handle: Handle): AddressInfo {
  const known = server.address();
  if (known !== null) return known as AddressInfo;
  const out = {} as AddressInfo;
  (handle as { getsockname?(out: AddressInfo): unknown }).getsockname?.(out);
  return out;
}
