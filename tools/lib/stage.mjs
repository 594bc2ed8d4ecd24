// Runs one stage in a process group of its own, shows its output and counts its tests.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

// How long a stage's processes may take to go away once the stage itself has ended, or was told to end.
const defaultGrace_ms = 5_000;

/** Sums up a vitest JSON report: a file that could not even be loaded is one failure. */
export function countVitest(report) {
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  return { passed: report.numPassedTests, failed: report.numFailedTests + broken.length };
}

// Of a failure that is told again at the end: enough to know it by, where only the end of a long log was kept.
const maxFailureLines = 12;

/** Tells what failed in a vitest JSON report, with `cwd` left out of paths: a line for each test, and indented ones with its reason. */
export function describeVitest(report, cwd) {
  return report.testResults.flatMap((file) => {
    const path = relative(cwd, file.name);
    const failed = file.assertionResults.filter((test) => test.status === 'failed');
    const lines = failed.map((test) => [`${path} > ${test.fullName}`, test.failureMessages.join('\n')]);
    if (file.status === 'failed' && file.assertionResults.length === 0) lines.push([path, file.message ?? '']);
    return lines.map(([name, why]) => [name, ...why.split('\n').slice(0, maxFailureLines)].join('\n    '));
  });
}

/** Counts `ok`, `not ok` and `skip` lines into `counts`, and notes what failed. */
export function countLine(counts, line) {
  if (/^skip\b/.test(line)) counts.skippedTests = (counts.skippedTests ?? 0) + 1;
  else if (/^ok\b/.test(line)) counts.passed += 1;
  else if (/^not ok\b/.test(line)) {
    counts.failed += 1;
    counts.failures.push(line.replace(/^not ok\s*/, ''));
  }
}

function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** True if a process of group `pid` is alive. One that has ended and that nobody has collected yet (Z) is not. */
function isGroupAlive(pid) {
  if (!signalGroup(pid, 0)) return false;
  if (process.platform !== 'linux') return true;
  return readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      // pid (command) state ppid pgrp ...; the command may hold spaces and parentheses.
      const [state, , group] = readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      return Number(group) === pid && state !== 'Z' && state !== 'X';
    } catch {
      return false;
    }
  });
}

/** Waits for the group of `pid` to empty; kills what stays, and tells whether anything had to be killed. */
async function endGroup(pid, grace_ms) {
  for (let waited_ms = 0; waited_ms < grace_ms; waited_ms += 100) {
    if (!isGroupAlive(pid)) return false;
    await sleep(100);
  }
  return signalGroup(pid, 'SIGKILL');
}

// Resolves to { exitCode, interrupted, timedOut } when the stage's first process has ended.
function execute(stage, args, { cwd, onLine }) {
  return new Promise((resolve) => {
    const [command, ...rest] = [...stage.command, ...args];
    const program = command === 'node' ? process.execPath : command;
    const child = spawn(program, rest, { cwd, detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
    const state = { pid: child.pid, exitCode: 1, interrupted: false, timedOut: false };
    const kill = () => signalGroup(child.pid, 'SIGKILL');
    const timer = setTimeout(() => {
      state.timedOut = true;
      kill();
    }, stage.limit_s * 1_000);
    const onInterrupt = (signal) => {
      if (state.interrupted) kill();
      state.interrupted = true;
      signalGroup(child.pid, signal);
      setTimeout(kill, defaultGrace_ms).unref();
    };
    process.on('SIGINT', onInterrupt).on('SIGTERM', onInterrupt).on('SIGHUP', onInterrupt);
    const lines = createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY }).on('line', onLine);
    const isRead = new Promise((done) => lines.once('close', done));
    const finish = async () => {
      clearTimeout(timer);
      // Output that is still in the pipe; a process left behind may hold it open for ever.
      await Promise.race([isRead, sleep(500)]);
      lines.close();
      child.stdout.destroy();
      process.off('SIGINT', onInterrupt).off('SIGTERM', onInterrupt).off('SIGHUP', onInterrupt);
      resolve(state);
    };
    child.once('error', (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      finish();
    });
    child.once('exit', (code) => {
      state.exitCode = code ?? 1;
      finish();
    });
  });
}

function printLine(line) {
  process.stdout.write(`${line}\n`);
}

function readVitestReport(path, cwd) {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8'));
    return { ...countVitest(report), failures: describeVitest(report, cwd) };
  } catch {
    return { passed: 0, failed: 0, failures: [] };
  }
}

/**
 * Runs `stage` (see stage-list.mjs) with further `args`, in `cwd`. Resolves to `{ passed, failed, skipped, interrupted,
 * notes, failures }`: the counts, whether its file is absent, whether the user interrupted it, remarks for the summary,
 * and what failed, a text for each.
 *
 * @param {{ name: string, command: string[], count: string, limit_s: number, optional?: string }} stage
 * @param {string[]} args
 * @param {{ cwd: string, print?: (line: string) => void, grace_ms?: number }} options
 */
export async function runStage(stage, args, { cwd, print = printLine, grace_ms = defaultGrace_ms }) {
  if (stage.optional && !existsSync(join(cwd, stage.optional))) {
    return { passed: 0, failed: 0, skipped: true, interrupted: false, notes: [`no ${stage.optional}`], failures: [] };
  }
  const reportPath = join(cwd, 'build', 'reports', `${stage.name}.json`);
  const extra = [...args];
  if (stage.count === 'vitest') {
    mkdirSync(dirname(reportPath), { recursive: true });
    rmSync(reportPath, { force: true });
    extra.push('--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`);
  }
  let counts = { passed: 0, failed: 0, failures: [] };
  const onLine = (line) => {
    print(line);
    if (stage.count === 'lines') countLine(counts, line);
  };
  const outcome = await execute(stage, extra, { cwd, onLine });
  if (stage.count === 'vitest') counts = readVitestReport(reportPath, cwd);
  if (stage.count === 'exit')
    counts =
      outcome.exitCode === 0
        ? { passed: 1, failed: 0, failures: [] }
        : { passed: 0, failed: 1, failures: [`exit code ${outcome.exitCode}`] };
  const notes = [];
  if (outcome.timedOut) notes.push(`ended after its limit of ${stage.limit_s} s`);
  else if (outcome.exitCode !== 0 && counts.failed === 0) notes.push(`exit code ${outcome.exitCode}`);
  else if (counts.passed + counts.failed + (counts.skippedTests ?? 0) === 0) notes.push('ran no test');
  if (outcome.pid !== undefined && (await endGroup(outcome.pid, grace_ms)) && !outcome.timedOut)
    notes.push('left processes running');
  // Each remark is a failure that no test has counted.
  return {
    ...counts,
    failed: counts.failed + notes.length,
    failures: [...counts.failures, ...notes],
    skipped: false,
    interrupted: outcome.interrupted,
    notes,
  };
}
