/** Programs that nobody here wrote, with and without the switch below them, each end in a process of its own. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const PARTY = fileURLToPath(new URL('../../build/test/fixtures/programs/party.js', import.meta.url));
const REGISTER = new URL('../../dist/register/index.js', import.meta.url).href;
/** What the four pairs of one program may take, on a machine that is busy. */
const RUN_MS = 180_000;
/** How long a process may stay once it has nothing more to do. */
const EXIT_MS = 5_000;

type How = 'switched' | 'plain';

/** What a process had to say at its end. */
interface Ending {
  /** Its connections by provider. */
  carried: Record<string, number>;
  /** What the switch still held. */
  open: number;
  exitCode: number | null;
  /** What it complained of. */
  errors: string;
}

/** A client's run. */
interface Call extends Ending {
  results: unknown;
}

/** One end. */
class Party {
  private static readonly running = new Set<Party>();
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  private readonly lines: AsyncIterator<string>;
  private readonly exit: Promise<unknown>;
  private errors = '';

  constructor(how: How, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    const flags = how === 'switched' ? ['--import', REGISTER] : [];
    const env = { ...process.env, ...environment };
    this.child = spawn(process.execPath, [...flags, PARTY, ...args], { stdio: 'pipe', env });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
    });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    this.exit = once(this.child, 'close');
    Party.running.add(this);
  }

  /** The next line that it prints. @throws Error: it has ended without one */
  async says<T>(): Promise<T> {
    const { value, done } = await this.lines.next();
    if (!done) return JSON.parse(value as string) as T;
    await this.exit;
    throw new Error(`it ended without a word, but: ${this.errors}`);
  }

  /** Has it come to its end, and waits for that. */
  async ends(): Promise<Ending> {
    this.child.stdin.end();
    const last = await this.says<Pick<Ending, 'carried' | 'open'>>();
    const late = setTimeout(() => this.child.kill('SIGKILL'), EXIT_MS);
    await this.exit;
    clearTimeout(late);
    Party.running.delete(this);
    return { ...last, exitCode: this.child.exitCode, errors: this.errors };
  }

  static killAll(): void {
    for (const { child } of Party.running) child.kill('SIGKILL');
    Party.running.clear();
  }
}

/** A server, and both kinds of client at it, one after the other. @param demand of the client that has a switch */
async function serve(name: string, how: How, demand: NodeJS.ProcessEnv = {}) {
  const server = new Party(how, [name, 'serve']);
  const { ports } = await server.says<{ ports: number[] }>();
  const call = async (client: How, environment?: NodeJS.ProcessEnv): Promise<Call> => {
    const party = new Party(client, [name, 'call', ...ports.map(String)], environment);
    const { results } = await party.says<{ results: unknown }>();
    return { results, ...(await party.ends()) };
  };
  const switched = await call('switched', demand);
  const plain = await call('plain');
  return { server: await server.ends(), switched, plain };
}

const CLEAN = { open: 0, exitCode: 0, errors: '' };

/**
 * Runs `test/fixtures/programs/NAME.mjs` in all four pairs of switched and plain ends.
 * @param expected its results, by TCP/IP and by shared memory alike
 * @param by who carries every connection between switched ends; shared memory is demanded
 */
export function runs(name: string, expected: unknown, by: 'shm' | 'tcp' = 'shm'): void {
  const result = (provider: string) => ({ ...CLEAN, results: expected, carried: { [provider]: expect.any(Number) } });
  describe(name, () => {
    let switched: Awaited<ReturnType<typeof serve>>;
    let plain: Awaited<ReturnType<typeof serve>>;

    beforeAll(async () => {
      const demand = by === 'shm' ? { SANSWITCH_PROVIDERS: 'shm!' } : {};
      [switched, plain] = await Promise.all([serve(name, 'switched', demand), serve(name, 'plain')]);
    }, RUN_MS);
    afterAll(() => Party.killAll());

    it('does by TCP/IP what it is here for', () => expect(plain.plain).toEqual(result('tcp')));

    it(`does the same with a switch at both ends, all of it by ${by}`, () => {
      expect(switched.switched).toEqual(result(by));
    });

    it('does the same with a switch at one end', () => {
      expect(switched.plain).toEqual(result('tcp'));
      expect(plain.switched).toEqual(result('tcp'));
    });

    it('has served each of these connections, and holds none', () => {
      for (const { server, ...calls } of [switched, plain]) {
        expect(server).toEqual({ ...CLEAN, carried: atLeast(calls.switched.carried, calls.plain.carried) });
      }
    });
  });
}

/** Connections of two clients, by provider. A server also has those that a client gave up before it knew of them. */
function atLeast(one: Ending['carried'], other: Ending['carried']) {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  const counts = [...names].map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)] as const);
  return Object.fromEntries(counts.map(([name, least]) => [name, expect.toSatisfy((count: number) => count >= least)]));
}
