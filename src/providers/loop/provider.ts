/**
 * `LoopProvider`: a complete SAN service provider inside one process, in plain TypeScript. It is what the rules are proven
 * with: deterministic under the scheduler of its `LoopFabric`, strict about every use that the SPI forbids, and, by its
 * options, alike to shared memory (flow control of its own, lent receives) or to RDMA hardware (posted receives only).
 */
import { BlockList } from 'node:net';
import {
  NO_ERROR,
  WSAEADDRNOTAVAIL,
  WSAEAFNOSUPPORT,
  WSAEINVAL,
  WSAENOPROTOOPT,
  WSAENOTSOCK,
  WSAEOPNOTSUPP,
  type WsaCode,
  WsaError,
} from '../../spi/codes.js';
import { NullProvider } from '../../spi/null-provider.js';
import { type ExtensionFunctions, type SanProvider, SPI_VERSION, type UpcallTable } from '../../spi/provider.js';
import {
  type AcceptCondition,
  type AcceptedSocket,
  AF_INET,
  AF_INET6,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  type NetworkEvents,
  type Overlapped,
  type OwnerKey,
  type ProtocolInfo,
  type ServedSubnet,
  SIO_OWNER_KEY,
  SO_DEBUG,
  SO_MAX_MSG_SIZE,
  SO_MAX_RDMA_SIZE,
  SO_RDMA_THRESHOLD_SIZE,
  SOCK_STREAM,
  SOL_SOCKET,
  type Socket,
  type SocketAddress,
  type WsaBuffer,
  type WsaEvent,
} from '../../spi/types.js';
import { accept, close, connect, isWildcard, listen } from './connect.js';
import { type LoopFabric, sharedFabric } from './fabric.js';
import { allocateMemory, allocateMessageBuffer, borrowMemory, returnMemory } from './lending.js';
import { describe, LoopMemory } from './memory.js';
import { attach, duplicate, type LoopTicket } from './move.js';
import { type LoopOptions, type LoopSettings, loopSettings } from './options.js';
import { breakConnection } from './pipe.js';
import { type LoopCounters, type LoopHost, LoopSocket } from './socket.js';
import { claim, rdma, receive, send } from './transfer.js';

/** Options that may be set, as `level/name`; they are kept and answered, and only IPV6_V6ONLY changes anything. */
const SUPPORTED_OPTIONS: ReadonlySet<string> = new Set([
  `${SOL_SOCKET}/${SO_DEBUG}`,
  `${SOL_SOCKET}/${0x0008}`, // SO_KEEPALIVE
  `${IPPROTO_TCP}/1`, // TCP_NODELAY
  `${IPPROTO_IPV6}/${IPV6_V6ONLY}`,
]);

/** Descriptors are slot + generation * SLOTS, so that a closed one is not mistaken for its slot's next socket (7.4). */
const SLOTS = 65_536;

/** The provider. One instance per switch; those with the same fabric reach each other. */
export class LoopProvider extends NullProvider implements LoopHost {
  readonly fabric: LoopFabric;
  settings: LoopSettings;
  readonly counters: LoopCounters = {
    openSockets: 0,
    pendingOverlapped: 0,
    registrations: 0,
    registeredBytes: 0,
    messageBuffers: 0,
    lentBytes: 0,
    applicationBytes: 0,
    overruns: 0,
    registrationsReleasedAtClose: 0,
  };
  readonly memory: LoopMemory = new LoopMemory(this);
  declare readonly upcalls: UpcallTable;
  WSPAllocateMessageBuffer?: SanProvider['WSPAllocateMessageBuffer'];
  WSPBorrowMemory?: SanProvider['WSPBorrowMemory'];
  WSPReturnMemory?: SanProvider['WSPReturnMemory'];
  WSPAllocateMemory?: SanProvider['WSPAllocateMemory'];
  readonly #options: LoopOptions;
  readonly #sockets = new Map<Socket, LoopSocket>();
  readonly #generations: number[] = [];
  readonly #freeSlots: number[] = [];
  #served = new BlockList();
  /** In the owner key; 0: nobody has asked for it. */
  #ownerNumber = 0;

  constructor(options: LoopOptions = {}) {
    super();
    this.#options = options;
    this.fabric = options.fabric ?? sharedFabric();
    this.settings = loopSettings({ ...options });
    this.#readSubnets();
    this.#offerMemory();
  }

  protected override get info(): ProtocolInfo {
    const { name, claimsMessageBuffers, lendsReceives, transfersOnThread } = this.settings;
    return { name, claimsMessageBuffers, lendsReceives, virtualPorts: true, transfersOnThread };
  }

  override WSPStartupEx(
    version: number,
    tcp: ProtocolInfo,
    upcalls: UpcallTable,
    options: Readonly<Record<string, unknown>>,
  ): ProtocolInfo | Promise<ProtocolInfo> {
    if (version !== SPI_VERSION) throw new Error(`loop: speaks version ${SPI_VERSION} of the SPI, not ${version}`);
    this.settings = loopSettings({ ...this.#options }, options);
    this.#readSubnets();
    this.#offerMemory();
    return super.WSPStartupEx(version, tcp, upcalls, options);
  }

  override WSPCleanup(): void {
    this.fabric.owners.delete(this.#ownerNumber);
    if (this.#sockets.size > 0) this.fabric.fault(`${this.#sockets.size} sockets were open at WSPCleanup`);
  }

  /** Changes what is served; the switch learns it when it asks again (rule 1.3). */
  serve(subnets: readonly ServedSubnet[]): void {
    this.settings = { ...this.settings, subnets };
    this.#readSubnets();
  }

  /** Ends every connection of this provider on the wire, as a pulled cable does. */
  cutAll(): void {
    for (const socket of this.#sockets.values()) if (socket.peer !== null) breakConnection(socket);
  }

  #readSubnets(): void {
    this.#served = new BlockList();
    for (const { family, address, prefixLength } of this.settings.subnets) {
      this.#served.addSubnet(address, prefixLength, family === 4 ? 'ipv4' : 'ipv6');
    }
  }

  /** The downcalls that are there only if the settings say so. */
  #offerMemory(): void {
    const { messageBuffers, lentBytes, applicationBytes } = this.settings;
    this.WSPAllocateMessageBuffer =
      messageBuffers === 0
        ? undefined
        : (descriptor, bytes, out) => allocateMessageBuffer(this.#demand(descriptor), bytes, out);
    this.WSPBorrowMemory =
      lentBytes === 0 ? undefined : (descriptor, bytes) => borrowMemory(this.#demand(descriptor), bytes);
    this.WSPReturnMemory =
      lentBytes === 0 ? undefined : (descriptor, handle) => returnMemory(this.#demand(descriptor), handle);
    this.WSPAllocateMemory = applicationBytes === 0 ? undefined : (_descriptor, bytes) => allocateMemory(this, bytes);
  }

  #serves = ({ family, address }: SocketAddress): boolean =>
    this.#served.check(address, family === 4 ? 'ipv4' : 'ipv6');

  protected override servedSubnets(): ServedSubnet[] {
    return [...this.settings.subnets];
  }

  #find(descriptor: Socket): LoopSocket | undefined {
    const socket = this.#sockets.get(descriptor);
    if (socket === undefined) this.fabric.fault(`descriptor ${descriptor} is not open`);
    return socket;
  }

  /** @throws WsaError WSAENOTSOCK */
  #demand(descriptor: Socket): LoopSocket {
    const socket = this.#find(descriptor);
    if (socket === undefined) throw new WsaError(WSAENOTSOCK);
    return socket;
  }

  #create(): LoopSocket {
    const slot = this.#freeSlots.pop() ?? this.#generations.push(0) - 1;
    const descriptor = slot + this.#generations[slot]! * SLOTS;
    const socket = new LoopSocket(this, descriptor);
    this.#sockets.set(descriptor, socket);
    try {
      socket.handle = this.upcalls.WPUCreateSocketHandle(descriptor);
    } catch (error) {
      this.counters.openSockets -= 1;
      this.#forget(descriptor);
      throw error;
    }
    return socket;
  }

  #forget(descriptor: Socket): void {
    const slot = descriptor % SLOTS;
    this.#sockets.delete(descriptor);
    this.#generations[slot] = this.#generations[slot]! + 1;
    this.#freeSlots.push(slot);
  }

  override WSPSocket(family: number, type: number, protocol: number, context?: unknown): Socket {
    if (context !== undefined) return attach(this, context, () => this.#create()).descriptor;
    if (family !== AF_INET && family !== AF_INET6) throw new WsaError(WSAEAFNOSUPPORT);
    if (type !== SOCK_STREAM || (protocol !== IPPROTO_TCP && protocol !== 0)) throw new WsaError(WSAEOPNOTSUPP);
    return this.#create().descriptor;
  }

  override WSPBind(descriptor: Socket, address: SocketAddress): WsaCode {
    const socket = this.#find(descriptor);
    if (socket === undefined) return WSAENOTSOCK;
    if (socket.state !== 'created' || address.port === 0) return WSAEINVAL;
    if (!isWildcard(address) && !this.#serves(address)) return WSAEADDRNOTAVAIL;
    socket.local = address;
    socket.state = 'bound';
    return NO_ERROR;
  }

  override WSPSetSockOpt(descriptor: Socket, level: number, name: number, value: unknown): WsaCode {
    const socket = this.#find(descriptor);
    if (socket === undefined) return WSAENOTSOCK;
    const key = `${level}/${name}`;
    if (!SUPPORTED_OPTIONS.has(key)) return WSAENOPROTOOPT;
    socket.options.set(key, value);
    if (level === IPPROTO_IPV6 && name === IPV6_V6ONLY) socket.ipv6Only = Boolean(value);
    return NO_ERROR;
  }

  override WSPGetSockOpt(descriptor: Socket, level: number, name: number): unknown {
    const { maxMessageBytes, maxRdmaBytes, rdmaThresholdBytes } = this.settings;
    const kept = this.#demand(descriptor).options.get(`${level}/${name}`);
    if (kept !== undefined) return kept;
    if (name === SO_MAX_MSG_SIZE) return maxMessageBytes;
    if (name === SO_MAX_RDMA_SIZE) return maxRdmaBytes;
    if (name === SO_RDMA_THRESHOLD_SIZE) return rdmaThresholdBytes;
    throw new WsaError(WSAENOPROTOOPT);
  }

  override WSPIoctl(descriptor: Socket, control: number, input?: unknown): unknown {
    this.#demand(descriptor);
    if (control === SIO_OWNER_KEY) return this.#ownerKey();
    return super.WSPIoctl(descriptor, control, input);
  }

  #ownerKey(): LoopTicket {
    if (this.#ownerNumber === 0) {
      this.#ownerNumber = this.fabric.nextNumber();
      this.fabric.owners.set(this.#ownerNumber, this);
    }
    return { loop: this.#ownerNumber };
  }

  override WSPDuplicateSocket(descriptor: Socket, owner: OwnerKey): LoopTicket {
    return duplicate(this.#demand(descriptor), owner);
  }

  override WSPListen(descriptor: Socket, backlog: number): WsaCode {
    const socket = this.#find(descriptor);
    return socket === undefined ? WSAENOTSOCK : listen(socket, backlog);
  }

  override WSPConnect(descriptor: Socket, address: SocketAddress): WsaCode {
    const socket = this.#find(descriptor);
    return socket === undefined ? WSAENOTSOCK : connect(socket, address, this.#serves);
  }

  override WSPAccept(descriptor: Socket, condition: AcceptCondition): AcceptedSocket {
    return accept(this.#demand(descriptor), condition, () => this.#create());
  }

  override WSPEventSelect(descriptor: Socket, event: WsaEvent | null, mask: number): WsaCode {
    const socket = this.#find(descriptor);
    if (socket === undefined) return WSAENOTSOCK;
    socket.select(event, mask);
    return NO_ERROR;
  }

  override WSPEnumNetworkEvents(descriptor: Socket): NetworkEvents {
    return this.#demand(descriptor).enumerate();
  }

  WSPClaimMessageBuffer(descriptor: Socket, minBytes: number, maxBytes: number, out: WsaBuffer): WsaCode {
    const socket = this.#find(descriptor);
    if (socket === undefined) return WSAENOTSOCK;
    return this.settings.claimsMessageBuffers ? claim(socket, minBytes, maxBytes, out) : WSAEOPNOTSUPP;
  }

  override WSPSend(descriptor: Socket, buffers: readonly WsaBuffer[], count: number, overlapped: Overlapped): WsaCode {
    const socket = this.#find(descriptor);
    return socket === undefined ? WSAENOTSOCK : send(socket, buffers, count, overlapped);
  }

  override WSPRecv(descriptor: Socket, buffers: readonly WsaBuffer[], count: number, overlapped: Overlapped): WsaCode {
    const socket = this.#find(descriptor);
    return socket === undefined ? WSAENOTSOCK : receive(socket, buffers, count, overlapped);
  }

  override WSPCloseSocket(descriptor: Socket): WsaCode {
    const socket = this.#find(descriptor);
    if (socket === undefined) return WSAENOTSOCK;
    this.#forget(descriptor);
    close(socket);
    return NO_ERROR;
  }

  protected override extensions(): Partial<ExtensionFunctions> {
    return this.#extensions;
  }

  /** Made anew for each question: what may be missing depends on the settings (rule 1.4). */
  get #extensions(): Partial<ExtensionFunctions> {
    const { rdmaRead, cacheCallback } = this.settings;
    const deregister = (descriptor: Socket, handle: number, remote: boolean): WsaCode => {
      const socket = this.#find(descriptor);
      return socket === undefined ? WSAENOTSOCK : this.memory.deregister(socket, handle, remote);
    };
    const transfer =
      (write: boolean): ExtensionFunctions['WSPRdmaWrite'] =>
      (descriptor, local, remote, remoteOffset, overlapped) => {
        const socket = this.#find(descriptor);
        return socket === undefined ? WSAENOTSOCK : rdma(socket, write, local, remote, remoteOffset, overlapped);
      };
    return {
      WSPRegisterMemory: (descriptor, bytes, access) =>
        this.memory.register(this.#demand(descriptor), bytes, access, false).handle,
      WSPDeregisterMemory: (descriptor, handle) => deregister(descriptor, handle, false),
      WSPRegisterRdmaMemory: (descriptor, bytes, access) =>
        describe(this.memory.register(this.#demand(descriptor), bytes, access, true)),
      WSPDeregisterRdmaMemory: (descriptor, handle) => deregister(descriptor, handle, true),
      WSPRdmaWrite: transfer(true),
      ...(rdmaRead ? { WSPRdmaRead: transfer(false) } : {}),
      ...(cacheCallback ? { WSPMemoryRegistrationCacheCallback: () => {} } : {}),
    };
  }
}
