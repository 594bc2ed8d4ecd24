/** Which worker gets a connection. */
import { InvalidOptionError, showValue } from '../../errors.js';
import { invalidArgType } from '../../misuse.js';
import type { Caller } from '../../switch/requests.js';
import type { WorkerLoad } from './ledger.js';

/**
 * The application's own policy. Called for every connection, with at least one worker.
 * @returns the `worker` of one of them
 */
export type PlacementFunction = (caller: Caller, workers: readonly WorkerLoad[]) => number;

/**
 * - `least-connections`: the worker with the fewest, unconfirmed ones included; among equals they take turns.
 * - `round-robin`: each in turn.
 * - `peer-hash`: one peer address always meets the same worker. A worker that comes or goes moves only the peers that are,
 *   or were, its own.
 */
export type ConnectionPlacement = 'least-connections' | 'round-robin' | 'peer-hash' | PlacementFunction;

/** Picks one worker of at least one. */
export type Placer = (caller: Caller, workers: readonly WorkerLoad[]) => number;

function leastConnections(): Placer {
  let turn = 0;
  return (_, workers) => {
    turn += 1;
    let chosen = workers[turn % workers.length] as WorkerLoad;
    for (let i = 1; i < workers.length; i++) {
      const other = workers[(turn + i) % workers.length] as WorkerLoad;
      if (other.unconfirmed + other.open < chosen.unconfirmed + chosen.open) chosen = other;
    }
    return chosen.worker;
  };
}

function roundRobin(): Placer {
  let turn = 0;
  return (_, workers) => (workers[turn++ % workers.length] as WorkerLoad).worker;
}

const FNV_OFFSET = 0x81_1c_9d_c5;
const FNV_PRIME = 0x01_00_01_93;

/** FNV-1a, with a last mix that spreads the numbers of workers, which differ in few bits, over the whole word. */
function hash(text: string, seed: number): number {
  let sum = FNV_OFFSET;
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), FNV_PRIME);
  sum = Math.imul(sum ^ seed, FNV_PRIME);
  sum = Math.imul(sum ^ (sum >>> 16), 0x85_eb_ca_6b);
  sum = Math.imul(sum ^ (sum >>> 13), 0xc2_b2_ae_35);
  return (sum ^ (sum >>> 16)) >>> 0;
}

/** Rendezvous hashing: each worker bids for the peer, and the highest bid wins. */
function peerHash(): Placer {
  return ({ remote }, workers) => {
    // The same host, whether it came by IPv4 to this socket or to a dual-stack one.
    const address = remote.address.replace(/^::ffff:(?=\d+\.)/i, '');
    let chosen = workers[0] as WorkerLoad;
    let highest = -1;
    for (const candidate of workers) {
      const bid = hash(address, candidate.worker);
      if (bid <= highest) continue;
      highest = bid;
      chosen = candidate;
    }
    return chosen.worker;
  };
}

/** A policy of the application's, held to its contract. */
function checked(choose: PlacementFunction): Placer {
  return (caller, workers) => {
    const worker: unknown = choose(caller, workers);
    if (workers.some((load) => load.worker === worker)) return worker as number;
    const known = workers.map((load) => load.worker).join(', ');
    throw new InvalidOptionError(`placement returned ${showValue(worker)}, which is none of the workers ${known}`);
  };
}

const named: Readonly<Record<Exclude<ConnectionPlacement, PlacementFunction>, () => Placer>> = {
  'least-connections': leastConnections,
  'round-robin': roundRobin,
  'peer-hash': peerHash,
};

/**
 * A new placer by that policy, with a turn of its own. What a policy of the application's throws it throws too.
 * @throws ERR_INVALID_ARG_TYPE; InvalidOptionError for a name that is none
 */
export function placerOf(placement: ConnectionPlacement = 'least-connections'): Placer {
  if (typeof placement === 'function') return checked(placement);
  if (typeof placement !== 'string') throw invalidArgType('options.placement', 'of type string or function', placement);
  if (Object.hasOwn(named, placement)) return named[placement]();
  const names = Object.keys(named).join(', ');
  throw new InvalidOptionError(`placement ${showValue(placement)} is none of ${names}, nor a function`);
}
