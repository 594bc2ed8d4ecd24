import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { IntakeCounters } from '#src/actor/intake/listener.js';
import { echoes } from './intake-rig.js';

/** What the process says of itself. */
interface State extends IntakeCounters {
  readonly open: number;
  readonly errors: readonly string[];
  readonly cpuUs: number;
}

const FIXTURE = fileURLToPath(new URL('../../build/test/fixtures/intake-short.js', import.meta.url));
/** Node itself needs about 25. */
const DESCRIPTORS = 64;

/** A process that may have no more than DESCRIPTORS. */
class Short {
  port = 0;
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor() {
    const command = `ulimit -n ${DESCRIPTORS}; exec "$0" "$1"`;
    this.child = spawn('sh', ['-c', command, process.execPath, FIXTURE], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  async read<T>(): Promise<T> {
    return JSON.parse((await this.lines.next()).value as string) as T;
  }

  state(): Promise<State> {
    this.child.stdin?.write('state\n');
    return this.read();
  }

  async end(): Promise<void> {
    const exit = once(this.child, 'exit');
    this.child.stdin?.write('end\n');
    await exit;
  }
}

let short: Short | undefined;
const clients: Socket[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await short?.end();
});

describe('a process that runs out of descriptors', () => {
  it('says so once, sheds some, lets the others wait without burning the processor, and recovers', async () => {
    short = new Short();
    short.port = (await short.read<{ port: number }>()).port;
    const { port } = short;
    for (let i = 0; i < 100; i++) clients.push(connect({ port, host: '127.0.0.1' }).on('error', () => {}));
    await Promise.all(clients.map((client) => once(client, 'connect')));
    await delay(200);
    const early = await short.state();
    await delay(300);
    const late = await short.state();
    expect(late.errors).toEqual(['accept EMFILE']);
    expect(late.accepted).toBe(late.open);
    expect(late.accepted).toBeGreaterThan(10);
    expect(late.accepted).toBeLessThan(DESCRIPTORS);
    expect(late.shed).toBeGreaterThanOrEqual(1);
    // One at most for each pause of 50 ms.
    expect(late.shed).toBeLessThanOrEqual(late.pauses);
    expect(late.pauses - early.pauses).toBeLessThanOrEqual(8);
    expect(late.cpuUs - early.cpuUs).toBeLessThan(150_000);
    // Those that are in go on, and room for one lets in one that waits.
    await echoes(clients[0] as Socket, 'still here');
    for (const client of clients.slice(0, 90)) client.destroy();
    await echoes(clients[99] as Socket, 'let in at last');
    const recovered = await short.state();
    expect(recovered.accepted).toBeGreaterThan(late.accepted);
    expect(recovered.errors[0]).toBe('accept EMFILE');
  });
});
