/** A process of its own that listens and echoes (test/fixtures/intake-server.ts). */
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

const FIXTURE = fileURLToPath(new URL('../../build/test/fixtures/intake-server.js', import.meta.url));

/** The process, and clients of it. */
export class ServerProcess {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;
  private readonly clients: Socket[] = [];
  private port = 0;

  private constructor(shellCommands: string, env: NodeJS.ProcessEnv) {
    this.child = spawn('sh', ['-c', `${shellCommands} exec "$0" "$1"`, process.execPath, FIXTURE], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.lines = createInterface({ input: this.child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  /** @param shellCommands what the shell does before it becomes the process */
  static async start(shellCommands: string, env: NodeJS.ProcessEnv = {}): Promise<ServerProcess> {
    const server = new ServerProcess(shellCommands, env);
    server.port = (await server.read<{ port: number }>()).port;
    return server;
  }

  state(): Promise<ServerState> {
    this.child.stdin?.write('state\n');
    return this.read();
  }

  /** Clients whose connection stands in the kernel, accepted or not. */
  async connect(count: number): Promise<Socket[]> {
    const { port } = this;
    const made = Array.from({ length: count }, () => connect({ port, host: '127.0.0.1' }).on('error', () => {}));
    this.clients.push(...made);
    await Promise.all(made.map((client) => once(client, 'connect')));
    return made;
  }

  async end(): Promise<void> {
    for (const client of this.clients) client.destroy();
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
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
