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

/** @param environment replaces variables of this process; undefined takes one away */
export function sanswitch(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 15_000,
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
