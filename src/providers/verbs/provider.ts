/**
 * `verbs`: connections between hosts with RDMA devices (InfiniBand, RoCE, iWARP) go past the kernel, through libibverbs and
 * librdmacm. It serves the subnets of the RDMA devices' own addresses; who answers there by no RDMA listener of ours is met
 * over TCP/IP (rule 3.4).
 */

import { VERBS_CM_CONNECT_REQUEST, VERBS_SLOT_BYTES } from '../../layout/layout.gen.js';
import type { NativeAddon } from '../../native/addon.js';
import { requireNative } from '../../native/load.js';
import { systemError } from '../../native/os.js';
import type { VerbsDevice } from '../../native/verbs.js';
import {
  NO_ERROR,
  WSAEADDRNOTAVAIL,
  WSAEAFNOSUPPORT,
  WSAEINVAL,
  WSAENOPROTOOPT,
  WSAENOTSOCK,
  WSAEOPNOTSUPP,
  WSASYSNOTREADY,
  type WsaCode,
  WsaError,
} from '../../spi/codes.js';
import { NullProvider } from '../../spi/null-provider.js';
import { type ExtensionFunctions, type RdmaLocalBuffer, SPI_VERSION, type UpcallTable } from '../../spi/provider.js';
import {
  type AcceptCondition,
  type AcceptedSocket,
  AF_INET,
  AF_INET6,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  type MemoryHandle,
  type NetworkEvents,
  type Overlapped,
  type OwnerKey,
  type ProtocolInfo,
  type ServedSubnet,
  SIO_OWNER_KEY,
  SO_KEEPALIVE,
  SO_MAX_MSG_SIZE,
  SO_MAX_RDMA_SIZE,
  SO_RDMA_THRESHOLD_SIZE,
  SOCK_STREAM,
  SOL_SOCKET,
  type Socket,
  type SocketAddress,
  TCP_NODELAY,
  type WsaBuffer,
  type WsaEvent,
} from '../../spi/types.js';
import { Absences } from './absences.js';
import { listenedAddresses, type RdmaAddress, rdmaAddresses } from './addresses.js';
import type { CmEvent } from './cm-event.js';
import { connect, isWildcard } from './connect.js';
import type { VerbsConnection } from './connection.js';
import { Device } from './device.js';
import { Engine, type EngineOwner } from './engine.js';
import { readKeepAlive } from './keep-alive.js';
import { VerbsListener } from './listen.js';
import { RDMA_BYTES_MAX, VerbsMemory } from './memory.js';
import { checkContext, duplicate, ownerKey, takeOver } from './move.js';
import { readOptions, type VerbsOptions } from './options.js';
import { Refusals } from './refusals.js';
import { type SocketHost, VerbsSocket } from './socket.js';
import { readRdmaPlaces } from './sysfs.js';
import { transfer } from './transfer.js';

/** What soft-RoCE says instead of a vendor. */
const SOFT_ROCE_VENDOR = 0xffffff;

/** The provider. One per switch, on that switch's thread. */
export class VerbsProvider extends NullProvider implements SocketHost, EngineOwner {
  protected override readonly maxMessageBytes = VERBS_SLOT_BYTES;
  engine!: Engine;
  options!: VerbsOptions;
  memory!: VerbsMemory;
  readonly absences = new Absences();
  readonly refusals = new Refusals();
  readonly listeners = new Map<number, VerbsListener>();
  readonly lingering = new Set<VerbsConnection>();
  readonly starved = new Set<VerbsConnection>();
  readonly moves = new Set<NodeJS.Timeout>();
  /** Every device that was there at the start can read the peer's memory (rule 5.6): the switch has been told so. */
  private readsRemotely = true;
  /** A device is soft-RoCE, which moves the bytes inside of the call that asks for it. */
  private transfersOnThread = false;
  /** By descriptor. */
  private readonly sockets: (VerbsSocket | undefined)[] = [];
  private readonly freeDescriptors: Socket[] = [];
  /** By the process's number of the device. */
  private readonly devices = new Map<number, Device>();
  private ended: (() => void) | null = null;
  /** As they were when the switch asked last (rule 1.3). */
  private addresses: readonly RdmaAddress[] = [];
  /** They are those of this moment: the switch asks right after the start. */
  private isFresh = false;

  // ------------------------------------------------------- beginning and end

  protected override get info(): ProtocolInfo {
    const { transfersOnThread } = this;
    return { name: 'verbs', claimsMessageBuffers: false, lendsReceives: true, virtualPorts: false, transfersOnThread };
  }

  /**
   * @throws NativeUnavailableError, NoWindowError, InvalidOptionError, Error (no library); WsaError WSASYSNOTREADY: there is no
   *   device that may be used, or no connection manager, yet
   */
  override WSPStartupEx(
    version: number,
    tcp: ProtocolInfo,
    upcalls: UpcallTable,
    options: Readonly<Record<string, unknown>>,
  ): ProtocolInfo | Promise<ProtocolInfo> {
    if (version !== SPI_VERSION) throw new Error(`it speaks version ${SPI_VERSION} of the SPI, not ${version}`);
    this.options = readOptions(options);
    const devices = usableDevices(requireNative(), this.options.devices);
    this.readsRemotely = devices.every(({ maxReadDepth }) => maxReadDepth > 0);
    this.transfersOnThread = devices.some(({ vendorId }) => vendorId === SOFT_ROCE_VENDOR);
    this.engine = this.openEngine();
    this.memory = new VerbsMemory(this.engine);
    const info = super.WSPStartupEx(version, tcp, upcalls, options);
    return this.readAddresses().then(() => {
      this.isFresh = true;
      return info;
    });
  }

  /** @throws as WSPStartupEx */
  private openEngine(): Engine {
    try {
      return new Engine(this, this.options);
    } catch (error) {
      const { code, syscall, message } = error as NodeJS.ErrnoException;
      // The module of /dev/infiniband/rdma_cm is loaded after the first device has come, and its mode is set after that.
      if (syscall !== 'rdma_create_event_channel' || code === undefined) throw error;
      throw new WsaError(WSASYSNOTREADY, message);
    }
  }

  /** Waits, for a bounded time, until what was closed before has reached its peers. */
  override async WSPCleanup(): Promise<void> {
    for (const socket of this.sockets) socket?.close();
    if (this.lingering.size > 0) {
      // Somebody waits for this: without it the process could end before.
      this.engine.native.ref();
      await new Promise<void>((resolve) => {
        this.ended = resolve;
      });
    }
    for (const timer of this.moves) clearTimeout(timer);
    this.moves.clear();
    for (const device of this.devices.values()) device.close();
    this.engine.close();
  }

  lingered(): void {
    this.ended?.();
  }

  // -------------------------------------------------------------- addresses

  protected override async servedSubnets(): Promise<ServedSubnet[]> {
    if (!this.isFresh) await this.readAddresses();
    this.isFresh = false;
    this.absences.forget();
    for (const socket of this.sockets) socket?.listener?.addressesChanged();
    const subnets = this.addresses.map(({ family, address, prefixLength }) => ({ family, address, prefixLength }));
    return [...subnets, ...this.options.subnets];
  }

  private async readAddresses(): Promise<void> {
    this.addresses = rdmaAddresses(await readRdmaPlaces(), undefined, this.options.devices);
  }

  listenAddresses(at: SocketAddress, dual: boolean): SocketAddress[] {
    const { listen, devices } = this.options;
    if (listen === 'all' && devices === null) return [at];
    const allowed = listenedAddresses(this.addresses, listen);
    if (!isWildcard(at)) {
      const isNamed = listen !== 'all' && listen.includes(at.address);
      return isNamed || allowed.some(({ address }) => address === at.address) ? [at] : [];
    }
    const { port } = at;
    return allowed
      .filter(({ family }) => family === at.family || (dual && at.family === 6))
      .map(({ family, address }) => ({ family, address, port }));
  }

  deviceOf(connection: number): Device | string {
    const info = this.engine.native.connectionDevice(connection);
    if (typeof info === 'number') return `no-device: ${systemError(info, 'rdma_cm').code}`;
    const { devices } = this.options;
    if (devices !== null && !devices.includes(info.name)) return `device-not-allowed: ${info.name}`;
    if (this.readsRemotely && info.maxReadDepth === 0) return `device-came-late: ${info.name} can't read remote memory`;
    let device = this.devices.get(info.device);
    if (device === undefined) {
      device = new Device(this.engine, info, this.options.registrationCacheBytes);
      this.devices.set(info.device, device);
    }
    return device;
  }

  get sharedReceiveQueueFrom(): number {
    return this.options.sharedReceiveQueueFrom;
  }

  // ---------------------------------------------------- what the engine says

  happened(event: CmEvent): void {
    const listener = this.listeners.get(event.listener);
    if (listener !== undefined) listener.happened(event);
    // A caller of a listener that has closed meanwhile.
    else if (event.event === VERBS_CM_CONNECT_REQUEST) this.engine.native.destroy(event.connection);
  }

  slotBack(slot: number): void {
    for (const device of this.devices.values()) if (device.takeShared(slot)) return device.giveShared(slot);
    this.engine.arena.give(slot);
  }

  batchEnded(): void {
    if (this.starved.size === 0 || this.engine.arena.free === 0) return;
    const starved = [...this.starved];
    this.starved.clear();
    for (const connection of starved) connection.pump();
  }

  /** What fails of a device shows in its connections. */
  deviceEvent(_event: number, _device: number): void {}

  // ---------------------------------------------------------------- sockets

  create(): VerbsSocket {
    const socket = new VerbsSocket(this, this.freeDescriptors.pop() ?? this.sockets.length);
    this.sockets[socket.descriptor] = socket;
    return socket;
  }

  introduce(socket: VerbsSocket): void {
    socket.handle = this.upcalls.WPUCreateSocketHandle(socket.descriptor);
  }

  disown({ descriptor }: VerbsSocket): void {
    this.sockets[descriptor] = undefined;
    this.freeDescriptors.push(descriptor);
  }

  /** @throws WsaError WSAENOTSOCK */
  private socket(descriptor: Socket): VerbsSocket {
    const socket = this.sockets[descriptor];
    if (socket === undefined) throw new WsaError(WSAENOTSOCK);
    return socket;
  }

  override WSPSocket(family: number, type: number, protocol: number, context?: unknown): Socket {
    if (family !== AF_INET && family !== AF_INET6) throw new WsaError(WSAEAFNOSUPPORT);
    if (type !== SOCK_STREAM || (protocol !== IPPROTO_TCP && protocol !== 0)) throw new WsaError(WSAEOPNOTSUPP);
    const taken = context === undefined ? null : checkContext(context);
    const socket = this.create();
    try {
      this.introduce(socket);
    } catch (error) {
      this.disown(socket);
      throw error;
    }
    if (taken !== null) takeOver(socket, taken);
    return socket.descriptor;
  }

  override WSPBind(descriptor: Socket, address: SocketAddress): WsaCode {
    const socket = this.socket(descriptor);
    if (socket.state !== 'created' || address.port === 0) return WSAEINVAL;
    socket.local = address;
    socket.state = 'bound';
    return NO_ERROR;
  }

  override WSPSetSockOpt(descriptor: Socket, level: number, name: number, value: unknown): WsaCode {
    const socket = this.socket(descriptor);
    if (level === IPPROTO_IPV6 && name === IPV6_V6ONLY) socket.ipv6Only = Boolean(value);
    // Nothing is ever held back for want of an acknowledgement.
    else if (level === IPPROTO_TCP && name === TCP_NODELAY) return NO_ERROR;
    else if (level !== SOL_SOCKET || name !== SO_KEEPALIVE) return WSAENOPROTOOPT;
    else return socket.setKeepAlive(readKeepAlive(value));
    return NO_ERROR;
  }

  override WSPGetSockOpt(descriptor: Socket, _level: number, name: number): unknown {
    if (name === SO_MAX_MSG_SIZE) return this.socket(descriptor).messageBytes;
    if (name === SO_MAX_RDMA_SIZE) return RDMA_BYTES_MAX;
    if (name === SO_RDMA_THRESHOLD_SIZE) return this.options.rdmaThresholdBytes;
    throw new WsaError(WSAENOPROTOOPT);
  }

  override WSPIoctl(descriptor: Socket, control: number, input?: unknown): unknown {
    return control === SIO_OWNER_KEY ? ownerKey() : super.WSPIoctl(descriptor, control, input);
  }

  /** @throws WsaError, saying where it may not listen */
  override WSPListen(descriptor: Socket, backlog: number): WsaCode {
    const socket = this.socket(descriptor);
    if (socket.state === 'listening') return NO_ERROR;
    if (socket.state !== 'bound') return WSAEINVAL;
    const listener = new VerbsListener(socket, backlog);
    const code = listener.listen();
    if (code === WSAEADDRNOTAVAIL) {
      throw new WsaError(code, "the option 'listen' names no RDMA address there, or there is none");
    }
    if (code !== NO_ERROR) return code;
    socket.listener = listener;
    socket.state = 'listening';
    return NO_ERROR;
  }

  override WSPConnect(descriptor: Socket, address: SocketAddress): WsaCode {
    return connect(this.socket(descriptor), address);
  }

  override WSPAccept(descriptor: Socket, condition: AcceptCondition): AcceptedSocket {
    const { listener } = this.socket(descriptor);
    if (listener === null) throw new WsaError(WSAEINVAL, 'not listening');
    return listener.accept(condition);
  }

  override WSPEventSelect(descriptor: Socket, event: WsaEvent | null, mask: number): WsaCode {
    this.socket(descriptor).select(event, mask);
    return NO_ERROR;
  }

  override WSPEnumNetworkEvents(descriptor: Socket): NetworkEvents {
    return this.socket(descriptor).enumerate();
  }

  override WSPDuplicateSocket(descriptor: Socket, owner: OwnerKey): unknown {
    return duplicate(this.socket(descriptor), owner);
  }

  override WSPCloseSocket(descriptor: Socket): WsaCode {
    const socket = this.sockets[descriptor];
    if (socket === undefined) return WSAENOTSOCK;
    // Never given to another before the switch has closed it (rule 7.4).
    this.disown(socket);
    socket.close();
    return NO_ERROR;
  }

  WSPQueryRefusals(): Readonly<Record<string, number>> {
    return this.refusals.snapshot();
  }

  // -------------------------------------------------------------- transfers

  WSPAllocateMessageBuffer(descriptor: Socket, bytes: number, out: WsaBuffer): WsaCode {
    return this.socket(descriptor).allocateBuffer(bytes, out);
  }

  WSPBorrowMemory(descriptor: Socket, bytes: number): RdmaLocalBuffer | null {
    return this.memory.borrow(this.socket(descriptor), bytes);
  }

  WSPReturnMemory(descriptor: Socket, handle: MemoryHandle): WsaCode {
    return this.memory.giveBackBorrowed(this.socket(descriptor), handle);
  }

  WSPAllocateMemory(descriptor: Socket, bytes: number): Uint8Array | null {
    return this.memory.allocate(this.socket(descriptor), bytes);
  }

  WSPProbePeer(descriptor: Socket): void {
    this.socket(descriptor).probePeer();
  }

  override WSPSend(descriptor: Socket, buffers: readonly WsaBuffer[], count: number, overlapped: Overlapped): WsaCode {
    return this.socket(descriptor).send(buffers, count, overlapped);
  }

  override WSPRecv(descriptor: Socket, _buffers: readonly WsaBuffer[], count: number, overlapped: Overlapped): WsaCode {
    return this.socket(descriptor).receive(count, overlapped);
  }

  protected override extensions(): Partial<ExtensionFunctions> {
    const { memory } = this;
    return {
      WSPRegisterMemory: (socket, bytes) => memory.register(this.socket(socket), bytes),
      WSPDeregisterMemory: (socket, handle) => memory.deregister(this.socket(socket), handle, false),
      WSPRegisterRdmaMemory: (socket, bytes, access) => memory.expose(this.socket(socket), bytes, access),
      WSPDeregisterRdmaMemory: (socket, handle) => memory.deregister(this.socket(socket), handle, true),
      WSPRdmaWrite: (socket, ...how) => transfer(this.socket(socket), true, ...how),
      ...(this.readsRemotely ? { WSPRdmaRead: (socket, ...how) => transfer(this.socket(socket), false, ...how) } : {}),
      WSPMemoryRegistrationCacheCallback: ({ buffer }) => {
        for (const { cache } of this.devices.values()) cache.forget(buffer);
      },
    };
  }
}

/** The devices by which connections may go. @throws Error: no library; WsaError WSASYSNOTREADY: there is none, and why */
function usableDevices(addon: NativeAddon, only: readonly string[] | null): VerbsDevice[] {
  const { loaded, tried, missing } = addon.verbsLibraries();
  if (!loaded) {
    const failures = tried.flatMap(({ name, error }) => (error === null ? [] : `${name} (${error})`));
    const what = missing.length > 0 ? `they lack ${missing.join(', ')}` : failures.join('; ');
    throw new Error(`libibverbs and librdmacm can't be used: ${what}`);
  }
  const devices = addon.verbsDevices();
  if (typeof devices === 'number') throw systemError(devices, 'ibv_get_device_list');
  const usable = devices.filter(({ name, error }) => error === null && (only === null || only.includes(name)));
  if (usable.length > 0) return usable;
  const names = devices.map(({ name, error }) => (error === null ? name : `${name} (${error})`));
  const nothing = names.length === 0 ? 'there is no RDMA device' : `no RDMA device may be used: ${names.join(', ')}`;
  throw new WsaError(WSASYSNOTREADY, nothing);
}
