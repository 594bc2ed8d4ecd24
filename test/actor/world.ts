/**
 * Actor hosts in virtual time. Turns, timers and mail between hosts happen in an order that the seed alone decides, and a
 * second costs nothing; so a run is a seed, and a seed that fails can be run again.
 */
import type { ActorAddress } from '#src/actor/address.js';
import type { ActorClock } from '#src/actor/clock.js';
import { DepthTable } from '#src/actor/depth-table.js';
import { ActorHost, type HostOptions } from '#src/actor/host.js';
import type { SocketRoad } from '#src/actor/migration/road.js';
import { answerForNobody, type RemoteMail, type Signal } from '#src/actor/remote.js';
import { Gate } from '#src/actor/runtime/gate.js';
import { actorFailures } from '#src/actor/topics.js';
import type { ActorDefinition, TellResult } from '#src/actor/types.js';
import { NoBehaviourError } from '#src/errors.js';
import * as layout from '#src/layout/layout.gen.js';
import { Random } from '../simulation/random.js';
import { TimerHeap } from './timer-heap.js';

/** A depth table large enough for any test, and small enough for thousands of worlds. */
const TABLE_BYTES = 4_096 * layout.ACTOR_SLOT_BYTES;
/** Looking at the clock takes a microsecond, so that no run of a dispatcher is endless. */
const LOOK_US = 1;
/** Bits of a host's number that say which worker it is; the rest is its incarnation. */
const INDEX_MASK = 0xff;
const LOADING_US = 300;
const MOVE_TIMEOUT_MS = 1_000;
const STEPS_MAX = 200_000_000;

/** Actors of these worlds have none. */
const NO_SOCKETS = {} as SocketRoad;

interface Task {
  readonly host: number;
  readonly run: () => void;
}

type Letter = (to: ActorHost) => void;

/** A promise that settles when it is told to, not in a microtask: so that the world's order stays the seed's. */
export class Deferred {
  private settled: { ok: boolean; error?: unknown } | null = null;
  private callbacks: ((ok: boolean, error?: unknown) => void)[] = [];

  /** As a handler returns it. */
  get promise(): Promise<void> {
    return this as unknown as Promise<void>;
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaited is its purpose
  then(done: () => void, failed?: (error: unknown) => void): void {
    const call = (ok: boolean, error?: unknown) => (ok ? done() : failed?.(error));
    if (this.settled) call(this.settled.ok, this.settled.error);
    else this.callbacks.push(call);
  }

  resolve(): void {
    this.settle(true);
  }

  reject(error: unknown): void {
    this.settle(false, error);
  }

  private settle(ok: boolean, error?: unknown): void {
    this.settled = { ok, error };
    for (const call of this.callbacks.splice(0)) call(ok, error);
  }
}

/** Hosts that share a virtual clock and an unhurried post. */
export class ActorWorld {
  nowUs = 0;
  steps = 0;
  /** Of actors of all hosts. */
  failures = 0;
  /** Signals to hosts that are gone. */
  signalsToNobody = 0;
  readonly random: Random;
  readonly hosts = new Map<number, ActorHost>();
  /** Actor modules by URL; they take a while to load. */
  readonly modules = new Map<string, ActorDefinition<unknown, unknown>>();
  private readonly gates = new Map<number, Gate>();
  /** By sender, then receiver: mail that is on its way. It may be slow, but stays in order. */
  private readonly mail = new Map<string, Letter[]>();
  private readonly dead = new Set<number>();
  private readonly tasks: Task[] = [];
  private readonly timers = new TimerHeap();

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  /** A host of this world; its clock and random numbers are the world's. */
  host(id = 0, options: Partial<HostOptions> = {}): ActorHost {
    const depths = new DepthTable(new SharedArrayBuffer(TABLE_BYTES));
    const random = () => this.random.next() / 2 ** 32;
    const host = new ActorHost({ id, clock: this.clock(id), depths, random, ...options });
    host.outside = this.post(id);
    this.openRoad(host);
    // Those that nobody listens to would be warnings of the process.
    host.events.listen(actorFailures, () => this.failures++);
    this.hosts.set(id, host);
    return host;
  }

  /** A host's thread dies at once: nothing of it runs any more, the others learn of it some time later. */
  kill(id: number): void {
    this.hosts.delete(id);
    this.dead.add(id);
    for (let i = this.tasks.length - 1; i >= 0; i--) if (this.tasks[i]?.host === id) this.tasks.splice(i, 1);
    this.timers.removeOwner(id);
    for (const host of this.hosts.values()) {
      this.mail.delete(`${host.id}>${id}`);
      // What it had sent is still there, and is read before the end is noticed.
      this.send(id, host.id, (receiver) => {
        receiver.hostDied(id);
        this.gates.get(receiver.id)?.left(id);
      });
    }
  }

  /** Time goes by, say in a handler that has much to do. */
  spend(us: number): void {
    this.nowUs += us;
  }

  /** Runs until nothing is left to do, or for so many milliseconds of virtual time. */
  run(ms = Number.POSITIVE_INFINITY): void {
    const endUs = this.nowUs + ms * 1_000;
    while (this.step(endUs)) {
      if (++this.steps > STEPS_MAX) throw new Error(`no end after ${STEPS_MAX} steps`);
    }
    if (ms !== Number.POSITIVE_INFINITY) this.nowUs = Math.max(this.nowUs, endUs);
  }

  /** Runs until something is so, or nothing is left to do. */
  runUntil(isSo: () => boolean): void {
    while (!isSo() && this.step(Number.POSITIVE_INFINITY)) this.steps++;
  }

  /** Does the next thing, or nothing if there is none. */
  runOnce(): void {
    this.step(Number.POSITIVE_INFINITY);
  }

  /** Letters on their way to a host. */
  mailTo(id: number): number {
    let count = 0;
    for (const from of this.hosts.keys()) count += this.mail.get(`${from}>${id}`)?.length ?? 0;
    return count;
  }

  /** Timers that nobody has cleared and that have not fired. */
  get pendingTimers(): number {
    return this.timers.size;
  }

  private step(endUs: number): boolean {
    const dueUs = this.timers.firstUs;
    const isDue = dueUs <= this.nowUs;
    if (this.tasks.length > 0 && !(isDue && this.random.chance(50))) {
      const index = this.random.below(this.tasks.length);
      const [task] = this.tasks.splice(index, 1);
      task?.run();
      return true;
    }
    if (dueUs > endUs || dueUs === Number.POSITIVE_INFINITY) return false;
    this.nowUs = Math.max(this.nowUs, dueUs);
    this.timers.takeFirst()();
    return true;
  }

  /** Calls `run` after a while, on no host's account. */
  after(ms: number, run: () => void): void {
    this.timers.add(this.nowUs + ms * 1_000, -1, run);
  }

  private openRoad(host: ActorHost): void {
    const { id } = host;
    const gate = new Gate(id, (to, subject, body) => {
      if (!this.hosts.has(to)) return false;
      this.send(id, to, () => this.gates.get(to)?.received(id, subject, body));
      return true;
    });
    gate.handle('moved', () => {});
    this.gates.set(id, gate);
    const clock = this.clock(id);
    host.join({
      gate,
      sockets: NO_SOCKETS,
      hostOf: (worker) => [...this.hosts.keys()].find((one) => (one & INDEX_MASK) === worker + 1) ?? null,
      load: (url, done, failed) =>
        void clock.setTimer(this.random.below(LOADING_US) / 1_000, () => {
          const definition = this.modules.get(url);
          if (definition === undefined) failed(new NoBehaviourError(`there is no ${url}`));
          else done(definition);
        }),
      timeoutMs: MOVE_TIMEOUT_MS,
    });
  }

  private clock(host: number): ActorClock {
    // What of the outside world still reaches a dead host moves nothing there.
    const isDead = () => this.dead.has(host);
    return {
      nowUs: () => (this.nowUs += LOOK_US),
      later: (run) => void (isDead() || this.tasks.push({ host, run })),
      setTimer: (ms, run) => (isDead() ? 0 : this.timers.add(this.nowUs + ms * 1_000, host, run)),
      clearTimer: (id) => this.timers.remove(id),
    };
  }

  private send(from: number, to: number, letter: Letter): void {
    const way = `${from}>${to}`;
    let letters = this.mail.get(way);
    if (letters === undefined) {
      letters = [];
      this.mail.set(way, letters);
    }
    letters.push(letter);
    const deliver = () => {
      const host = this.hosts.get(to);
      const first = this.mail.get(way)?.shift();
      if (host !== undefined) first?.(host);
    };
    this.tasks.push({ host: to, run: deliver });
  }

  private post(from: number): RemoteMail {
    const tell = (address: ActorAddress, message: unknown, sender: ActorAddress | null): TellResult => {
      const { host, slot, generation } = address;
      const result = this.hosts.get(host)?.depths.reserve(slot, generation) ?? 'refused';
      if (result !== 'refused') this.send(from, host, (to) => to.deliver(slot, generation, message, sender));
      return result;
    };
    const signal = (address: ActorAddress, one: Signal) => {
      const { host, slot, generation } = address;
      if (this.hosts.has(host)) return this.send(from, host, (to) => to.signalled(slot, generation, one));
      this.signalsToNobody++;
      answerForNobody(address, one, this.dead.has(host) ? 'worker-died' : 'unknown', (to, answer) =>
        this.hosts.get(from)?.signalled(to.slot, to.generation, answer),
      );
    };
    return {
      tell,
      refusal: ({ host, slot, generation }) =>
        this.hosts.get(host)?.depths.refusal(slot, generation) ?? (this.dead.has(host) ? 'no-actor' : 'unreachable'),
      signal,
      depth: ({ host, slot }) => this.hosts.get(host)?.depths.depth(slot) ?? Number.POSITIVE_INFINITY,
    };
  }
}

/** Runs a scenario in a world of each seed; a failure names its seed. */
export function forSeeds(count: number, scenario: (world: ActorWorld) => void): void {
  for (let seed = 1; seed <= count; seed++) {
    try {
      scenario(new ActorWorld(seed));
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
}
