/** `sanswitch load` against real servers: every protocol, every kind of loop. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import type { LoadRun } from '#src/load/report.js';
import { echo, expectConsistent, load, onlyRun, type Served } from './command.js';

/** Short: what is tested is not how fast it is. */
const SHORT = ['--warmup', '0.2', '--duration', '1'];

async function withServer<T>(args: readonly string[], work: (server: Served) => Promise<T>): Promise<T> {
  const server = await echo(args);
  try {
    return await work(server);
  } finally {
    expect(await server.stop()).toMatchObject({ code: 0, stderr: '' });
  }
}

async function withHttp<T>(work: (port: number, server: Server, asked: string[]) => Promise<T>): Promise<T> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.host}`);
    const fail = request.url === '/fail';
    response.writeHead(fail ? 503 : 200, request.url === '/chunks' ? {} : { 'Content-Length': 5 });
    response.write('he');
    response.end('llo');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    return await work((server.address() as AddressInfo).port, server, asked);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** Of whoever served: all of them, and by whom. */
function expectServed(run: LoadRun, provider: string, connections: number): void {
  expect(run.served.every((one) => one.provider === provider)).toBe(true);
  expect(run.served.reduce((sum, one) => sum + one.connections, 0)).toBe(connections);
}

describe('echo', () => {
  it('by TCP/IP, in a closed loop on several workers and connections', async () => {
    await withServer(['--engine', 'net'], async ({ port }) => {
      const args = ['--in-flight', '2', '-c', '5', '-w', '2', '--size', '100', ...SHORT];
      const { code, stderr, report } = await load([`tcp://127.0.0.1:${port}`, ...args]);
      const run = onlyRun(report);
      expectConsistent(run);
      expect(run).toMatchObject({
        failed: 0,
        errors: {},
        corrected: null,
        rate_per_s: null,
        in_flight: 2,
        size_bytes: 100,
      });
      expect(code === 0 || !run.is_valid).toBe(true);
      expectServed(run, 'tcp', 5);
      expect(run.completed).toBeGreaterThan(100);
      // All of the warm-up, too, which is not counted.
      expect(run.bytes_sent).toBeGreaterThanOrEqual(run.completed * 100);
      expect(run.bytes_sent % 100).toBe(0);
      expect(run.bytes_received).toBe(run.bytes_sent);
      expect(stderr).toMatch(/connecting 5 to tcp:/);
      expect(report).toMatchObject({ schema: 'sanswitch-load', version: 1, is_partial: false, slo: null });
      expect(report.settings).toMatchObject({
        loop: 'closed',
        connections: 5,
        workers: 2,
        protocol: 'echo',
        warmup_s: 0.2,
      });
      expect(report.hosts).toHaveLength(1);
      expect(report.hosts[0]).toMatchObject({ node: process.version });
    });
  });

  it('by shared memory, in an open loop, and tells the processor time of both', async () => {
    await withServer([], async ({ port, command }) => {
      const args = ['--strict', '--rate', '2k', '-c', '4', '-w', '2', '--arrivals', 'poisson', ...SHORT];
      const { report } = await load([`shm://127.0.0.1:${port}`, ...args, '--server-pid', String(command.pid)]);
      const run = onlyRun(report);
      expectConsistent(run);
      expectServed(run, 'shm', 4);
      expect(run).toMatchObject({ failed: 0, rate_per_s: 2_000 });
      // Poisson: a deviation of 45.
      expect(run.started).toBeGreaterThan(1_750);
      expect(run.started).toBeLessThan(2_250);
      expect(run.client.percent).toBeGreaterThan(0);
      expect(run.server?.percent).toBeGreaterThan(0);
      expect(report.settings).toMatchObject({ loop: 'open', arrivals: 'poisson' });
    });
  });

  it('of sizes that are drawn ends after so many requests, no more and no fewer', async () => {
    await withServer([], async ({ port }) => {
      const args = [
        '--requests',
        '1001',
        '-c',
        '3',
        '-w',
        '2',
        '--size',
        '10-20:9/300',
        '--in-flight',
        '4',
        '--warmup',
        '0',
      ];
      const run = onlyRun((await load([`shm://127.0.0.1:${port}`, ...args])).report);
      expectConsistent(run);
      expect(run).toMatchObject({ started: 1_001, completed: 1_001, failed: 0 });
      expect(run.size_bytes).toBeCloseTo(0.9 * 15 + 0.1 * 300);
      expect(run.bytes_received).toBe(run.bytes_sent);
      expect(run.bytes_sent).toBeGreaterThan(1_001 * 30);
      expect(run.bytes_sent).toBeLessThan(1_001 * 60);
      expect(run.completed_per_s).toBeCloseTo(1_001 / run.duration_s, 3);
    });
  });

  it('is swept: one run for each size and rate, in order', async () => {
    await withServer([], async ({ port }) => {
      const args = ['--rate', '200..800', '--size', '64,1Ki', '--warmup', '0', '--duration', '0.2', '--quiet'];
      const { report, stderr } = await load([`tcp://127.0.0.1:${port}`, ...args]);
      expect(stderr).toBe('');
      expect(report.runs.map(({ name, rate_per_s, size_bytes }) => [name, rate_per_s, size_bytes])).toEqual([
        ['64 B, 200/s', 200, 64],
        ['64 B, 400/s', 400, 64],
        ['64 B, 800/s', 800, 64],
        ['1024 B, 200/s', 200, 1_024],
        ['1024 B, 400/s', 400, 1_024],
        ['1024 B, 800/s', 800, 1_024],
      ]);
      for (const run of report.runs) {
        expectConsistent(run);
        expect(run.started).toBeGreaterThanOrEqual((run.rate_per_s as number) * 0.2 - 1);
        expect(run.started).toBeLessThanOrEqual((run.rate_per_s as number) * 0.2 + 1);
      }
    });
  });

  it('is searched for the highest rate that holds a limit', async () => {
    await withServer([], async ({ port }) => {
      const args = [
        '--search',
        '--slo',
        'p50<50ms',
        '--tolerance',
        '100',
        '--in-flight',
        '1',
        '--warmup',
        '0.1',
        '--duration',
        '0.3',
      ];
      const { code, report } = await load([`shm://127.0.0.1:${port}`, ...args]);
      const [closed, ...others] = report.runs as [LoadRun, ...LoadRun[]];
      for (const run of report.runs) expectConsistent(run);
      expect(closed.rate_per_s).toBeNull();
      expect(others.length).toBeGreaterThan(0);
      const { slo } = report;
      if (slo === null) throw new Error('nothing is said of the limit');
      expect(slo).toMatchObject({ text: 'p50<50ms', is_met: true });
      // What it did not hold, and what it was not asked for, is no fault of a search.
      expect(code).toBe(0);
      const held = others.filter(
        ({ is_valid, corrected }) => is_valid && (corrected?.percentiles[0]?.us ?? 0) < 50_000,
      );
      expect(slo.highest_rate_per_s).toBe(Math.max(...held.map(({ rate_per_s }) => rate_per_s as number)));
    });
  });

  it('breaks a limit: exit code 1', async () => {
    await withServer([], async ({ port }) => {
      const args = ['--in-flight', '1', '--slo', 'p50<1ns', ...SHORT];
      const { code, report } = await load([`tcp://127.0.0.1:${port}`, ...args]);
      expect([code, report.slo]).toEqual([1, { text: 'p50<1ns', is_met: false, highest_rate_per_s: null }]);
    });
  });
});

describe('other protocols', () => {
  it.each(['actors', 'net'])('requests whose answers have sizes of their own, from %s', async (engine) => {
    await withServer(['--protocol', 'request', '--engine', engine], async ({ port }) => {
      const args = [
        '--protocol',
        'request',
        '--size',
        '50',
        '--answer',
        '1-100000',
        '--in-flight',
        '3',
        '--requests',
        '500',
      ];
      const run = onlyRun((await load([`san://127.0.0.1:${port}`, ...args, '--warmup', '0'])).report);
      expectConsistent(run);
      expect(run).toMatchObject({ started: 500, completed: 500, failed: 0, bytes_sent: 500 * 58 });
      expect(run.bytes_received).toBeGreaterThan(500 * 40_000);
      expect(run.bytes_received).toBeLessThan(500 * 60_000);
      expectServed(run, engine === 'net' ? 'tcp' : 'shm', 1);
    });
  });

  it('one way, to a sink', async () => {
    await withServer(['--protocol', 'sink'], async ({ port }) => {
      for (const loop of [
        ['--rate', '1000'],
        ['--in-flight', '4'],
      ]) {
        const args = [...loop, '--protocol', 'stream', '--size', '4Ki', ...SHORT];
        const run = onlyRun((await load([`shm://127.0.0.1:${port}`, '--strict', ...args])).report);
        expectConsistent(run);
        expect(run).toMatchObject({ failed: 0, raw: null, corrected: null, bytes_received: 0 });
        expect(run.completed).toBeGreaterThan(500);
        expect(run.bytes_sent % 4_096).toBe(0);
      }
    });
  });

  it('one way, to a server that answers all the same: what comes back is dropped', async () => {
    await withServer([], async ({ port }) => {
      const args = ['--rate', '1000', '--protocol', 'stream', '--size', '4Ki', ...SHORT];
      const run = onlyRun((await load([`shm://127.0.0.1:${port}`, '--strict', ...args])).report);
      expectConsistent(run);
      expect(run).toMatchObject({ failed: 0, errors: {}, reconnects: 0 });
      expect(run.bytes_received).toBeGreaterThan(500 * 4_096);
    });
  });

  it('HTTP, to node:http, pipelined or not, in chunks or not', async () => {
    await withHttp(async (port, _, asked) => {
      for (const inFlight of ['1', '4']) {
        for (const path of ['/a?b=c', '/chunks']) {
          const args = ['--in-flight', inFlight, '-c', '2', '--requests', '200', '--warmup', '0'];
          const run = onlyRun((await load([`http://127.0.0.1:${port}${path}`, ...args])).report);
          expectConsistent(run);
          expect(run).toMatchObject({ started: 200, completed: 200, failed: 0, errors: {} });
          expectServed(run, 'tcp', 2);
          expect(new Set(asked.splice(0))).toEqual(new Set([`GET ${path} 127.0.0.1:${port}`]));
        }
      }
    });
  });

  it('HTTP that fails is counted by its status', async () => {
    await withHttp(async (port) => {
      const { code, report } = await load([
        `http://127.0.0.1:${port}/fail`,
        '--rate',
        '200',
        '--tolerance',
        '1000',
        ...SHORT,
      ]);
      const run = onlyRun(report);
      expectConsistent(run);
      expect(run).toMatchObject({ completed: 0, is_valid: false, complaints: ['nothing was answered'], reconnects: 0 });
      expect(run.errors).toEqual({ HTTP_503: run.failed });
      expect(code).toBe(1);
    });
  });

  it('HTTP of a server that ends each connection costs reconnects, and no request', async () => {
    await withHttp(async (port, server) => {
      server.maxRequestsPerSocket = 1;
      const run = onlyRun((await load([`http://127.0.0.1:${port}/`, '--in-flight', '1', '-c', '2', ...SHORT])).report);
      expectConsistent(run);
      expect(run).toMatchObject({ failed: 0, errors: {} });
      expect(run.completed).toBeGreaterThan(20);
      expect(run.reconnects).toBeGreaterThanOrEqual(run.completed);
    });
  });

  it('WebSocket messages of every length, to ws', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/chat' });
    await once(server, 'listening');
    server.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
      const pings = setInterval(() => socket.ping('are you there'), 20);
      socket.on('close', () => clearInterval(pings));
    });
    const { port } = server.address() as AddressInfo;
    try {
      for (const size of ['1-125', '126-65535', '65536-70000']) {
        const args = ['--in-flight', '3', '-c', '2', '--requests', '100', '--warmup', '0', '--size', size];
        const run = onlyRun((await load([`ws://127.0.0.1:${port}/chat`, ...args])).report);
        expectConsistent(run);
        expect(run).toMatchObject({ started: 100, completed: 100, failed: 0, errors: {} });
      }
      const refused = await load([`ws://127.0.0.1:${port}/nowhere`, '--rate', '1']).catch((error: Error) => error);
      expect(String(refused)).toMatch(/no WebSocket is to be had there: HTTP\/1\.1 400/);
    } finally {
      for (const client of server.clients) client.terminate();
      server.close();
    }
  });
});
