/** A process of its own for what may end it: it gets one order, and sends one report. */
import { fork } from 'node:child_process';

/**
 * Runs a program of build/test to its report, then ends it.
 * @param order what it is told, as JSON in its first argument
 * @throws Error if it ends before, or takes longer than `limitMs`
 */
export async function reportOf<Report>(
  program: string,
  order: unknown,
  env: NodeJS.ProcessEnv,
  limitMs: number,
): Promise<Report> {
  const stdio: ['ignore', 'inherit', 'inherit', 'ipc'] = ['ignore', 'inherit', 'inherit', 'ipc'];
  const running = fork(program, [JSON.stringify(order)], { env, stdio, execArgv: [], serialization: 'advanced' });
  const timer = setTimeout(() => running.kill('SIGKILL'), limitMs);
  try {
    return await new Promise<Report>((resolve, reject) => {
      running.once('message', (report) => resolve(report as Report));
      running.once('exit', (code, signal) => reject(new Error(`the process ended: ${signal ?? code}`)));
    });
  } finally {
    clearTimeout(timer);
    running.kill('SIGKILL');
  }
}
