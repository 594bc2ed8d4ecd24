import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { TopReport } from '#src/top/report.js';
import { REGISTER } from '../register/program.js';
import { COMMAND, ended, nextLine, observe, pair, report, start, top } from './observed.js';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
/** What one sees of the actors of another thread is there a moment later. */
const PUBLISHED_MS = 400;

describe('sanswitch top', () => {
  it('shows both ends of a connection, and what passes', async () => {
    const { server, client, port } = await pair({ bytes: 100, everyMs: 5 });
    const { version, processes, connections, skipped, intervalS } = await report([server.pid, client.pid]);
    expect({ version, skipped }).toEqual({ version: 1, skipped: [] });
    expect(intervalS).toBeGreaterThan(0.4);
    const names = { name: 'observed.js', threads: ['main'], connections: 1, unlisted: 0 };
    expect(processes.find(({ pid }) => pid === server.pid)).toMatchObject({ ...names, accepts: 1, listeners: 1 });
    expect(processes.find(({ pid }) => pid === client.pid)).toMatchObject({ ...names, connects: 1, listeners: 0 });
    const sending = connections.find(({ pid }) => pid === client.pid);
    expect(sending).toMatchObject({
      thread: 'main',
      provider: 'shm',
      remote: `127.0.0.1:${port}`,
      peerPid: server.pid,
      peerProcess: 'observed.js',
      ringBytes: 4_096,
    });
    // 200 a second of 100 bytes, as far as the machine has time for them.
    expect(sending?.sendsPerS).toBeGreaterThan(20);
    expect(sending?.sendsPerS).toBeLessThan(400);
    expect((sending?.bytesSentPerS ?? 0) / (sending?.sendsPerS ?? 1)).toBeCloseTo(100, 3);
    expect(sending?.deliveries).toBeGreaterThan(10);
    const answering = connections.find(({ pid }) => pid === server.pid);
    expect(answering).toMatchObject({ local: sending?.remote, remote: sending?.local, peerPid: client.pid });
  });

  it('shows TCP/IP, and finds the peer among the others', async () => {
    const { server, client } = await pair({ providers: ['tcp!'] });
    const { connections } = await report([server.pid, client.pid]);
    expect(connections).toHaveLength(2);
    for (const { pid, provider, peerPid, ringBytes } of connections) {
      const peer = pid === server.pid ? client.pid : server.pid;
      expect({ provider, peerPid, ringBytes }).toEqual({ provider: 'tcp', peerPid: peer, ringBytes: null });
    }
  });

  it('shows processes without the addon', async () => {
    const env = { ...process.env, SANSWITCH_NO_NATIVE: '1' };
    const { pid } = await observe({ is: 'server', providers: [], reads: true }, { env });
    expect((await report([pid], [], { env })).processes).toMatchObject([{ pid, connections: 0, listeners: 1 }]);
  });

  it('shows programs that know nothing of sanswitch', async () => {
    const program = `
      const net = require('node:net');
      const server = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1', () => {
        const socket = net.connect(server.address().port, '127.0.0.1', () => console.log('{}'));
        setInterval(() => socket.write('ping'), 10);
        socket.resume();
      });`;
    const child = start(['--import', REGISTER, '-e', program], {
      env: { ...process.env, NODE_OPTIONS: '', SANSWITCH_PROVIDERS: 'shm!' },
    });
    await nextLine(child);
    const { processes, connections } = await report([child.pid as number]);
    expect(processes).toMatchObject([{ name: 'node', connections: 2, connects: 1, accepts: 1 }]);
    for (const connection of connections) {
      expect(connection).toMatchObject({ provider: 'shm', peerPid: child.pid });
      expect(connection.bytesSentPerS).toBeGreaterThan(0);
    }
  });

  it('shows who is blocked, and how full the ring is', async () => {
    const { client } = await pair({ bytes: 8 * 1024 * 1024, everyMs: 0 }, false);
    const { connections } = await report([client.pid]);
    const { stalls = 0, queuedBytes = 0, ringBytes, ringUsedBytes } = connections[0] ?? {};
    expect(stalls).toBeGreaterThan(0);
    expect(queuedBytes).toBeGreaterThan(0);
    expect((ringUsedBytes ?? 0) / (ringBytes ?? 1)).toBeGreaterThan(0.4);
  });

  it('shows restarts of actors and what waits in mailboxes', async () => {
    const { pid } = await observe({ is: 'actors', failures: 5, waiting: 20 }, { stdio: ['pipe', 'pipe', 'ignore'] });
    await delay(PUBLISHED_MS);
    const { processes } = await report([pid]);
    expect(processes).toMatchObject([
      { threads: ['main', 'worker-0'], actors: 2, actorRestarts: 5, mailboxDepth: 20, mailboxDepthMost: 20 },
    ]);
  });

  it('tells how many connections it does not list', async () => {
    const { server, client } = await pair({ count: 1_030, bytes: 1, everyMs: 0 });
    await delay(PUBLISHED_MS);
    const { processes, connections } = await report([client.pid]);
    expect(processes).toMatchObject([{ connections: 1_030, unlisted: 6 }]);
    expect(connections).toHaveLength(1_024);
    const { stdout } = await top(['--once', '--interval', '0.1', '--pid', String(server.pid)]);
    expect(stdout.split('\n', 1)[0]).toMatch(/1 process, 1030 connections, 6 not listed$/);
  });

  it('goes on when processes are killed while it looks', async () => {
    const { server, client } = await pair();
    const own = ['--pid', String(server.pid), '--pid', String(client.pid)];
    const looking = start([COMMAND, 'top', '--json', '--interval', '0.1', ...own]);
    const seen = async (pids: readonly number[]): Promise<TopReport> => {
      for (;;) {
        const next = await nextLine<TopReport>(looking);
        if (
          next.processes
            .map(({ pid }) => pid)
            .sort()
            .join() === [...pids].sort().join()
        )
          return next;
      }
    };
    await seen([server.pid, client.pid]);
    server.child.kill('SIGKILL');
    // What the survivor tells is a moment old.
    while ((await seen([client.pid])).connections.length > 0);
    client.child.kill('SIGKILL');
    expect(await seen([])).toMatchObject({ connections: [], skipped: [] });
    looking.kill('SIGTERM');
    expect(await ended(looking)).toBe(0);
  });

  it('sees nothing of a process that has closed its switch, or of its descriptor in a child', async () => {
    const program = `
      import { createSwitch } from '${new URL('../../dist/index.js', import.meta.url).href}';
      const sw = await createSwitch({ providers: ['shm'] });
      if (process.argv[1] !== 'open') await sw.close();
      console.log('{}');
      setInterval(() => {}, 1000);`;
    const args = ['--input-type=module', '-e', program];
    const closed = start(args);
    const open = start([...args, 'open']);
    await Promise.all([nextLine(closed), nextLine(open)]);
    const { processes } = await report([closed.pid as number, open.pid as number]);
    expect(processes.map(({ pid }) => pid)).toEqual([open.pid]);
  });

  it('is no matter to a program that closes the descriptor', async () => {
    const program = `
      import { closeSync, fstatSync, openSync, readdirSync, readlinkSync } from 'node:fs';
      import { createSwitch } from '${new URL('../../dist/index.js', import.meta.url).href}';
      const sw = await createSwitch({ providers: ['shm!'] });
      const echo = (socket) => (socket.handlers = { received: (_, bytes) => socket.send(bytes) });
      const listener = await sw.listen({ host: '127.0.0.1', port: 0 }, echo);
      const link = (fd) => { try { return readlinkSync('/proc/self/fd/' + fd); } catch { return ''; } };
      const fd = Number(readdirSync('/proc/self/fd').find((fd) => link(fd).includes('sanswitch-counters')));
      closeSync(fd);
      // Whoever has the number next keeps it.
      const next = openSync('/dev/null', 'r');
      const socket = await sw.connect({ host: '127.0.0.1', port: listener.address().port });
      socket.send(new Uint8Array(5));
      const answer = await socket.receive();
      await new Promise((resolve) => setTimeout(resolve, ${PUBLISHED_MS}));
      const again = await createSwitch({ providers: ['shm'] });
      await again.close();
      await sw.close();
      console.log(JSON.stringify({ isReused: next === fd, answer: answer.length, isOpen: fstatSync(next).isCharacterDevice() }));`;
    const child = start(['--input-type=module', '-e', program]);
    expect(await nextLine(child)).toEqual({ isReused: true, answer: 5, isOpen: true });
  });

  it.skipIf(!isRoot)(`sees this user's processes only${isRoot ? '' : ' (needs root)'}`, async () => {
    const nobody = { uid: NOBODY, gid: NOBODY };
    const providers = ['tcp!'];
    const own = await observe({ is: 'server', providers, reads: true });
    const other = await observe({ is: 'server', providers, reads: true }, nobody);
    const pids = [own.pid, other.pid];
    expect((await report(pids)).processes.map(({ pid }) => pid)).toEqual([own.pid]);
    expect((await report(pids, [], nobody)).processes.map(({ pid }) => pid)).toEqual([other.pid]);
  });

  it('leaves what it looks at alone', { timeout: 30_000 }, async () => {
    const { said } = await observe<{ port: number }>({ is: 'server', providers: ['shm!'], reads: true });
    start([COMMAND, 'top', '--json', '--interval', '0.2'], { stdio: ['ignore', 'ignore', 'inherit'] });
    const idler = await observe<{ idleShare: number }>({ is: 'idler', port: said.port });
    expect(idler.said.idleShare).toBeLessThan(0.01);
  });
});

describe('sanswitch top, the command', () => {
  it('sorts and filters', async () => {
    const busy = await pair({ bytes: 4_000, everyMs: 5 });
    const calm = await pair({ providers: ['tcp!'], bytes: 10, everyMs: 50 });
    const all = [busy.client.pid, calm.client.pid];
    const order = async (...args: string[]) => (await report(all, args)).processes.map(({ pid }) => pid);
    expect(await order()).toEqual(all);
    expect(await order('--sort', 'pid')).toEqual([...all].sort((a, b) => a - b));
    expect(await order('--sort', 'deliveries')).toEqual(all);
    expect(await order('--provider', 'tcp')).toEqual([calm.client.pid]);
    expect(await order('--provider', 'verbs')).toEqual([]);
    expect(await order('--filter', `127.0.0.1:${busy.port}`)).toEqual([busy.client.pid]);
    expect(await order('--filter', 'OBSERVED')).toEqual(all);
    expect(await order('--filter', 'no such thing')).toEqual([]);
    const byProvider = await report(all, ['--sort', 'provider']);
    expect(byProvider.connections.map(({ provider }) => provider)).toEqual(['shm', 'tcp']);
  });

  it.each([
    [['--interval', '0'], "--interval must be seconds from 0.1 to 3600, not '0'"],
    [['--interval', ''], "--interval must be seconds from 0.1 to 3600, not ''"],
    [['--interval', 'soon'], "--interval must be seconds from 0.1 to 3600, not 'soon'"],
    [['--pid', '-1'], /^Option '--pid' argument is ambiguous/],
    [['--pid', '1e3'], "--pid must be the number of a process, not '1e3'"],
    [['--sort', 'colour'], /^--sort colour: there are rate, pid, name, /],
    [['--nope'], "Unknown option '--nope'"],
    [['now'], /^Unexpected argument 'now'/],
  ])('takes no nonsense: %j', async (args, complaint) => {
    const { code, stdout, stderr } = await top(args);
    const [, said] = /^sanswitch: (.*)\n$/.exec(stderr) ?? [];
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    if (typeof complaint === 'string') expect(said).toBe(`${complaint} (--help shows what there is)`);
    else expect(said).toMatch(complaint);
  });

  it('says how it is used', async () => {
    const { code, stdout, stderr } = await top(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: npx sanswitch top/);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('writes plain lines until %s', async (signal) => {
    const { client } = await pair();
    const looking = start([COMMAND, 'top', '--interval', '0.1', '--pid', String(client.pid)]);
    let text = '';
    looking.stdout?.setEncoding('utf8').on('data', (more: string) => (text += more));
    while (text.split('sanswitch top ').length < 4) await once(looking.stdout as NodeJS.ReadableStream, 'data');
    looking.kill(signal);
    expect(await ended(looking)).toBe(0);
    expect(text).toMatch(/^sanswitch top \d\d:\d\d:\d\d UTC, \d\.\d s, 1 process, 1 connection\n\n *PID {2}PROCESS/);
    expect(text).not.toContain('\x1b');
  });

  it('ends in order when nobody reads any more', async () => {
    const looking = start([COMMAND, 'top', '--interval', '0.1']);
    await once(looking.stdout as NodeJS.ReadableStream, 'data');
    looking.stdout?.destroy();
    expect(await ended(looking)).toBe(0);
  });
});
