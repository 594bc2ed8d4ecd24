// Runs one command in the test machine:
//   node test/vm/exec.mjs [--network none|dummy|veth] [--env NAME=VALUE]... [--limit SECONDS] [--yes] -- COMMAND ARGUMENT...
// Its output and exit code come through; 125: something is wrong with the machine. The network is explained in guest/network.
import { parseArgs } from 'node:util';
import { runInMachine } from './machine.mjs';
import { prepareMachine } from './requirements.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    network: { type: 'string', default: 'veth' },
    env: { type: 'string', multiple: true, default: [] },
    limit: { type: 'string', default: '170' },
    yes: { type: 'boolean', default: false },
  },
});
const { kernel, message } = prepareMachine({ args: values.yes ? ['--yes'] : [] });
if (kernel === null || positionals.length === 0) {
  process.stderr.write(`${message ?? 'name a command after --'}\n`);
  process.exitCode = 125;
} else {
  const { problem, exitCode } = await runInMachine({
    kernel,
    network: /** @type {'none' | 'dummy' | 'veth'} */ (values.network),
    command: positionals,
    cwd: process.cwd(),
    env: Object.fromEntries(values.env.map((text) => text.split(/=(.*)/s).slice(0, 2))),
    limit_s: Number(values.limit),
    onOutput: (bytes) => process.stdout.write(bytes),
    onError: (bytes) => process.stderr.write(bytes),
  });
  if (problem !== null) process.stderr.write(`test machine: ${problem}\n`);
  process.exitCode = problem === null ? exitCode : 125;
}
