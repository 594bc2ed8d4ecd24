// What a message costs an RDMA engine, in native instructions of ours (neither the fake libraries' nor the system's), counted
// by callgrind: `node test/native/verbs-cost.mjs`. Wants valgrind. Prints a line of JSON for each half of the way.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../tools/lib/run.mjs';
import { buildLibrary, buildProgram } from './build.mjs';

/** Round trips of two runs: what they differ by is what messages cost, without what comes before. */
const ROUND_TRIPS = [200, 600];
/** One message each way. */
const MESSAGES = 2;
const LIMIT_S = 120;

/** The functions that are watched, with all that they call. */
const HALVES = [
  { half: 'a message posted, and the receive of the last one posted again', watched: 'Engine::submit(unsigned int)' },
  { half: 'a message taken from the completion queue into the ring', watched: 'Engine::drain()' },
];

/** The engine, without its JavaScript face. */
function engineFiles() {
  const files = readdirSync(join(import.meta.dirname, '..', '..', 'native', 'verbs'));
  const isFace = (name) => name === 'engine_class.cc' || name === 'engine_calls.cc' || name === 'devices.cc';
  return files.filter((name) => name.endsWith('.cc') && !isFace(name)).map((name) => `verbs/${name}`);
}

/** Instructions of the program's own code. @param {string} profile */
function ownInstructions(profile) {
  const names = new Map();
  let object = '';
  let isCallee = false;
  let sum = 0;
  for (const line of profile.split('\n')) {
    const [, callee, id, name] = /^(c?)ob=\((\d+)\)(?: (.*))?$/.exec(line) ?? [];
    if (id !== undefined) {
      if (name !== undefined) names.set(id, name);
      if (callee === '') object = names.get(id);
    } else if (line.startsWith('calls=')) {
      isCallee = true;
    } else if (/^[+\-*\d]\S* \d+$/.test(line)) {
      if (!isCallee && object.includes('verbs_cost')) sum += Number(line.split(' ')[1]);
      isCallee = false;
    }
  }
  return sum;
}

/** Runs the program under callgrind. @returns instructions of ours within the function that is watched */
async function count(program, fake, watched, roundTrips, folder) {
  const file = join(folder, `profile-${roundTrips}`);
  const options = [
    '--tool=callgrind',
    `--callgrind-out-file=${file}`,
    '--collect-atstart=no',
    `--toggle-collect=sanswitch::verbs::${watched}`,
  ];
  const env = { ...process.env, SANSWITCH_LIBIBVERBS: fake, SANSWITCH_LIBRDMACM: fake };
  const result = await run('timeout', [String(LIMIT_S), 'valgrind', ...options, program, String(roundTrips)], {
    env,
    quiet: true,
  });
  if (result.exitCode !== 0) throw new Error(`valgrind: ${result.output}`);
  return ownInstructions(readFileSync(file, 'utf8'));
}

const folder = mkdtempSync(join(tmpdir(), 'sanswitch-cost-'));
try {
  const fake = await buildLibrary('fake-verbs');
  const program = await buildProgram('verbs_cost.cc', 'plain', [...engineFiles(), 'tcp/address.cc']);
  const [few, many] = ROUND_TRIPS;
  for (const { half, watched } of HALVES) {
    const counts = [];
    for (const roundTrips of ROUND_TRIPS) counts.push(await count(program, fake, watched, roundTrips, folder));
    const instructions = Math.round((counts[1] - counts[0]) / (many - few) / MESSAGES);
    process.stdout.write(`${JSON.stringify({ half, instructions })}\n`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
