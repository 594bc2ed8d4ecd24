/**
 * What the native addon offers for RDMA, as it is: numbers and typed arrays in, a number out. A negative number is a negated
 * errno; a wrong type or a number out of range throws a TypeError. Nothing here waits for the network.
 *
 * An engine tells everything that happens by records in its completion ring (src/layout/verbs-schema.ts: VerbsCompletion,
 * VerbsCm, VerbsAsync): RingWords at the start of its segment, data at VERBS_RING_OFFSET. Its PROD word is to be watched by
 * the reactor, whose poller moves what has come from the devices into the ring, in this thread or in the dedicated one.
 *
 * Handles of connections are numbers of the process: the same on every thread, positive, not used again for a long time. The
 * ring may still hold records of a connection that has been destroyed: an unknown handle is to be passed over.
 */

/** One try to load a library. */
export interface VerbsLibraryTry {
  readonly library: 'libibverbs' | 'librdmacm';
  /** What dlopen was given. */
  readonly name: string;
  /** Null: this one was loaded. */
  readonly error: string | null;
}

/** What became of loading libibverbs and librdmacm, once per process. */
export interface VerbsLibraries {
  /** Both are loaded with every symbol that is required. */
  readonly loaded: boolean;
  readonly tried: readonly VerbsLibraryTry[];
  /** Required symbols that are not there. */
  readonly missing: readonly string[];
  /** Optional symbols that are not there. */
  readonly absent: readonly string[];
  /** What happens to registered memory when this process forks; as ibv_is_fork_initialized says. */
  readonly forkSafety: 'unneeded' | 'enabled' | 'disabled' | 'unknown';
}

/** One port of a device. GIDs, their types and network devices are in /sys/class/infiniband. */
export interface VerbsPort {
  readonly port: number;
  /** IBV_PORT_*: 1 down, 4 active. */
  readonly state: number;
  readonly linkLayer: 'InfiniBand' | 'Ethernet' | 'unknown';
  /** Bytes. */
  readonly activeMtu: number;
  readonly gidCount: number;
}

/** One RDMA device of this host. */
export interface VerbsDevice {
  readonly name: string;
  readonly transport: 'InfiniBand' | 'iWARP' | 'unknown';
  /** 16 hexadecimal digits. */
  readonly guid: string;
  /** Why it can't be opened or asked, or null. What follows is then empty. */
  readonly error: string | null;
  readonly firmware: string;
  /** The vendor's, of IEEE. */
  readonly vendorId: number;
  readonly ports: readonly VerbsPort[];
  readonly maxQueuePairs: number;
  readonly maxQueueDepth: number;
  readonly maxCompletions: number;
  readonly maxRegions: number;
  readonly maxWindows: number;
  /** RDMA reads that one queue pair may have under way towards this side; 0: no RDMA read. */
  readonly maxReadDepth: number;
  readonly maxSharedReceives: number;
  /** Memory windows of type 2 (2A or 2B). */
  readonly hasWindows: boolean;
}

/** What is the same for all connections of an engine. */
export interface VerbsEngineOptions {
  /** Exponent of the ACK timeout: 4.096 µs * 2^n, 0 to 31; 0: no timeout. */
  readonly ackTimeout: number;
  /** 0 to 7. Soft-RoCE never gives up with 7. */
  readonly retryCount: number;
  /** 0 to 7; 7: for ever. */
  readonly rnrRetryCount: number;
}

/** Which device a connection goes by. */
export interface VerbsConnectionDevice {
  /** Number of the device in this process, as VerbsAsync has it. */
  readonly device: number;
  readonly name: string;
  readonly port: number;
  /** Memory windows of type 2 can be bound on it. */
  readonly hasWindows: boolean;
  /** A shared receive queue can be had. */
  readonly hasSharedReceives: boolean;
  /** Receives that a shared queue can hold at most. */
  readonly maxSharedDepth: number;
  /** RDMA reads under way at a time that can be granted; 0: this device can not RDMA read. */
  readonly maxReadDepth: number;
  /** Of each work queue: the deepest. */
  readonly maxQueueDepth: number;
}

/** Counters of an engine since it was made. */
export interface VerbsEngineStats {
  /** Completions taken from devices. */
  readonly completions: number;
  /** Looks at completion queues that found some. */
  readonly batches: number;
  /** Those that another thread has made: the dedicated poller, or who shares a queue after a hand-over. */
  readonly foreignBatches: number;
  /** Completion events: times that a device has woken this thread. */
  readonly events: number;
  /** Work requests posted. */
  readonly posted: number;
  /** Calls that posted them. */
  readonly posts: number;
  /** Messages that were copied into this arena because they came into that of a former owner. */
  readonly copiedReceives: number;
  /** Records that waited for room in the ring. */
  readonly backlogged: number;
  readonly connections: number;
  readonly listeners: number;
  readonly regions: number;
  readonly windows: number;
  /** Chunks of the arena that are registered, for all devices together. */
  readonly chunks: number;
}

/** A thread's RDMA engine. Does not keep the event loop alive until `ref()`. */
export interface NativeVerbsEngine {
  /**
   * Listens at an address of this host, or at the wildcard; devices may come later.
   * @param port 0: one that librdmacm chooses, see listenerPort
   * @returns handle of the listener
   */
  listen(family: 4 | 6, address: string, port: number, backlog: number, v6only: 0 | 1): number;
  /** @returns the port where it listens */
  listenerPort(listener: number): number;
  /** Ends it; connect requests that were told of stand, others are rejected. */
  unlisten(listener: number): number;

  /**
   * Begins a connection: which device leads to `destination`? ADDRESS_RESOLVED or ADDRESS_ERROR follows, at the latest after
   * `timeoutMs`.
   * @param source an address of this host, or '': whichever the routing says
   * @param sourcePort 0: any
   * @returns handle of the connection
   */
  resolve(
    family: 4 | 6,
    source: string,
    sourcePort: number,
    destination: string,
    destinationPort: number,
    timeoutMs: number,
  ): number;
  /** Next step, after ADDRESS_RESOLVED. ROUTE_RESOLVED or ROUTE_ERROR follows. */
  resolveRoute(connection: number, timeoutMs: number): number;
  /** Which device it goes by; from ADDRESS_RESOLVED or CONNECT_REQUEST on. @returns -ENODEV before */
  connectionDevice(connection: number): VerbsConnectionDevice | number;
  /**
   * Makes the queue pair; receives may be submitted from then on. -ENOBUFS, -ENOMEM: the device has no more, or not so deep.
   * @param sendDepth submissions of SEND, READ, WRITE, and binds, that may be under way
   * @param receiveDepth receives that may be posted; with `shared` those of the whole queue, as the first says that asks for it
   * @param maxInline bytes of a send that the device may copy at once, at most
   * @param shared 1: receives come from the queue that this engine's connections by the same device share
   * @param out [0] inline bytes granted, [1] RDMA reads that this side may have under way, [2] 1: shared
   */
  prepare(
    connection: number,
    sendDepth: number,
    receiveDepth: number,
    maxInline: number,
    shared: 0 | 1,
    out: Int32Array,
  ): number;
  /** Registers a chunk of the arena for the connection's device now, and not with the first submission that needs it. */
  useChunk(connection: number, chunk: number): number;
  /** After ROUTE_RESOLVED and prepare: ESTABLISHED, REJECTED, UNREACHABLE or CONNECT_ERROR follows. @param privateData at most 56 bytes */
  connect(connection: number, privateData: Uint8Array): number;
  /** After CONNECT_REQUEST and prepare: ESTABLISHED or CONNECT_ERROR follows. @param privateData at most 196 bytes */
  accept(connection: number, privateData: Uint8Array): number;
  /** Refuses a connect request and destroys it. @param privateData at most 148 bytes */
  reject(connection: number, privateData: Uint8Array): number;
  /**
   * Ends a connection for both sides: what is under way is flushed, DISCONNECTED follows. The peer's engine, when it tells of
   * that, has flushed what was under way there.
   */
  disconnect(connection: number): number;
  /**
   * Ends a connection or an attempt, at any step, and gives everything back. When this returns, the device touches nothing of it
   * any more: its slots and regions are free for use; no record of it is written from then on.
   */
  destroy(connection: number): number;

  /**
   * Posts the first `count` submissions (at VERBS_SUBMISSIONS_OFFSET), in order. One that can't be posted completes with
   * VERBS_STATUS_NOT_POSTED. Sends of at most the inline bytes granted are copied: their memory is free again at once.
   * @returns how many were taken; fewer: the ring must be read first
   */
  submit(count: number): number;

  /**
   * Registers memory with the device of `connection`, for any of its connections. The memory must stand, at that address,
   * until deregister: never one that can be resized, transferred or collected.
   * @param access VERBS_ACCESS_* bits
   * @param out [0] local key, [1] remote key, [2] address low, [3] high (as signed words)
   * @returns handle of the region; -ENOMEM: no (more) memory may be locked
   */
  register(connection: number, bytes: Uint8Array, access: number, out: Int32Array): number;
  /** Ends a registration, at once. -EBUSY: memory windows are bound to it. */
  deregister(region: number): number;

  /** Makes a memory window (type 2) for this connection, with which it ends. @returns its handle; -EOPNOTSUPP */
  allocateWindow(connection: number): number;
  /**
   * Binds a window to a part of a region, for the peer of `connection` alone, in order before whatever is submitted later;
   * takes a place of the send queue. A window that is bound must be invalidated, with success, before the next bind.
   * @param cookie of the completion that is wanted; -1: none, unless it fails
   * @param out [0] the remote key
   */
  bindWindow(
    connection: number,
    window: number,
    region: number,
    offset: number,
    length: number,
    access: number,
    cookie: number,
    out: Int32Array,
  ): number;
  /** Ends what bindWindow began, in order behind what was submitted before; takes a place of the send queue. */
  invalidateWindow(connection: number, window: number, cookie: number): number;
  /** Gives a window back; one that is bound ends at once, whatever the send queue has in it. */
  freeWindow(window: number): number;

  /**
   * Takes a connection, or a connect request, away from this thread, for another one of this process. A connection must be
   * quiet: nothing of it under way but receives. Its slots here stay in use: each comes back as VERBS_STATUS_SLOT_BACK. Nothing
   * that arrives is lost meanwhile. Its windows are freed. Nobody takes it within 2 s: it ends.
   * @returns its token; -EBUSY: a window is bound
   */
  detach(connection: number): bigint | number;
  /**
   * Makes it this thread's. Its handle stays. Messages that come into the former owner's slots are copied into `slots`, in
   * order; when those are used up, into what is submitted as receives.
   * @param slots free slots of this arena, at least as many as receives are posted; of a connection with shared receives, as
   *   many as the peer may send messages: all of them are taken, unless the shared queue is this engine's
   * @param out [0] how many of `slots` were taken
   * @returns the handle; -ESTALE: there is no such token, or it has expired; -ENOBUFS: too few slots (it may be tried again)
   */
  attach(token: bigint, slots: Int32Array, out: Int32Array): number;

  stats(): VerbsEngineStats;
  ref(): void;
  unref(): void;
  /** Ends everything that the engine has. No record comes after it; the segment may be unmapped. Idempotent. */
  close(): void;
}

/** The addon's part for RDMA. */
export interface NativeVerbs {
  /**
   * Loads both libraries, at the first call in the process. SANSWITCH_LIBIBVERBS and SANSWITCH_LIBRDMACM name others than the
   * usual ones.
   */
  verbsLibraries(): VerbsLibraries;
  /** The devices of this host; -ENOSYS: the libraries are not loaded. */
  verbsDevices(): VerbsDevice[] | number;
  /**
   * Makes an engine, and maps its segment (VERBS_SEGMENT_BYTES) at `offset` of a window. Throws an Error with `code`, `errno` and
   * `syscall` if that can't be.
   */
  readonly VerbsEngine: new (
    windowId: number,
    offset: number,
    options: VerbsEngineOptions,
  ) => NativeVerbsEngine;
}
