/** What can be configured about the `verbs` provider, with the defaults, and the check of what the configuration says. */
import { InvalidOptionError, showValue } from '../../errors.js';
import type { ServedSubnet } from '../../spi/types.js';
import { parseSubnet } from './addresses.js';

/** The settings of one `verbs` provider. */
export interface VerbsOptions {
  /**
   * Where it listens: everywhere, or on the RDMA devices, network devices and addresses that are named. Default: nowhere,
   * since RDMA passes by the host's packet filter.
   */
  readonly listen: 'all' | readonly string[];
  /** RDMA devices that it may use; null: any. */
  readonly devices: readonly string[] | null;
  /** Subnets that it serves besides those of the RDMA devices' own addresses. */
  readonly subnets: readonly ServedSubnet[];
  /** How long a connect may take before TCP/IP is tried (rule 3.5), in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Exponent: a packet that is not acknowledged within 4.096 us * 2^this is sent again. */
  readonly ackTimeout: number;
  /** How often a packet is sent again before the path counts as dead. */
  readonly retryCount: number;
  /** How often a message is offered again to a peer that has no receive posted; 7: for ever. */
  readonly rnrRetryCount: number;
  /** From this connection of a device on, new ones take their receives from a queue that they share. */
  readonly sharedReceiveQueueFrom: number;
  /** Bytes of application memory that stay registered for the next transfer (rule 6.2). */
  readonly registrationCacheBytes: number;
  /** From how many bytes on a send goes by RDMA (rule 5.5). */
  readonly rdmaThresholdBytes: number;
}

/** The defaults. */
export const VERBS_DEFAULTS: VerbsOptions = {
  listen: [],
  devices: null,
  subnets: [],
  connectTimeoutMs: 500,
  // 268 ms; with the retries a path is dark for 1.9 s before it counts as dead.
  ackTimeout: 16,
  retryCount: 6,
  rnrRetryCount: 7,
  sharedReceiveQueueFrom: 32,
  registrationCacheBytes: 256 * 1024 * 1024,
  rdmaThresholdBytes: 65_536,
};

type NumberName = {
  [Name in keyof VerbsOptions]: VerbsOptions[Name] extends number ? Name : never;
}[keyof VerbsOptions];

/** Least and most. */
const RANGES: Readonly<Record<NumberName, readonly [least: number, most: number]>> = {
  connectTimeoutMs: [1, 60_000],
  ackTimeout: [0, 31],
  // 7 means for ever on some devices, and nobody would ever hear of a dead path.
  retryCount: [0, 6],
  rnrRetryCount: [0, 7],
  sharedReceiveQueueFrom: [0, 1_000_000],
  registrationCacheBytes: [0, 2 ** 40],
  rdmaThresholdBytes: [1, 0xffffffff],
};

const OTHERS = ['listen', 'devices', 'addresses'] as const;

/** Checks the configuration. @throws InvalidOptionError naming the entry */
export function readOptions(given: Readonly<Record<string, unknown>>): VerbsOptions {
  const known = [...Object.keys(RANGES), ...OTHERS];
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) throw new InvalidOptionError(`verbs: there is no option '${name}'`);
  }
  const numbers = Object.entries(RANGES).map(([name, [least, most]]) => {
    const value = given[name] ?? VERBS_DEFAULTS[name as NumberName];
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
      throw new InvalidOptionError(
        `verbs: ${name} must be an integer from ${least} to ${most}, not ${showValue(value)}`,
      );
    }
    return [name, value as number] as const;
  });
  const { listen = VERBS_DEFAULTS.listen, devices, addresses = [] } = given;
  return {
    ...(Object.fromEntries(numbers) as Record<NumberName, number>),
    listen: listen === 'all' ? listen : names('listen', listen, "'all', or "),
    devices: devices === undefined ? null : names('devices', devices),
    subnets: names('addresses', addresses).map(subnet),
  };
}

function names(option: string, value: unknown, otherwise = ''): readonly string[] {
  if (Array.isArray(value) && value.every((name) => typeof name === 'string' && name !== '')) return value;
  throw new InvalidOptionError(`verbs: ${option} must be ${otherwise}an array of strings, not ${showValue(value)}`);
}

function subnet(text: string): ServedSubnet {
  const parsed = parseSubnet(text);
  if (parsed !== null) return parsed;
  throw new InvalidOptionError(`verbs: addresses must have the form 10.0.0.0/24, not ${showValue(text)}`);
}
