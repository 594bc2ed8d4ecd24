/** A hostile process, started and ended by a test. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const file = join(process.cwd(), 'build', 'test', 'fixtures', 'hostile-attacker.js');

/** How often it did what it does. */
export interface Toll {
  readonly steps: number;
  /** Beginnings: more than one if the server has ended what an attack needs. */
  readonly begun: number;
}

export class Attacker {
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  /** Resolves when the attack is under way. @param share of one processor that it may use, 0 to 1 */
  static async start(port: number, attack: string, share: number): Promise<Attacker> {
    const child = fork(file, [String(port), attack, String(share)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const failed = once(child, 'exit').then(() => Promise.reject(new Error(`the attacker '${attack}' has failed`)));
    failed.catch(() => {});
    await Promise.race([once(child, 'message'), failed]);
    return new Attacker(child);
  }

  async toll(): Promise<Toll> {
    const answer = once(this.child, 'message');
    this.child.send('toll');
    return ((await answer) as [Toll])[0];
  }

  async end(): Promise<void> {
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }
}
