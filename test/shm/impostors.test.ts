import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createSwitch, type Switch } from 'sanswitch';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { killPeers, Peer } from './peer.js';

const MODEST = { providers: ['shm'] };
const isRoot = process.getuid?.() === 0;
/** A user who owns nothing. */
const NOBODY = 12_345;

let sw: Switch;

beforeEach(async () => {
  sw = await createSwitch(MODEST);
});

afterEach(async () => {
  await sw.close();
  await killPeers();
});

afterAll(killPeers);

/** Connects; whoever answers has received what we sent. @returns the provider, and why not shm */
async function via(port: number) {
  const socket = await sw.connect({ host: '127.0.0.1', port });
  socket.send(Buffer.from('ping'));
  expect(Buffer.from((await socket.receive()) as Uint8Array).toString()).toBe('ping');
  await socket.close();
  const shm = socket.decision.candidates.find(({ provider }) => provider === 'shm');
  return { provider: socket.provider, outcome: shm?.outcome, reason: shm?.reason, detail: shm?.detail };
}

async function received(peer: Peer): Promise<number> {
  return (await peer.do.allFacts()).reduce((sum, facts) => sum + facts.received, 0);
}

describe('[WSD-3.4] a port that has passed to another', () => {
  it('process, while a link with the first one stands', async () => {
    const first = await Peer.process(MODEST);
    const second = await Peer.process(MODEST);
    const { listener, port } = await first.do.listen('echo');
    expect(await via(port)).toMatchObject({ provider: 'shm', outcome: 'chosen' });
    await first.do.unlisten(listener);
    await second.do.listen('echo', { port });
    expect(await via(port)).toMatchObject({ provider: 'shm', outcome: 'chosen' });
    expect([await received(first), await received(second)]).toEqual([4, 4]);
  });

  it('process that has no sanswitch', async () => {
    const first = await Peer.process(MODEST);
    const { listener, port } = await first.do.listen('echo');
    expect(await via(port)).toMatchObject({ provider: 'shm' });
    await first.do.unlisten(listener);
    const { createServer } = await import('node:net');
    const plain = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(port, '127.0.0.1');
    await once(plain, 'listening');
    expect(await via(port)).toMatchObject({ provider: 'tcp', outcome: 'failed', reason: 'no-rendezvous' });
    expect(await received(first)).toBe(4);
    plain.close();
  });

  it('user: who is verified is the socket’s owner now', async (context) => {
    if (!isRoot) return context.skip('only root can be several users');
    const first = await Peer.process(MODEST);
    const stranger = await Peer.process(MODEST, { uid: NOBODY, gid: NOBODY });
    const { listener, port } = await first.do.listen('echo');
    expect(await via(port)).toMatchObject({ provider: 'shm' });
    await first.do.unlisten(listener);
    await stranger.do.listen('echo', { port });
    expect(await via(port)).toMatchObject({ provider: 'shm' });
    expect([await received(first), await received(stranger)]).toEqual([4, 4]);
  });
});

describe('[WSD-3.4] a port with several owners', () => {
  it('of two users goes by TCP/IP', async (context) => {
    if (!isRoot) return context.skip('only root can give a socket away');
    // The kernel lets one user's sockets share a port; handed on to another user they still do.
    const script = `
import os, socket, sys
def listen(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(('127.0.0.1', port))
    s.listen(64)
    return s
a = listen(0)
b = listen(a.getsockname()[1])
os.fchown(b.fileno(), ${NOBODY}, -1)
print(a.getsockname()[1], flush=True)
import select
while True:
    ready, _, _ = select.select([a, b, sys.stdin], [], [])
    if sys.stdin in ready: break
    for s in ready:
        c, _ = s.accept()
        c.sendall(c.recv(4))
        c.close()
`;
    const python = spawn('python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const started = await once(python, 'spawn').catch(() => null);
    if (started === null) return context.skip('no python3 here');
    const port = Number(String(((await once(python.stdout, 'data')) as [Buffer])[0]));
    expect(await via(port)).toMatchObject({ provider: 'tcp', reason: 'listeners-of-several-users' });
    python.stdin.end();
    await once(python, 'close');
  });
});

describe('[WSD-3.4] a process of another pid namespace goes by TCP/IP', () => {
  const command = { execPath: 'unshare', execArgv: ['--pid', '--fork', '--kill-child', process.execPath] };
  const elsewhere = (): Promise<Peer | null> => Peer.process(MODEST, command).catch(() => null);

  it('as a client', async (context) => {
    const other = await elsewhere();
    if (other === null) return context.skip('no right to make a pid namespace here');
    const server = await Peer.process(MODEST);
    const { port } = await server.do.listen('echo');
    expect(await other.do.tryConnect({ port })).toBe('connected by tcp');
    expect(await other.do.decision()).toMatchObject({
      candidates: [{ provider: 'shm', reason: 'peer-unverifiable' }, { provider: 'tcp' }],
    });
  });

  it('as a server: it can not tell who we are', async (context) => {
    const other = await elsewhere();
    if (other === null) return context.skip('no right to make a pid namespace here');
    const { port } = await other.do.listen('echo');
    expect(await via(port)).toMatchObject({ provider: 'tcp', reason: 'source-unverifiable' });
  });
});
