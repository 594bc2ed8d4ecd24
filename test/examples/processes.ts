/** Examples as processes of their own. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';

/** An example that runs. */
export class Example {
  private static readonly running = new Set<Example>();
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** What it has printed so far, errors too. */
  output = '';
  /** Its exit code. */
  readonly ended: Promise<number | null>;

  constructor(name: string, args: readonly string[], environment: NodeJS.ProcessEnv) {
    const file = fileURLToPath(new URL(`../../examples/${name}.mjs`, import.meta.url));
    this.child = spawn(process.execPath, [file, ...args], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
    Example.running.add(this);
  }

  /** Waits until it has printed something. @throws Error: it ended without that */
  async says(what: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = what.exec(this.output);
      if (match !== null) return match;
      if (this.child.exitCode !== null) throw new Error(`it ended without a word of ${what}: ${this.output}`);
      await sleep(20);
    }
  }

  /** Ends those that a test has left. */
  static killAll(): void {
    for (const { child } of Example.running) child.kill('SIGKILL');
    Example.running.clear();
  }
}

afterEach(() => Example.killAll());
