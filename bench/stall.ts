/** What do the actors of one worker suffer when an actor blocks the other one? */
import { fileURLToPath } from 'node:url';
import { forkHelper } from './harness/children.js';
import { type Contest, SHM_COPIED, type Variant } from './harness/contest.js';
import type { Figures, Pair, Slot } from './harness/pair.js';
import type { Question } from './harness/question.js';

const SIZE = 64;
const CONNECTIONS = 32;
const WORKERS = 2;
const STRETCHES = { stretch_ms: 200, every_ms: 1_000 };
/** Slots of two whole stretches and a warm-up. */
const ROUNDS = 3;
const SECONDS = 32;
/** Between the messages on the connection of the worker that is blocked. */
const BESIDE_MS = 10;
const BURNER_FILE = fileURLToPath(new URL('./harness/burner.js', import.meta.url));

type Kind = 'inline' | 'dedicated';

/** Both connections at once. None may be lost: each message is waited for, and an end is a failure. */
async function bothEchoes(pair: Pair, slot: Slot): Promise<Figures> {
  const [figures, beside] = await Promise.all([
    pair.crowdRoundTrips(SIZE, slot),
    pair.roundTrips(SIZE, slot, BESIDE_MS),
  ]);
  return { ...figures, blocked_us: beside.p999_us ?? 0 };
}

function contest(poller: Kind): Contest {
  const spec = { ...SHM_COPIED.spec, actorWorkers: WORKERS, firstIsBlocked: true, poller };
  const control: Variant = { ...SHM_COPIED, name: `the same burnt outside, ${poller}`, spec, judged: false };
  const stalled: Variant = { ...SHM_COPIED, name: `a worker blocked, ${poller}`, spec };
  let burn: (stretches: typeof STRETCHES | null) => void = () => {};
  return {
    question: 'stall',
    baseline: control,
    contenders: [stalled],
    rounds: ROUNDS,
    samePair: {
      async begin(pair) {
        const burner = forkHelper(BURNER_FILE, []);
        burn = (stretches) => burner.send(stretches as never);
        await pair.gather(CONNECTIONS, 0);
        return () => burner.kill('SIGKILL');
      },
    },
    async measure(pair, slot, variant) {
      if (variant === stalled) return pair.whileServerComputes(STRETCHES, () => bothEchoes(pair, slot));
      burn(STRETCHES);
      try {
        return await bothEchoes(pair, slot);
      } finally {
        burn(null);
      }
    },
    ratio: (ours, baseline) => (baseline.p99_us ?? 0) / (ours.p99_us ?? 0),
  };
}

/** The question `stall`. */
export const stall: Question = {
  name: 'stall',
  title: `64 B echo on ${CONNECTIONS} connections of one worker; an actor blocks the other ${STRETCHES.stretch_ms} ms a second`,
  target: 'a p99 of at most 1.5 times that with the same time burnt by another process (a ratio of 0.67)',
  duration_s: SECONDS,
  contests: [contest('inline'), contest('dedicated')],
};
