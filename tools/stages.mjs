// Runs the stages of one or more groups and sums up their tests. Started through tools/bootstrap.mjs.
//
//   node tools/stages.mjs GROUP... [--only NAME[,NAME]] [-- ARGUMENTS FOR THE STAGE]
//
// Arguments that are no options go to the first stage: `npm test -- test/unit/ring.test.ts`.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runStage } from './lib/stage.mjs';
import { groups } from './lib/stage-list.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

/** Reads the command line: the stages to run, and the arguments for the first of them. */
function parse(args) {
  const stages = [];
  const rest = [];
  let only = null;
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i];
    if (rest.length === 0 && only === null && groups[arg]) stages.push(...groups[arg]);
    else if (arg === '--only') only = (args[++i] ?? '').split(',');
    else if (arg !== '--') rest.push(arg);
  }
  const unknown = (only ?? []).find((name) => !stages.some((stage) => stage.name === name));
  if (stages.length === 0) fail(`name a group: ${Object.keys(groups).join(', ')}`);
  if (unknown !== undefined) fail(`no stage ${unknown}; there are: ${stages.map((stage) => stage.name).join(', ')}`);
  const chosen = only ? stages.filter((stage) => only.includes(stage.name)) : stages;
  return { stages: rest.length > 0 ? chosen.slice(0, 1) : chosen, rest };
}

function describe({ name, result, duration_s }) {
  const left = result.skippedTests ? `, ${result.skippedTests} skipped` : '';
  const counts = result.skipped ? 'skipped' : `${result.passed} passed, ${result.failed} failed${left}`;
  const notes = result.notes.length > 0 ? ` (${result.notes.join('; ')})` : '';
  return `  ${name.padEnd(12)} ${duration_s.toFixed(1).padStart(7)} s  ${counts}${notes}`;
}

async function main() {
  const { stages, rest } = parse(process.argv.slice(2));
  const done = [];
  for (const stage of stages) {
    process.stdout.write(`\n--- ${stage.name}: ${stage.command.join(' ')}\n`);
    const start_ms = performance.now();
    const result = await runStage(stage, rest, { cwd: root });
    done.push({ name: stage.name, result, duration_s: (performance.now() - start_ms) / 1_000 });
    if (result.interrupted) {
      process.stdout.write('interrupted\n');
      process.exitCode = 130;
      return;
    }
  }
  const sum = (key) => done.reduce((total, { result }) => total + result[key], 0);
  process.stdout.write(`\n${done.map(describe).join('\n')}\n\n`);
  // Once more at the end, where they are found without a search, and where .ci/run reads them.
  for (const { name, result } of done)
    for (const failure of result.failures) process.stdout.write(`failed: ${name}: ${failure}\n`);
  process.stdout.write(`${sum('passed')} passed, ${sum('failed')} failed\n`);
  process.exitCode = sum('failed') > 0 ? 1 : 0;
}

await main();
