/**
 * Connecting: the platform checks, looks up and chooses addresses as always, and asks its handle to connect to one of them. There
 * we ask the switch first; where no SAN serves, that very handle connects by TCP/IP.
 */
import { Socket as PlatformSocket, type Socket } from 'node:net';
import { constants } from 'node:os';
import type { SwitchSocket } from '../socket/socket.js';
import type { DecisionRecord } from '../switch/decisions.js';
import type { Objection, Ruling } from '../switch/policy.js';
import type { Switch } from '../switch/switch.js';
import { isOfHttp2 } from './http2.js';
import { describe } from './info.js';
import type { ConnectRequest, Handle, InnerSocket, Status } from './internals.js';
import { PlainHandle } from './plain-handle.js';
import { type Platform, platformObjection, platformOf, replaceHandle } from './platform.js';
import { askAgain, streamHandle } from './stream-handle.js';
import { current, rulingFor, start } from './thread-face.js';

/** A port that the application has bound is TCP/IP's. */
const LOCAL_PORT: Objection = { reason: 'local-port' };

/** Native code took the handle before it was known who serves, as TLS over a socket that still connects. */
const TAKEN: Objection = { reason: 'handle-taken' };

/** Handles whose connects are ours already. */
const hooked = new WeakMap<Handle, Connecting>();

/**
 * Has the switch asked first when a handle of this socket's is told to connect. The platform makes handles as it goes, one for
 * each address that it tries, and may have told one before its `connect` returns.
 * @param connect the platform's
 */
export function watchConnect(given: Socket, connect: () => unknown): void {
  const socket = given as unknown as InnerSocket;
  watchHandle(socket, socket._handle);
  // Stays: an object that a property is taken from is slow for good, and two that have different functions there have no
  // shape in common.
  if (watchedHandle !== null) Object.defineProperty(socket, '_handle', watchedHandle);
  connect();
  watchHandle(socket, socket._handle);
}

/** `_handle` of a socket that is watched; null: the platform has it as a plain property, and only its first handle is. */
const watchedHandle = ((): PropertyDescriptor | null => {
  const place = Object.getOwnPropertyDescriptor(PlatformSocket.prototype, '_handle');
  if (place?.set === undefined) return null;
  const { get, set } = place;
  return {
    configurable: true,
    get,
    set(this: InnerSocket, handle: Handle | null) {
      set.call(this, handle);
      watchHandle(this, handle);
    },
  };
})();

function watchHandle(socket: InnerSocket, handle: Handle | null): void {
  // A pipe knows no IPv6, a handle that is no stream is one of ours.
  if (!handle || hooked.has(handle) || handle.isStreamBase !== true || typeof handle.connect6 !== 'function') return;
  const connecting = new Connecting(socket, handle);
  hooked.set(handle, connecting);
  connecting.begin();
}

/** Native code has taken this handle for good: only TCP/IP can serve, if that is not settled yet. */
export function keepHandle(handle: Handle): void {
  hooked.get(handle)?.keep();
}

type Step = (request: ConnectRequest, address: string, port: number) => Status;

/** One handle, from before its connect until it is known who serves. */
class Connecting {
  private readonly socket: InnerSocket;
  private readonly handle: Handle;
  private abort = new AbortController();
  private localAddress: string | undefined;
  private hasLocalPort = false;
  private isTaken = false;
  /** What has been asked of the switch. */
  private again: (() => Status) | null = null;

  constructor(socket: InnerSocket, handle: Handle) {
    this.socket = socket;
    this.handle = handle;
  }

  begin(): void {
    const { handle } = this;
    handle.connect = (request, address, port) => this.connect('connect', request, address, port);
    handle.connect6 = (request, address, port) => this.connect('connect6', request, address, port);
    handle.bind = (address, port) => {
      this.bound(address, port);
      return this.original('bind')(address, port);
    };
    handle.bind6 = (address, port, flags) => {
      this.bound(address, port);
      return this.original('bind6')(address, port, flags);
    };
    handle.close = (closed) => {
      this.abort.abort();
      this.restore();
      handle.close(closed);
    };
  }

  keep(): void {
    const { again } = this;
    this.isTaken = true;
    if (again === null) return;
    this.abort.abort();
    this.abort = new AbortController();
    again();
  }

  /** What the handle's class has under a name. */
  private original(name: 'connect' | 'connect6' | 'bind' | 'bind6'): (...args: unknown[]) => Status {
    const proto = Object.getPrototypeOf(this.handle) as Record<string, (...args: unknown[]) => Status>;
    return (proto[name] as (...args: unknown[]) => Status).bind(this.handle);
  }

  /** Not by taking the properties away: native handles that lose some are slow for good. */
  private restore(): void {
    this.again = null;
    const { handle } = this;
    const { connect, connect6, bind, bind6, close } = Object.getPrototypeOf(handle) as Handle;
    Object.assign(handle, { connect, connect6, bind, bind6, close });
  }

  private bound(address: string, port: number): void {
    this.localAddress = address;
    this.hasLocalPort = Boolean(port);
  }

  private connect(name: 'connect' | 'connect6', request: ConnectRequest, address: string, port: number): Status {
    const sw = current();
    const byTcp: Step = (...args) => this.original(name)(...args);
    const ownObjection = this.isTaken ? TAKEN : this.hasLocalPort ? LOCAL_PORT : null;
    const objection = platformObjection(this.handle) ?? ownObjection;
    const ruling = rulingFor('connect', address, port, objection);
    const decision = sw === null ? null : sw.decideTcp(address, port, ruling);
    if (decision !== null) {
      this.restore();
      describe(this.socket, decision);
      return byTcp(request, address, port);
    }
    if (!this.isTaken) this.again = () => this.connect(name, request, address, port);
    void this.decide(sw ?? start(), ruling, byTcp, request, address, port);
    return 0;
  }

  private async decide(
    sw: Switch | Promise<Switch>,
    ruling: Ruling | null,
    byTcp: Step,
    request: ConnectRequest,
    address: string,
    port: number,
  ): Promise<void> {
    const { localAddress } = this;
    const { signal } = this.abort;
    let outcome: SwitchSocket | DecisionRecord;
    try {
      outcome = await (await sw).connectBeside({ host: address, port, localAddress, signal }, ruling);
    } catch (error) {
      if (!signal.aborted) this.failed(request, error as NodeJS.ErrnoException);
      return;
    }
    if (signal.aborted) {
      if (!('candidates' in outcome)) outcome.abort();
      return;
    }
    this.restore();
    if ('candidates' in outcome) this.fallBack(byTcp, request, address, port, outcome);
    else this.serve(outcome, request);
  }

  private fallBack(
    byTcp: Step,
    request: ConnectRequest,
    address: string,
    port: number,
    decision: DecisionRecord,
  ): void {
    describe(this.socket, decision);
    const status = byTcp(request, address, port);
    if (status !== 0) request.oncomplete?.(status, this.handle, request, false, false);
  }

  private serve(stream: SwitchSocket, request: ConnectRequest): void {
    const { socket } = this;
    // Otherwise it has been objected to.
    const platform = platformOf(this.handle) as Platform;
    const isNative = '_parent' in this.handle || isOfHttp2(socket);
    const handle = isNative ? streamHandle(stream, platform) : new PlainHandle(stream, platform);
    replaceHandle(socket, handle, platform);
    // A TLS socket keeps its own handle above ours, and is ours all the same.
    describe(socket, stream);
    askAgain(socket);
    request.oncomplete?.(0, socket._handle as Handle, request, true, true);
  }

  private failed(request: ConnectRequest, error: NodeJS.ErrnoException): void {
    this.restore();
    // The platform makes its own error of a status; what only the switch can say is told as it is.
    const status = error.code?.startsWith('ERR_') ? undefined : error.errno;
    if (status === undefined) this.socket.destroy(error);
    else request.oncomplete?.(status ?? -constants.errno.ECONNREFUSED, this.handle, request, false, false);
  }
}
