/** Listening and accepting (rules 4.1 to 4.7): callers wait here, and nothing is said to them before the condition. */
import {
  VERBS_CM_CONNECT_REQUEST,
  VERBS_CM_DEVICE_REMOVAL,
  VERBS_REFUSED_BACKLOG,
  VERBS_REFUSED_BY_CONDITION,
  VERBS_REFUSED_CLOSED,
  VERBS_REFUSED_GREETING,
  VERBS_REFUSED_HAND_OVER,
  VERBS_REFUSED_RESOURCES,
  VERBS_SAYS_ACCEPT,
  VERBS_SAYS_CONNECT,
  VERBS_SAYS_REFUSE,
  VERBS_SLOT_BYTES,
} from '../../layout/layout.gen.js';
import { ERRNO } from '../../native/os.js';
import {
  NO_ERROR,
  WSAEADDRINUSE,
  WSAEADDRNOTAVAIL,
  WSAECONNREFUSED,
  WSAENOBUFS,
  WSAEWOULDBLOCK,
  type WsaCode,
  WsaError,
} from '../../spi/codes.js';
import {
  type AcceptCondition,
  type AcceptedSocket,
  CF_ACCEPT,
  FD_ACCEPT,
  NO_SOCKET,
  type Socket,
  type SocketAddress,
} from '../../spi/types.js';
import type { CmEvent } from './cm-event.js';
import { VerbsConnection } from './connection.js';
import type { Completion, Tenant } from './engine.js';
import { decodeGreeting, encodeGreeting } from './greeting.js';
import { redirect } from './move.js';
import type { SocketHost, VerbsSocket } from './socket.js';

/** Places that the connection manager keeps beyond our own backlog: it refuses without a reason, we with one. */
const SPARE_BACKLOG = 64;

/** The kernel tells of a new address before its RDMA devices know it, which takes some milliseconds. */
const LISTEN_AGAIN_MS = 50;
const LISTEN_AGAIN_MAX = 20;

/** A caller that waits to be accepted. */
export class Caller implements Tenant {
  readonly handle: number;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  /** Bytes of the largest message that it takes. */
  readonly messageBytes: number;
  private readonly listener: VerbsListener;

  constructor(listener: VerbsListener, { connection, local, remote }: CmEvent, messageBytes: number) {
    this.listener = listener;
    this.handle = connection;
    this.local = local;
    this.remote = remote;
    this.messageBytes = messageBytes;
  }

  /** Whatever happens to it now is its end. */
  happened(_event: CmEvent): void {
    this.listener.withdraw(this);
  }

  completed(_completion: Completion): void {}

  failed(_event: number): void {
    this.listener.withdraw(this);
  }
}

/** What a listening socket has. */
export class VerbsListener {
  private readonly socket: VerbsSocket;
  private readonly host: SocketHost;
  private readonly backlog: number;
  /** By address: the handles of the engine's listeners. */
  private readonly handles = new Map<string, number>();
  private readonly callers: Caller[] = [];
  /** An address on which it may listen, and could not. */
  private isIncomplete = false;
  private again: NodeJS.Timeout | undefined;

  constructor(socket: VerbsSocket, backlog: number) {
    this.socket = socket;
    this.host = socket.host;
    this.backlog = Math.max(1, backlog);
  }

  /**
   * Listens where the configuration lets it, now that the addresses are what they are, and nowhere else.
   * @returns 0 if it listens somewhere, or why not
   */
  listen(): WsaCode {
    const { host, socket, handles } = this;
    const at = socket.local as SocketAddress;
    const wanted = host.listenAddresses(at, !socket.ipv6Only);
    for (const [address, handle] of handles)
      if (!wanted.some((one) => one.address === address)) this.drop(address, handle);
    let code: WsaCode = WSAEADDRNOTAVAIL;
    this.isIncomplete = false;
    for (const { family, address, port } of wanted) {
      if (handles.has(address)) continue;
      const v6only = family === 6 && socket.ipv6Only ? 1 : 0;
      const handle = host.engine.native.listen(family, address, port, this.backlog + SPARE_BACKLOG, v6only);
      if (handle < 0) {
        code = handle === ERRNO.EADDRINUSE ? WSAEADDRINUSE : WSAEADDRNOTAVAIL;
        this.isIncomplete = true;
        continue;
      }
      handles.set(address, handle);
      host.listeners.set(handle, this);
    }
    return handles.size > 0 ? NO_ERROR : code;
  }

  /** Listens anew; on an address that the devices do not know yet, a little later. */
  addressesChanged(attempt = 0): void {
    clearTimeout(this.again);
    this.listen();
    if (!this.isIncomplete || attempt === LISTEN_AGAIN_MAX) return;
    this.again = setTimeout(() => this.addressesChanged(attempt + 1), LISTEN_AGAIN_MS).unref();
  }

  private drop(address: string, handle: number): void {
    this.handles.delete(address);
    this.host.listeners.delete(handle);
    this.host.engine.native.unlisten(handle);
  }

  /** An event of one of the engine's listeners. */
  happened(event: CmEvent): void {
    if (event.event === VERBS_CM_CONNECT_REQUEST) this.called(event);
    else if (event.event === VERBS_CM_DEVICE_REMOVAL) {
      for (const [address, handle] of this.handles) if (handle === event.listener) this.drop(address, handle);
    }
  }

  private called(event: CmEvent): void {
    const { host, callers } = this;
    const greeting = decodeGreeting(event.privateData, VERBS_SAYS_CONNECT);
    if (greeting === null) {
      host.refusals.count('request:not-ours');
      this.refuse(event.connection, VERBS_REFUSED_GREETING);
    } else if (callers.length >= this.backlog) {
      // Rule 4.4: at once, without waking the switch.
      host.refusals.count('request:backlog-full');
      this.refuse(event.connection, VERBS_REFUSED_BACKLOG);
    } else {
      const caller = new Caller(this, event, greeting.messageBytes);
      host.engine.settle(event.connection, caller);
      callers.push(caller);
      this.socket.signal(FD_ACCEPT);
    }
  }

  /** A caller has given up. */
  withdraw(caller: Caller): void {
    const at = this.callers.indexOf(caller);
    if (at >= 0) this.callers.splice(at, 1);
    this.host.engine.evict(caller.handle);
    this.host.engine.native.destroy(caller.handle);
  }

  private refuse(handle: number, reason: number): void {
    this.host.engine.evict(handle);
    this.host.engine.native.reject(handle, encodeGreeting(VERBS_SAYS_REFUSE, reason, 0));
  }

  /** @throws WsaError WSAEWOULDBLOCK, WSAECONNREFUSED, WSAENOBUFS, WSAEINVAL, and what the condition throws */
  accept(condition: AcceptCondition): AcceptedSocket {
    const caller = this.callers.shift();
    if (caller === undefined) throw new WsaError(WSAEWOULDBLOCK);
    if (this.callers.length > 0) this.socket.signal(FD_ACCEPT);
    const { local, remote, handle } = caller;
    let reason = VERBS_REFUSED_BY_CONDITION;
    try {
      const answer = condition({ local, remote });
      if (typeof answer === 'object') {
        reason = VERBS_REFUSED_HAND_OVER;
        return { socket: NO_SOCKET, context: redirect(this.host, caller, answer.owner), remote, local };
      }
      if (answer !== CF_ACCEPT) {
        this.host.refusals.count('request:refused');
        throw new WsaError(WSAECONNREFUSED, 'the condition function rejected the caller');
      }
    } catch (error) {
      this.refuse(handle, reason);
      throw error;
    }
    const socket = this.establish(caller);
    return socket === null ? this.accept(condition) : { socket, remote, local };
  }

  /** @returns null: the caller has gone, which the connection manager tells only now */
  private establish({ handle, messageBytes, local, remote }: Caller): Socket | null {
    const { host } = this;
    const socket = host.create();
    const code = acceptInto(socket, handle, { local, remote, messageBytes });
    if (code === WSAECONNREFUSED) {
      host.disown(socket);
      return null;
    }
    try {
      if (code !== NO_ERROR) throw new WsaError(code);
      socket.state = 'connected';
      host.introduce(socket);
    } catch (error) {
      socket.connection?.destroy();
      host.disown(socket);
      throw error;
    }
    return socket.descriptor;
  }

  close(): void {
    clearTimeout(this.again);
    for (const [address, handle] of this.handles) this.drop(address, handle);
    for (const { handle } of this.callers.splice(0)) this.refuse(handle, VERBS_REFUSED_CLOSED);
  }
}

/** Whom a socket is connected with. */
export interface Ends {
  readonly local: SocketAddress | null;
  readonly remote: SocketAddress | null;
  readonly messageBytes: number;
}

/** Accepts a connect request for a socket. @returns 0, WSAENOBUFS or WSAECONNREFUSED; the request is answered then */
export function acceptInto(socket: VerbsSocket, handle: number, ends: Ends): WsaCode {
  const { host } = socket;
  const device = host.deviceOf(handle);
  if (typeof device === 'string') {
    host.refusals.count('request:device-not-allowed');
    host.engine.evict(handle);
    host.engine.native.reject(handle, encodeGreeting(VERBS_SAYS_REFUSE, VERBS_REFUSED_CLOSED, 0));
    return WSAECONNREFUSED;
  }
  const connection = new VerbsConnection(host, handle, device, socket);
  const code = connection.prepare();
  if (code === WSAENOBUFS) {
    host.refusals.count('request:no-resources');
    connection.refuse(encodeGreeting(VERBS_SAYS_REFUSE, VERBS_REFUSED_RESOURCES, 0));
    return code;
  }
  if (code !== NO_ERROR || connection.accept(encodeGreeting(VERBS_SAYS_ACCEPT, 0, VERBS_SLOT_BYTES)) < 0) {
    connection.destroy();
    return WSAECONNREFUSED;
  }
  socket.local = ends.local;
  socket.remote = ends.remote;
  socket.connection = connection;
  socket.limitMessages(ends.messageBytes);
  return NO_ERROR;
}
