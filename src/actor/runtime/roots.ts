/** The actors that were spawned from outside on a worker: what is needed to start them again when their worker has died. */
import type { ActorAddress } from '../address.js';
import type { StopReason } from '../types.js';
import type { SpawnRequest } from './control.js';
import { workerOf } from './host-number.js';
import { Intensity } from './intensity.js';

const USUAL_RESTARTS = 10;
const USUAL_WITHIN_MS = 10_000;

/** One of them. */
export interface Root {
  /** Where it lives, and is started again. */
  worker: number;
  readonly request: SpawnRequest;
  /** How often its worker's death may start it again; null: it was spawned without supervision, and dies with its worker. */
  readonly intensity: Intensity | null;
  /** Where it lives, or last lived. */
  address: ActorAddress;
}

/** See the top of this file. */
export class Roots {
  private readonly byWorker: readonly Set<Root>[];

  constructor(workers: number) {
    this.byWorker = Array.from({ length: workers }, () => new Set<Root>());
  }

  /** Notes an actor that was spawned. */
  add(worker: number, request: SpawnRequest, address: ActorAddress): Root {
    const { supervision } = request;
    const { maxRestarts = USUAL_RESTARTS, withinMs = USUAL_WITHIN_MS } = supervision ?? {};
    const intensity = supervision === undefined ? null : new Intensity(maxRestarts, withinMs);
    const root: Root = { worker, request, intensity, address };
    this.of(worker).add(root);
    return root;
  }

  /** The one that lives at an address. Looks at all of that worker. */
  find(address: ActorAddress): Root | undefined {
    for (const root of this.of(workerOf(address.host))) if (root.address.equals(address)) return root;
    return undefined;
  }

  /** One lives elsewhere now. */
  move(root: Root, worker: number, address: ActorAddress): void {
    this.forget(root);
    root.worker = worker;
    root.address = address;
    this.of(worker).add(root);
  }

  /** One has ended, at that address. It stays known if only its worker died and it may start again. */
  ended(root: Root, address: ActorAddress, reason: StopReason): void {
    if (!root.address.equals(address)) return;
    if (reason === 'worker-died' && root.intensity !== null) return;
    this.forget(root);
  }

  /** It does not come back. */
  forget(root: Root): void {
    this.of(root.worker).delete(root);
  }

  /** None of a worker comes back. */
  forgetAll(worker: number): void {
    this.of(worker).clear();
  }

  /** Those that are to start again on a worker that has come back. What may not is forgotten. @param now_ms never goes back */
  toRestart(worker: number, now_ms: number): Root[] {
    return [...this.of(worker)].filter((root) => this.mayRestart(root, now_ms));
  }

  /** Whether one is to start again, now that its worker is back. Otherwise it is forgotten. */
  mayRestart(root: Root, now_ms: number): boolean {
    if (root.intensity?.allows(now_ms) === true) return true;
    this.forget(root);
    return false;
  }

  /** Live ones, or such that will be again. */
  count(worker: number): number {
    return this.of(worker).size;
  }

  private of(worker: number): Set<Root> {
    return this.byWorker[worker] as Set<Root>;
  }
}
