// Checks every model of this folder (*.pml) exhaustively, and that each of its broken variants fails:
// node test/models/run.mjs [NAME...] [--yes]. Prints `ok models: NAME ...` or `not ok models: NAME ...`, and the trail of
// an error that was not expected. `--yes` allows to install spin.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensurePrograms } from '../../tools/lib/debian.mjs';
import { run } from '../../tools/lib/run.mjs';
import { readVerdict, variantsOf } from './pan.mjs';

const folder = dirname(fileURLToPath(import.meta.url));
const memory_mib = 1_500;
// Of a trail only the end is of interest, which shows the words as they stand.
const trailLines = 500;

/** Runs one step in `cwd` and gives back what it printed. @throws Error with that, if it failed */
async function step(cwd, command, args) {
  const { exitCode, output } = await run(command, args, { cwd, quiet: true });
  if (exitCode !== 0) throw new Error(`${command} ended with ${exitCode}:\n${output}`);
  return output;
}

/** Makes the verifier of a model, or of one of its variants, in the folder `cwd`, and runs it. */
async function verify(cwd, model, variant) {
  const defines = variant === '' ? [] : [`-D${variant}`];
  await step(cwd, 'spin', ['-a', ...defines, join(folder, `${model}.pml`)]);
  // Breadth first: the shortest trail. No reduction: spin promises little about it beside `timeout`, and these are small.
  // What must fail does so soon, so that compiling is what takes time there.
  const options = ['-DSAFETY', '-DBFS', '-DNOREDUCE', `-DMEMLIM=${memory_mib}`, '-w', variant === '' ? '-O2' : '-O0'];
  await step(cwd, 'gcc', [...options, '-o', 'pan', 'pan.c']);
  const { output } = await run(join(cwd, 'pan'), [], { cwd, quiet: true });
  return { ...readVerdict(output), output };
}

/** The steps that lead to the error just found, by line of the model. */
async function trailOf(cwd, model, variant) {
  const defines = variant === '' ? [] : [`-D${variant}`];
  const file = join(folder, `${model}.pml`);
  const { output } = await run('spin', ['-k', `${model}.pml.trail`, '-p', ...defines, file], { cwd, quiet: true });
  return output.split('\n').slice(-trailLines).join('\n');
}

/** Checks a model or a variant, says how it went. @returns whether all was as it must be */
async function check(model, variant) {
  const label = `models: ${model}${variant === '' ? '' : ` ${variant}`}`;
  const cwd = mkdtempSync(join(tmpdir(), 'sanswitch-models-'));
  try {
    const { verdict, states, message, output } = await verify(cwd, model, variant);
    const isGood = verdict === (variant === '' ? 'holds' : 'violated');
    const reason = isGood ? `fails, as it must: ${message}` : `${verdict}: ${message}`;
    const result = verdict === 'holds' ? `holds in all ${states} states` : reason;
    console.log(`${isGood ? 'ok' : 'not ok'} ${label} (${result})`);
    if (!isGood) console.error(verdict === 'violated' ? await trailOf(cwd, model, variant) : output);
    return isGood;
  } catch (error) {
    console.log(`not ok ${label}: ${error.message}`);
    return false;
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

async function checkAll(models) {
  let isGood = true;
  for (const model of models) {
    const variants = variantsOf(readFileSync(join(folder, `${model}.pml`), 'utf8'));
    if (variants.length === 0) {
      console.log(`not ok models: ${model} has no broken variant, so nobody knows what it would find`);
      isGood = false;
    }
    for (const variant of ['', ...variants]) isGood = (await check(model, variant)) && isGood;
  }
  return isGood;
}

const all = readdirSync(folder)
  .filter((file) => file.endsWith('.pml'))
  .map((file) => file.slice(0, -'.pml'.length))
  .sort();
const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const unknown = asked.filter((name) => !all.includes(name));
const { missing, message } = ensurePrograms('checking the models', { spin: 'spin', gcc: 'gcc' });
if (unknown.length > 0) {
  console.log(`not ok models: there is no ${unknown.join(', ')}, but ${all.join(', ')}`);
  process.exitCode = 1;
} else if (missing.length === 0) {
  process.exitCode = (await checkAll(asked.length > 0 ? asked : all)) ? 0 : 1;
} else {
  console.log(process.env.CI ? `not ok models: ${message}` : `skip models: ${message}`);
  process.exitCode = process.env.CI ? 1 : 0;
}
