/** The provider's socket: what the SPI's calls act on. Bound, then listening or connected. */

import { VERBS_SAYS_ACCEPT, VERBS_SLOT_BYTES } from '../../layout/layout.gen.js';
import {
  NO_ERROR,
  WSA_IO_PENDING,
  WSA_OPERATION_ABORTED,
  WSAECONNABORTED,
  WSAECONNRESET,
  WSAEINVAL,
  WSAEMSGSIZE,
  WSAENOBUFS,
  WSAENOTCONN,
  WSAETIMEDOUT,
  type WsaCode,
} from '../../spi/codes.js';
import type { UpcallTable } from '../../spi/provider.js';
import {
  FD_CLOSE,
  FD_CONNECT,
  type Overlapped,
  type Socket,
  type SocketAddress,
  type WsaBuffer,
} from '../../spi/types.js';
import { EventSocket, type SocketState } from '../common/socket.js';
import type { Absences } from './absences.js';
import type { CmEvent } from './cm-event.js';
import type { ConnectAttempt } from './connect.js';
import { refusalOf } from './connect.js';
import { RECEIVE_SLOTS, type VerbsConnection } from './connection.js';
import type { ConnectionHost, ConnectionOwner } from './connection-host.js';
import type { Device } from './device.js';
import type { Due } from './engine.js';
import { decodeGreeting } from './greeting.js';
import { KeepAlive } from './keep-alive.js';
import type { VerbsListener } from './listen.js';
import type { VerbsMemory } from './memory.js';
import type { VerbsOptions } from './options.js';

/** What all sockets of a provider share. */
export interface SocketHost extends ConnectionHost {
  readonly upcalls: UpcallTable;
  readonly options: VerbsOptions;
  readonly absences: Absences;
  readonly memory: VerbsMemory;
  /** The device by which a connection goes; a reason why it may not, or can't be told. */
  deviceOf(connection: number): Device | string;
  /** Makes a socket, which the switch does not know yet. */
  create(): VerbsSocket;
  /** Has the switch make its handle for it. */
  introduce(socket: VerbsSocket): void;
  /** Forgets a socket; its descriptor may be another's then. */
  disown(socket: VerbsSocket): void;
  /** By the handles of the engine's listeners. */
  readonly listeners: Map<number, VerbsListener>;
  /** Of connections between two owners. */
  readonly moves: Set<NodeJS.Timeout>;
  /** The addresses on which a listener at `address` may listen. */
  listenAddresses(address: SocketAddress, dual: boolean): SocketAddress[];
}

/** One socket. */
export class VerbsSocket extends EventSocket implements ConnectionOwner, Due {
  readonly descriptor: Socket;
  readonly host: SocketHost;
  /** The switch's descriptor. */
  handle: Socket = -1;
  state: SocketState = 'created';
  local: SocketAddress | null = null;
  remote: SocketAddress | null = null;
  ipv6Only = false;
  connection: VerbsConnection | null = null;
  attempt: ConnectAttempt | null = null;
  listener: VerbsListener | null = null;
  /** Bytes of the largest message that both sides take. */
  messageBytes = VERBS_SLOT_BYTES;
  private readonly receives: Overlapped[] = [];
  /** Messages that came before a receive stood (rule 3.7): slot and bytes, in turn. */
  private readonly held: number[] = [];
  /** Nothing will come behind what is held. */
  private isDrained = false;
  private keepAliveMs = 0;
  private keepAlive: KeepAlive | null = null;
  /** The slot in which the switch writes a message (`WSPAllocateMessageBuffer`); -1: none. */
  private writing = -1;

  constructor(host: SocketHost, descriptor: Socket) {
    super();
    this.host = host;
    this.descriptor = descriptor;
  }

  // ----------------------------------------------------------------- events

  protected override get closeError(): WsaCode {
    return this.connection?.endCode ?? WSAECONNRESET;
  }

  override signal(event: number): void {
    if (this.state !== 'closed') super.signal(event);
  }

  // ------------------------------------------------------------- connecting

  /** The connect, or the take-over, has come to its end. */
  connected(code: WsaCode, reason = ''): void {
    if (this.state !== 'connecting') return;
    this.attempt?.end();
    this.attempt = null;
    this.state = code === NO_ERROR ? 'connected' : 'failed';
    if (code !== NO_ERROR) {
      this.connection?.close();
      this.releaseHeld();
      this.connection = null;
    }
    this.connectError = code;
    this.connectReason = reason;
    this.watchPeer();
    this.signal(FD_CONNECT);
  }

  established({ privateData, remote }: CmEvent): void {
    if (this.state !== 'connecting') return;
    if (this.attempt === null) return this.connected(NO_ERROR);
    const greeting = decodeGreeting(privateData, VERBS_SAYS_ACCEPT);
    if (greeting === null) {
      // Somebody else's RDMA server: it is not bothered with every connect.
      this.host.absences.noListener(remote.address, remote.port);
      return this.connected(WSAETIMEDOUT, 'not-ours');
    }
    this.limitMessages(greeting.messageBytes);
    this.host.absences.answered(remote.address);
    this.connected(NO_ERROR, `: by ${this.connection?.device.name}`);
  }

  refused(event: CmEvent): void {
    if (this.attempt === null) return this.connected(WSAECONNRESET, 'peer-gone');
    const { code, reason } = refusalOf(event, this.remote as SocketAddress, this.host.absences);
    this.connected(code, reason);
  }

  /** @param idleMs after how long without a word of the peer to ask its device; 0: never @returns 0 or WSAEINVAL */
  setKeepAlive(idleMs: number | null): WsaCode {
    if (idleMs === null) return WSAEINVAL;
    this.keepAliveMs = idleMs;
    this.watchPeer();
    return NO_ERROR;
  }

  /** `WSPProbePeer`. */
  probePeer(): void {
    if (this.state === 'connected') this.connection?.probe();
  }

  private watchPeer(): void {
    this.keepAlive?.stop();
    const isWanted = this.keepAliveMs > 0 && this.state === 'connected' && this.connection !== null;
    this.keepAlive = isWanted
      ? new KeepAlive(this.connection as VerbsConnection, this.host.engine, this.keepAliveMs)
      : null;
  }

  /** The peer's largest message is known. */
  limitMessages(bytes: number): void {
    this.messageBytes = Math.min(VERBS_SLOT_BYTES, bytes);
  }

  // ----------------------------------------------------------------- sending

  /** Why nothing can be sent; 0: it can. */
  private get absence(): WsaCode {
    if (this.state === 'connected') return NO_ERROR;
    return this.state === 'broken' ? WSAECONNRESET : WSAENOTCONN;
  }

  /** `WSPAllocateMessageBuffer`. */
  allocateBuffer(bytes: number, out: WsaBuffer): WsaCode {
    if (this.absence !== NO_ERROR) return this.absence;
    if (!(bytes >= 1 && bytes <= this.messageBytes)) return WSAEINVAL;
    const { engine } = this.host;
    if (this.writing < 0) this.writing = this.takeSlot();
    if (this.writing < 0) return WSAENOBUFS;
    out.bytes = engine.bytes;
    out.offset = engine.arena.offsetOf(this.writing);
    out.length = VERBS_SLOT_BYTES;
    return NO_ERROR;
  }

  private takeSlot(): number {
    const connection = this.connection as VerbsConnection;
    return connection.device.takeSlot(connection.handle);
  }

  /** `WSPSend`. @returns WSA_IO_PENDING or an error */
  send(buffers: readonly WsaBuffer[], count: number, overlapped: Overlapped): WsaCode {
    if (this.absence !== NO_ERROR) return this.absence;
    let length = 0;
    for (let i = 0; i < count; i++) length += (buffers[i] as WsaBuffer).length;
    if (length > this.messageBytes) return WSAEMSGSIZE;
    const connection = this.connection as VerbsConnection;
    overlapped.internal = WSA_IO_PENDING;
    if (this.isInPlace(buffers[0] as WsaBuffer, count)) {
      connection.send(this.writing, length, overlapped);
      this.writing = -1;
      return WSA_IO_PENDING;
    }
    const source = buffers.slice(0, count).map(({ bytes, offset, length: partBytes }) => {
      return { bytes, offset, length: partBytes };
    });
    return connection.sendCopied(source, length, overlapped) ? WSA_IO_PENDING : WSAENOBUFS;
  }

  /** Has the switch written the message where it is sent from? */
  private isInPlace({ bytes, offset }: WsaBuffer, count: number): boolean {
    const { engine } = this.host;
    return count === 1 && this.writing >= 0 && bytes === engine.bytes && offset === engine.arena.offsetOf(this.writing);
  }

  workDone(overlapped: Overlapped, code: WsaCode, bytes: number): void {
    if ((overlapped.hEvent & 1) === 0) {
      this.host.upcalls.WPUCompleteOverlappedRequest(this.handle, overlapped, code, bytes);
    } else {
      overlapped.internalHigh = bytes;
      overlapped.internal = code;
    }
  }

  // --------------------------------------------------------------- receiving

  /** `WSPRecv`: the message is lent. @returns WSA_IO_PENDING or an error */
  receive(count: number, overlapped: Overlapped): WsaCode {
    if (this.state !== 'connected' && this.state !== 'broken') return WSAENOTCONN;
    if (count !== 0 || (overlapped.hEvent & 1) !== 0) return WSAEINVAL;
    overlapped.internal = WSA_IO_PENDING;
    this.receives.push(overlapped);
    if (this.held.length > 0 || this.isDrained) this.host.engine.runLater(this);
    return WSA_IO_PENDING;
  }

  message(slot: number, bytes: number): void {
    const { connection, held } = this;
    if (held.length === 0 && this.receives.length > 0) this.deliver(slot, bytes);
    else if (held.length < 2 * RECEIVE_SLOTS) held.push(slot, bytes);
    else {
      // More than any session allows, out of slots that others need too.
      if (connection?.endCode === NO_ERROR) this.host.refusals.count('connection:overrun');
      connection?.giveBack(slot);
      connection?.end(WSAECONNABORTED);
    }
  }

  private deliver(slot: number, bytes: number): void {
    const { engine, upcalls } = this.host;
    const overlapped = this.receives.shift() as Overlapped;
    const connection = this.connection as VerbsConnection;
    overlapped.bytes = engine.bytes;
    overlapped.offset = engine.arena.offsetOf(slot);
    overlapped.length = bytes;
    try {
      upcalls.WPUCompleteOverlappedRequest(this.handle, overlapped, NO_ERROR, bytes);
    } finally {
      connection.giveBack(slot);
    }
  }

  /** Brings held messages and posted receives together, oldest first. */
  runDue(): void {
    while (this.held.length > 0 && this.receives.length > 0) {
      const [slot, bytes] = this.held.splice(0, 2) as [number, number];
      this.deliver(slot, bytes);
    }
    if (this.isDrained && this.held.length === 0) this.endReceives(this.connection?.endCode ?? WSAECONNRESET, 0);
  }

  /** Nobody will have what is held. */
  private releaseHeld(): void {
    for (let i = 0; i < this.held.length; i += 2) this.connection?.giveBack(this.held[i] as number);
    this.held.length = 0;
  }

  private endReceives(code: WsaCode, bytes: number): void {
    for (const receive of this.receives.splice(0)) {
      this.host.upcalls.WPUCompleteOverlappedRequest(this.handle, receive, code, bytes);
    }
  }

  // ------------------------------------------------------------------ ending

  lost(code: WsaCode): void {
    // Whatever it was, it is no promise about TCP/IP (rule 3.4).
    if (this.state === 'connecting') return this.connected(this.attempt === null ? code : WSAETIMEDOUT, 'lost-at-once');
    if (this.state !== 'connected') return;
    this.state = 'broken';
    this.signal(FD_CLOSE);
  }

  drained(): void {
    this.isDrained = true;
    this.runDue();
  }

  /** Nothing is under way that this side knows of. */
  get isQuiet(): boolean {
    return this.held.length === 0 && this.writing < 0 && this.connection?.pending === 0;
  }

  /** The connection goes on with another owner: what is posted ends with nothing in it (rule 8.1). */
  moved(): void {
    this.state = 'moved';
    this.watchPeer();
    this.connection = null;
    this.endReceives(NO_ERROR, 0);
  }

  /** Memory first, signals after, WPUCloseSocketHandle last (rule 7.2). */
  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.select(null, 0);
    const { host, connection } = this;
    this.watchPeer();
    this.listener?.close();
    this.attempt?.cancel();
    const aborted = connection?.close() ?? [];
    host.memory.releaseAll(this);
    if (this.writing >= 0) host.engine.arena.give(this.writing);
    this.releaseHeld();
    this.endReceives(WSA_OPERATION_ABORTED, 0);
    for (const overlapped of aborted) this.workDone(overlapped, WSA_OPERATION_ABORTED, 0);
    host.upcalls.WPUCloseSocketHandle(this.handle);
  }
}
