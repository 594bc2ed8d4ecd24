import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { createSwitch, type Switch } from 'sanswitch';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { socketCookie } from '#src/native/os.js';
import { eventually } from './party.js';
import { killPeers, Peer } from './peer.js';

const MODEST = { providers: ['shm'] };
const isRoot = process.getuid?.() === 0;
/** A user who owns nothing. */
const NOBODY = 12_345;

let sw: Switch;
let peer: Peer;
const servers: Server[] = [];

beforeAll(async () => {
  peer = await Peer.process(MODEST);
});

afterAll(killPeers);

beforeEach(async () => {
  sw = await createSwitch(MODEST);
});

afterEach(async () => {
  await sw.close();
  for (const server of servers.splice(0)) server.close();
});

/** A listening socket of `node:net` alone, in this process. */
async function plainServer(port = 0) {
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(port, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  return { port: (server.address() as { port: number }).port, cookie: socketCookie(fd), fd };
}

/** Connects, echoes a word, and says who served and why not shm. */
async function via(port: number, from: Switch = sw) {
  const socket = await from.connect({ host: '127.0.0.1', port });
  socket.send(Buffer.from('ping'));
  expect(Buffer.from((await socket.receive()) as Uint8Array).toString()).toBe('ping');
  await socket.close();
  const { durationUs, candidates } = socket.decision;
  return { provider: socket.provider, durationUs, shm: candidates.find(({ provider }) => provider === 'shm') };
}

describe('[WSD-3.4] a peer that speaks TCP but not this provider', () => {
  it('[WSD-3.5] our client, a plain server: TCP/IP at once', async () => {
    const port = await peer.do.platformListen();
    for (let i = 0; i < 3; i++) {
      const { provider, shm, durationUs } = await via(port);
      expect(provider).toBe('tcp');
      expect(shm).toMatchObject({ outcome: 'failed', reason: 'no-rendezvous' });
      expect(durationUs).toBeLessThan(500_000);
    }
  });

  it('a plain client, our server', async () => {
    const { port } = await peer.do.listen('echo');
    const other = await Peer.process(MODEST);
    expect(await other.do.platformExchange(port, 'over tcp')).toBe('over tcp');
    expect((await peer.do.allFacts()).at(-1)).toMatchObject({ provider: 'tcp' });
    expect((await via(port)).provider).toBe('shm');
    await other.kill();
  });

  it('nobody listens: ECONNREFUSED', async () => {
    const { port } = await plainServer();
    servers.pop()?.close();
    await expect(sw.connect({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address: '127.0.0.1',
      port,
    });
    expect(sw.decisions().at(-1)?.candidates[0]).toMatchObject({ provider: 'shm', reason: 'nothing-listens' });
  });

  it('a server that does not answer is met over TCP/IP, and only the first connect waits', async () => {
    const other = await Peer.process(MODEST);
    const { port } = await other.do.listen('echo');
    other.child?.kill('SIGSTOP');
    const first = await sw.connect({ host: '127.0.0.1', port });
    const before = performance.now();
    const second = await sw.connect({ host: '127.0.0.1', port });
    expect(performance.now() - before).toBeLessThan(400);
    expect([first.provider, second.provider]).toEqual(['tcp', 'tcp']);
    expect(second.decision.candidates[0]).toMatchObject({ provider: 'shm', reason: 'handshake-failed' });
    other.child?.kill('SIGCONT');
    first.abort();
    second.abort();
    await eventually('it is met again', async () => (await via(port)).provider === 'shm');
    await other.kill();
  });
});

describe('who may answer', () => {
  it('nobody who has taken the name but not the socket', async () => {
    const { port, cookie, fd } = await plainServer();
    // A descriptor that is another one over there.
    await peer.do.squat(cookie, fd);
    const { provider, shm } = await via(port);
    expect(provider).toBe('tcp');
    expect(shm).toMatchObject({ reason: 'peer-unverifiable' });
    expect(shm?.detail).toMatch(/does not hold the listening socket|descriptors can't be read/);
    const strict = await createSwitch({ providers: ['shm!'] });
    await expect(strict.connect({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'ERR_SANSWITCH_PROVIDER_REQUIRED',
      message: expect.stringContaining('peer-unverifiable'),
    });
    await strict.close();
  });

  it('nobody who names a descriptor that can not be', async () => {
    for (const descriptor of [-1, 2 ** 31 - 1]) {
      const { port, cookie } = await plainServer();
      await peer.do.squat(cookie, descriptor);
      expect((await via(port)).shm).toMatchObject({ reason: 'peer-unverifiable' });
    }
  });

  it.skipIf(!isRoot)(`no process of another user than the socket’s${isRoot ? '' : ' (needs root)'}`, async () => {
    const stranger = await Peer.process(MODEST, { uid: NOBODY, gid: NOBODY });
    const { port, cookie, fd } = await plainServer();
    await stranger.do.squat(cookie, fd);
    const { provider, shm } = await via(port);
    expect(provider).toBe('tcp');
    expect(shm?.detail).toContain(`uid ${NOBODY}`);
    // Its own sockets are another matter: root can look.
    const { port: own } = await stranger.do.listen('echo');
    expect((await via(own)).provider).toBe('shm');
    await stranger.kill();
  });

  it.skipIf(!isRoot)(
    `nobody whose descriptors can not be read, unless his uid is trusted${isRoot ? '' : ' (needs root)'}`,
    async () => {
      const { port } = await peer.do.listen('echo');
      const stranger = await Peer.process({ providers: ['shm'] }, { uid: NOBODY, gid: NOBODY });
      expect(await stranger.do.tryConnect({ port })).toBe('connected by tcp');
      expect(JSON.stringify(await stranger.do.decision())).toContain('peer-unverifiable');
      const trusting = await Peer.process(
        { providers: [{ name: 'shm', options: { trustedUids: [0] } }] },
        { uid: NOBODY, gid: NOBODY },
      );
      expect(await trusting.do.tryConnect({ port })).toBe('connected by shm');
      await stranger.kill();
      await trusting.kill();
    },
  );

  it('only somebody in our network namespace', async (context) => {
    const command = { execPath: 'unshare', execArgv: ['--net', process.execPath] };
    const other = await Peer.process({ providers: ['shm!'] }, command).catch(() => null);
    if (other === null) return context.skip('no right to make a network namespace here');
    const { port } = await other.do.listen('echo');
    await plainServer(port);
    expect((await via(port)).shm).toMatchObject({ reason: 'no-rendezvous' });
    await other.kill();
  });

  it('several SO_REUSEPORT listeners: one of them, and the record says so', async (context) => {
    const fixture = join(process.cwd(), 'build', 'test', 'fixtures', 'shm-inherited.js');
    const script = `
import os, signal, socket, subprocess, sys
def listen(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(('127.0.0.1', port))
    s.listen(64)
    return s
a = listen(0)
b = listen(a.getsockname()[1])
children = [subprocess.Popen([sys.argv[1], sys.argv[2], str(s.fileno())], pass_fds=[s.fileno()], stdout=subprocess.PIPE) for s in (a, b)]
names = [c.stdout.readline().decode().strip() for c in children]
print(a.getsockname()[1], *names, flush=True)
a.close(); b.close()
sys.stdin.read()
for c in children: c.kill()
`;
    const python = spawn('python3', ['-c', script, process.execPath, fixture], { stdio: ['pipe', 'pipe', 'inherit'] });
    const started = await once(python, 'spawn').catch(() => null);
    if (started === null) return context.skip('no python3 here');
    try {
      let line = '';
      while (!line.endsWith('\n')) line += String(((await once(python.stdout, 'data')) as [Buffer])[0]);
      const [port, ...pids] = line.trim().split(' ');
      const strict = await createSwitch({ providers: ['shm!'] });
      const served = new Set<string>();
      for (let i = 0; i < 40; i++) {
        const socket = await strict.connect({ host: '127.0.0.1', port: Number(port) });
        expect(socket.decision.candidates[0]?.detail).toBe('one of 2 SO_REUSEPORT listeners');
        socket.send(Buffer.from('who?'));
        served.add(
          Buffer.from((await socket.receive()) as Uint8Array)
            .toString()
            .trim(),
        );
        await socket.close();
      }
      // Spread over both, as TCP/IP would do it.
      expect([...served].sort()).toEqual(pids.sort());
      await strict.close();
    } finally {
      python.stdin.end();
    }
  });
});
