/**
 * `WSPConnect` (rules 3.2 to 3.5, 3.8), step by step: address, route, queue pair and receives, connect. Each step can be
 * cancelled, and all of them together are bounded in time.
 */
import {
  VERBS_CM_ADDRESS_ERROR,
  VERBS_CM_ADDRESS_RESOLVED,
  VERBS_CM_REJECTED,
  VERBS_CM_ROUTE_ERROR,
  VERBS_CM_ROUTE_RESOLVED,
  VERBS_CM_UNREACHABLE,
  VERBS_REFUSED_BACKLOG,
  VERBS_REFUSED_BY_CONDITION,
  VERBS_REFUSED_CLOSED,
  VERBS_REFUSED_GREETING,
  VERBS_REFUSED_HAND_OVER,
  VERBS_REFUSED_RESOURCES,
  VERBS_REJECT_NO_LISTENER,
  VERBS_SAYS_CONNECT,
  VERBS_SAYS_REFUSE,
  VERBS_SLOT_BYTES,
} from '../../layout/layout.gen.js';
import { ERRNO, systemError } from '../../native/os.js';
import {
  NO_ERROR,
  WSAEADDRNOTAVAIL,
  WSAECONNREFUSED,
  WSAEINVAL,
  WSAEISCONN,
  WSAENOBUFS,
  WSAETIMEDOUT,
  WSAEWOULDBLOCK,
  type WsaCode,
} from '../../spi/codes.js';
import type { SocketAddress } from '../../spi/types.js';
import type { Absences } from './absences.js';
import type { CmEvent } from './cm-event.js';
import { VerbsConnection } from './connection.js';
import type { Completion, Due, Tenant } from './engine.js';
import { decodeGreeting, encodeGreeting } from './greeting.js';
import type { VerbsSocket } from './socket.js';

/** Why a connect failed: only a refusal by one of ours is a promise about TCP/IP (rules 3.3, 3.4). */
export interface ConnectRefusal {
  readonly code: WsaCode;
  readonly reason: string;
}

const REASONS: Readonly<Record<number, string>> = {
  [VERBS_REFUSED_BY_CONDITION]: 'refused-by-peer',
  [VERBS_REFUSED_BACKLOG]: 'backlog-full',
  [VERBS_REFUSED_RESOURCES]: 'peer-out-of-resources',
  [VERBS_REFUSED_HAND_OVER]: 'hand-over-failed',
  [VERBS_REFUSED_CLOSED]: 'listener-closed',
  [VERBS_REFUSED_GREETING]: 'other-version',
};

/** What the peer's, or the connection manager's, no means; what is worth it is remembered. */
export function refusalOf(event: CmEvent, { address, port }: SocketAddress, absences: Absences): ConnectRefusal {
  if (event.event === VERBS_CM_UNREACHABLE) {
    absences.silent(address, port, 'host-silent');
    return { code: WSAETIMEDOUT, reason: 'host-silent' };
  }
  if (event.event !== VERBS_CM_REJECTED) return { code: WSAETIMEDOUT, reason: 'connect-error' };
  const greeting = decodeGreeting(event.privateData, VERBS_SAYS_REFUSE);
  if (greeting === null) {
    // The latter by iWARP, where the host's refusal of a TCP connection is the reason.
    const isNobodyThere = event.status === VERBS_REJECT_NO_LISTENER || event.status === ERRNO.ECONNREFUSED;
    if (!isNobodyThere) return { code: WSAETIMEDOUT, reason: `rejected: ${event.status}` };
    absences.noListener(address, port);
    return { code: WSAETIMEDOUT, reason: 'no-listener' };
  }
  absences.answered(address);
  if (greeting.reason === VERBS_REFUSED_GREETING) absences.noListener(address, port);
  const isPromise = greeting.reason === VERBS_REFUSED_BY_CONDITION || greeting.reason === VERBS_REFUSED_BACKLOG;
  return { code: isPromise ? WSAECONNREFUSED : WSAETIMEDOUT, reason: REASONS[greeting.reason] ?? 'refused' };
}

/** Does the address stand for all addresses of its family? */
export function isWildcard({ address }: SocketAddress): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** The outcome comes by FD_CONNECT. @returns WSAEWOULDBLOCK, WSAEINVAL, WSAEISCONN, WSAEADDRNOTAVAIL */
export function connect(socket: VerbsSocket, destination: SocketAddress): WsaCode {
  if (socket.state !== 'bound') return socket.connection === null ? WSAEINVAL : WSAEISCONN;
  const local = socket.local as SocketAddress;
  if (isWildcard(local)) return WSAEADDRNOTAVAIL;
  if (destination.port === 0 || destination.family !== local.family) return WSAEINVAL;
  socket.state = 'connecting';
  socket.remote = destination;
  const attempt = new ConnectAttempt(socket, local, destination);
  socket.attempt = attempt;
  attempt.begin();
  return WSAEWOULDBLOCK;
}

/** A connect up to the moment at which it has a queue pair; then its connection's records go to that. */
export class ConnectAttempt implements Tenant, Due {
  private readonly socket: VerbsSocket;
  private readonly local: SocketAddress;
  private readonly destination: SocketAddress;
  private handle = 0;
  private timer: NodeJS.Timeout | undefined;
  private failure: ConnectRefusal | null = null;
  private isOver = false;

  constructor(socket: VerbsSocket, local: SocketAddress, destination: SocketAddress) {
    this.socket = socket;
    this.local = local;
    this.destination = destination;
  }

  begin(): void {
    const { engine, absences, options } = this.socket.host;
    const { family, address, port } = this.destination;
    const absent = absences.reasonFor(address, port);
    if (absent !== null) return this.failLater(`${absent}: met before`);
    const timeoutMs = options.connectTimeoutMs;
    this.handle = engine.native.resolve(family, this.local.address, this.local.port, address, port, timeoutMs);
    if (this.handle < 0) return this.failLater(`cannot-resolve: ${systemError(this.handle, 'rdma_resolve_addr').code}`);
    engine.settle(this.handle, this);
    // If it was this thread that had no time, the outcome may be there and unseen: two turns of the loop show it.
    this.timer = setTimeout(() => setImmediate(() => setImmediate(() => this.expire())), timeoutMs);
  }

  private expire(): void {
    if (this.isOver) return;
    const { address, port } = this.destination;
    const reason = this.socket.connection === null ? 'no-route' : 'host-silent';
    this.socket.host.absences.silent(address, port, reason);
    this.fail(WSAETIMEDOUT, reason);
  }

  happened({ event, status }: CmEvent): void {
    const { native } = this.socket.host.engine;
    if (event === VERBS_CM_ADDRESS_RESOLVED) {
      const result = native.resolveRoute(this.handle, this.socket.host.options.connectTimeoutMs);
      if (result < 0) this.failBy('cannot-route', result);
    } else if (event === VERBS_CM_ROUTE_RESOLVED) this.connect();
    else if (event === VERBS_CM_ADDRESS_ERROR || event === VERBS_CM_ROUTE_ERROR) {
      this.socket.host.absences.silent(this.destination.address, this.destination.port, 'no-route');
      this.failBy('no-route', status);
    } else this.failBy('connect-error', status);
  }

  /** Nothing is under way that could complete. */
  completed(_completion: Completion): void {}

  failed(_event: number): void {
    this.fail(WSAETIMEDOUT, 'device-failed');
  }

  private connect(): void {
    const { socket, handle } = this;
    const device = socket.host.deviceOf(handle);
    if (typeof device === 'string') return this.fail(WSAETIMEDOUT, device);
    const connection = new VerbsConnection(socket.host, handle, device, socket);
    socket.connection = connection;
    const code = connection.prepare();
    if (code !== NO_ERROR) {
      return this.fail(
        WSAETIMEDOUT,
        code === WSAENOBUFS ? `out-of-resources: ${connection.shortage}` : 'cannot-connect',
      );
    }
    const result = connection.connect(encodeGreeting(VERBS_SAYS_CONNECT, 0, VERBS_SLOT_BYTES));
    if (result < 0) this.failBy('cannot-connect', result);
  }

  /** It is over, well or not: the socket's `connected` has been, or will be, told. */
  end(): void {
    this.isOver = true;
    clearTimeout(this.timer);
  }

  /** Rule 3.8. Once there is a connection the socket closes that. */
  cancel(): void {
    this.end();
    if (this.socket.connection === null) this.destroy();
  }

  private destroy(): void {
    const { engine } = this.socket.host;
    if (this.handle <= 0) return;
    engine.evict(this.handle);
    engine.native.destroy(this.handle);
    this.handle = 0;
  }

  private failBy(reason: string, errno: number): void {
    this.fail(WSAETIMEDOUT, errno < 0 ? `${reason}: ${systemError(errno, 'rdma_cm').code}` : reason);
  }

  private fail(code: WsaCode, reason: string): void {
    this.cancel();
    this.socket.connected(code, reason);
  }

  /** Not from inside of `WSPConnect`. */
  private failLater(reason: string): void {
    this.failure = { code: WSAETIMEDOUT, reason };
    this.socket.host.engine.runLater(this);
  }

  runDue(): void {
    if (this.failure !== null) this.fail(this.failure.code, this.failure.reason);
  }
}
