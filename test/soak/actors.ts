/** `npm run soak`: days in the life of a runtime, one after the other; nothing may stay behind. */
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { type ActorRef, createRuntime, type Runtime } from 'sanswitch';
import type Gauge from '../fixtures/actors/gauge.js';
import { Random } from '../simulation/random.js';
import { type Holdings, holdingsOf, leaks, levelText } from './holdings.js';
import { dieOnce, liveADay } from './life.js';
import { Traffic } from './sockets.js';
import { until } from './until.js';

const HELP = `Usage: npm run soak -- [actors] [--minutes N] [--seed N]

A runtime with two workers lives for many short days: actors are spawned, talk, fail and end, connections come by TCP/IP
and shared memory and go in every way, and a worker dies now and then. After each day its descriptors, threads, actors
and connections must be what they were, and memory must not grow.

Options:
  --minutes N  how long (default 10; 0.05 to 10080)
  --seed N     of what happens in which order (default: any; printed)
  --help       this text

There is another soak: npm run soak -- hand-off --help
`;
const GAUGE = new URL('../fixtures/actors/gauge.js', import.meta.url);
const WORKERS = 2;
/** Dies now and then; the other worker lives as long as the runtime. */
const MORTAL = 1;
const DAYS_PER_DEATH = 7;
/** Within a minute: more than there are. */
const DEATHS_MAX = 1_000;
/** Until then code is compiled and heaps find their size: a tenth of the time, but so many days at least. */
const WARM_UP = { share: 0.1, days: 8 };
const TELL_MS = 5_000;

function readOptions(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string', default: '10' },
        seed: { type: 'string', default: String(1 + Math.floor(Math.random() * (2 ** 31 - 1))) },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const minutes = Number(values.minutes);
    const seed = Number(values.seed);
    if (!(minutes >= 0.05 && minutes <= 10_080))
      throw new Error(`--minutes wants 0.05 to 10080, not '${values.minutes}'`);
    if (!Number.isInteger(seed) || seed < 1 || seed >= 2 ** 31) {
      throw new Error(`--seed wants an integer from 1 to 2^31, not '${values.seed}'`);
    }
    return { help: values.help, minutes, seed };
  } catch (error) {
    process.stderr.write(`soak: ${(error as Error).message} (--help shows what there is)\n`);
    process.exit(2);
  }
}

/** The runtime, with an actor on each worker that says what its heap holds. */
class Soak {
  readonly looks: Holdings[] = [];
  private readonly runtime: Runtime;
  private readonly random: Random;
  private readonly traffic: Traffic;
  private day = 0;

  constructor(runtime: Runtime, traffic: Traffic, seed: number) {
    this.runtime = runtime;
    this.traffic = traffic;
    this.random = new Random(seed);
  }

  async run(duration_ms: number): Promise<void> {
    const start_ms = performance.now();
    const isOver = () => performance.now() - start_ms >= duration_ms;
    const isWarm = () => this.day >= WARM_UP.days && performance.now() - start_ms >= duration_ms * WARM_UP.share;
    for (let worker = 0; worker < WORKERS; worker++) {
      const options = { worker, name: gaugeName(worker), supervision: { maxRestarts: DEATHS_MAX } };
      await this.runtime.spawn<typeof Gauge>(GAUGE, undefined, options);
    }
    while (!isWarm()) await this.live();
    this.looks.push(await this.look());
    let told_ms = 0;
    while (!isOver()) {
      await this.live();
      this.looks.push(await this.look());
      if (performance.now() - told_ms < TELL_MS) continue;
      told_ms = performance.now();
      this.tell((told_ms - start_ms) / 1000);
    }
    this.tell((performance.now() - start_ms) / 1000);
  }

  private async live(): Promise<void> {
    this.day++;
    await liveADay(this.runtime, this.day, this.random);
    await this.traffic.liveADay(this.random);
    if (this.day % DAYS_PER_DEATH !== 0) return;
    await this.traffic.outlive(() => dieOnce(this.runtime, MORTAL, this.random), this.random);
  }

  private async look(): Promise<Holdings> {
    const gauges = new Map<string, ActorRef<ActorRef<number>>>();
    for (let worker = 0; worker < WORKERS; worker++) {
      // Its heap is a young one after each death.
      if (worker === MORTAL) continue;
      const find = () => this.runtime.lookup<ActorRef<number>>(gaugeName(worker));
      await until(`${gaugeName(worker)} is back with its worker`, () => find() !== undefined);
      gauges.set(`worker-${worker}`, find() as ActorRef<ActorRef<number>>);
    }
    return holdingsOf(this.runtime, gauges, () => this.traffic.counts(), this.looks[0]?.counts);
  }

  private tell(seconds: number): void {
    const { counts, levels } = this.looks.at(-1) as Holdings;
    const held = Object.entries(levels).map(([name, level]) => `${name} ${levelText(name, level)}`);
    process.stdout.write(
      `${seconds.toFixed(0).padStart(5)} s  day ${this.day}: ${held.join(', ')}, ${counts.threads} threads\n`,
    );
  }
}

function gaugeName(worker: number): string {
  return `gauge ${worker}`;
}

/** Runs it as these arguments say. The process ends with 1 if something went wrong or stayed behind, with 2 for bad arguments. */
export async function actors(args: readonly string[]): Promise<void> {
  const { help, minutes, seed } = readOptions(args);
  if (help) {
    process.stdout.write(HELP);
    return;
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  }
  process.stdout.write(`soak: seed ${seed}\n`);
  const runtime = await createRuntime({ workers: WORKERS, workerRestarts: { max: DEATHS_MAX } });
  const traffic = await Traffic.open(runtime);
  const soak = new Soak(runtime, traffic, seed);
  try {
    await soak.run(minutes * 60_000);
    const found = leaks(soak.looks);
    if (found.length > 0) throw new Error(`it grows: ${found.join(', ')}`);
    process.stdout.write('soak: nothing is left behind\n');
  } catch (error) {
    process.stdout.write(`soak: ${(error as Error).message}\n`);
    process.exitCode = 1;
  } finally {
    await traffic.close();
    await runtime.close();
  }
}
