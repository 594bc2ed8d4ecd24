/**
 * `sanswitch/prometheus`: the counters of a runtime and of switches as metrics of `prom-client`, an optional peer
 * dependency. They are read when somebody scrapes; between scrapes this costs nothing.
 */
import { Counter, Gauge, type MetricConfiguration, type Registry, register } from 'prom-client';
import { optionsObject } from '../actor/options.js';
import type { RuntimeStats, StatsOptions } from '../actor/runtime/stats.js';
import { InvalidOptionError, showValue } from '../errors.js';
import type { SwitchStats } from '../stats/counters.js';
import {
  ACTOR_FAMILIES,
  type Family,
  LISTENER_FAMILIES,
  RUNTIME_FAMILIES,
  type Snapshot,
  SWITCH_FAMILIES,
} from './families.js';

/** What `prometheus` takes. At least one of `runtime` and `switches` is wanted. */
export interface PrometheusOptions {
  /** A scrape waits up to a second for a worker that does not answer, and goes without it then. */
  readonly runtime?: { stats(options?: StatsOptions): Promise<RuntimeStats> };
  /**
   * Switches of this thread, by what the label `switch` says. Those of the runtime's threads come with it, by the threads'
   * names. What has the same name is added up.
   */
  readonly switches?: Readonly<Record<string, { stats(): SwitchStats }>>;
  /** Default: prom-client's own, `register`. */
  readonly registry?: Registry;
  /** What all names begin with. Default `sanswitch_`. */
  readonly prefix?: string;
  /** Metrics of every single actor: for few of them only. Default false. */
  readonly perActor?: boolean;
}

/** The metrics in their registry. */
export interface PrometheusMetrics {
  /** Takes them out again. Idempotent. */
  remove(): void;
}

/** The checked options. */
type Watched = Required<Omit<PrometheusOptions, 'runtime'>> & Pick<PrometheusOptions, 'runtime'>;

const OPTION_NAMES = ['runtime', 'switches', 'registry', 'prefix', 'perActor'];
/** As Prometheus has it. */
const PREFIX = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

function assertCounts(name: string, value: unknown): void {
  if (typeof (value as { stats?: unknown } | null | undefined)?.stats === 'function') return;
  throw new InvalidOptionError(`${name} must be something that has stats(), not ${showValue(value)}`);
}

function check(given: PrometheusOptions): Watched {
  optionsObject('the options of prometheus', given, OPTION_NAMES);
  const { runtime, switches = {}, registry = register, prefix = 'sanswitch_', perActor = false } = given;
  if (runtime !== undefined) assertCounts('runtime', runtime);
  const names = Object.keys(optionsObject('switches', switches, Object.keys(switches ?? {})));
  for (const name of names) assertCounts(`switches.${name}`, switches[name]);
  if (runtime === undefined && names.length === 0) throw new InvalidOptionError('a runtime or a switch is wanted');
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    throw new InvalidOptionError(`prefix must be the beginning of a metric's name, not ${showValue(prefix)}`);
  }
  return { runtime, switches, registry, prefix, perActor };
}

/** A source of snapshots. The metrics of one scrape, which are all asked in the same turn, share one. */
function snapshots({ runtime, switches, perActor }: Watched): () => Promise<Snapshot> {
  let pending: Promise<Snapshot> | null = null;
  const take = async (): Promise<Snapshot> => {
    const own = Object.entries(switches).map(([name, sw]) => [name, sw.stats()] as const);
    return { runtime: (await runtime?.stats({ perActor })) ?? null, switches: own };
  };
  return () => {
    pending ??= take().finally(() => {
      pending = null;
    });
    return pending;
  };
}

function registerFamily(family: Family, { registry, prefix }: Watched, snapshot: () => Promise<Snapshot>): string {
  const { kind, help, labels } = family;
  const name = prefix + family.name;
  const config: MetricConfiguration<string> = { name, help, labelNames: labels, registers: [registry] };
  async function collect(this: Counter | Gauge): Promise<void> {
    const samples = family.samples(await snapshot());
    // What is gone (an actor, a worker that does not answer) must not stay as it was.
    this.reset();
    for (const [values, value] of samples)
      this.inc(Object.fromEntries(labels.map((key, i) => [key, values[i]])), value);
  }
  if (kind === 'counter') new Counter({ ...config, collect });
  else new Gauge({ ...config, collect });
  return name;
}

/**
 * Registers metrics of a runtime, of switches, or of both: `prometheus({ runtime, switches: { main: sw } })`.
 * @throws InvalidOptionError; prom-client's error, with nothing registered, if the registry has such a name already
 */
export function prometheus(options: PrometheusOptions): PrometheusMetrics {
  const watched = check(options);
  const { runtime, registry, perActor } = watched;
  const families = [
    ...(runtime === undefined ? [] : [...RUNTIME_FAMILIES, ...LISTENER_FAMILIES]),
    ...(runtime !== undefined && perActor ? ACTOR_FAMILIES : []),
    ...SWITCH_FAMILIES,
  ];
  const snapshot = snapshots(watched);
  const names: string[] = [];
  const remove = () => {
    for (const name of names.splice(0)) registry.removeSingleMetric(name);
  };
  try {
    for (const family of families) names.push(registerFamily(family, watched, snapshot));
  } catch (error) {
    remove();
    throw error;
  }
  return { remove };
}
