/**
 * `shm`: connections inside one host go through memory shared by the two processes. It serves every local address, and
 * reaches whoever listens there through a sanswitch of the same layout, in the same network namespace; everybody else is
 * met over TCP/IP (rule 3.4).
 */
import { networkInterfaces } from 'node:os';
import { InvalidOptionError } from '../../errors.js';
import { RECORD_LINK_CLOSE, REJECT_NOT_LISTENING } from '../../layout/layout.gen.js';
import { atTurnEnd, type TurnEnd } from '../../reactor/turn.js';
import {
  NO_ERROR,
  WSA_IO_PENDING,
  WSAEADDRNOTAVAIL,
  WSAEFAULT,
  WSAEINVAL,
  WSAEMSGSIZE,
  WSAENOBUFS,
  WSAENOPROTOOPT,
  WSAENOTSOCK,
  WSAEOPNOTSUPP,
  type WsaCode,
  WsaError,
} from '../../spi/codes.js';
import { NullProvider } from '../../spi/null-provider.js';
import type { UpcallTable } from '../../spi/provider.js';
import {
  type AcceptCondition,
  type AcceptedSocket,
  type NetworkEvents,
  Overlapped,
  type OwnerKey,
  type ProtocolInfo,
  type RingReport,
  type ServedSubnet,
  SIO_OWNER_KEY,
  SO_TCP_LISTENER,
  SOCK_STREAM,
  SOL_SOCKET,
  type Socket,
  type SocketAddress,
  type WsaBuffer,
  type WsaEvent,
} from '../../spi/types.js';
import { ShmConnector } from './connector.js';
import { ShmHost, type ShmOptions } from './host.js';
import type { Link } from './link.js';
import type { LinkOwner } from './link-place.js';
import type { OpenRequest } from './open-record.js';
import type { LinkBreach, OpenRefusal } from './refusals.js';
import { checkContext, type ShmContext, type ShmOwnerKey } from './relocation.js';
import { SLOT_BYTES_MAX } from './segment.js';
import { ShmSocket, type SocketContext, UNBOUND } from './socket.js';

function readOptions(options: Readonly<Record<string, unknown>>): ShmOptions {
  const trustedUids = options.trustedUids ?? [];
  const isUid = (uid: unknown): boolean => Number.isInteger(uid) && (uid as number) >= 0 && (uid as number) < 2 ** 32;
  if (!Array.isArray(trustedUids) || !trustedUids.every(isUid)) {
    throw new InvalidOptionError('shm: trustedUids must be an array of user ids');
  }
  return { trustedUids };
}

/** A pooled completion must not keep a connection's memory. */
const NONE = new Overlapped({ completed: () => {} });

interface SendCompletion {
  handle: Socket;
  overlapped: Overlapped;
  bytes: number;
}

/** The provider. One per switch, on that switch's thread. */
export class ShmProvider extends NullProvider implements LinkOwner, SocketContext, TurnEnd {
  protected readonly info: ProtocolInfo = {
    name: 'shm',
    claimsMessageBuffers: true,
    lendsReceives: true,
    virtualPorts: true,
  };
  protected override readonly maxMessageBytes = SLOT_BYTES_MAX / 2 - 8;
  host!: ShmHost;
  connector!: ShmConnector;
  /** By descriptor: looked up several times per message, so an array and no map. */
  private readonly sockets: (ShmSocket | undefined)[] = [];
  private readonly freeDescriptors: Socket[] = [];
  /** The first `completed` are done, `flushed` of them told. It is never emptied: that costs 100 ns, and the next one memory. */
  private readonly completions: SendCompletion[] = [];
  private completed = 0;
  private flushed = 0;
  private flushQueued = false;

  /** @throws NativeUnavailableError, SanswitchError (no window), InvalidOptionError */
  override WSPStartupEx(
    version: number,
    tcp: ProtocolInfo,
    upcalls: UpcallTable,
    options: Readonly<Record<string, unknown>>,
  ): ProtocolInfo | Promise<ProtocolInfo> {
    this.host = new ShmHost(this, readOptions(options), () => this.flush());
    this.connector = new ShmConnector(this.host);
    return super.WSPStartupEx(version, tcp, upcalls, options);
  }

  override WSPCleanup(): void {
    for (const socket of this.sockets) socket?.close();
    this.flush();
    this.host.close();
  }

  protected override servedSubnets(): ServedSubnet[] {
    const subnets: ServedSubnet[] = [
      { family: 4, address: '127.0.0.0', prefixLength: 8 },
      { family: 6, address: '::1', prefixLength: 128 },
    ];
    for (const { address, family, scopeid } of Object.values(networkInterfaces()).flatMap((list) => list ?? [])) {
      // A link-local address means nothing without its interface, and the routing table has no interfaces.
      if (family === 'IPv4') subnets.push({ family: 4, address, prefixLength: 32 });
      else if (!scopeid) subnets.push({ family: 6, address, prefixLength: 128 });
    }
    return subnets;
  }

  // ---------------------------------------------------------------- sockets

  adopt(): ShmSocket {
    const socket = new ShmSocket(this, this.freeDescriptors.pop() ?? this.sockets.length);
    this.sockets[socket.descriptor] = socket;
    socket.handle = this.upcalls.WPUCreateSocketHandle(socket.descriptor);
    return socket;
  }

  disown(socket: ShmSocket): void {
    this.sockets[socket.descriptor] = undefined;
    this.freeDescriptors.push(socket.descriptor);
  }

  private socket(descriptor: Socket): ShmSocket {
    const socket = this.sockets[descriptor];
    if (socket === undefined) throw new WsaError(WSAENOTSOCK);
    return socket;
  }

  override WSPSocket(_family: number, type: number, _protocol: number, context?: unknown): Socket {
    if (type !== SOCK_STREAM) throw new WsaError(WSAEOPNOTSUPP);
    const taken = context === undefined ? null : checkContext(context);
    if (taken !== null && !this.host.attachments.hasRoom(taken.pid)) throw new WsaError(WSAENOBUFS);
    const socket = this.adopt();
    if (taken !== null) socket.takeOver(taken);
    return socket.descriptor;
  }

  override WSPIoctl(socket: Socket, control: number, input?: unknown): unknown {
    return control === SIO_OWNER_KEY ? this.ownerKey() : super.WSPIoctl(socket, control, input);
  }

  private ownerKey(): ShmOwnerKey {
    try {
      this.host.openRendezvous();
    } catch (error) {
      throw new WsaError(WSAENOBUFS, (error as Error).message);
    }
    return { pid: process.pid, reactorId: this.host.reactorId };
  }

  override WSPDuplicateSocket(socket: Socket, owner: OwnerKey): ShmContext {
    return this.socket(socket).duplicate(owner);
  }

  override WSPBind(socket: Socket, address: SocketAddress): WsaCode {
    this.socket(socket).bound = address;
    return NO_ERROR;
  }

  override WSPSetSockOpt(socket: Socket, level: number, name: number, value: unknown): WsaCode {
    if (level !== SOL_SOCKET || name !== SO_TCP_LISTENER) return WSAENOPROTOOPT;
    if (!Number.isInteger(value) || (value as number) < 0) return WSAEINVAL;
    this.socket(socket).tcpListener = value as number;
    return NO_ERROR;
  }

  override WSPListen(socket: Socket, backlog: number): WsaCode {
    const listening = this.socket(socket);
    // Without the TCP listener nobody could tell that we are the one that TCP would reach.
    if (listening.tcpListener < 0) return WSAEINVAL;
    try {
      listening.listen(backlog);
    } catch (error) {
      // What the system is short of is no fault of this provider's.
      throw new WsaError(WSAENOBUFS, (error as Error).message);
    }
    return NO_ERROR;
  }

  override WSPConnect(socket: Socket, address: SocketAddress): WsaCode {
    const connecting = this.socket(socket);
    if (connecting.bound === UNBOUND) return WSAEADDRNOTAVAIL;
    return connecting.connect(address);
  }

  override WSPAccept(socket: Socket, condition: AcceptCondition): AcceptedSocket {
    return this.socket(socket).accept(condition);
  }

  override WSPEventSelect(socket: Socket, event: WsaEvent | null, mask: number): WsaCode {
    this.socket(socket).select(event, mask);
    return NO_ERROR;
  }

  override WSPEnumNetworkEvents(socket: Socket): NetworkEvents {
    return this.socket(socket).enumerate();
  }

  override WSPCloseSocket(socket: Socket): WsaCode {
    const closing = this.sockets[socket];
    if (closing === undefined) return WSAENOTSOCK;
    // Sends that are done already completed before the abort of what is pending.
    this.flush();
    closing.close();
    // Never given to another before the switch has closed it (rule 7.4).
    this.disown(closing);
    return NO_ERROR;
  }

  // -------------------------------------------------------------- transfers

  WSPClaimMessageBuffer(socket: Socket, minBytes: number, maxBytes: number, out: WsaBuffer): WsaCode {
    const claiming = this.socket(socket);
    const { connection } = claiming;
    if (connection === null) return claiming.unclaimable();
    return minBytes > this.maxMessageBytes ? WSAEMSGSIZE : connection.claim(minBytes, maxBytes, out);
  }

  override WSPSend(socket: Socket, buffers: readonly WsaBuffer[], _count: number, overlapped: Overlapped): WsaCode {
    const sending = this.socket(socket);
    const { connection } = sending;
    if (connection === null) return sending.absence;
    const { length } = buffers[0] as WsaBuffer;
    if (!connection.isWriting) return WSAEFAULT;
    connection.send(length);
    this.complete(sending.handle, overlapped, length);
    return WSA_IO_PENDING;
  }

  override WSPRecv(socket: Socket, _buffers: readonly WsaBuffer[], count: number, overlapped: Overlapped): WsaCode {
    const receiving = this.socket(socket);
    const { connection } = receiving;
    if (connection === null) return receiving.park(overlapped);
    if (count !== 0 || connection.wantsRecords) return WSAEINVAL;
    connection.post(overlapped);
    return WSA_IO_PENDING;
  }

  /** The copy is made, the send is done; the switch hears of it with the batch, never inside its own call (5.1). */
  complete(handle: Socket, overlapped: Overlapped, bytes: number): void {
    const { completions, completed } = this;
    // Nothing is read behind the end: V8 does not forget that.
    if (completed === completions.length) completions.push({ handle, overlapped, bytes });
    else {
      const completion = completions[completed] as SendCompletion;
      completion.handle = handle;
      completion.overlapped = overlapped;
      completion.bytes = bytes;
    }
    this.completed = completed + 1;
    if (this.host.isWorking || this.flushQueued) return;
    this.flushQueued = true;
    atTurnEnd(this);
  }

  endTurn(): void {
    this.flush();
  }

  /** Completes what is done. A completion may close a socket, and so come in here again: one cursor serves both. */
  private flush(): void {
    this.flushQueued = false;
    while (this.flushed < this.completed) {
      const completion = this.completions[this.flushed++] as SendCompletion;
      const { handle, overlapped, bytes } = completion;
      completion.overlapped = NONE;
      if ((overlapped.hEvent & 1) === 0) this.upcalls.WPUCompleteOverlappedRequest(handle, overlapped, NO_ERROR, bytes);
      else {
        overlapped.internalHigh = bytes;
        overlapped.internal = NO_ERROR;
      }
    }
    this.completed = 0;
    this.flushed = 0;
  }

  // -------------------------------------------------------------- link events

  opened(link: Link, id: number, request: OpenRequest | null): void {
    const listener = request === null ? undefined : this.host.listeners.get(request.cookie);
    if (request === null || listener === undefined) link.refuse(id, REJECT_NOT_LISTENING, 'not-listening');
    else listener.socket.opened(link, id, request);
  }

  accepted(link: Link, id: number): void {
    link.get(id)?.answered(null);
  }

  attached(link: Link, id: number, token: bigint): void {
    this.host.attachments.attach(link, id, token);
  }

  rejected(link: Link, id: number, reason: number): void {
    const connection = link.get(id);
    if (connection === undefined) return;
    if (!connection.answered(reason) && connection.closeSent) link.freeId(id);
  }

  withdrawn(link: Link, id: number): void {
    if (this.host.attachments.withdrawn(link, id)) link.record(RECORD_LINK_CLOSE, id);
    else for (const listener of this.host.listeners.values()) listener.socket.withdrawn(link, id);
  }

  breached(what: LinkBreach | 'throttled'): void {
    this.host.refusals.count(`link:${what}`);
  }

  refused(why: OpenRefusal): void {
    this.host.refusals.count(`open:${why}`);
  }

  WSPQueryRing(descriptor: Socket): RingReport | null {
    return this.socket(descriptor).ring();
  }

  WSPQueryRefusals(): Readonly<Record<string, number>> {
    return this.host.refusals.snapshot();
  }

  died(link: Link, _reason: string): void {
    this.connector.linkDied(link);
    this.host.attachments.linkDied(link);
    for (const listener of this.host.listeners.values()) listener.socket.linkDied(link);
  }
}
