/**
 * Moves socket actors from the busiest worker to the idlest, a few at a time. Off unless it is asked for: which actors belong
 * together is the application's knowledge.
 */

import { ActorAddress } from '../address.js';
import type { ActorHost } from '../host.js';
import type { Cluster } from './cluster.js';
import { inTime } from './in-time.js';
import type { Life } from './life.js';
import type { RebalanceConfig } from './options.js';
import type { ActorStats } from './stats.js';

/** Actors that are moved after one look. */
const MOVES_MAX = 8;
/** Moves of one actor: each leaves a forwarder behind for as long as it lives. */
const MOVES_PER_ACTOR_MAX = 32;
/** Actors whose moves are remembered; beyond it the oldest are forgotten. */
const REMEMBERED_MAX = 4_096;
/** Looks in a row that must find the same, so that a moment's load moves nobody. */
const LOOKS = 2;

/** Counters since the runtime began. */
export interface RebalanceStats {
  readonly looks: number;
  /** Actors that were moved, and that could not be. */
  readonly moves: number;
  readonly failures: number;
}

/** One worker in one look. */
interface Load {
  readonly life: Life;
  /** Of its event loop since the last look, 0 to 1. */
  readonly utilization: number;
}

/** How much one actor had to do since the last look. */
export interface ActorLoad {
  readonly address: string;
  /** Bytes that its sockets have sent and received. */
  readonly bytes: number;
}

/**
 * Which actors to move, the busiest first.
 * @param share of all that these have to do, what may move at most: who has more would only carry the load to the other worker
 */
export function choose(actors: readonly ActorLoad[], share: number): string[] {
  const total = actors.reduce((sum, { bytes }) => sum + bytes, 0);
  const chosen: string[] = [];
  let left = total * share;
  for (const { address, bytes } of actors.toSorted((a, b) => b.bytes - a.bytes)) {
    if (chosen.length === MOVES_MAX || bytes === 0) break;
    if (bytes > left) continue;
    left -= bytes;
    chosen.push(address);
  }
  return chosen;
}

/** See the top of this file. */
export class Rebalancer {
  private readonly config: RebalanceConfig;
  private readonly cluster: Cluster;
  private readonly host: ActorHost;
  private readonly timer: NodeJS.Timeout;
  private readonly counted = { looks: 0, moves: 0, failures: 0 };
  private isLooking = false;
  private isStopped = false;
  /** Event loops at the last look. */
  private last = new Map<Life, { readonly active: number; readonly idle: number }>();
  /** Looks in a row that have found too much of a difference. */
  private streak = 0;
  /** How often actors have been moved, by their present address; without end: one that could not be. */
  private readonly moved = new Map<string, number>();
  /** Bytes of the busiest worker's actors at the last look, by address. */
  private bytes = new Map<string, number>();

  /** Begins to look. Does not keep the process alive. */
  constructor(config: RebalanceConfig, cluster: Cluster, host: ActorHost) {
    this.config = config;
    this.cluster = cluster;
    this.host = host;
    this.timer = setInterval(() => void this.look(), config.everyMs).unref();
  }

  get stats(): RebalanceStats {
    return { ...this.counted };
  }

  /** Moves nobody any more. */
  stop(): void {
    this.isStopped = true;
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    if (this.isLooking) return;
    this.isLooking = true;
    try {
      this.counted.looks++;
      await this.compare(this.loads());
    } finally {
      this.isLooking = false;
    }
  }

  /** How busy the workers were since the last look; those that were not up then are left out. */
  private loads(): Load[] {
    const { last } = this;
    this.last = new Map();
    return this.cluster.up.flatMap((worker) => {
      const life = this.cluster.life(worker);
      const now = life.eventLoopUtilization();
      if (now === null) return [];
      this.last.set(life, now);
      const before = last.get(life);
      if (before === undefined) return [];
      const active = now.active - before.active;
      const passed = active + now.idle - before.idle;
      return passed <= 0 ? [] : [{ life, utilization: active / passed }];
    });
  }

  private async compare(loads: readonly Load[]): Promise<void> {
    const [busiest, ...others] = loads.toSorted((a, b) => b.utilization - a.utilization);
    const idlest = others.at(-1);
    const gap = busiest === undefined || idlest === undefined ? 0 : busiest.utilization - idlest.utilization;
    if (busiest === undefined || idlest === undefined || gap <= this.config.ratio) {
      this.streak = 0;
      this.bytes.clear();
      return;
    }
    const actors = await this.actorsOf(busiest.life);
    if (++this.streak < LOOKS) return;
    this.streak = 0;
    for (const address of choose(actors, gap / 2 / busiest.utilization)) this.move(address, idlest.life.host);
  }

  /** The socket actors of a worker that can move, and what they had to do since the last look. */
  private async actorsOf(life: Life): Promise<ActorLoad[]> {
    const deadline_ms = performance.now() + this.config.everyMs;
    const answer = await inTime(life.call('stats', { perActor: true }), deadline_ms, null).catch(() => null);
    const before = this.bytes;
    this.bytes = new Map();
    return (answer?.perActor ?? []).flatMap((actor) => {
      if (!actor.movable || actor.sockets.length === 0) return [];
      if ((this.moved.get(actor.address) ?? 0) >= MOVES_PER_ACTOR_MAX) return [];
      const bytes = bytesOf(actor);
      this.bytes.set(actor.address, bytes);
      return [{ address: actor.address, bytes: bytes - (before.get(actor.address) ?? bytes) }];
    });
  }

  private move(address: string, to: number): void {
    if (this.isStopped) return;
    // One that can't move is not asked again: it would be disturbed for nothing each time.
    this.host.migrate(ActorAddress.parse(address), to, (home) => {
      this.counted[home === null ? 'failures' : 'moves']++;
      const moves = (this.moved.get(address) ?? 0) + 1;
      this.moved.delete(address);
      this.remember((home ?? address).toString(), home === null ? Number.POSITIVE_INFINITY : moves);
    });
  }

  private remember(address: string, moves: number): void {
    this.moved.set(address, moves);
    const [oldest] = this.moved.keys();
    if (oldest !== undefined && this.moved.size > REMEMBERED_MAX) this.moved.delete(oldest);
  }
}

function bytesOf({ sockets }: ActorStats): number {
  return sockets.reduce((sum, { bytesSent, bytesReceived }) => sum + bytesSent + bytesReceived, 0);
}
