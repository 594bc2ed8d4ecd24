/** What connections use up, and what happens when there is no more: queue pairs, memory that may be locked, descriptors, CPU. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { idleShare } from '../fixtures/idleness.js';
import type { MemlockNews } from '../fixtures/rdma-memlock.js';
import { kernelCounts } from './kernel-counts.js';
import { afterwards, HERE, LARGE, Partner, proveHealth, run, SMALL, switchHere, THERE, until } from './partners.js';

const MEMLOCK = new URL('../../build/test/fixtures/rdma-memlock.js', import.meta.url).pathname;
const NOBODY = 65_534;
const NOTHING = { pieceBytes: SMALL, totalBytes: 0 };
const PORT_RANGE = '/proc/sys/net/ipv4/ip_local_port_range';

const descriptors = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

describe('connections', () => {
  it('leave nothing behind: 500 made and closed', { timeout: 170_000 }, async () => {
    const sw = await switchHere();
    const partner = await Partner.start();
    const pids = [process.pid, partner.child.pid as number];
    const connectAndClose = async () => {
      const socket = await partner.connect(sw);
      socket.handlers = { received() {} };
      await socket.close();
    };
    // What is made once, and kept: the arena's chunks too, for more connections than are open later, those that linger included.
    await Promise.all(Array.from({ length: 16 }, connectAndClose));
    await until('the partner has closed them', () => partner.ended.length === 16);
    await sleep(500);
    const before = { kernel: kernelCounts(), descriptors: pids.map(descriptors) };
    for (let i = 0; i < 100; i++) await Promise.all(Array.from({ length: 5 }, connectAndClose));
    await until('the partner has closed them', () => partner.ended.length === 516);
    expect(partner.ended.filter(({ error }) => error !== null)).toEqual([]);
    const now = () => ({ kernel: kernelCounts(), descriptors: pids.map(descriptors) });
    await until('the kernel has all back', () => JSON.stringify(now()) === JSON.stringify(before)).catch(() => {});
    expect(now()).toEqual(before);
  });

  it('let children be started while memory of the application is registered', async () => {
    const sw = await switchHere();
    const partner = await Partner.start();
    const socket = await partner.connect(sw);
    // So small that they lie in the heap, on pages with other things, and so large that they go by RDMA.
    const whole = Array.from({ length: 40 }, () => Buffer.allocUnsafeSlow(100_000).fill(7));
    for (const bytes of whole) await socket.sendAsync(bytes);
    // A page that is kept out of children has this flag; those of the heap are needed there.
    const maps = readFileSync('/proc/self/smaps', 'latin1').split(/^(?=[0-9a-f]+-)/m);
    expect(maps.filter((map) => map.includes('[heap]') && /^VmFlags:.* dc\b/m.test(map))).toEqual([]);
    for (let i = 0; i < 20; i++) expect(run('echo', `${i}`)).toBe(`${i}\n`);
    socket.abort();
  });

  it('[WSD-2.5] can be made from every port that TCP/IP can be connected from', async () => {
    const partner = await Partner.start();
    const usual = readFileSync(PORT_RANGE, 'latin1');
    afterwards(() => writeFileSync(PORT_RANGE, usual));
    writeFileSync(PORT_RANGE, '40000 40031');
    // Its device is opened now: what that needs of the ports of RDMA, it takes from the same range.
    const sw = await switchHere();
    const ports = new Set<number>();
    for (let i = 0; i < 32; i++) ports.add((await partner.connect(sw)).localPort);
    expect(ports.size).toBe(32);
  });

  it('cost no CPU while nothing moves', async () => {
    const sw = await switchHere();
    const partner = await Partner.start();
    const flow = await partner.flow(sw, NOTHING);
    await until('it is accepted', () => partner.accepted === 1);
    await sleep(500);
    expect(await idleShare()).toBeLessThan(0.02);
    expect(flow.report().error).toBeNull();
  });

  it('are none of RDMA where a plain TCP server listens', async () => {
    const server = createServer((peer) => peer.pipe(peer)).listen(0, THERE);
    await once(server, 'listening');
    afterwards(() => server.close());
    const { port } = server.address() as { port: number };
    const sw = await switchHere({ providers: [{ name: 'verbs', options: { listen: 'all' } }] });
    const tookMs: number[] = [];
    for (let i = 0; i < 2; i++) {
      const startMs = performance.now();
      const socket = await sw.connect({ host: THERE, port, localAddress: HERE });
      tookMs.push(performance.now() - startMs);
      expect(socket.provider).toBe('tcp');
      await socket.close();
    }
    expect(tookMs[0]).toBeLessThan(1_000);
  });
});

/** A process of an ordinary user, who may lock only so much memory. */
class Poor {
  readonly news: MemlockNews[] = [];
  readonly child: ChildProcess;

  constructor(port: number, memlockKib: number) {
    const command = `ulimit -l ${memlockKib}; exec "$0" "$@"`;
    const args = ['-c', command, process.execPath, MEMLOCK, THERE, HERE, String(port)];
    this.child = spawn('bash', args, { uid: NOBODY, gid: NOBODY, stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) =>
      this.news.push(JSON.parse(line) as MemlockNews),
    );
    afterwards(() => this.child.kill('SIGKILL'));
  }

  async next(): Promise<MemlockNews> {
    await until('it says something', () => this.news.length > 0 || this.child.exitCode !== null);
    return this.news.shift() as MemlockNews;
  }
}

describe('memory that may be locked', () => {
  // By default root's alone.
  beforeAll(() => chmodSync('/dev/infiniband/rdma_cm', 0o666));

  it('is not there before the connect: TCP/IP carries it', async () => {
    const partner = await Partner.start(NOTHING, 0, 'verbs');
    const poor = new Poor(partner.port, 64);
    expect(await poor.next()).toMatchObject({ provider: 'tcp' });
    expect(poor.child.exitCode).toBeNull();
  });

  it('[WSD-5.8] runs out after it: ENOBUFS for who asks for it, all else is copied, and the process goes on', async () => {
    const partner = await Partner.start(NOTHING, 0, 'verbs');
    const poor = new Poor(partner.port, 1_048_576);
    expect(await poor.next()).toMatchObject({ provider: 'verbs' });
    run('prlimit', `--memlock=1:1`, '--pid', String(poor.child.pid));
    poor.child.stdin?.write(`${8 * LARGE}\n`);
    const sent = (await poor.next()) as Extract<MemlockNews, { error: unknown }>;
    expect(sent).toMatchObject({ allocated: 'ENOBUFS', error: null, largeSendsCopied: 1 });
    expect(sent.copiedBytes).toBeGreaterThanOrEqual(8 * LARGE);
    // While there are slots for messages, and then by TCP/IP.
    const next = [await poor.next(), await poor.next(), await poor.next(), await poor.next()];
    for (const news of next) expect(news).toMatchObject({ provider: expect.stringMatching(/^(verbs|tcp)$/) });
    expect(next.at(-1)).toMatchObject({ provider: 'tcp', why: expect.stringMatching(/out-of-resources .*\(ENOMEM\)/) });
    expect(await poor.next()).toMatchObject({ error: null });
    await proveHealth(await switchHere());
  });
});
