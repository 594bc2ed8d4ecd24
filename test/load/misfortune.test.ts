/** `sanswitch load` and `sanswitch echo` where something is wrong: with the command line, the server, the machine or the patience. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { Command, echo, expectConsistent, Load, load, onlyRun } from './command.js';

const folder = mkdtempSync(join(tmpdir(), 'sanswitch-misfortune-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (args: readonly string[], environment?: NodeJS.ProcessEnv) => new Command(args, environment).outcome;

/** A TCP server that does what it likes with each connection. */
async function withServer<T>(
  accept: (socket: Socket) => void,
  work: (port: number, server: Server, sockets: ReadonlySet<Socket>) => Promise<T>,
): Promise<T> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    accept(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    return await work((server.address() as AddressInfo).port, server, sockets);
  } finally {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  return withServer(
    () => {},
    async (port) => port,
  );
}

describe('a server', () => {
  it('that is not there', async () => {
    const port = await freePort();
    const { code, stdout, stderr } = await run(['load', `tcp://127.0.0.1:${port}`, '--rate', '1', '--quiet']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(new RegExp(`^sanswitch: load: [^\\n]*ECONNREFUSED[^\\n]*127\\.0\\.0\\.1:${port}\\n$`));
  });

  it('that can only be had by a fallback, with --strict', async () => {
    const server = await echo(['--engine', 'net']);
    const args = ['load', `shm://127.0.0.1:${server.port}`, '--strict', '--rate', '1', '--quiet'];
    const { code, stderr } = await run(args);
    await server.stop();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sanswitch: load: [^\n]*shm[^\n]*\n$/);
  });

  it('that dies mid-run and comes back: errors by code, reconnects, and the rest of the run', async () => {
    await withServer(
      (socket) => void socket.pipe(socket),
      async (port, server, sockets) => {
        const args = ['--rate', '500', '-c', '2', '--tolerance', '100', '--warmup', '0', '--duration', '3'];
        const under = new Load([`tcp://127.0.0.1:${port}`, ...args]);
        await under.says(/1 s +\d+\/s/);
        server.close();
        for (const socket of sockets) socket.resetAndDestroy();
        await once(server, 'close');
        await new Promise((resolve) => setTimeout(resolve, 300));
        server.listen(port, '127.0.0.1');
        const { report } = await under.report();
        const only = onlyRun(report);
        expectConsistent(only);
        expect([only.reconnects, report.is_partial]).toEqual([2, false]);
        expect(only.errors.ECONNRESET).toBeGreaterThanOrEqual(2);
        expect(only.errors.ECONNREFUSED).toBeGreaterThanOrEqual(1);
        // What came due meanwhile has waited, and is begun.
        expect(only.started).toBeGreaterThan(1_400);
        expect(only.late_share).toBeLessThan(0.05);
        expect(only.corrected?.max_us).toBeGreaterThan(250_000);
        expect(only.served.reduce((sum, { connections }) => sum + connections, 0)).toBe(4);
      },
    );
  });

  it('that dies for good: what was measured until then is told', async () => {
    const server = await echo();
    const args = ['--rate', '500', '--warmup', '0', '--duration', '20', '--timeout', '0.5'];
    const under = new Load([`shm://127.0.0.1:${server.port}`, '--strict', ...args]);
    await under.says(/1 s +\d+\/s/);
    server.command.kill('SIGKILL');
    const { code, stderr, report } = await under.report();
    const only = onlyRun(report);
    expectConsistent(only);
    expect(code).toBe(1);
    expect(report.is_partial).toBe(true);
    expect(only.is_valid).toBe(false);
    expect(only.completed).toBeGreaterThan(300);
    expect(only.duration_s).toBeLessThan(15);
    expect(only.complaints.join()).toMatch(/no connection could be had any more: E[A-Z_]+/);
    expect(stderr).toMatch(/sanswitch: load: no connection could be had any more: E[A-Z_]+\n$/);
  });

  it('that never answers', async () => {
    await withServer(
      () => {},
      async (port) => {
        for (const loop of [
          ['--rate', '100'],
          ['--in-flight', '2'],
        ]) {
          const args = [...loop, '--warmup', '0', '--duration', '1.2', '--timeout', '0.3', '--tolerance', '1000'];
          const { code, report } = await load([`tcp://127.0.0.1:${port}`, ...args]);
          const only = onlyRun(report);
          expectConsistent(only);
          expect([code, only.completed, only.is_valid]).toEqual([1, 0, false]);
          expect(only.errors).toEqual({ ETIMEDOUT: only.failed });
          expect(only.failed).toBe(loop.includes('--rate') ? 64 : 2);
        }
      },
    );
  });

  it.each(['http', 'ws'])('that never answers by %s', async (scheme) => {
    await withServer(
      (socket) => void socket.resume(),
      async (port) => {
        const args = ['--in-flight', '1', '--warmup', '0', '--duration', '0.3', '--timeout', '0.3'];
        const under = new Load([`${scheme}://127.0.0.1:${port}/`, ...args]);
        expect(await under.outcome).toMatchObject({ code: 1 });
        if (scheme === 'ws') expect((await under.outcome).stderr).toMatch(/ETIMEDOUT|no answer/);
        else expect(onlyRun((await under.report()).report).errors).toEqual({ ETIMEDOUT: 1 });
      },
    );
  });

  it('that answers too much, or in another language', async () => {
    await withServer(
      (socket) => socket.on('data', (bytes) => socket.write(Buffer.concat([bytes, bytes]))),
      async (port) => {
        const args = ['--in-flight', '1', '--warmup', '0', '--duration', '0.5'];
        const echoed = onlyRun((await load([`tcp://127.0.0.1:${port}`, ...args])).report);
        expectConsistent(echoed);
        expect(echoed.errors).toEqual({ EMSGSIZE: echoed.failed });
        const spoken = onlyRun((await load([`http://127.0.0.1:${port}`, ...args])).report);
        expectConsistent(spoken);
        expect(spoken.errors).toEqual({ EPROTO: spoken.failed });
      },
    );
  });

  it('that ends each connection after one answer, without a word before', async () => {
    await withServer(
      (socket) => socket.once('data', (bytes) => socket.end(bytes)),
      async (port) => {
        const args = ['--rate', '20', '--in-flight', '1', '--warmup', '0', '--duration', '1', '--tolerance', '1000'];
        const only = onlyRun((await load([`tcp://127.0.0.1:${port}`, ...args])).report);
        expectConsistent(only);
        expect(only.completed).toBeGreaterThan(10);
        expect(only.reconnects).toBeGreaterThan(10);
        expect(only.errors.ECLOSED).toBeGreaterThan(10);
      },
    );
  });
});

describe('echo', () => {
  it('says who has its port, and ends', async () => {
    const server = await echo();
    const taken = await run(['echo', String(server.port)]);
    expect(taken).toMatchObject({ code: 1, stdout: '' });
    expect(taken.stderr).toMatch(/^sanswitch: echo: [^\n]*EADDRINUSE[^\n]*\n$/);
    const control = await run(['echo', '0', '--engine', 'net', '--control', String(server.port)]);
    expect(control).toMatchObject({ code: 1, stdout: '' });
    expect(control.stderr).toMatch(/^sanswitch: echo: [^\n]*EADDRINUSE[^\n]*\n$/);
    await server.stop();
  });

  it('tells its processor time to those who ask', async () => {
    const control = await freePort();
    const server = await echo(['--control', String(control)]);
    const args = ['--in-flight', '1', '--warmup', '0.2', '--duration', '0.5', '--server', `127.0.0.1:${control}`];
    const only = onlyRun((await load([`tcp://127.0.0.1:${server.port}`, ...args])).report);
    await server.stop();
    expect(only.server?.percent).toBeGreaterThan(0);
    expect(only.server?.us_per_request).toBeGreaterThan(0);
  });

  it('gives up who sends what is no request', async () => {
    const server = await echo(['--protocol', 'request']);
    const args = ['--in-flight', '1', '--warmup', '0', '--duration', '0.5', '--size', '100'];
    const only = onlyRun((await load([`tcp://127.0.0.1:${server.port}`, ...args])).report);
    expect(await server.stop()).toMatchObject({ code: 0, stderr: '' });
    expectConsistent(only);
    expect(only.completed).toBe(0);
    expect(only.failed).toBeGreaterThan(0);
  });
});

describe('a run', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('that %s ends tells what it has', async (signal) => {
    const server = await echo();
    const under = new Load([`tcp://127.0.0.1:${server.port}`, '--rate', '300', '--warmup', '0', '--duration', '60']);
    await under.says(/1 s +\d+\/s/);
    under.kill(signal);
    const { code, report } = await under.report();
    await server.stop();
    expect([code, report.is_partial]).toEqual([130, true]);
    const only = onlyRun(report);
    expectConsistent(only);
    expect(only.completed).toBeGreaterThan(100);
    expect(only.duration_s).toBeLessThan(20);
  });

  it('that is interrupted in its second step tells of two', async () => {
    const server = await echo();
    const args = ['--rate', '300,400,500', '--warmup', '0', '--duration', '1.5'];
    const under = new Load([`tcp://127.0.0.1:${server.port}`, ...args]);
    await under.says(/400\/s: connecting[\s\S]*1 s +\d+\/s/);
    under.kill('SIGINT');
    const { code, report } = await under.report();
    await server.stop();
    expect([code, report.is_partial]).toEqual([130, true]);
    expect(report.runs.map(({ name }) => name)).toEqual(['64 B, 300/s', '64 B, 400/s']);
  });

  it('that is interrupted while it connects ends without one', async () => {
    await withServer(
      (socket) => void socket.resume(),
      async (port) => {
        const args = ['--rate', '1', '--duration', '600', '--timeout', '1'];
        const under = new Load([`ws://127.0.0.1:${port}`, ...args]);
        await under.says(/connecting/);
        await new Promise((resolve) => setTimeout(resolve, 200));
        under.kill('SIGINT');
        expect(await under.outcome).toMatchObject({ code: 130 });
      },
    );
  });

  it('whose report finds no place says so', async () => {
    const server = await echo();
    const args = [`tcp://127.0.0.1:${server.port}`, '--in-flight', '1', '--requests', '5', '--warmup', '0', '--quiet'];
    const full = await run(['load', ...args, '--json', '/dev/full']);
    expect(full).toMatchObject({
      code: 1,
      stderr: "sanswitch: can't write /dev/full: no space left on the device (ENOSPC)\n",
    });
    const nowhere = await run(['load', ...args, '--json', join(folder, 'no', 'where.json')]);
    expect(nowhere.code).toBe(1);
    expect(nowhere.stderr).toMatch(/^sanswitch: can't write \S+where\.json: [^\n]*ENOENT[^\n]*\n$/);
    const out = await run(['load', ...args, '--json', '-']);
    expect(JSON.parse(out.stdout)).toMatchObject({ runs: [{ completed: 5 }] });
    await server.stop();
  });

  it('wants the addon, and says so', async () => {
    const args = ['load', 'tcp://127.0.0.1:9', '--rate', '1', '--quiet'];
    const { code, stdout, stderr } = await run(args, { SANSWITCH_NO_NATIVE: '1' });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe('sanswitch: load: the native addon is not in use: SANSWITCH_NO_NATIVE is set\n');
  });

  it.each([
    ['workers die as they start', 'threadId > 0', 300],
    ['workers die mid-run', 'threadId > 0', 1_500],
    ['worker dies mid-run', 'threadId === 1', 2_500],
  ])('whose %s says so, and ends with what it has', async (_, who, when_ms) => {
    const server = await echo();
    const preload = join(folder, `die-${when_ms}.mjs`);
    writeFileSync(
      preload,
      `import { threadId } from 'node:worker_threads';
       if (${who}) setTimeout(() => process.exit(7), ${when_ms}).unref();`,
    );
    const args = [
      `tcp://127.0.0.1:${server.port}`,
      '--rate',
      '300',
      '-w',
      '2',
      '-c',
      '2',
      '--warmup',
      '0',
      '--duration',
      '60',
    ];
    const under = new Load(args, { NODE_OPTIONS: `--import=${pathToFileURL(preload).href}` });
    const { code, stderr } = await under.outcome;
    await server.stop();
    expect(code).toBe(1);
    if (who === 'threadId === 1') {
      const { report } = await under.report();
      const run = onlyRun(report);
      expect([report.is_partial, run.is_valid]).toEqual([true, false]);
      expect(run.complaints[0]).toBe('a worker has ended: worker-died; the figures are of the others, until then');
      expectConsistent(run);
      expect(run.served.map(({ connections }) => connections)).toEqual([1]);
      expect(run.completed).toBeGreaterThan(50);
      expect(run.duration_s).toBeLessThan(30);
    }
    // Early, it may be the start that fails.
    expect(stderr).toMatch(
      /sanswitch: load: ((a worker|worker-\d) has ended: [^\n]+|worker \d died while others started)\n$/,
    );
  });
});
