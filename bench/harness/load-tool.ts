/** `sanswitch load`, run as users run it, and the servers that it is run against. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadReport, LoadRun } from '#src/load/report.js';
import { forkHelper, runProgram } from './children.js';
import { BenchFailure } from './failure.js';

const CLI = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('sanswitch')));
const SERVER = fileURLToPath(new URL('./load-server.js', import.meta.url));

/** A server in a process of its own. */
export interface LoadServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts one. */
export async function startServer(kind: 'http' | 'shm' | 'stall'): Promise<LoadServer> {
  const child = forkHelper(SERVER, [kind]);
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return {
    port,
    async stop() {
      child.disconnect();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

/** Runs `sanswitch load` with these arguments. @throws BenchFailure if there is no report, or a request failed */
export async function runLoad(args: readonly string[]): Promise<LoadReport> {
  const { exitCode, output } = await runProgram(CLI, ['load', ...args, '--quiet', '--json', '-']);
  if (output === '') throw new BenchFailure(`load ${args.join(' ')}: no report, exit code ${exitCode}`);
  const report = JSON.parse(output) as LoadReport;
  for (const { name, failed, errors } of report.runs) {
    if (failed > 0) throw new BenchFailure(`load ${args.join(' ')}: ${name}: ${JSON.stringify(errors)}`);
  }
  return report;
}

/** The only run of a report. */
export function onlyRun({ runs }: LoadReport): LoadRun {
  if (runs.length !== 1) throw new BenchFailure(`one run wanted, not ${runs.length}`);
  return runs[0] as LoadRun;
}
