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

const HELP = `Usage: npm run flame -- QUESTION [--duration SECONDS] [--out DIRECTORY]

Answers a question of the benchmark with a CPU profile of every process, and makes one flame graph of them all.

Options:
  --duration SECONDS  time spent measuring (default ${DEFAULT_DURATION_S})
  --out DIRECTORY     where the page goes (default bench/results)
  --help              this text
`;

/** When each variant was measured. */
type Stretches = Map<TransportSpec, Stretch[]>;

async function readThreads(directory: string, stretches: Stretches): Promise<Map<string, Frame>> {
  const threads = new Map<string, Frame>();
  const measured = new Map<string, Stretch[]>();
  for (const [spec, list] of stretches) {
    for (const role of ROLES) measured.set(profileName({ ...spec, role }), list);
  }
  for (const file of (await readdir(directory)).sort()) {
    const name = file.replace(/\.cpuprofile$/, '');
    const profile = JSON.parse(await readFile(join(directory, file), 'utf8')) as CpuProfile;
    threads.set(name, frameTree(profile, `thread: ${name}`, measured.get(name) ?? []));
  }
  return threads;
}

/** What each function of a thread took by itself: of the time that the thread did not wait, and per message. */
function topFunctions(thread: Frame, cpu_percent: number, msgs_per_s: number): string {
  const rows = [['function', 'where', 'self', 'ns/message']];
  const all = selfTimes(thread).filter(({ name }) => name !== IDLE);
  const busy_us = all.reduce((sum, { self_us }) => sum + self_us, 0);
  const busyPerMessage_ns = (cpu_percent / 100) * (1e9 / msgs_per_s);
  for (const { name, place, self_us } of all.slice(0, TOP_FUNCTIONS)) {
    const share = self_us / busy_us;
    rows.push([name, place, `${(share * 100).toFixed(1)} %`, (share * busyPerMessage_ns).toFixed(0)]);
  }
  return `\n${thread.name}: ${busyPerMessage_ns.toFixed(0)} ns of CPU per message\n${table(rows, 2)}`;
}

function report(contest: Contest, lines: readonly Line[], threads: ReadonlyMap<string, Frame>): void {
  for (const line of lines) {
    const spec = contest.contenders.find((variant) => variant.name === line.variant)?.spec;
    if (spec === undefined) continue;
    for (const role of ROLES) {
      const thread = threads.get(profileName({ ...spec, role }));
      const cpu_percent = line.cpu_percent_by_process?.[role] ?? 0;
      if (thread !== undefined) process.stdout.write(topFunctions(thread, cpu_percent, line.msgs_per_s));
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
      const threads = await readThreads(directory, stretches);
      report(contest, lines, threads);
      all.push(...threads.values());
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
