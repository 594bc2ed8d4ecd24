/** What the doctor tells: the same data for programs and for people. */
import type { VerbsLibraries } from '../native/verbs.js';
import type { SelfTestFigures } from './self-test-messages.js';

/** Something that stands in the way, or that one should know. */
export interface Finding {
  /** `error`: the provider will not be used for this. `warning`: it will, but not well or not everywhere. `note`: good to know. */
  readonly severity: 'error' | 'warning' | 'note';
  /** A sentence. */
  readonly text: string;
  /** What would mend it: a command for a shell (root's where it must be), or a line of configuration; null: nothing that is known. */
  readonly remedy: string | null;
}

/** One provider. */
export interface ProviderReport {
  readonly name: string;
  /** The configuration names it; `tcp` is always there. */
  readonly isConfigured: boolean;
  /** The configuration demands it (`shm!`). */
  readonly isRequired: boolean;
  /** It will serve connections, where the other end has it as well. */
  readonly isUsed: boolean;
  /** Why it will be used, and for what; or why not. */
  readonly why: string;
  /** The subnets that it serves now, as `address/prefix`; TCP/IP serves everything and lists nothing. */
  readonly subnets: readonly string[];
  /** The gravest first. */
  readonly findings: readonly Finding[];
}

/** A GID of a port. */
export interface GidReport {
  readonly index: number;
  readonly gid: string;
  /** `IB/RoCE v1`, `RoCE v2`, ...; null: not told. */
  readonly type: string | null;
  /** Null: none, or not told. */
  readonly networkDevice: string | null;
}

/** A port of an RDMA device. */
export interface RdmaPortReport {
  readonly port: number;
  /** `ACTIVE`, `DOWN`, ...; null: not told. */
  readonly state: string | null;
  /** `InfiniBand` or `Ethernet` (RoCE, iWARP); null: not told. */
  readonly linkLayer: string | null;
  /** Bytes of a packet's payload, at most; null: not told. */
  readonly mtu: number | null;
  readonly rate: string | null;
  readonly gids: readonly GidReport[];
  /** Network devices that belong to the port. */
  readonly networkDevices: readonly string[];
}

/** An RDMA device. */
export interface RdmaDeviceReport {
  readonly name: string;
  /** `InfiniBand` (RoCE too), `iWARP`; null: not told. */
  readonly transport: string | null;
  readonly guid: string | null;
  readonly firmware: string | null;
  readonly ports: readonly RdmaPortReport[];
  /** Why libibverbs can't open it; null: it can, or was not asked. */
  readonly error: string | null;
  /** What it offers; null: it could not be asked. */
  readonly capabilities: {
    /** Large messages are fetched by the receiver. Otherwise they are written by the sender. */
    readonly hasRead: boolean;
    /** Memory is opened to a peer for one transfer without being registered anew. */
    readonly hasWindows: boolean;
    readonly hasSharedReceives: boolean;
    readonly maxQueuePairs: number;
  } | null;
}

/** An address that RDMA serves. */
export interface RdmaAddressReport {
  /** `address/prefix`. */
  readonly subnet: string;
  readonly device: string;
  readonly port: number;
  readonly networkDevice: string;
  /** The configuration lets `verbs` listen here: whoever reaches the device reaches the listeners, whatever a packet filter says. */
  readonly isExposed: boolean;
}

/** A listener that is open on this host now, whoever's it is. */
export interface RdmaListenerReport {
  /** `0.0.0.0` and `::` are all addresses of the device. */
  readonly address: string;
  readonly port: number;
  readonly device: string;
  /** Null: the kernel's own, or a process that is not visible here. */
  readonly pid: number | null;
  /** The program's name; null: not told. */
  readonly program: string | null;
}

/** Memory that may be locked: what RDMA registers can't be swapped out. */
export interface LockedMemoryReport {
  /** Bytes, RLIMIT_MEMLOCK; null: no limit. */
  readonly softBytes: number | null;
  readonly hardBytes: number | null;
  /** CAP_IPC_LOCK: the limit does not count. */
  readonly isExempt: boolean;
  /** What a thread with default settings takes at most, bytes. */
  readonly wantedBytes: number;
  readonly isEnough: boolean;
}

/** A kernel module that RDMA needs here. */
export interface ModuleReport {
  readonly name: string;
  readonly isLoaded: boolean;
}

/** Everything about RDMA. */
export interface RdmaReport {
  /** Null: there is no addon to load them. */
  readonly libraries: VerbsLibraries | null;
  readonly modules: readonly ModuleReport[];
  readonly devices: readonly RdmaDeviceReport[];
  /** Why libibverbs could not list devices, an error's name; null: it could, or was not asked. */
  readonly devicesError: string | null;
  readonly addresses: readonly RdmaAddressReport[];
  /** Open RDMA listeners, as `rdma resource show cm_id` (iproute2) has them; null: they can't be had. */
  readonly listeners: readonly RdmaListenerReport[] | null;
  /** The provider's option `listen`. */
  readonly listen: 'all' | readonly string[];
  readonly lockedMemory: LockedMemoryReport | null;
}

/** What came of the self test of one provider: `sanswitch doctor --self-test`. */
export interface SelfTestReport {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** Why it failed or was skipped; null: it has passed. */
  readonly why: string | null;
  /** Where the two processes met; null: nowhere. */
  readonly address: string | null;
  readonly figures: SelfTestFigures | null;
}

/** What `doctor()` resolves with. */
export interface DoctorReport {
  /** Of this package. */
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  readonly kernel: string;
  /** The distribution's own name; null: not told. */
  readonly system: string | null;
  /** Where this process is locked in; null: no container that is known. */
  readonly container: 'kubernetes' | 'docker' | 'podman' | null;
  /** Why the addon is not in use; null: it is. */
  readonly addonMissing: string | null;
  /** TCP/IP first, then in the order of the configuration, then those that it does not name. */
  readonly providers: readonly ProviderReport[];
  readonly rdma: RdmaReport;
  /** Every provider that the configuration demands will be used. */
  readonly isSound: boolean;
}
