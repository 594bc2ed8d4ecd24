/** Runs `npx sanswitch` as a process of its own. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { DoctorReport } from 'sanswitch';

/** What `npx sanswitch` runs. */
export const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** How a command ended. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Variables of a host that has neither RDMA devices nor the libraries, whatever the real one has. */
export const NO_RDMA: NodeJS.ProcessEnv = {
  SANSWITCH_SYSFS: '/nowhere',
  SANSWITCH_LIBIBVERBS: 'libnowhere-verbs.so',
  SANSWITCH_LIBRDMACM: 'libnowhere-cm.so',
};

const LIMIT_MS = 15_000;

/** @param environment replaces variables of this process; undefined takes one away @param limit_ms then it is killed */
export function sanswitch(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  limit_ms = LIMIT_MS,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limit_ms,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** The report of `sanswitch doctor --json`. */
export async function reportOf(args: readonly string[], environment?: NodeJS.ProcessEnv): Promise<DoctorReport> {
  const { stdout, stderr } = await sanswitch(['doctor', '--json', ...args], environment);
  if (stderr !== '') throw new Error(stderr);
  return JSON.parse(stdout) as DoctorReport;
}
