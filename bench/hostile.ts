/** What does it cost honest peers when a hostile process does its worst to their server? */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { forkHelper } from './harness/children.js';
import { SHM_COPIED, type Variant } from './harness/contest.js';
import type { Figures, Pair, Slot } from './harness/pair.js';
import type { Question } from './harness/question.js';

const SIZE = 64;
/** The hostile process of the tests. */
const ATTACKER_FILE = fileURLToPath(new URL('../test/fixtures/hostile-attacker.js', import.meta.url));
/**
 * Of one processor, for the attacker: what is measured is the damage that is done through the protocol, not that three
 * processes share two processors.
 */
const SHARE = 0.1;
const ATTACKS = [
  'OPEN flood',
  'forged OPEN flood',
  'handshake flood',
  'endless wakes',
  'epoch flips',
  'garbage words',
  'NEWS flood',
  'ATTACH flood',
  'MOVE flood',
];

const UNDISTURBED: Variant = { ...SHM_COPIED, name: 'undisturbed', judged: false };
const attackers = new Map<string, ChildProcess>();

async function startAttackers(pair: Pair): Promise<() => void> {
  for (const attack of ATTACKS) {
    const child = forkHelper(ATTACKER_FILE, [pair.place, attack, String(SHARE)]);
    attackers.set(attack, child);
    await once(child, 'message');
    child.send('rest');
  }
  return () => {
    for (const child of attackers.values()) child.kill('SIGKILL');
    attackers.clear();
  };
}

async function measure(pair: Pair, slot: Slot, { name }: Variant): Promise<Figures> {
  const attacker = attackers.get(name);
  attacker?.send('go');
  try {
    return await pair.roundTrips(SIZE, slot);
  } finally {
    attacker?.send('rest');
  }
}

/** The question `hostile`. */
export const hostile: Question = {
  name: 'hostile',
  title: `64 B echo beside a process that attacks the server with ${SHARE * 100} % of a processor`,
  target: 'at least half of the undisturbed speed (p50), whatever the attack',
  contests: [
    {
      question: 'hostile',
      baseline: UNDISTURBED,
      contenders: ATTACKS.map((name) => ({ ...SHM_COPIED, name })),
      samePair: { begin: startAttackers },
      measure,
      ratio: (ours, baseline) => (baseline.p50_us ?? 0) / (ours.p50_us ?? 0),
      annotate: () => ({ attacker_cpu_percent: SHARE * 100 }),
    },
  ],
};
