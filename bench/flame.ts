/** `npm run flame`: where the time of a question goes, thread by thread. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { profileInto, profileName } from './harness/children.js';
import { Progress, runCommand } from './harness/command.js';
import { type Contest, type Line, now_us, run } from './harness/contest.js';
import type { TransportSpec } from './harness/messages.js';
import { durationOf, parseCommandLine, usage } from './harness/options.js';
import { questionOf } from './questions.js';
import { flamePage } from './report/flame-page.js';
import { type CpuProfile, type Frame, frameTree, IDLE, prune, type Stretch, selfTimes } from './report/profile.js';
import { table } from './report/text.js';

const DURATION = { least_s: 1, most_s: 35 };
const DEFAULT_DURATION_S = '6';
const LIMIT_S = 58;
const ROLES = ['client', 'server'] as const;
const TOP_FUNCTIONS = 12;
const SMALLEST_SHARE = 0.0005;
/** Of its process's time, for a thread to be reported. */
const LEAST_SHARE = 0.05;

const HELP = `Usage: npm run flame -- QUESTION [--duration SECONDS] [--out DIRECTORY]

Answers a question of the benchmark with a CPU profile of every process, and makes one flame graph of them all.

Options:
  --duration SECONDS  time spent measuring (default ${DEFAULT_DURATION_S})
  --out DIRECTORY     where the page goes (default bench/results)
  --help              this text
`;

/** When each variant was measured. */
type Stretches = Map<TransportSpec, Stretch[]>;

/** The number of the thread that has written a profile: Node calls the file CPU.DATE.TIME.PID.THREAD.SEQUENCE.cpuprofile. */
function threadNumber(file: string): number {
  return Number(file.split('.')[4]);
}

/** The threads of each process; the main thread has the process's name. */
async function readThreads(directory: string, stretches: Stretches): Promise<Map<string, Frame[]>> {
  const processes = new Map<string, Frame[]>();
  const measured = new Map<string, Stretch[]>();
  for (const [spec, list] of stretches) {
    for (const role of ROLES) measured.set(profileName({ ...spec, role }), list);
  }
  for (const name of (await readdir(directory)).sort()) {
    const files = await readdir(join(directory, name));
    const threads: Frame[] = [];
    for (const file of files.sort((a, b) => threadNumber(a) - threadNumber(b))) {
      const profile = JSON.parse(await readFile(join(directory, name, file), 'utf8')) as CpuProfile;
      const number = threadNumber(file);
      const title = number === 0 ? `thread: ${name}` : `thread: ${name}, worker ${number}`;
      threads.push(frameTree(profile, title, measured.get(name) ?? []));
    }
    processes.set(name, threads);
  }
  return processes;
}

/** The time that a thread did not wait. */
function busy_us(thread: Frame): number {
  const busy = selfTimes(thread).filter(({ name }) => name !== IDLE);
  return busy.reduce((sum, { self_us }) => sum + self_us, 0);
}

/** What each function of a thread took by itself: of the time that the thread did not wait, and per message. */
function topFunctions(thread: Frame, cpu_percent: number, msgs_per_s: number): string {
  const rows = [['function', 'where', 'self', 'ns/message']];
  const all = selfTimes(thread).filter(({ name }) => name !== IDLE);
  const total_us = busy_us(thread);
  const busyPerMessage_ns = (cpu_percent / 100) * (1e9 / msgs_per_s);
  for (const { name, place, self_us } of all.slice(0, TOP_FUNCTIONS)) {
    const share = self_us / total_us;
    rows.push([name, place, `${(share * 100).toFixed(1)} %`, (share * busyPerMessage_ns).toFixed(0)]);
  }
  return `\n${thread.name}: ${busyPerMessage_ns.toFixed(0)} ns of CPU per message\n${table(rows, 2)}`;
}

/** The processor time of a process is that of its threads, each by its share of what they were busy. */
function reportProcess(threads: readonly Frame[], cpu_percent: number, msgs_per_s: number): void {
  const total_us = threads.reduce((sum, thread) => sum + busy_us(thread), 0);
  for (const thread of threads) {
    const share = busy_us(thread) / total_us;
    if (share >= LEAST_SHARE) process.stdout.write(topFunctions(thread, cpu_percent * share, msgs_per_s));
  }
}

function report(contest: Contest, lines: readonly Line[], processes: ReadonlyMap<string, readonly Frame[]>): void {
  for (const line of lines) {
    const spec = contest.contenders.find((variant) => variant.name === line.variant)?.spec;
    if (spec === undefined) continue;
    for (const role of ROLES) {
      const threads = processes.get(profileName({ ...spec, role })) ?? [];
      reportProcess(threads, line.cpu_percent_by_process?.[role] ?? 0, line.msgs_per_s);
    }
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseCommandLine({
    options: {
      duration: { type: 'string', default: DEFAULT_DURATION_S },
      out: { type: 'string', default: 'bench/results' },
      help: { type: 'boolean', short: 'h', default: false },
    },
    allowPositionals: true,
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const total_ms = durationOf(values.duration, DURATION) * 1000;
  const question = questionOf(positionals);
  if (question.own !== undefined) throw usage(`'${question.name}' measures no processes of which there are profiles`);
  const out = resolve(values.out);
  await mkdir(out, { recursive: true });
  const progress = new Progress(true);
  const all: Frame[] = [];
  for (const contest of question.contests) {
    const directory = await mkdtemp(join(out, 'profiles-'));
    try {
      profileInto(directory);
      const stretches: Stretches = new Map();
      const lines = await run(contest, total_ms / question.contests.length, {
        tell: (what) => progress.tell(what),
        measured: ({ spec }, start_us) => {
          stretches.set(spec, [...(stretches.get(spec) ?? []), { start_us, end_us: now_us() }]);
        },
      });
      progress.clear();
      const processes = await readThreads(directory, stretches);
      report(contest, lines, processes);
      all.push(...[...processes.values()].flat());
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
  const file = join(out, `flame-${question.name}.html`);
  const shown = all.map((thread) => prune(thread, thread.total_us * SMALLEST_SHARE));
  await writeFile(file, flamePage(`sanswitch: where the time of '${question.name}' goes`, shown));
  process.stdout.write(`\nFlame graph: ${pathToFileURL(file).href}\n`);
}

await runCommand('flame', LIMIT_S, main);
