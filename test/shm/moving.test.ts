// Live sockets between worker threads, with a peer in another process: by TCP/IP and over shared memory.
import { afterEach, describe, expect, it } from 'vitest';
import { boundSockets } from '#src/native/os.js';
import { holdsVirtualPort } from '#src/ports/virtual-ports.js';
import type { SwitchOwner } from '#src/switch/owner.js';
import { eventually } from './party.js';
import { patternCrc } from './pattern.js';
import { killPeers, Peer } from './peer.js';
import { resources } from './resources.js';

afterEach(killPeers);

/** A thread with a switch. */
interface Thread {
  readonly peer: Peer;
  readonly owner: SwitchOwner;
}

async function threads(count: number, provider: string): Promise<Thread[]> {
  const made: Thread[] = [];
  for (let i = 0; i < count; i++) {
    const peer = await Peer.thread({ providers: [provider] });
    made.push({ peer, owner: await peer.do.owner() });
  }
  return made;
}

/** An echo that lives on one thread and the next, and its client in another process. */
interface World {
  readonly homes: readonly [Thread, Thread];
  readonly client: Peer;
  /** Of the client's socket. */
  readonly party: number;
  /** Where the echo is. */
  at: number;
  /** Its number there. */
  echo: number;
}

async function worldOf(provider: string): Promise<World> {
  const homes = (await threads(2, provider)) as [Thread, Thread];
  const client = await Peer.process({ providers: [provider] });
  const { port } = await homes[0].peer.do.listen('echo');
  const party = await client.do.connect('sink', { port });
  await eventually('the accept', async () => (await homes[0].peer.do.count()) === 1);
  return { homes, client, party, at: 0, echo: 0 };
}

async function move(world: World): Promise<void> {
  const from = world.homes[world.at] as Thread;
  const to = world.homes[1 - world.at] as Thread;
  const connection = await from.peer.do.handOver(world.echo, to.owner);
  world.echo = await to.peer.do.adopt('echo', connection);
  world.at = 1 - world.at;
}

describe.each(['tcp!', 'shm!'])('live sockets move between threads over %s', (provider) => {
  it('[WSD-8.1] an echo under full traffic from another process moves 50 times: every byte once and in order', async () => {
    const world = await worldOf(provider);
    const options = { totalBytes: 100_000_000, maxBytes: 100_000 };
    const flood = world.client.do.flood(world.party, options);
    for (let i = 0; i < 50; i++) await move(world);
    expect(await flood).toBe(patternCrc(options));
    await world.client.do.got(world.party, options.totalBytes, 60_000);
    expect(await world.client.do.facts(world.party)).toMatchObject({ crc: patternCrc(options), closed: false });
    // And ends in order.
    await world.client.do.tell(world.party, 'end');
    expect(await world.client.do.closing(world.party)).toBeNull();
  }, 90_000);

  it('[WSD-8.1] the connecting side moves as well, and gives its port back where it came from', async () => {
    const [home] = (await threads(1, provider)) as [Thread];
    const near = await Peer.thread({ providers: [provider] });
    const server = await Peer.process({ providers: [provider] });
    const { port } = await server.do.listen('echo');
    let number = await near.do.connect('sink', { port });
    const { localPort } = await near.do.facts(number);
    number = await home.peer.do.adopt('sink', await near.do.handOver(number, home.owner));
    await home.peer.do.send(number, 'from another thread');
    await home.peer.do.got(number, 19);
    expect(await home.peer.do.facts(number)).toMatchObject({ localPort, remotePort: port });
    if (provider === 'shm!') expect(await near.do.holdsPort(localPort)).toBe(true);
    await home.peer.do.close(number);
    await eventually('the port is free', async () => !(await near.do.holdsPort(localPort)));
    expect(holdsVirtualPort(localPort)).toBe(false);
  });

  it('[WSD-8.2] the new owner dies before it adopts: the peer sees a reset, and soon', async () => {
    const world = await worldOf(provider);
    const [from, to] = world.homes;
    const connection = await from.peer.do.handOver(0, to.owner);
    await to.peer.kill();
    const beganMs = performance.now();
    // What by TCP/IP is the duty of whoever holds the connection.
    await from.peer.do.discard(connection);
    expect(await world.client.do.closing(world.party)).toBe('ECONNRESET');
    expect(performance.now() - beganMs).toBeLessThan(8_000);
  });

  it('[WSD-8.2] the old owner dies when it has handed over: nobody notices', async () => {
    const world = await worldOf(provider);
    const [from, to] = world.homes;
    const connection = await from.peer.do.handOver(0, to.owner);
    const adopting = to.peer.do.adopt('echo', connection);
    await from.peer.kill();
    await adopting;
    await world.client.do.send(world.party, 'still here');
    await world.client.do.got(world.party, 10);
  });

  it('[WSD-8.2] the old owner dies amid a move: the peer sees a reset', async () => {
    const world = await worldOf(provider);
    const [from, to] = world.homes;
    await world.client.do.tell(world.party, 'pause');
    const flood = from.peer.do.flood(0, { totalBytes: 50_000_000 }).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 50));
    const moving = from.peer.do.handOver(0, to.owner).catch((error: Error) => error.message);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await from.peer.kill();
    expect(await moving).toMatch(/the peer is gone/);
    await flood;
    await world.client.do.tell(world.party, 'resume');
    // By TCP/IP a thread that dies closes its sockets as they are, unless they were made to reset.
    const code = await world.client.do.closing(world.party);
    expect(provider === 'shm!' ? ['ECONNRESET'] : ['ECONNRESET', null]).toContain(code);
  });

  it('[WSD-8.2] the peer dies between two owners: adopting fails, or the socket closes, with a reset', async () => {
    const world = await worldOf(provider);
    const [from, to] = world.homes;
    const connection = await from.peer.do.handOver(0, to.owner);
    await world.client.kill();
    let code: string | null;
    try {
      code = await to.peer.do.closing(await to.peer.do.adopt('echo', connection));
    } catch (error) {
      code = (error as NodeJS.ErrnoException).code ?? '';
    }
    expect(['ECONNRESET', 'ETIMEDOUT', ...(provider === 'tcp!' ? [null] : [])]).toContain(code);
  });

  it('[WSD-8.1] a port that the application asked for stays bound until the connection is closed', async () => {
    const [near, home] = (await threads(2, provider)) as [Thread, Thread];
    const server = await Peer.process({ providers: [provider] });
    const { port } = await server.do.listen('echo');
    const localPort = await server.do.platformListen();
    await server.do.platformUnlisten();
    const number = await near.peer.do.connect('sink', { port, localPort });
    const moved = await home.peer.do.adopt('sink', await near.peer.do.handOver(number, home.owner));
    expect(await home.peer.do.facts(moved)).toMatchObject({ localPort });
    // By TCP/IP the connection itself has it.
    const isBound = (): boolean => boundSockets(localPort).length > 0;
    expect(isBound()).toBe(provider === 'shm!');
    await home.peer.do.tell(moved, 'abort');
    await eventually('the port is free', () => !isBound());
  });

  it('[WSD-8.2] a thread that dies with a connection that has moved there: its peer sees a reset', async () => {
    const [near, home] = (await threads(2, provider)) as [Thread, Thread];
    const server = await Peer.process({ providers: [provider] });
    const { port } = await server.do.listen('echo');
    const number = await near.peer.do.connect('sink', { port, resetOnDeath: true });
    await home.peer.do.adopt('sink', await near.peer.do.handOver(number, home.owner));
    await eventually('the accept', async () => (await server.do.count()) === 1);
    await home.peer.kill();
    expect(await server.do.closing(0)).toBe('ECONNRESET');
  });

  it('[WSD-6.3] moves leave nothing behind in the process', async () => {
    const world = await worldOf(provider);
    for (let i = 0; i < 10; i++) await move(world);
    const before = resources().descriptors;
    for (let i = 0; i < 50; i++) await move(world);
    await eventually('as many descriptors as before', () => resources().descriptors <= before);
  });
});
