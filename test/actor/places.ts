/**
 * Where the suites run whose peers are other processes: over TCP/IP and shared memory. Or, where the address of an RDMA device
 * is given (`npm run test:rdma`), over that: the fake libraries know the connections of one process only.
 */
import type { ProviderEntry, RuntimeOptions, SwitchOptions } from 'sanswitch';
import { providerEntry } from '../fixtures/provider-entry.js';

const device = process.env.SANSWITCH_TEST_HOST;

/** The longest that one connect may take where many are made at once. */
const MANY_CONNECTS_MS = 20_000;
/** The longest that a worker may take to start in an emulated machine. */
const SLOW_START_MS = 60_000;

/** How long a test waits: where a device is given, an emulated machine may serve it. */
export function patience(usual_ms: number): number {
  return device === undefined ? usual_ms : 30_000;
}

/** One of them. */
export interface Place {
  readonly name: string;
  /** What carries the connections; nothing else may. */
  readonly provider: 'tcp' | 'shm' | 'verbs';
  /** Where both sides meet. */
  readonly host: string;
  /** Of runtimes of the test's process. */
  readonly options: PlaceOptions;
  /** An emulated machine may serve it, some ten times slower: smaller counts, longer waits. */
  readonly isSlow: boolean;
}

/** Plain data, so that other processes can be given them. */
export interface PlaceOptions extends Pick<RuntimeOptions, 'poller' | 'sanConnectTimeoutMs' | 'startTimeoutMs'> {
  readonly providers: readonly (string | (ProviderEntry & { readonly name: string }))[];
}

function ordinary(provider: 'tcp' | 'shm'): Place {
  return {
    name: provider,
    provider,
    host: '127.0.0.1',
    options: { providers: [`${provider}!`], sanConnectTimeoutMs: MANY_CONNECTS_MS },
    isSlow: false,
  };
}

function remote(host: string, poller: 'inline' | 'dedicated'): Place {
  return {
    name: `verbs, polled ${poller}`,
    provider: 'verbs',
    host,
    options: {
      providers: [providerEntry('verbs!')],
      poller,
      sanConnectTimeoutMs: MANY_CONNECTS_MS,
      startTimeoutMs: SLOW_START_MS,
    },
    isSlow: true,
  };
}

/** All of them. */
export const places: readonly Place[] =
  device === undefined ? [ordinary('tcp'), ordinary('shm')] : [remote(device, 'inline'), remote(device, 'dedicated')];

/** Those without TCP/IP. */
export const sanPlaces: readonly Place[] = places.filter(({ provider }) => provider !== 'tcp');

/** TCP/IP, for what is the same everywhere. */
export const tcpPlace: Place = ordinary('tcp');

/** What a switch of the test's process is made with. */
export function switchOptions({ options }: Place): SwitchOptions {
  const { startTimeoutMs: _, ...rest } = options;
  return rest;
}

/**
 * What the switch of a peer's process is made with. It polls inline: with a poller of its own at both ends, more threads would
 * spin than a small machine has processors.
 */
export function peerOptions(place: Place): SwitchOptions {
  const { poller: _, ...rest } = switchOptions(place);
  return rest;
}
