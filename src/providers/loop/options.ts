/** What can be configured about a `LoopProvider`, with the defaults, and the check of a stranger's configuration. */
import { NEVER_RDMA_BYTES } from '../../spi/null-provider.js';
import type { ServedSubnet } from '../../spi/types.js';
import type { LoopFabric } from './fabric.js';

/** What a message takes of a direction's `queueBytes` besides its bytes. */
export const MESSAGE_OVERHEAD_BYTES = 16;

/** Settings of one `LoopProvider`. All but `fabric` may also come from the switch's configuration (`options`). */
export interface LoopSettings {
  /** Stands in `ProtocolInfo.name`. */
  readonly name: string;
  readonly subnets: readonly ServedSubnet[];
  /** Offer `WSPRdmaRead`; without it the session uses RDMA write (rule 5.7). */
  readonly rdmaRead: boolean;
  /** `ProtocolInfo.transfersOnThread`: the session has the peer write while it reads. */
  readonly transfersOnThread: boolean;
  /** Offer `WSPMemoryRegistrationCacheCallback`. */
  readonly cacheCallback: boolean;
  /** Flow control of its own: `WSPClaimMessageBuffer`, a queue of `queueBytes` per direction, FD_WRITE. */
  readonly claimsMessageBuffers: boolean;
  readonly lendsReceives: boolean;
  readonly maxMessageBytes: number;
  readonly rdmaThresholdBytes: number;
  readonly maxRdmaBytes: number;
  /** Bytes that one direction of a connection holds, where `claimsMessageBuffers`; at least `maxMessageBytes` + 16. */
  readonly queueBytes: number;
  /** Messages that wait without a posted receive (rule 3.7), where not `claimsMessageBuffers`; one more is an overrun. */
  readonly heldMessages: number;
  /** Registrations that may stand at the same time; the next one is WSAENOBUFS (rule 5.8). */
  readonly maxRegistrations: number;
  readonly maxRegisteredBytes: number;
  /** `WSPAllocateMessageBuffer`: how many may be out or on their way at the same time; 0: the provider has none to give. */
  readonly messageBuffers: number;
  /** `WSPBorrowMemory`: bytes that may be lent at the same time; 0: the provider does not lend. */
  readonly lentBytes: number;
  /** `WSPAllocateMemory`: bytes that may be given away in all; 0: none. */
  readonly applicationBytes: number;
  /** What a connect hears where nobody listens: `timedout` promises nothing (3.4), `reset` promises TCP would fail (3.3). */
  readonly noListener: 'timedout' | 'reset';
  /** Sends that have not completed when the socket closes are lost, as on hardware; otherwise they still arrive. */
  readonly closeDropsUncompletedSends: boolean;
  /** How long a connection waits for its new owner (rule 8.2), in milliseconds. */
  readonly handOverTimeoutMs: number;
  /** Overwrite memory that its user has given up, so that a use after it shows. */
  readonly poison: boolean;
}

/** Constructor argument of `LoopProvider`: the settings that differ from the defaults, and the wire. */
export interface LoopOptions extends Partial<LoopSettings> {
  /** Providers with the same fabric reach each other; default: one fabric for the thread. */
  readonly fabric?: LoopFabric;
}

/** Serves the loopback addresses, with flow control, lent receives and RDMA read, and a threshold of 64 KiB. */
export const LOOP_DEFAULTS: LoopSettings = {
  name: 'loop',
  subnets: [
    { family: 4, address: '127.0.0.0', prefixLength: 8 },
    { family: 6, address: '::1', prefixLength: 128 },
  ],
  rdmaRead: true,
  transfersOnThread: false,
  cacheCallback: true,
  claimsMessageBuffers: true,
  lendsReceives: true,
  maxMessageBytes: 65_536,
  rdmaThresholdBytes: 65_536,
  maxRdmaBytes: 1_048_576,
  queueBytes: 262_144,
  heldMessages: 256,
  maxRegistrations: 65_536,
  maxRegisteredBytes: 1_073_741_824,
  messageBuffers: 0,
  lentBytes: 0,
  applicationBytes: 0,
  noListener: 'timedout',
  closeDropsUncompletedSends: false,
  handOverTimeoutMs: 2_000,
  poison: false,
};

const LEAST: Partial<Record<keyof LoopSettings, number>> = {
  maxMessageBytes: 64,
  rdmaThresholdBytes: 1,
  maxRdmaBytes: 1,
  queueBytes: 64,
  heldMessages: 1,
  maxRegistrations: 0,
  maxRegisteredBytes: 0,
  messageBuffers: 0,
  lentBytes: 0,
  applicationBytes: 0,
  handOverTimeoutMs: 1,
};

/** The defaults, overlaid with what the constructor and then the configuration say. @throws Error naming the bad entry */
export function loopSettings(...overlays: readonly Readonly<Record<string, unknown>>[]): LoopSettings {
  const settings: Record<string, unknown> = { ...LOOP_DEFAULTS };
  for (const overlay of overlays) {
    for (const [key, value] of Object.entries(overlay)) {
      if (key === 'fabric' || value === undefined) continue;
      checkEntry(key, value);
      settings[key] = value;
    }
  }
  const checked = settings as unknown as LoopSettings;
  if (checked.queueBytes < checked.maxMessageBytes + MESSAGE_OVERHEAD_BYTES) {
    throw new Error(`loop: queueBytes must be at least maxMessageBytes + ${MESSAGE_OVERHEAD_BYTES}`);
  }
  return checked;
}

function checkEntry(key: string, value: unknown): void {
  if (!Object.hasOwn(LOOP_DEFAULTS, key)) throw new Error(`loop: there is no option '${key}'`);
  const like = LOOP_DEFAULTS[key as keyof LoopSettings];
  if (typeof like === 'number') {
    const least = LEAST[key as keyof LoopSettings] ?? 0;
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > NEVER_RDMA_BYTES) {
      throw new Error(`loop: option '${key}' must be an integer from ${least} to ${NEVER_RDMA_BYTES}`);
    }
  } else if (Array.isArray(like) ? !Array.isArray(value) : typeof value !== typeof like) {
    throw new Error(`loop: option '${key}' must be ${Array.isArray(like) ? 'a list' : `a ${typeof like}`}`);
  } else if (key === 'noListener' && value !== 'timedout' && value !== 'reset') {
    throw new Error("loop: option 'noListener' must be 'timedout' or 'reset'");
  }
}
