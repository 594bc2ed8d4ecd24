/**
 * Virtual time. While a world runs, `process.nextTick`, the ends of turns and the timers of this thread are the world's
 * own: everything happens synchronously, in an order that the seed alone decides, and a second costs nothing.
 */
import { turnClock } from '#src/reactor/turn.js';
import type { Random } from './random.js';

/** In which order work that is ready is taken. Extremes find what a fair shuffle seldom does. */
export const ORDERS = ['random', 'random', 'random', 'oldest', 'newest', 'bursts'] as const;
export type Order = (typeof ORDERS)[number];

interface Timer {
  readonly atMs: number;
  readonly number: number;
  readonly work: () => void;
}

/** The run took more steps than any honest one: something goes round in circles. */
export class Endless extends Error {}

export class World {
  nowMs = 0;
  steps = 0;
  readonly #random: Random;
  readonly #order: Order;
  readonly #stepsMax: number;
  readonly #tasks: (() => void)[] = [];
  readonly #ticks: (() => void)[] = [];
  readonly #timers = new Map<number, Timer>();
  readonly #intervals = new Set<number>();
  #nextNumber = 1;
  #burst = 0;

  constructor(random: Random, order: Order, stepsMax: number) {
    this.#random = random;
    this.#order = order;
    this.#stepsMax = stepsMax;
  }

  /** The scheduler of everything that shall be shuffled. */
  readonly schedule = (work: () => void): void => {
    this.#tasks.push(work);
  };

  /** Timers that nobody has cleared and that have not fired. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  get pendingIntervals(): number {
    return this.#intervals.size;
  }

  /** Runs `begin` and all that follows from it, timers included unless `done` says so, until nothing is left to do. */
  run(begin: () => void, done: () => boolean): void {
    const restore = this.#takeOver();
    try {
      begin();
      this.#drainTicks();
      for (;;) {
        const task = this.#tasks.length > 0 ? this.#takeTask() : done() ? undefined : this.#takeTimer();
        if (task === undefined) return;
        this.steps += 1;
        if (this.steps > this.#stepsMax) throw new Endless(`no end after ${this.#stepsMax} steps`);
        task();
        this.#drainTicks();
      }
    } finally {
      this.#ticks.length = 0;
      restore();
    }
  }

  #drainTicks(): void {
    for (let i = 0; i < this.#ticks.length; i++) (this.#ticks[i] as () => void)();
    this.#ticks.length = 0;
  }

  #takeTask(): () => void {
    const tasks = this.#tasks;
    let index = 0;
    if (this.#order === 'newest') index = this.#random.chance(80) ? tasks.length - 1 : this.#random.below(tasks.length);
    else if (this.#order === 'random') index = this.#random.below(tasks.length);
    else if (this.#order === 'bursts') {
      if (this.#burst === 0) this.#burst = this.#random.between(-8, 8);
      index = this.#burst < 0 ? tasks.length - 1 : 0;
      this.#burst -= Math.sign(this.#burst);
    }
    return tasks.splice(index, 1)[0] as () => void;
  }

  #takeTimer(): (() => void) | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers.values()) {
      if (first === undefined || timer.atMs < first.atMs) first = timer;
    }
    if (first === undefined) return undefined;
    this.#timers.delete(first.number);
    this.nowMs = first.atMs;
    return first.work;
  }

  #takeOver(): () => void {
    const { nextTick } = process;
    const { atEnd } = turnClock;
    const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
    const world = globalThis as unknown as Record<string, unknown>;
    process.nextTick = ((work: (...args: unknown[]) => void, ...args: unknown[]) => {
      this.#ticks.push(() => work(...args));
    }) as typeof process.nextTick;
    turnClock.atEnd = (end) => void this.#ticks.push(end);
    world.setTimeout = (work: () => void, ms: number) => {
      const number = this.#nextNumber++;
      this.#timers.set(number, { atMs: this.nowMs + ms, number, work });
      return number;
    };
    world.clearTimeout = (number: number) => void this.#timers.delete(number);
    world.setInterval = () => {
      this.#intervals.add(this.#nextNumber);
      return this.#nextNumber++;
    };
    world.clearInterval = (number: number) => void this.#intervals.delete(number);
    return () => {
      process.nextTick = nextTick;
      turnClock.atEnd = atEnd;
      Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval });
    };
  }
}
