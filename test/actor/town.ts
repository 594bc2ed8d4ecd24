/**
 * A town of actors on three hosts, for hours of virtual time: they talk, fail, dawdle, set messages aside, have children
 * and end, and now and then a host dies and comes back. Every message is accounted for, and every end is reported once.
 */
import type { ActorAddress } from '#src/actor/address.js';
import { defineActor } from '#src/actor/define.js';
import type { ActorHost } from '#src/actor/host.js';
import { actorEnds, deadLetters } from '#src/actor/topics.js';
import type { ActorContext, ActorRef, Behaviour, MailboxOptions, SupervisionOptions } from '#src/actor/types.js';
import { ActorWorld, Deferred } from './world.js';

/** What a town is like. */
export interface TownOptions {
  readonly hours: number;
  /** How many messages are told, roughly. */
  readonly messages: number;
}

/** What came of a seed. */
export interface TownOutcome {
  readonly problems: readonly string[];
  readonly told: number;
  readonly handled: number;
  readonly dead: number;
  /** Messages that died with their host. */
  readonly lost: number;
  readonly actors: number;
  readonly restarts: number;
  readonly failures: number;
  readonly hostsDied: number;
  /** Differs if anything happened in another order. */
  readonly trace: number;
}

interface Letter {
  readonly to: ActorAddress;
  /** Identifies one life of the teller. */
  readonly teller: number;
  readonly number: number;
  /** How often it was handled or given up: once, in the end. */
  fate: number;
  /** It was set aside, and may have been overtaken. */
  wasStashed: boolean;
}

type Message = Letter | 'tick' | 'open';

const HOSTS = [0, 1, 2];
/** A host that comes back is another one: its thread's index stays, its incarnation grows. */
const INCARNATION = 256;
const CITIZENS_PER_HOST = 20;
const POPULATION_MAX = 150;
const TICK_MS = 30_000;
const GARDEN_MS = 60_000;
const HOST_LIFE_MS = 5 * 3_600_000;
const PROBLEMS_MAX = 20;

class Town {
  readonly world: ActorWorld;
  readonly problems: string[] = [];
  told = 0;
  handled = 0;
  dead = 0;
  lost = 0;
  hostsDied = 0;
  trace = 0;
  private readonly random;
  private readonly burst: number;
  /** Where the citizens live; those that have ended stay for a while, for mail to the dead. */
  private readonly directory: ActorAddress[] = [];
  private readonly population = new Map<number, number>();
  /** By host: letters that were told to its actors and have met no fate yet. */
  private readonly open = new Map<number, number>();
  private readonly expectedEnds = new Set<string>();
  private lives = 0;
  private restarts = 0;
  private actors = 0;
  private observer: ActorRef<ActorAddress> | null = null;

  constructor(seed: number, { hours, messages }: TownOptions) {
    this.world = new ActorWorld(seed);
    this.random = this.world.random;
    const ticks = (hours * 3_600_000 * CITIZENS_PER_HOST * HOSTS.length) / TICK_MS;
    this.burst = Math.max(1, Math.round(messages / ticks));
  }

  /** Opens a host, with those who keep it populated. */
  openHost(id: number): void {
    const host = this.world.host(id, { stopTimeoutMs: 2_000, turnMessages: this.random.between(1, 64) });
    this.open.set(id, 0);
    this.population.set(id, 0);
    if (this.observer === null) this.openObserver(host);
    host.events.listen(deadLetters, ({ message }) => this.meetFate(message, 'dead'));
    host.events.listen(actorEnds, ({ name, address }) => {
      if (name === null) this.population.set(id, (this.population.get(id) as number) - 1);
      // A few stay in the directory: there shall be mail to the dead.
      const index = this.random.chance(95) ? this.directory.findIndex((one) => one.equals(address)) : -1;
      if (index >= 0) this.directory.splice(index, 1);
    });
    const gardener = defineActor<'tick'>((_, context) => {
      context.timers.every('garden', GARDEN_MS, 'tick');
      return (_tick, inner) => {
        while ((this.population.get(id) as number) < CITIZENS_PER_HOST) this.settle(inner);
      };
    });
    host.spawn(gardener, undefined, { name: 'gardener', supervision: { maxRestarts: 1_000_000 } }).tell('tick');
  }

  /** Watches every citizen from the first host, which never dies. */
  private openObserver(host: ActorHost): void {
    const observer = defineActor<ActorAddress>(() => ({
      receive: (address, context) => context.watch(address),
      terminated: (address) => {
        if (!this.expectedEnds.delete(`${address}`)) this.problem(`${address} ended, though nobody knew it lived`);
      },
    }));
    this.observer = host.spawn(observer, undefined, { name: 'observer', mailbox: { capacity: 100_000 } });
  }

  /** Waits for a moment when there is mail on its way to a host, and kills it. */
  killHost(id: number): void {
    this.world.runUntil(() => this.world.mailTo(id) >= this.random.below(10));
    this.restarts += this.world.hosts.get(id)?.stats().restarts ?? 0;
    this.actors += this.world.hosts.get(id)?.stats().spawned ?? 0;
    this.world.kill(id);
    this.hostsDied++;
    this.lost += this.open.get(id) ?? 0;
    this.open.delete(id);
    for (let i = this.directory.length; i-- > 0; ) {
      if (this.directory[i]?.host === id && this.random.chance(90)) this.directory.splice(i, 1);
    }
  }

  /** Closes what is left and looks whether anything is missing. */
  close(): TownOutcome {
    for (const host of this.world.hosts.values()) {
      const gardener = host.registry.lookup('gardener');
      if (gardener) host.stop(gardener);
    }
    this.world.run(60_000);
    for (const end of this.expectedEnds) this.problem(`nobody was told that ${end} ended`);
    for (const [id, host] of this.world.hosts) {
      void host.close();
      this.world.run(60_000);
      const { actors } = host.stats();
      if (actors !== 0) this.problem(`${actors} actors are left on host ${id}`);
      if (this.open.get(id) !== 0) this.problem(`${this.open.get(id)} messages to host ${id} met no fate`);
      for (let slot = 0; slot < host.depths.slots; slot++) {
        const depth = host.depths.depth(slot);
        if (depth !== 0) this.problem(`slot ${slot} of host ${id} has depth ${depth}`);
      }
      this.restarts += host.stats().restarts;
      this.actors += host.stats().spawned;
    }
    const accounted = this.handled + this.dead + this.lost;
    if (this.told !== accounted) this.problem(`${this.told} letters were told, ${accounted} are accounted for`);
    if (this.world.pendingTimers > 0) this.problem(`${this.world.pendingTimers} timers are left`);
    const { problems, told, handled, dead, lost, hostsDied, trace, restarts, actors } = this;
    const { failures } = this.world;
    return { problems, told, handled, dead, lost, actors, restarts, failures, hostsDied, trace };
  }

  private problem(text: string): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push(text);
  }

  private meetFate(message: unknown, fate: 'handled' | 'dead'): void {
    if (typeof message !== 'object') return;
    const letter = message as Letter;
    if (letter.fate++ > 0) this.problem(`letter ${letter.number} of ${letter.teller} met its fate twice`);
    this[fate]++;
    // What was told to a host that died is lost already, even if its teller finds out only now.
    if (this.open.has(letter.to.host)) this.open.set(letter.to.host, (this.open.get(letter.to.host) as number) - 1);
    else this.lost--;
  }

  private settle<M>(context: ActorContext<M>): void {
    const { random } = this;
    const mailbox: MailboxOptions = {
      capacity: random.pick([1, 50, 1_000, 10_000, 65_536]),
      policy: random.pick(['refuse', 'drop-oldest', 'drop-newest', 'back-pressure'] as const),
    };
    const supervision: SupervisionOptions = {
      strategy: random.pick(['one-for-one', 'one-for-one', 'one-for-all', 'rest-for-one'] as const),
      decide: () => random.pick(['restart', 'restart', 'restart', 'resume', 'stop', 'escalate'] as const),
      maxRestarts: random.between(1, 5),
      withinMs: random.between(1_000, 1_000_000),
      backOff: { minMs: random.pick([0, 10]), maxMs: 5_000 },
    };
    const ref = context.spawn(this.citizen, undefined, { mailbox, supervision });
    this.expectedEnds.add(`${ref.address}`);
    this.population.set(ref.address.host, (this.population.get(ref.address.host) as number) + 1);
    context.ref<ActorAddress>((this.observer as ActorRef<ActorAddress>).address).tell(ref.address);
    if (this.directory.length < POPULATION_MAX) this.directory.push(ref.address);
    else this.directory[random.below(POPULATION_MAX)] = ref.address;
  }

  private readonly citizen = defineActor<Message>((_, context): Behaviour<Message> => {
    const life = ++this.lives;
    /** The last letter of each life of a teller: what comes must be later. */
    const heard = new Map<number, number>();
    context.timers.once('tick', this.random.below(TICK_MS) + 1, 'tick');
    return {
      receive: (message, inner) => {
        if (message === 'tick') return this.talk(inner, life);
        if (message === 'open') return inner.unstashAll();
        return this.hear(message, inner, heard);
      },
      mailboxDrained: (address, inner) => this.tell(inner, address, life),
      stopping: () => (this.random.chance(1) ? this.dawdle() : undefined),
    };
  });

  private talk(context: ActorContext<Message>, life: number): void {
    context.timers.once('tick', this.random.between(TICK_MS / 2, TICK_MS * 1.5), 'tick');
    const count = this.random.between(1, 2 * this.burst - 1);
    for (let i = 0; i < count && this.directory.length > 0; i++)
      this.tell(context, this.random.pick(this.directory), life);
  }

  private tell(context: ActorContext<Message>, to: ActorAddress, teller: number): void {
    const number = ++this.told;
    if (this.open.has(to.host)) this.open.set(to.host, (this.open.get(to.host) as number) + 1);
    else this.lost++;
    context.ref<Message>(to).tell({ to, teller, number, fate: 0, wasStashed: false });
  }

  private hear(letter: Letter, context: ActorContext<Message>, heard: Map<number, number>): undefined | Promise<void> {
    const { random } = this;
    // One draw decides what is done about a letter, in thousandths.
    const draw = random.below(1_000);
    if (draw < 5) {
      context.timers.once('open', random.between(1, 5_000), 'open');
      letter.wasStashed = true;
      context.stash();
      return undefined;
    }
    this.meetFate(letter, 'handled');
    this.trace = (Math.imul(this.trace ^ letter.number, 0x01000193) + letter.teller) | 0;
    if (!letter.wasStashed) this.checkOrder(letter, heard);
    if (draw < 20) this.world.spend(random.between(10, 500));
    else if (draw < 35) return this.dawdle();
    else if (draw < 37) throw new Error('a citizen fails');
    else if (draw < 38) context.stop();
    else if (draw < 42 && (this.population.get(letter.to.host) as number) < CITIZENS_PER_HOST * 2) this.settle(context);
    return undefined;
  }

  private checkOrder(letter: Letter, heard: Map<number, number>): void {
    const before = heard.get(letter.teller) ?? 0;
    if (letter.number <= before) this.problem(`letter ${letter.number} of ${letter.teller} came after ${before}`);
    if (heard.size > 10 * POPULATION_MAX) heard.clear();
    heard.set(letter.teller, letter.number);
  }

  /** Takes its time; a few never come to an end. */
  private dawdle(): Promise<void> {
    const wait = new Deferred();
    if (this.random.below(1_000) > 0) this.world.after(this.random.between(1, 2_000), () => wait.resolve());
    return wait.promise;
  }
}

/** Runs one seed: hours of a town's life. */
export function simulateTown(seed: number, options: TownOptions): TownOutcome {
  const town = new Town(seed, options);
  const ids = [...HOSTS];
  for (const id of ids) town.openHost(id);
  const endUs = options.hours * 3_600_000_000;
  for (;;) {
    const leftMs = (endUs - town.world.nowUs) / 1_000;
    if (leftMs <= 0) break;
    town.world.run(Math.min(leftMs, town.world.random.between(HOST_LIFE_MS / 2, HOST_LIFE_MS)));
    const index = town.world.random.between(1, ids.length - 1);
    town.killHost(ids[index] as number);
    ids[index] = (ids[index] as number) + INCARNATION;
    town.openHost(ids[index] as number);
  }
  return town.close();
}
