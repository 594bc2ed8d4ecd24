/** `npm start`: an echo server and a client in two processes, over three transports, side by side. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Progress, runCommand } from './harness/command.js';
import { medianFigures, NODE_NET, SHM_COPIED, SWITCH_TCP, type Variant } from './harness/contest.js';
import { BenchFailure } from './harness/failure.js';
import { durationOf, parseCommandLine, usage } from './harness/options.js';
import { type Figures, Pair, type Slot } from './harness/pair.js';
import { page } from './report/html.js';
import { describeMachine, type Result, type Results, ratios, type Unavailable } from './report/results.js';
import { startText } from './report/start-text.js';
import { sizeText } from './report/text.js';

const SIZES = [64, 1024, 16 * 1024, 1024 * 1024];
const TRANSPORTS: readonly Variant[] = [NODE_NET, SWITCH_TCP, { ...SHM_COPIED, name: 'switch over shared memory' }];
const PHASES = 2;
const ROUNDS = 2;
const WARMUP_SHARE = 0.3;
const DURATION = { least_s: 1, most_s: 50 };
const DEFAULT_DURATION_S = '30';
const LIMIT_S = 58;

const HELP = `Usage: npm start -- [--duration SECONDS] [--out DIRECTORY] [--no-html]

An echo server and a client, two processes, talk over node:net, through the switch over TCP/IP, and through the switch
over shared memory. The result is a table, a JSON file and a page with charts.

Options:
  --duration SECONDS  time spent measuring, ${DURATION.least_s} to ${DURATION.most_s} (default ${DEFAULT_DURATION_S})
  --out DIRECTORY     where the files go (default bench/results)
  --no-html           no page
  --help              this text
`;

interface Measured {
  readonly transport: string;
  readonly size: number;
  readonly roundTrips: Figures[];
  readonly oneWay: Figures[];
}

/** Starts what can be started; the platform's own transport must. */
async function startPairs(pairs: Pair[], unavailable: Unavailable[], progress: Progress): Promise<void> {
  for (const { name, spec, provider } of TRANSPORTS) {
    progress.tell(`starting ${name}`);
    try {
      pairs.push(await Pair.start(name, spec, provider));
    } catch (error) {
      if (!(error instanceof BenchFailure) || name === NODE_NET.name) throw error;
      unavailable.push({ transport: name, reason: error.message });
      progress.clear();
      process.stderr.write(`${name} can't be measured: ${error.message}\n`);
    }
  }
}

async function measure(pairs: readonly Pair[], slot: Slot, progress: Progress): Promise<Measured[]> {
  const all: Measured[] = [];
  const steps = SIZES.length * ROUNDS * pairs.length;
  let step = 0;
  for (const size of SIZES) {
    const row = pairs.map((pair): Measured => ({ transport: pair.name, size, roundTrips: [], oneWay: [] }));
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, pair] of pairs.entries()) {
        step += 1;
        progress.tell(`${step} of ${steps}: ${sizeText(size)} over ${pair.name}`);
        row[index]?.roundTrips.push(await pair.roundTrips(size, slot));
        row[index]?.oneWay.push(await pair.oneWay(size, slot));
      }
    }
    all.push(...row);
  }
  return all;
}

function judge(measured: readonly Measured[]): Result[] {
  const medians = measured.map(({ transport, size, roundTrips, oneWay }) => ({
    transport,
    size,
    round_trip: medianFigures(roundTrips),
    one_way: medianFigures(oneWay),
  }));
  return medians.map((ours) => {
    const baseline = medians.find((other) => other.transport === NODE_NET.name && other.size === ours.size) ?? ours;
    return { ...ours, ratio: ratios(ours, baseline) };
  });
}

async function runAll(total_ms: number, progress: Progress): Promise<Results> {
  const pairs: Pair[] = [];
  const unavailable: Unavailable[] = [];
  try {
    await startPairs(pairs, unavailable, progress);
    const slot_ms = total_ms / (SIZES.length * pairs.length * PHASES * ROUNDS);
    const slot = { warmup_ms: slot_ms * WARMUP_SHARE, duration_ms: slot_ms * (1 - WARMUP_SHARE) };
    const results = judge(await measure(pairs, slot, progress));
    return {
      measured_at: new Date().toISOString(),
      machine: describeMachine(),
      rounds: ROUNDS,
      slot_ms: Math.round(slot_ms),
      baseline: NODE_NET.name,
      connections: pairs.map(({ name, provider, decisions }) => ({ transport: name, provider, ...decisions })),
      unavailable,
      results,
    };
  } finally {
    progress.clear();
    for (const pair of pairs) await pair.close();
  }
}

async function writeFiles(report: Results, directory: string, withPage: boolean): Promise<void> {
  await mkdir(directory, { recursive: true });
  const stem = join(directory, `start-${report.measured_at.slice(0, 19).replace(/[:T]/g, '-')}`);
  await writeFile(`${stem}.json`, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`\nResults: ${relative(process.cwd(), `${stem}.json`)}\n`);
  if (!withPage) return;
  await writeFile(`${stem}.html`, page(report));
  process.stdout.write(`Charts:  ${pathToFileURL(`${stem}.html`).href}\n`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseCommandLine({
    options: {
      duration: { type: 'string', default: DEFAULT_DURATION_S },
      out: { type: 'string', default: 'bench/results' },
      'no-html': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
    allowPositionals: true,
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (positionals.length > 0) throw usage(`unexpected argument '${positionals[0]}'`);
  const total_ms = durationOf(values.duration, DURATION) * 1000;
  const report = await runAll(total_ms, new Progress(true));
  process.stdout.write(startText(report));
  await writeFiles(report, resolve(values.out), !values['no-html']);
}

await runCommand('start', LIMIT_S, main);
