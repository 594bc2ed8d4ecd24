/**
 * `npm run soak -- hand-off --rounds N`: the hand-off between two threads that lost wake-ups elsewhere, for as long as you like.
 * Slices have no end here: a lost wake-up is a run that stands still, and that is a failure.
 */
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { Arena } from '../sync/arena.js';
import { WORD } from '../sync/roles.js';
import { endThreads, results, startThreads } from '../sync/threads.js';

const HELP = `Usage: npm run soak -- hand-off [--rounds N] [--sleep] [--mixed]

Two threads hand a turn to each other by a Mutex and a Condition, and must never stand still.

Options:
  --rounds N  how often the turn changes hands (default 10000000)
  --sleep     never look before sleeping: every round takes the way through the kernel
  --mixed     one of the two waits asynchronously
  --help      this text
`;
const TELL_MS = 5_000;
/** Rounds take microseconds; even a machine that is stopped for a while does not take this long. */
const STUCK_MS = 60_000;
const NEVER_MS = 2 ** 31 - 1;

function readOptions(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rounds: { type: 'string', default: '10000000' },
        sleep: { type: 'boolean', default: false },
        mixed: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const rounds = Number(values.rounds);
    const isGood = Number.isInteger(rounds) && rounds >= 2 && rounds % 2 === 0 && rounds < 2 ** 31;
    if (!isGood) throw new Error(`--rounds wants an even number from 2 to 2^31, not '${values.rounds}'`);
    return { ...values, rounds };
  } catch (error) {
    process.stderr.write(`soak: ${(error as Error).message} (--help shows what there is)\n`);
    process.exit(2);
  }
}

async function soak({ rounds, sleep, mixed }: { rounds: number; sleep: boolean; mixed: boolean }): Promise<void> {
  const arena = Arena.create();
  const turns = () => Atomics.load(arena.data, WORD.turn);
  const start_ms = performance.now();
  let last = 0;
  let moved_ms = start_ms;
  const tell = () => {
    const seconds = (performance.now() - start_ms) / 1000;
    const rate = Math.round(turns() / seconds);
    process.stdout.write(`${seconds.toFixed(0).padStart(5)} s  ${turns()} of ${rounds} rounds, ${rate} a second\n`);
  };
  const watch = setInterval(() => {
    tell();
    const now_ms = performance.now();
    if (turns() !== last) moved_ms = now_ms;
    last = turns();
    if (now_ms - moved_ms <= STUCK_MS) return;
    process.stdout.write(`soak: stuck after ${last} rounds: a wake-up was lost\n`);
    process.exit(1);
  }, TELL_MS);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      tell();
      process.exit(128 + constants.signals[signal]);
    });
  }
  const spins = sleep ? { spins: 0 } : {};
  const taken = await results(
    startThreads(arena, 'handOff', 2, { rounds: rounds / 2, isMixed: mixed, sliceMs: NEVER_MS, ...spins }),
  );
  clearInterval(watch);
  tell();
  if (turns() !== rounds) throw new Error(`${turns()} rounds were made instead of ${rounds}: ${taken.join(' and ')}`);
  await endThreads();
}

/** Runs it as these arguments say. Ends the process with 2 if they are none. */
export async function handOff(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options.help) process.stdout.write(HELP);
  else await soak(options);
}
