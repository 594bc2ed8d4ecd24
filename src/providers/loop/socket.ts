/** One socket of a `LoopProvider`: its state, its events, and the two lanes in which its completions go up. */
import { NO_ERROR, WSA_IO_PENDING, WSA_OPERATION_ABORTED, type WsaCode } from '../../spi/codes.js';
import type { UpcallTable } from '../../spi/provider.js';
import type { MemoryHandle, Overlapped, Socket, SocketAddress, WsaBuffer } from '../../spi/types.js';
import { EventSocket, type SocketState } from '../common/socket.js';
import type { LoopFabric } from './fabric.js';
import type { Loan, MessageBuffer } from './lending.js';
import type { LoopMemory } from './memory.js';
import type { LoopSettings } from './options.js';
import type { LoopPipe, Message } from './pipe.js';

/** What lives now; all of it but `applicationBytes` is 0 when a provider has been used correctly and everything is closed. */
export interface LoopCounters {
  /** Sockets whose `WPUCloseSocketHandle` has not been called yet. */
  openSockets: number;
  pendingOverlapped: number;
  registrations: number;
  registeredBytes: number;
  /** Message buffers that are lent or on their way. */
  messageBuffers: number;
  /** Bytes that are lent as targets of large transfers. */
  lentBytes: number;
  /** Bytes that the application was given; they stay counted. */
  applicationBytes: number;
  /** Messages that found neither a receive nor room to be held. */
  overruns: number;
  /** Registrations that stood when their socket closed, and went with it (rule 6.3). */
  registrationsReleasedAtClose: number;
}

/** What a socket needs of its provider. */
export interface LoopHost {
  readonly fabric: LoopFabric;
  readonly settings: LoopSettings;
  readonly upcalls: UpcallTable;
  readonly counters: LoopCounters;
  readonly memory: LoopMemory;
}

/** A receive that waits for its message; `buffer` is null where the message is to be lent. */
export interface PendingReceive {
  readonly overlapped: Overlapped;
  readonly buffer: WsaBuffer | null;
}

interface Completion {
  readonly overlapped: Overlapped;
  readonly error: WsaCode;
  readonly bytes: number;
  /** Lent for the time of the upcall, then given back. */
  readonly lent: Message | null;
}

/** A caller in a listener's backlog. */
export interface Caller {
  readonly socket: LoopSocket;
  readonly destination: SocketAddress;
}

/** One socket, from `WSPSocket` or `WSPAccept` to its `WPUCloseSocketHandle`. */
export class LoopSocket extends EventSocket {
  readonly host: LoopHost;
  /** The provider's own descriptor. */
  readonly descriptor: Socket;
  /** The switch's descriptor, which upcalls carry (rule 2.4). */
  handle: Socket = -1;
  state: SocketState = 'created';
  local: SocketAddress | null = null;
  remote: SocketAddress | null = null;
  ipv6Only = false;
  readonly options = new Map<string, unknown>();

  /** Listeners: who waits, at most `backlog`. */
  readonly callers: Caller[] = [];
  backlog = 0;
  /** Connecting: the listener in whose backlog this socket stands. */
  waitsAt: LoopSocket | null = null;

  peer: LoopSocket | null = null;
  /** The other side is between two owners (rule 8.1). */
  peerMoves = false;
  moveTimer: NodeJS.Timeout | undefined;
  /** Connecting as the new owner of a connection: the side of it that stays. */
  movesFrom: LoopSocket | null = null;
  out: LoopPipe | null = null;
  /** The number of the connection: remote registrations are good for it alone (rule 6.1). */
  connection = 0;
  claim: Message | null = null;
  /** Lent to the switch, and not sent. */
  messageBuffer: MessageBuffer | null = null;
  /** Lent as targets of large transfers. */
  readonly loans = new Map<MemoryHandle, Loan>();
  readonly held: Message[] = [];
  readonly receives: PendingReceive[] = [];
  /** Why receives fail once nothing is held any more; 0 while the connection stands. */
  endCode: WsaCode = NO_ERROR;

  protected closeError: WsaCode = NO_ERROR;
  #pending = 0;
  readonly #receiveLane: Completion[] = [];
  readonly #otherLane: Completion[] = [];

  constructor(host: LoopHost, descriptor: Socket) {
    super();
    this.host = host;
    this.descriptor = descriptor;
    host.counters.openSockets += 1;
  }

  raise(bit: number, code: WsaCode = NO_ERROR, kind: 'connect' | 'close' | 'other' = 'other'): void {
    if (this.state === 'closed') return;
    if (kind === 'connect') this.connectError = code;
    if (kind === 'close') this.closeError = code;
    this.signal(bit);
  }

  /** The provider has taken the operation: it will complete once, whatever happens. */
  accept(overlapped: Overlapped): typeof WSA_IO_PENDING {
    overlapped.internal = WSA_IO_PENDING;
    overlapped.internalHigh = 0;
    this.#pending += 1;
    this.host.counters.pendingOverlapped += 1;
    return WSA_IO_PENDING;
  }

  /** An operation has its outcome; the upcall follows from the scheduler, in order within its lane. */
  complete(overlapped: Overlapped, error: WsaCode, bytes: number): void {
    this.#queue(this.#otherLane, { overlapped, error, bytes, lent: null });
  }

  completeReceive(receive: PendingReceive, error: WsaCode, bytes: number, lent: Message | null = null): void {
    this.#queue(this.#receiveLane, { overlapped: receive.overlapped, error, bytes, lent });
  }

  failReceives(code: WsaCode): void {
    for (const receive of this.receives.splice(0)) this.completeReceive(receive, code, 0);
  }

  /**
   * Rule 7.2: no event any more, pending receives aborted; the handle is given back when the last operation has been
   * told. The rest (wire, memory, backlog) is the caller's.
   */
  retire(): void {
    this.state = 'closed';
    this.select(null, 0);
    this.failReceives(WSA_OPERATION_ABORTED);
    if (this.#pending === 0) this.#scheduleLast();
  }

  #queue(lane: Completion[], completion: Completion): void {
    lane.push(completion);
    this.host.fabric.schedule(() => this.#deliver(lane));
  }

  #deliver(lane: Completion[]): void {
    const { overlapped, error, bytes, lent } = lane.shift()!;
    this.#pending -= 1;
    this.host.counters.pendingOverlapped -= 1;
    if ((overlapped.hEvent & 1) !== 0) {
      overlapped.internalHigh = bytes;
      overlapped.internal = error;
    } else {
      if (lent !== null) {
        overlapped.bytes = lent.bytes;
        overlapped.offset = lent.offset;
        overlapped.length = lent.length;
      }
      // The last upcall of a closed socket stays the last one even if this one throws.
      try {
        this.host.upcalls.WPUCompleteOverlappedRequest(this.handle, overlapped, error, bytes);
      } finally {
        lent?.release();
        if (this.state === 'closed' && this.#pending === 0) this.#scheduleLast();
      }
      return;
    }
    if (this.state === 'closed' && this.#pending === 0) this.#scheduleLast();
  }

  #lastScheduled = false;

  #scheduleLast(): void {
    if (this.#lastScheduled) return;
    this.#lastScheduled = true;
    this.host.fabric.schedule(() => {
      this.host.counters.openSockets -= 1;
      this.host.upcalls.WPUCloseSocketHandle(this.handle);
    });
  }
}
