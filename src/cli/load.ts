/** `npx sanswitch load`: makes a load, and says how it went. */
import { SanswitchError } from '../errors.js';
import { summaryText } from '../flame/summary.js';
import { Agent } from '../load/agents/agent.js';
import { type AgentPlace, RemoteFleet } from '../load/agents/remote-fleet.js';
import { codeOf } from '../load/clients/client.js';
import { CombinedFleet } from '../load/combined-fleet.js';
import { ConnectFailure, type Fleet, LocalFleet } from '../load/fleet.js';
import type { ServerClock } from '../load/measure.js';
import { LoadOptionError, type LoadOrder, readOrder } from '../load/options.js';
import { reportJson } from '../load/output/json.js';
import { reportTable } from '../load/output/table.js';
import { writeReport } from '../load/output/write.js';
import { ProfiledFleet, type ProfileListener } from '../load/profiled-fleet.js';
import { Progress } from '../load/progress.js';
import type { HostFingerprint, LoadReport } from '../load/report.js';
import { ControlClock, ProcessClock } from '../load/server-clock.js';
import { Session } from '../load/session.js';
import { type Command, parseCommandLine, UsageError } from './command.js';
import { placeOf } from './place.js';
import { untilSignal } from './signals.js';

const HELP = `Usage: npx sanswitch load TARGET --rate N | --in-flight N | --search --slo LIMIT [OPTIONS]

Puts a server under load and measures it: requests per second, and latencies from when each request was to start (corrected:
a server that stalls does not hide it) as well as from when it did (raw).

Targets:
  tcp://HOST:PORT    TCP/IP            san://HOST:PORT    whichever provider serves
  shm://HOST:PORT    shared memory     verbs://HOST:PORT  RDMA; TCP/IP where it can't serve, unless --strict
  http://HOST[:PORT][/PATH]            ws://HOST[:PORT][/PATH]
sanswitch echo is a server for the first four.

Load:
  --rate N           an open loop: so many requests a second are due, whatever the server does. Several one after the other:
                     1000,2000 or 1k..64k (doubling) or 1k..64kx5 (five, at equal ratios)
  --in-flight N      without --rate a closed loop: so many requests under way on each connection, the next after each answer;
                     with it the most that each connection may have under way (default 64; HTTP 1: more is pipelining)
  --slo LIMIT        a percentile and its limit, p99<100us or max<5ms: exit code 1 if a run breaks it
  --search           looks for the highest rate that holds the --slo
  --connections N    (default 1)
  --workers N        threads that make the load; each has its share of the connections (default 1)
  --protocol NAME    of the first four targets: echo (default); stream: one way; request: answers of --answer bytes; http
  --size BYTES       of a request: 64; 64-1024 (any in between); 64:9/4Ki:1 (nine of ten have 64); several as in --rate
  --answer BYTES     of an answer of --protocol request (default: as --size)
  --arrivals KIND    constant (default) or poisson
  --duration S       seconds measured (default 10), after --warmup S (default 1)
  --requests N       ends after so many
  --providers LIST   who may serve, in place of what the target says
  --strict           a fallback is an error
  --timeout S        for a connect, for the last answers, and without any connection (default 5)
  --tick MS          wakes no more often than this, and begins what is due together: a tenth of the processor time, and up to a
                     tick of wait in the corrected latencies (wrk2: 1). Default 0: to within microseconds
  --tolerance MS     a request that the generator itself begins later is late; over 1 % make a run not valid (default 1)
  --seed N           of sizes and arrivals (default 1)

Several generators:
  --agents LIST      HOST:PORT of each, with commas between: each makes its share, with --workers threads
  --agent [HOST:]PORT  is one of them, until it is stopped; it makes load wherever whoever reaches it wants, so listen where nobody
                     else does (by default 127.0.0.1)

Server:
  --server HOST:PORT its processor time, from sanswitch echo --control PORT
  --server-pid PID   the same of any process on this host

Output:
  --json FILE        the report (docs/load-report.md); - is the standard output, in place of the table
  --html FILE        a page with plots, which needs no other file
  --hgrm FILE        HdrHistogram's percentile output; the raw latencies, and those of further runs, in files beside it
  --csv FILE         a line for each second
  --percentiles FILE CSV too: a line for each percentile of each run
  --profile FILE     a flame graph of the generator's threads while it is measured (as sanswitch flame makes it); those of
                     further runs are numbered. Profiling takes time of its own: not for figures
  --quiet            nothing while it runs
  --help             this text

Exit codes: 0; 1, the target can't be reached, a run is not valid or breaks the --slo, or a file can't be written; 2, the
command line can't be meant; 130, stopped (what was measured is told all the same).
`;

const STOPPED = 130;
/** What a worker says whose switch can't be meant: --providers names somebody who is not there, or one twice. */
const MISTAKES: readonly string[] = ['ERR_SANSWITCH_UNKNOWN_PROVIDER', 'ERR_SANSWITCH_INVALID_OPTION'];

const OPTIONS = {
  protocol: { type: 'string' },
  rate: { type: 'string' },
  'in-flight': { type: 'string' },
  connections: { type: 'string', short: 'c', default: '1' },
  workers: { type: 'string', short: 'w', default: '1' },
  size: { type: 'string', default: '64' },
  answer: { type: 'string' },
  arrivals: { type: 'string', default: 'constant' },
  duration: { type: 'string', short: 'd', default: '10' },
  warmup: { type: 'string', default: '1' },
  requests: { type: 'string' },
  slo: { type: 'string' },
  search: { type: 'boolean', default: false },
  strict: { type: 'boolean', default: false },
  providers: { type: 'string' },
  tick: { type: 'string', default: '0' },
  tolerance: { type: 'string', default: '1' },
  timeout: { type: 'string', default: '5' },
  seed: { type: 'string', default: '1' },
  agents: { type: 'string' },
  agent: { type: 'string' },
  server: { type: 'string' },
  'server-pid': { type: 'string' },
  json: { type: 'string' },
  html: { type: 'string' },
  profile: { type: 'string' },
  hgrm: { type: 'string' },
  csv: { type: 'string' },
  percentiles: { type: 'string' },
  quiet: { type: 'boolean', short: 'q', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

type Values = ReturnType<typeof parse>['values'];

function parse(args: readonly string[]) {
  return parseCommandLine({ args: [...args], allowPositionals: true, options: OPTIONS });
}

/** As a shell takes it for one word. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function order(args: readonly string[], positionals: readonly string[], values: Values): LoadOrder {
  if (positionals.length > 1) throw new UsageError(`one target, not ${positionals.length}`);
  try {
    return readOrder(positionals[0], values, ['load', ...args].map(quoted).join(' '));
  } catch (error) {
    if (error instanceof LoadOptionError) throw new UsageError(error.message);
    throw error;
  }
}

function clockOf({ server, 'server-pid': pid }: Values): ServerClock | null {
  if (pid !== undefined) {
    if (!/^[1-9]\d{0,9}$/.test(pid)) throw new UsageError(`--server-pid wants the number of a process, not '${pid}'`);
    return new ProcessClock(Number(pid));
  }
  if (server === undefined) return null;
  const { host, port } = placeOf(server, '--server');
  return new ControlClock(host, port);
}

function agentsOf(list: string | undefined): AgentPlace[] {
  return list === undefined ? [] : list.split(',').map((text) => placeOf(text.trim(), '--agents'));
}

/** @returns the exit code: 1 where a file could not be written, which keeps nothing else from being told */
async function tell(report: LoadReport, values: Values): Promise<number> {
  const { json, html, hgrm, csv, percentiles: percentilesCsv } = values;
  const isPiped = json === '-';
  process.stdout.write(isPiped ? reportJson(report) : reportTable(report));
  const problems = await writeReport(report, { json: isPiped ? undefined : json, html, hgrm, csv, percentilesCsv });
  for (const problem of problems) process.stderr.write(`sanswitch: ${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

function exitCodeOf(report: LoadReport, session: Session): number {
  // A search goes where no limit is held and no rate is kept: that is what it is for.
  const isSound = session.isSearch || report.runs.every(({ is_valid }) => is_valid);
  return session.error === null && isSound && report.slo?.is_met !== false ? 0 : 1;
}

/** The report has the standard output for itself. */
const PROFILES: ProfileListener = {
  written: (profile) => process.stderr.write(`${summaryText(profile.recorded, profile)}\n`),
  failed: (error) => process.stderr.write(`sanswitch: --profile: ${error.message}\n`),
};

async function assemble(
  agents: readonly AgentPlace[],
  { settings: { workers }, plans }: LoadOrder,
  profile: string | undefined,
): Promise<{ fleet: Fleet; hosts: readonly HostFingerprint[] }> {
  if (agents.length === 0) {
    const fleet = await LocalFleet.start(workers);
    return { fleet: profile === undefined ? fleet : new ProfiledFleet(fleet, profile, PROFILES), hosts: [] };
  }
  const timeout_ms = plans[0]?.patience_ms ?? 0;
  const reached = await Promise.allSettled(agents.map((place) => RemoteFleet.reach(place, workers, timeout_ms)));
  const fleets = reached.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const missed = reached.find((one) => one.status === 'rejected');
  const fleet = new CombinedFleet(fleets);
  if (missed !== undefined) {
    await fleet.close();
    throw missed.reason;
  }
  return { fleet, hosts: fleets.map(({ host }) => host) };
}

async function beAgent(place: string, positionals: readonly string[]): Promise<number> {
  if (positionals.length > 0) throw new UsageError('an agent is told its target by those who name it in --agents');
  const { host, port } = placeOf(place, '--agent');
  const stopped = untilSignal();
  const agent = await Agent.listen(host, port, (text) => process.stdout.write(`${text}\n`)).catch((error: Error) => {
    process.stderr.write(`sanswitch: load: ${error.message}\n`);
    return null;
  });
  if (agent === null) return 1;
  process.stdout.write(`listening on ${host} port ${agent.port}\n`);
  await stopped;
  await agent.close();
  return 0;
}

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.agent !== undefined) return beAgent(values.agent, positionals);
  const plan = order(args, positionals, values);
  const clock = clockOf(values);
  const agents = agentsOf(values.agents);
  if (values.profile !== undefined && agents.length > 0) {
    throw new UsageError('--profile is of this process, and with --agents it makes no load');
  }
  try {
    return await runOrder(plan, values, clock, agents);
  } catch (error) {
    if (!(error instanceof ConnectFailure || error instanceof SanswitchError)) throw error;
    process.stderr.write(`sanswitch: load: ${error.message}\n`);
    return 1;
  }
}

async function runOrder(
  plan: LoadOrder,
  values: Values,
  clock: ServerClock | null,
  agents: readonly AgentPlace[],
): Promise<number> {
  const { fleet, hosts } = await assemble(agents, plan, values.profile);
  try {
    const progress = new Progress(values.quiet ? null : process.stderr);
    const session = new Session(plan, fleet, progress, clock);
    let isStopped = false;
    void untilSignal().then(() => {
      isStopped = true;
      session.stop();
    });
    const report = await session.run(hosts);
    progress.end();
    if (session.error !== null && MISTAKES.includes(codeOf(session.error))) throw new UsageError(session.error.message);
    if (session.error !== null) process.stderr.write(`sanswitch: load: ${session.error.message}\n`);
    if (report === null) return isStopped ? STOPPED : 1;
    const written = await tell(report, values);
    return isStopped ? STOPPED : Math.max(written, exitCodeOf(report, session));
  } finally {
    await fleet.close();
  }
}

/** The command. */
export const loadCommand: Command = {
  summary: 'puts a server under load, and measures it',
  help: HELP,
  run,
};
