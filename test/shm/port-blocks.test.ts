import { createSwitch, type Switch, type SwitchOptions } from 'sanswitch';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { closeDescriptor, unixConnect } from '#src/native/os.js';
import { virtualPortBlock, virtualPortBlockName, virtualPortOwner } from '#src/ports/virtual-ports.js';
import { eventually } from './party.js';
import { killPeers, Peer } from './peer.js';

const MODEST: SwitchOptions = { providers: ['shm'] };
const host = '127.0.0.1';
const isRoot = process.getuid?.() === 0;
/** A user who owns nothing. Abstract names have no owner either: everybody may connect to them, and bind free ones. */
const NOBODY = 12_345;
/** A server believes for a second in what it knows of a block's owner. */
const BELIEF_MS = 1_000;
const BLOCKED_MS = 200;

const switches: Switch[] = [];

async function makeSwitch(options: SwitchOptions): Promise<Switch> {
  const sw = await createSwitch(options);
  switches.push(sw);
  return sw;
}

afterEach(async () => {
  for (const sw of switches.splice(0)) await sw.close();
  await killPeers();
});

afterAll(killPeers);

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** Fills the queue of those who ask for a block's owner. The kernel has one for all users. */
function fillQueue(port: number): void {
  try {
    for (;;) closeDescriptor(unixConnect(virtualPortBlockName(virtualPortBlock(port))));
  } catch (error) {
    expect(error).toMatchObject({ code: 'EAGAIN' });
  }
}

/** Connects over a link that stands, while nobody can ask who owns the port. */
async function connectUnasked(sw: Switch, port: number) {
  const first = await sw.connect({ host, port });
  expect(first.provider).toBe('shm');
  await new Promise((resolve) => setTimeout(resolve, BELIEF_MS + 100));
  fillQueue(first.localPort);
  expect(virtualPortOwner(first.localPort)).toBe(0);
  const connecting = sw.connect({ host, port });
  connecting.catch(() => {});
  // As far as it comes without the event loop, which would empty the queue.
  for (let i = 0; i < 100; i++) await null;
  block(BLOCKED_MS);
  return connecting;
}

describe('[WSD-2.5, 2.7] a port block whose owner nobody can ask, for too many do', () => {
  it('sends a connection by TCP/IP, and the next by shared memory', async () => {
    const server = await Peer.process(MODEST);
    const { port } = await server.do.listen('echo');
    const sw = await makeSwitch(MODEST);
    const socket = await connectUnasked(sw, port);
    expect(socket.decision.candidates).toMatchObject([
      { provider: 'shm', outcome: 'failed', reason: 'source-unverifiable' },
      { provider: 'tcp', outcome: 'chosen' },
    ]);
    socket.send(Buffer.from('ping'));
    expect(Buffer.from((await socket.receive()) as Uint8Array).toString()).toBe('ping');
    expect((await sw.connect({ host, port })).provider).toBe('shm');
  });

  it('is an error with a reason where shm is demanded', async () => {
    const server = await Peer.process(MODEST);
    const { port } = await server.do.listen('echo');
    await expect(connectUnasked(await makeSwitch({ providers: ['shm!'] }), port)).rejects.toMatchObject({
      code: 'ERR_SANSWITCH_PROVIDER_REQUIRED',
      message: expect.stringContaining('source-unverifiable'),
    });
  });

  it('a stranger who asks without end stops nobody', async (context) => {
    if (!isRoot) return context.skip('only root can be several users');
    const server = await Peer.process(MODEST);
    const stranger = await Peer.process(MODEST, { uid: NOBODY, gid: NOBODY });
    const { port } = await server.do.listen('echo');
    const sw = await makeSwitch(MODEST);
    const { localPort } = await sw.connect({ host, port });
    const crowding = stranger.do.crowd(virtualPortBlockName(virtualPortBlock(localPort)), 2 * BELIEF_MS);
    let isOver = false;
    crowding.then(() => {
      isOver = true;
    });
    while (!isOver) {
      const socket = await sw.connect({ host, port });
      const shm = socket.decision.candidates.find(({ provider }) => provider === 'shm');
      expect(['served', 'source-unverifiable']).toContain(shm?.reason);
      socket.send(Buffer.from('ping'));
      expect(Buffer.from((await socket.receive()) as Uint8Array).toString()).toBe('ping');
      await socket.close();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect((await sw.connect({ host, port })).provider).toBe('shm');
  });
});

describe('[WSD-2.5, 2.7] virtual ports of which a stranger has taken all', () => {
  // A network namespace has abstract names of its own: other tests keep theirs.
  const alone = ['--net', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"', process.execPath];
  const elsewhere = (): Promise<Peer | null> =>
    Peer.process(MODEST, { execPath: 'unshare', execArgv: alone }).catch(() => null);

  it('cost a connection shared memory and no time; once they are free again all is well', async (context) => {
    const victim = await elsewhere();
    if (victim === null) return context.skip('no right to make a network namespace here');
    const { port } = await victim.do.listen('echo');
    const beside = [`--net=/proc/${victim.pid}/ns/net`, `--setuid=${NOBODY}`, `--setgid=${NOBODY}`, process.execPath];
    const stranger = await Peer.process(MODEST, { execPath: 'nsenter', execArgv: beside });
    await stranger.do.takePorts(65_536);
    expect(await victim.do.tryConnect({ port })).toBe('connected by tcp');
    expect(await victim.do.decision()).toMatchObject({
      candidates: [
        { provider: 'shm', outcome: 'failed', reason: 'no-virtual-port' },
        { provider: 'tcp', outcome: 'chosen' },
      ],
    });
    // A look at all of the blocks takes 4 ms and more of the thread's time: not each connect has one.
    const before = await victim.do.cpuUs();
    expect(new Set(await victim.do.takePorts(1_000))).toEqual(new Set([null]));
    expect((await victim.do.cpuUs()) - before).toBeLessThan(1_000_000);
    await stranger.kill();
    await eventually('shared memory serves again', async () => {
      return (await victim.do.tryConnect({ port })) === 'connected by shm';
    });
  });
});
