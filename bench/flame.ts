/** `npm run flame`: where the time of a question goes, thread by thread. */
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { recordCommand } from '#src/flame/command.js';
import { type CpuProfile, type Stretch, stacksOfProfile } from '#src/flame/cpu-profile.js';
import { filesBeside, writeProfile } from '#src/flame/output.js';
import { missingText } from '#src/flame/page.js';
import { findPerf, isPerf, type Perf } from '#src/flame/perf.js';
import type { Recorded } from '#src/flame/recorded.js';
import { type ThreadStacks, timeOf } from '#src/flame/stacks.js';
import { summaryText } from '#src/flame/summary.js';
import { PROFILE_INTERVAL_US, profileInto, profileName } from './harness/children.js';
import { Progress, runCommand } from './harness/command.js';
import { type Contest, type Line, now_us, run } from './harness/contest.js';
import { BenchFailure } from './harness/failure.js';
import type { TransportSpec } from './harness/messages.js';
import { durationOf, parseCommandLine, usage } from './harness/options.js';
import type { Question } from './harness/question.js';
import { QUESTIONS, questionOf } from './questions.js';
import { topFunctions } from './report/self-times.js';

const DURATION = { least_s: 1, most_s: 35 };
const DEFAULT_DURATION_S = '6';
const LIMIT_S = 100;
const ROLES = ['client', 'server'] as const;
/** Of its process's time, for a thread to be reported. */
const LEAST_SHARE = 0.05;

const HELP = `Usage: npm run flame -- QUESTION [--by MEANS] [--duration SECONDS] [--out DIRECTORY]

Answers a question of the benchmark with a profile of every thread of every process, and makes one flame graph of them all.

Options:
  --by MEANS          cpu-prof (default): JavaScript, only while it is measured; perf: native code and the kernel too, of the whole run
  --duration SECONDS  time spent measuring (default ${DEFAULT_DURATION_S})
  --out DIRECTORY     where the page, the stacks and the file for speedscope go (default bench/results)
  --list              the questions
  --help              this text
`;

/** When each variant was measured. */
type Stretches = Map<TransportSpec, Stretch[]>;

/** The number of the thread that has written a profile: Node calls the file CPU.DATE.TIME.PID.THREAD.SEQUENCE.cpuprofile. */
function threadNumber(file: string): number {
  return Number(file.split('.')[4]);
}

/** The threads of each process. */
async function readThreads(directory: string, stretches: Stretches): Promise<Map<string, ThreadStacks[]>> {
  const processes = new Map<string, ThreadStacks[]>();
  const measured = new Map<string, Stretch[]>();
  for (const [spec, list] of stretches) {
    for (const role of ROLES) measured.set(profileName({ ...spec, role }), list);
  }
  for (const name of (await readdir(directory)).sort()) {
    const files = await readdir(join(directory, name));
    const threads: ThreadStacks[] = [];
    for (const file of files.sort((a, b) => threadNumber(a) - threadNumber(b))) {
      const profile = JSON.parse(await readFile(join(directory, name, file), 'utf8')) as CpuProfile;
      const number = threadNumber(file);
      const stacks = stacksOfProfile(profile, measured.get(name) ?? []);
      threads.push({ name: `${name}: ${number === 0 ? 'main' : `worker ${number}`}`, stacks });
    }
    processes.set(name, threads);
  }
  return processes;
}

/** The processor time of a process is that of its threads, each by its share of what they were busy. */
function reportProcess(threads: readonly ThreadStacks[], cpu_percent: number, msgs_per_s: number): void {
  const total_us = threads.reduce((sum, { stacks }) => sum + timeOf(stacks), 0);
  for (const thread of threads) {
    const share = timeOf(thread.stacks) / total_us;
    const perMessage_ns = ((cpu_percent * share) / 100) * (1e9 / msgs_per_s);
    if (share >= LEAST_SHARE) process.stdout.write(topFunctions(thread, perMessage_ns));
  }
}

function report(
  contest: Contest,
  lines: readonly Line[],
  processes: ReadonlyMap<string, readonly ThreadStacks[]>,
): void {
  for (const line of lines) {
    const spec = contest.contenders.find((variant) => variant.name === line.variant)?.spec;
    if (spec === undefined) continue;
    for (const role of ROLES) {
      const threads = processes.get(profileName({ ...spec, role })) ?? [];
      reportProcess(threads, line.cpu_percent_by_process?.[role] ?? 0, line.msgs_per_s);
    }
  }
}

/** The pairs of processes, while they are measured. */
async function recordContests(question: Question, total_ms: number, out: string): Promise<Recorded> {
  const progress = new Progress(true);
  const threads: ThreadStacks[] = [];
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
      threads.push(...[...processes.values()].flat());
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
  const what = 'native code, and what is not measured: start-up, warm-up';
  const missing = [{ what, remedy: `npm run flame -- ${question.name} --by perf` }];
  const busy = threads.filter(({ stacks }) => stacks.size > 0);
  return { profile: { means: 'cpu-prof', interval_us: PROFILE_INTERVAL_US, threads: busy, missing }, rows: [] };
}

/** The whole run, as `npm run bench` has it. */
async function recordRun(question: Question, total_ms: number, perf: Perf | null, out: string): Promise<Recorded> {
  const folder = await mkdtemp(join(out, 'profiles-'));
  try {
    const main = new URL('./main.js', import.meta.url).pathname;
    const args = [main, question.name, '--duration', `${total_ms / 1_000}`];
    const { exitCode, recorded } = await recordCommand({
      program: process.execPath,
      args,
      perf,
      duration_ms: null,
      folder,
    });
    if (exitCode !== 0) throw new BenchFailure(`the question '${question.name}' has ended with exit code ${exitCode}`);
    return recorded;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function list(): string {
  return QUESTIONS.map(({ name, title }) => `${name.padEnd(14)} ${title}\n`).join('');
}

function perfOf(by: string): Perf | null {
  if (by === 'cpu-prof') return null;
  if (by !== 'perf') throw usage(`--by is one of cpu-prof, perf, not '${by}'`);
  const found = findPerf();
  if (isPerf(found)) return found;
  throw new BenchFailure(missingText(found));
}

async function main(): Promise<void> {
  const { values, positionals } = parseCommandLine({
    options: {
      by: { type: 'string', default: 'cpu-prof' },
      duration: { type: 'string', default: DEFAULT_DURATION_S },
      out: { type: 'string', default: 'bench/results' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
    allowPositionals: true,
  });
  if (values.help || values.list) {
    process.stdout.write(values.list ? list() : HELP);
    return;
  }
  const total_ms = durationOf(values.duration, DURATION) * 1000;
  const question = questionOf(positionals);
  const perf = perfOf(values.by);
  const out = resolve(values.out);
  await mkdir(out, { recursive: true });
  const isPairs = perf === null && question.own === undefined;
  const recorded = await (isPairs ? recordContests(question, total_ms, out) : recordRun(question, total_ms, perf, out));
  const title = `sanswitch: where the time of '${question.name}' goes`;
  const files = await writeProfile(recorded, title, filesBeside(join(out, `flame-${question.name}.html`)));
  process.stdout.write(
    isPairs ? `\nFlame graph: ${files.html && pathToFileURL(files.html).href}\n` : summaryText(recorded, files),
  );
}

await runCommand('flame', LIMIT_S, main);
