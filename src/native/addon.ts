/**
 * What the native addon offers, as it is: numbers and typed arrays in, a number out. A negative number is a negated
 * errno. Everything is synchronous and belongs to the thread that calls it. A wrong type or a number out of range throws
 * a TypeError, a class that can't be made an Error. `os.ts` turns the errnos into Node's errors.
 */
import type { NativeVerbs } from './verbs.js';

/** A TCP socket as the kernel's sock_diag reports it. */
export interface SocketReport {
  readonly family: 4 | 6;
  /** The local address as text; `0.0.0.0` and `::` are the wildcards. */
  readonly address: string;
  readonly port: number;
  /** Who made the socket, as seen from this user namespace. */
  readonly uid: number;
  /** The `N` of `socket:[N]` in the owner's /proc/PID/fd. */
  readonly inode: number;
  /** SO_COOKIE: never reused while the machine runs. */
  readonly cookie: bigint;
  /** IPv6 only: it takes no IPv4 connections (IPV6_V6ONLY). */
  readonly v6only: boolean;
  /** The interface that it is bound to; 0: any. */
  readonly interfaceIndex: number;
}

/** Bits of a Poll's events. */
export const POLL_READABLE = 1;
export const POLL_WRITABLE = 2;

/** A watched word has changed. */
export type OnReady = () => void;

/** The thread is about to sleep, and the control block is dirty. @returns how much work was found: none, or it goes on */
export type OnBeforeSleep = () => number;

/**
 * Called once when a link's socket ends. `event` is 0 if the peer has closed it, otherwise a negated errno. Nothing more
 * comes from that link.
 */
export type OnLinkEvent = (linkId: number, event: number) => void;

/** The native half of a thread's reactor. Unreferenced (it does not keep the event loop alive) until `ref()`. */
export interface NativeReactor {
  /**
   * Adds a link: its socket `fd` (not taken over; close it after removeLink), and the word of our own segment where peers
   * read whether we sleep. @returns 0 or -errno
   */
  addLink(linkId: number, fd: number, windowId: number, ownEpochWordIndex: number): number;
  /** Forgets a link; its descriptor may be closed and its segments unmapped as soon as this returns. 0 or -ENOTCONN */
  removeLink(linkId: number): number;
  /** Wakes the peer of a link: one message, never waits. 0, or it is not woken: -ENOTCONN or the socket's -errno. */
  wake(linkId: number): number;
  /** Replaces the control block, from the next poll on. The caller copies its contents first. */
  setControl(control: Int32Array): void;
  /**
   * Joins the process's dedicated poller with an idle strategy (POLLER_IDLE_*), or, with -1, polls inline again.
   * @returns 0, or the -errno of the thread that could not be started
   */
  setDedicated(idleStrategy: number): number;
  ref(): void;
  unref(): void;
  /** Stops everything, at any time, any number of times; no callback comes after it. */
  close(): void;
}

/** Watches one descriptor, which it does not own. Unreferenced until `ref()`. */
export interface NativePoll {
  /** Calls back (level-triggered) while one of `events` (POLL_*) is there. @returns 0 or -errno */
  start(events: number): number;
  /** No more callbacks; the descriptor may be closed as soon as this returns. @returns 0 or -errno */
  stop(): number;
  ref(): void;
  unref(): void;
  /** The same for good. Idempotent. */
  close(): void;
}

/** A TCP connection that an acceptor has taken; addresses as `node:net` writes them. */
export interface AcceptedSocket {
  /** Nonblocking and close-on-exec. Owned by the thread that accepted it, until released or closed by its cookie. */
  readonly fd: number;
  /** SO_COOKIE: tells the socket from any other that later has the same number. */
  readonly cookie: bigint;
  readonly family: 4 | 6;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** What an acceptor has done so far. */
export interface AcceptorCounters {
  /** Connections handed to JavaScript. */
  readonly accepted: number;
  /** Tries that a signal interrupted, or whose connection had failed before it was accepted. */
  readonly aborted: number;
  /** Connections accepted and closed at once, for want of descriptors. */
  readonly shed: number;
  /** Times that nothing was accepted for 50 ms, because the system was short of something. */
  readonly pauses: number;
}

/** Takes connections off a listening socket, which it does not own. Unreferenced until `ref()`. */
export interface NativeTcpAcceptor {
  /** Accepts nothing until `resume()`: connections wait in the kernel's queue. */
  pause(): void;
  resume(): void;
  /** Keeps the event loop alive, paused or not. */
  ref(): void;
  unref(): void;
  /** No more callbacks; the listening socket may be closed as soon as this returns. Idempotent. */
  close(): void;
  counters(): AcceptorCounters;
}

/** The addon. */
export interface NativeAddon extends NativeVerbs {
  readonly napiVersion: number;
  /** LAYOUT_HASH of the header that the addon was compiled with. */
  readonly layoutHash: number;

  /** Registers a window. `view` covers a whole WebAssembly.Memory, which is kept until the thread ends. @returns windowId */
  registerWindow(view: Uint8Array): number;
  /**
   * Registers plain memory that threads of this process share, for words in it to be watched: `view` covers a
   * SharedArrayBuffer, which is kept until unregisterMemory or the thread's end. @returns windowId
   */
  registerMemory(view: Uint8Array): number;
  /** Forgets such memory. @returns 0, or -EBUSY: the reactor still has a link in it, or is asleep with its words */
  unregisterMemory(windowId: number): number;
  /** Maps a new segment of our own, readable and writable, then seals it. @returns the descriptor to hand to the peer */
  mapOwnSegment(windowId: number, offset: number, bytes: number): number;
  /** Maps a peer's segment read-only. Refuses with -EPERM what is not sized and sealed as it must be. Does not take `fd`. */
  mapPeerSegment(windowId: number, offset: number, bytes: number, fd: number): number;
  /** Puts empty memory back where a segment of exactly this place and size was mapped. */
  unmapSegment(windowId: number, offset: number, bytes: number): number;

  /**
   * Makes a file of that size in memory, named (at most 249 bytes) for those who look at /proc/PID/fd. Its size is sealed, and
   * nobody else can open it for writing. @returns a descriptor
   */
  createMemoryFile(name: string, bytes: number): number;

  /** Copies `length` bytes; offsets in bytes. RangeError, with nothing copied, if that reaches beyond either array. */
  copy(
    destination: NodeJS.TypedArray,
    destinationOffset: number,
    source: NodeJS.TypedArray,
    sourceOffset: number,
    length: number,
  ): void;

  /**
   * The same for a destination that nobody has in a cache, such as memory just allocated: large copies then go past the
   * caches. The ranges must not overlap.
   */
  copyCold(
    destination: NodeJS.TypedArray,
    destinationOffset: number,
    source: NodeJS.TypedArray,
    sourceOffset: number,
    length: number,
  ): void;

  /**
   * Has the allocator keep what is freed (glibc: up to 128 MiB) instead of giving it back to the system at once. For the
   * whole process, as long as any thread wants it; the last that does not gives back what was kept, which may take some
   * milliseconds.
   */
  keepFreedMemory(keep: boolean): void;

  /** Two connected sockets, SOCK_SEQPACKET, in `out`. */
  unixPair(out: Int32Array): number;
  /** A descriptor of this thread's own for what `fd`, of any thread of this process, names. */
  duplicateDescriptor(fd: number): number;
  /** Names the calling thread for the system: at most 15 bytes. */
  setThreadName(name: string): number;
  /** A timer of this thread's, not armed. @returns a descriptor */
  createTimer(): number;
  /** Has it be readable in `delayNs` (up to an hour; 0: never), until it is armed again. */
  armTimer(fd: number, delayNs: number): number;

  /** Listens by a name (at most 107 bytes) in the abstract namespace, SOCK_SEQPACKET. @returns a descriptor */
  unixListen(name: string, backlog: number): number;
  /** Connects at once or not at all. @returns a descriptor; -ECONNREFUSED: nobody is there; -EAGAIN: backlog full */
  unixConnect(name: string): number;
  /** @returns a descriptor; -EAGAIN: nobody waits */
  unixAccept(listener: number): number;
  /** Sends one message of at most 64 KiB, with the descriptor `fdToPass` unless that is -1. @returns its length */
  sendMessage(fd: number, bytes: Uint8Array, fdToPass?: number): number;
  /**
   * Receives one message and at most one descriptor, which `received[0]` then holds (otherwise -1). @returns its length;
   * 0: the connection has ended; -EPROTO: too long, or more than one descriptor (all closed)
   */
  receiveMessage(fd: number, bytes: Uint8Array, received: Int32Array): number;
  /** Who called connect() or listen() at the other end: `out` = pid, uid, gid (as signed words). */
  peerCredentials(fd: number, out: Int32Array): number;
  /** @returns a pidfd of that process; -ENOPROTOOPT on kernels before 6.5 */
  peerPidfd(fd: number): number;
  /** @returns a pidfd of process `pid` */
  openPidfd(pid: number): number;
  /** @returns 1 or 0 */
  pidfdAlive(pidfd: number): number;
  /** Closes a descriptor that the addon opened in this thread; -EBADF for any other. */
  closeDescriptor(fd: number): number;
  /** Hands such a descriptor over: its new owner closes it, the addon no longer does. */
  releaseDescriptor(fd: number): number;

  /** Binds a TCP socket without connecting it. Port 0: an ephemeral one. @returns a descriptor */
  bindTcp(address: string, port: number, family: 4 | 6): number;
  /**
   * Binds a TCP socket and listens; with family 6 and `v6only` 0 it takes IPv4 too. What is accepted is reset when it is
   * closed. @returns a descriptor
   */
  listenTcp(address: string, port: number, family: 4 | 6, backlog: number, v6only: 0 | 1): number;
  /** SO_LINGER: closing the socket, whoever does it, resets its connection (1) or ends it in order (0). */
  setResetOnClose(fd: number, isOn: 0 | 1): number;
  /** SO_ERROR, which this takes away. @returns 0: there is none */
  pendingError(fd: number): number;
  /** @returns the local address of a TCP socket, without its port */
  localAddress(fd: number): string | number;
  /**
   * Closes a socket that an acceptor of this thread took. Nothing is closed with -EBADF: released or closed already, or
   * never taken; nor with -ESTALE: another thread has closed it. No other thread may still have it open.
   */
  closeSocket(fd: number, cookie: bigint): number;
  /** Hands such a socket over: its new owner closes it. @returns 0 or -EBADF */
  releaseSocket(fd: number, cookie: bigint): number;
  /** @returns the local port of a TCP socket */
  localPort(fd: number): number;
  /** SO_COOKIE of any socket of this process. */
  socketCookie(fd: number): bigint | number;
  /** @returns the inode number of any descriptor of this process */
  descriptorInode(fd: number): number;

  /** Who listens on TCP port `port`, in this network namespace, IPv4 and IPv6. */
  listeningSockets(port: number): SocketReport[] | number;
  /**
   * Has the kernel look up whom a TCP connection between these ends would reach. @returns the listening socket's cookie;
   * 0n: none, or one that is bound to an interface
   */
  reachedListener(
    family: 4 | 6,
    source: string,
    sourcePort: number,
    destination: string,
    destinationPort: number,
  ): bigint | number;
  /** Sockets bound to `port` that neither listen nor are connected; none is reported by kernels before 6.8. */
  boundSockets(port: number): SocketReport[] | number;
  /** @returns a descriptor that becomes readable when this host's addresses change */
  addressChanges(): number;
  /** @returns how many changes were waiting there */
  drainAddressChanges(fd: number): number;
  /** @returns a descriptor that becomes readable when a device of this host comes or goes */
  deviceChanges(): number;
  /** @returns how many of the changes that were waiting there are about RDMA devices */
  drainDeviceChanges(fd: number): number;

  /** The control block is an Int32Array laid out as ReactorControl and its WatchEntries. */
  readonly Reactor: new (
    control: Int32Array,
    onReady: OnReady,
    onBeforeSleep: OnBeforeSleep,
    onLinkEvent: OnLinkEvent,
  ) => NativeReactor;
  /**
   * `onBatch` gets what one turn of the loop has accepted, at most 64; `onShortage` the negated errno that keeps it from
   * accepting, once until something is accepted again.
   */
  readonly TcpAcceptor: new (
    fd: number,
    onBatch: (batch: AcceptedSocket[]) => void,
    onShortage: (errno: number) => void,
  ) => NativeTcpAcceptor;
  readonly Poll: new (fd: number, callback: (status: number, events: number) => void) => NativePoll;
}
