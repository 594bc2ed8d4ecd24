/**
 * `npm run simulate -- --seeds N --seed S`: any number of seeds, from S on; the exit code says whether all were well.
 * `--log` prints everything that crosses the SPI. `--actors` simulates actors instead of sessions, for `--hours` of
 * virtual time with about `--messages` messages a seed.
 */
import { parseArgs } from 'node:util';
import { simulateTown } from '../actor/town.js';
import { report, simulate } from './simulation.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    log: { type: 'boolean' },
    actors: { type: 'boolean' },
    hours: { type: 'string', default: '24' },
    messages: { type: 'string', default: '20000000' },
  },
});
const first = Number(values.seed);
const count = Number(values.seeds);
const hours = Number(values.hours);
const messages = Number(values.messages);
if (!Number.isInteger(first) || !Number.isInteger(count) || count < 1 || !(hours > 0) || !(messages > 0)) {
  console.error('usage: npm run simulate -- [--seeds N] [--seed FIRST] [--log | --actors [--hours H] [--messages M]]');
  process.exit(2);
}

function simulateSessions(): number {
  let failures = 0;
  let steps = 0;
  let bytes = 0;
  let orderly = 0;
  let moves = 0;
  for (let seed = first; seed < first + count; seed++) {
    const outcome = simulate(seed, values.log ? { log: console.log } : {});
    steps += outcome.steps;
    bytes += outcome.bytesReceived;
    moves += outcome.moves;
    if (outcome.orderly) orderly += 1;
    if (outcome.problems.length === 0) continue;
    failures += 1;
    if (failures <= 10) console.error(report(outcome));
  }
  console.log(
    `${count} seeds, ${failures} failed, ${orderly} orderly, ${steps} steps, ${moves} changes of owner, ${bytes} bytes`,
  );
  return failures;
}

function simulateActors(): number {
  let failures = 0;
  for (let seed = first; seed < first + count; seed++) {
    const { problems, ...figures } = simulateTown(seed, { hours, messages });
    console.log(`seed ${seed}: ${hours} h, ${JSON.stringify(figures)}`);
    if (problems.length === 0) continue;
    failures += 1;
    console.error(`seed ${seed}: ${problems.join('\n  ')}`);
  }
  console.log(`${count} seeds, ${failures} failed`);
  return failures;
}

process.exitCode = (values.actors ? simulateActors() : simulateSessions()) > 0 ? 1 : 0;
