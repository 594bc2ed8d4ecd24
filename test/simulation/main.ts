/**
 * `npm run simulate -- --seeds N --seed S`: any number of seeds, from S on; the exit code says whether all were well.
 * `--log` prints everything that crosses the SPI.
 */
import { parseArgs } from 'node:util';
import { report, simulate } from './simulation.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    log: { type: 'boolean' },
  },
});
const first = Number(values.seed);
const count = Number(values.seeds);
if (!Number.isInteger(first) || !Number.isInteger(count) || count < 1) {
  console.error('usage: npm run simulate -- [--seeds N] [--seed FIRST] [--log]');
  process.exit(2);
}
const failures: number[] = [];
let steps = 0;
let bytes = 0;
let orderly = 0;
for (let seed = first; seed < first + count; seed++) {
  const outcome = simulate(seed, values.log ? { log: console.log } : {});
  steps += outcome.steps;
  bytes += outcome.bytesReceived;
  if (outcome.orderly) orderly += 1;
  if (outcome.problems.length === 0) continue;
  failures.push(seed);
  if (failures.length <= 10) console.error(report(outcome));
}
console.log(`${count} seeds, ${failures.length} failed, ${orderly} orderly, ${steps} steps, ${bytes} bytes`);
process.exitCode = failures.length > 0 ? 1 : 0;
