/** A process of its own that listens and echoes (test/fixtures/intake-server.ts or runtime-server.ts). */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { IntakeCounters } from '#src/actor/intake/listener.js';

/** How the process stands. */
export interface ServerState extends IntakeCounters {
  /** Its connections. */
  readonly open: number;
  /** What `failed` was told: syscall and code. */
  readonly errors: readonly string[];
  /** Processor time that it has used. */
  readonly cpuUs: number;
}

/** What the process runs: the intake alone, or a runtime. */
type Fixture = 'intake-server' | 'runtime-server';

/** The process, and clients of it. */
export class ServerProcess {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;
  private readonly clients: Socket[] = [];
  port = 0;

  private constructor(shellCommands: string, env: NodeJS.ProcessEnv, fixture: Fixture) {
    const file = fileURLToPath(new URL(`../../build/test/fixtures/${fixture}.js`, import.meta.url));
    this.child = spawn('sh', ['-c', `${shellCommands} exec "$0" "$1"`, process.execPath, file], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.lines = createInterface({ input: this.child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  /** @param shellCommands what the shell does before it becomes the process */
  static async start(
    shellCommands: string,
    env: NodeJS.ProcessEnv = {},
    fixture: Fixture = 'intake-server',
  ): Promise<ServerProcess> {
    const server = new ServerProcess(shellCommands, env, fixture);
    server.port = (await server.read<{ port: number }>()).port;
    return server;
  }

  state(): Promise<ServerState> {
    return this.order('state');
  }

  /** Has it do something first, if it knows the order. */
  order(what: string): Promise<ServerState> {
    this.child.stdin?.write(`${what}\n`);
    return this.read();
  }

  /** Ends it without a word. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  /** Clients whose connection stands in the kernel, accepted or not. */
  async connect(count: number): Promise<Socket[]> {
    const { port } = this;
    const made = Array.from({ length: count }, () => connect({ port, host: '127.0.0.1' }).on('error', () => {}));
    this.clients.push(...made);
    // One that is shed at once may never hear of its connection.
    await Promise.all(
      made.map((client) => Promise.race([once(client, 'connect'), once(client, 'close')]).catch(() => {})),
    );
    return made;
  }

  async end(): Promise<void> {
    for (const client of this.clients) client.destroy();
    if (this.child.exitCode !== null || this.child.killed) return;
    const exit = once(this.child, 'exit');
    this.child.stdin?.write('end\n');
    await exit;
  }

  private async read<T>(): Promise<T> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error('the process has ended');
    return JSON.parse(value) as T;
  }
}
