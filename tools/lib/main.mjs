// The bootstrap itself, once Node is known to be new enough. See tools/bootstrap.mjs for its options.
import { delimiter, join } from 'node:path';
import { takeLock } from './lock.mjs';
import { ChildFailed, run } from './run.mjs';
import { bringUpToDate, isCurrent, root, steps } from './steps.mjs';
import { missingTools, toolsMessage } from './toolchain.mjs';

const nativeModes = ['needed', 'optional', 'skip'];

/** Reads the command line: `{ nativeMode, isLenient, command }`, `command` a list, maybe empty. Throws on nonsense. */
export function parseArguments(args) {
  const split = args.indexOf('--');
  const options = split < 0 ? args : args.slice(0, split);
  const parsed = { nativeMode: 'needed', isLenient: false, command: split < 0 ? [] : args.slice(split + 1) };
  for (const option of options) {
    const mode = /^--native=(.*)$/.exec(option)?.[1];
    if (mode !== undefined && nativeModes.includes(mode)) parsed.nativeMode = mode;
    else if (option === '--lenient') parsed.isLenient = true;
    else throw new ChildFailed(`unknown option ${option}`, 2);
  }
  return parsed;
}

function report(error) {
  if (!(error instanceof ChildFailed)) throw error;
  if (error.output) process.stderr.write(error.output.endsWith('\n') ? error.output : `${error.output}\n`);
  process.stderr.write(`sanswitch: ${error.message}\n`);
  return error.exitCode;
}

// The native part has code for Linux alone; elsewhere the product runs over TCP/IP.
function usesNative(nativeMode) {
  return nativeMode !== 'skip' && process.platform === 'linux';
}

async function buildNative(isNativeNeeded) {
  try {
    await bringUpToDate(steps.native, { isNativeNeeded });
  } catch (error) {
    if (isNativeNeeded || !(error instanceof ChildFailed) || error.exitCode === 130) throw error;
    report(error);
  }
}

async function prepare({ nativeMode, isLenient }) {
  const hasNative = usesNative(nativeMode);
  const isNativeNeeded = nativeMode === 'needed';
  const wanted = [steps.dependencies, ...(hasNative ? [steps.native] : []), steps.product, steps.development];
  if (wanted.every(isCurrent)) return;
  if (hasNative && isNativeNeeded && !isCurrent(steps.native)) {
    // Better said now than after a minute of installing.
    const missing = missingTools();
    if (missing.length > 0) throw new ChildFailed(toolsMessage(missing, true), 1);
  }
  const release = await takeLock(join(root, 'build', '.bootstrap.lock'), (pid) => {
    process.stderr.write(`sanswitch: waiting for process ${pid}, which is building this checkout\n`);
  });
  try {
    await bringUpToDate(steps.dependencies, {});
    if (hasNative) await buildNative(isNativeNeeded);
    await bringUpToDate(steps.product, { isLenient });
    await bringUpToDate(steps.development, { isLenient });
  } finally {
    release();
  }
}

/** Prepares the checkout and runs the command in `args`; resolves to the exit code. */
export async function main(args) {
  try {
    const parsed = parseArguments(args);
    await prepare(parsed);
    const [command, ...rest] = parsed.command;
    if (command === undefined) return 0;
    const path = `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`;
    const program = command === 'node' ? process.execPath : command;
    const { exitCode } = await run(program, rest, { cwd: root, env: { ...process.env, PATH: path } });
    return exitCode;
  } catch (error) {
    return report(error);
  }
}
