/** A SAN provider that has started, as the switch keeps it, and one that was left out. */
import type { ServedSubnet } from '../spi/types.js';
import type { Companion } from './companion.js';
import type { FaultOf } from './downcalls.js';
import type { HandleTable } from './handles.js';
import type { StartedProvider } from './started-provider.js';

/** What the switch needs of a started provider beyond what its sessions need. */
export interface RunningProvider extends StartedProvider {
  readonly handles: HandleTable;
  /** Counts a breach of the SPI and makes its error. */
  readonly fault: FaultOf;
  /** The socket through which it is asked for its addresses (rule 1.2). */
  readonly query: Companion;
  /** What it answered last. */
  subnets: readonly ServedSubnet[];
  /** How it broke the SPI, the last time that it did, or what it does without. */
  lastFault: string;
}

/** Why a configured provider does not run (rule 1.1). */
export interface LeftOutProvider {
  readonly name: string;
  /** Kebab-case. */
  readonly reason: string;
  /** For people. */
  readonly detail: string;
}

/** What `sw.providers()` says of each provider, TCP/IP first, then in the order of the configuration. */
export interface ProviderStatus {
  readonly name: string;
  readonly state: 'started' | 'left-out';
  /** Demanded by the configuration (`shm!`). */
  readonly required: boolean;
  /** Why it was left out: kebab-case, and a sentence. */
  readonly reason?: string;
  readonly detail?: string;
  /** The subnets that it serves now, as `address/prefix`; TCP/IP serves everything and lists nothing. */
  readonly subnets: readonly string[];
  /** How it broke the SPI, the last time that it did (their number stands in the counters), or what it does without. */
  readonly lastFault?: string;
}
