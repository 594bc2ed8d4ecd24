/** The wire between `LoopProvider`s: who listens where, whose memory is open to whom, when work happens, what went wrong. */
import type { SocketAddress } from '../../spi/types.js';
import type { Registration } from './memory.js';
import type { MovingConnection } from './move.js';
import type { LoopHost, LoopSocket } from './socket.js';

/** Runs `work` later, never at once. The order among scheduled pieces of work is the scheduler's choice. */
export type Schedule = (work: () => void) => void;

const FAULTS_KEPT = 100;

/** Joins the `LoopProvider`s that were given it. Everything on it is deterministic as long as its scheduler is. */
export class LoopFabric {
  readonly schedule: Schedule;
  /** Breaches of the SPI that the providers of this fabric noticed: a correct switch never causes one. First 100 only. */
  readonly faults: string[] = [];
  faultCount = 0;
  /** Memory open to a peer, by the key in its descriptor (rule 6.1). */
  readonly remoteMemory = new Map<number, Registration>();
  /** Who takes connections over (rule 8.1), by the number in its key. */
  readonly owners = new Map<number, LoopHost>();
  /** Connections between two owners, by the number in their context. */
  readonly moving = new Map<number, MovingConnection>();
  readonly #listeners = new Map<string, LoopSocket>();
  #nextNumber = 1;

  constructor(schedule: Schedule = (work) => void setImmediate(work)) {
    this.schedule = schedule;
  }

  fault(description: string): void {
    this.faultCount += 1;
    if (this.faults.length < FAULTS_KEPT) this.faults.push(description);
  }

  /** A number that no other connection or registration of this fabric has. */
  nextNumber(): number {
    return this.#nextNumber++;
  }

  /** False: somebody listens there already. */
  listen(socket: LoopSocket, address: SocketAddress): boolean {
    const key = keyOf(address.family, address.address, address.port);
    if (this.#listeners.has(key)) return false;
    this.#listeners.set(key, socket);
    return true;
  }

  unlisten(address: SocketAddress): void {
    this.#listeners.delete(keyOf(address.family, address.address, address.port));
  }

  /** Who answers there: the exact address first, then the wildcard, then, for IPv4, the dual-stack wildcard. */
  listenerFor({ family, address, port }: SocketAddress): LoopSocket | undefined {
    const wildcard = family === 4 ? '0.0.0.0' : '::';
    const own = this.#listeners.get(keyOf(family, address, port)) ?? this.#listeners.get(keyOf(family, wildcard, port));
    if (own !== undefined || family === 6) return own;
    const dual = this.#listeners.get(keyOf(6, '::', port));
    return dual?.ipv6Only === false ? dual : undefined;
  }
}

function keyOf(family: 4 | 6, address: string, port: number): string {
  return `${family}|${address}|${port}`;
}

let shared: LoopFabric | null = null;

/** The fabric of this thread, for providers that were given none. */
export function sharedFabric(): LoopFabric {
  shared ??= new LoopFabric();
  return shared;
}
