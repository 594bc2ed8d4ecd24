import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { SwitchStats } from 'sanswitch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HANDSHAKE_JOIN_SEGMENT_BYTES, SEGMENT_BYTES, WELCOME_RESOURCES } from '#src/layout/layout.gen.js';
import { closeDescriptor, listeningSockets, sendMessage, unixConnect } from '#src/native/os.js';
import { encodeIdent, encodeJoin, encodeWelcome } from '#src/providers/shm/handshake.js';
import { rendezvousName } from '#src/providers/shm/host.js';
import { threadWindows } from '#src/reactor/window.js';
import { hostileReason } from '../unit/native-hostile.js';
import { eventually } from './party.js';
import { killPeers, Peer } from './peer.js';
import { hungUp, meet, RawLink } from './raw.js';

const script = join(process.cwd(), 'test', 'fixtures', 'hostile-peer.py');
const JOIN = encodeJoin('ab'.repeat(16));

let server: Peer;
let port: number;

beforeAll(async () => {
  server = await Peer.process();
  ({ port } = await server.do.listen('echo'));
  expect(await newClient()).toBe('connected by shm');
});

afterAll(killPeers);

async function newClient(): Promise<string> {
  const client = await Peer.process({ providers: ['shm'] });
  const result = await client.do.tryConnect({ port });
  await client.kill();
  return result;
}

async function counted(what: string): Promise<number> {
  return ((await server.do.stats()) as SwitchStats).providers.shm?.refusals[what] ?? 0;
}

/** What `attack` adds to a counter; everything else is given back. */
async function costs(what: string, attack: () => Promise<unknown>): Promise<number> {
  const before = { resources: await server.do.resources(), count: await counted(what) };
  await attack();
  await eventually('it is counted', async () => (await counted(what)) > before.count);
  await eventually('everything is given back', async () => {
    const now = await server.do.resources();
    return now.descriptors <= before.resources.descriptors && now.segments <= before.resources.segments;
  });
  return (await counted(what)) - before.count;
}

/** Sends a JOIN as JavaScript can't: see the script. @returns what it said */
async function joinBy(what: string, bytes = SEGMENT_BYTES): Promise<string> {
  const name = rendezvousName(listeningSockets(port)[0]?.cookie as bigint);
  const hex = Buffer.from(JOIN).toString('hex');
  const child = spawn('python3', [script, name, what, String(bytes), hex], { stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (text) => {
    said += String(text);
  });
  await eventually('it has sent, and the server has hung up', () => said.includes('sent') || said.includes('unable'));
  child.stdin.end();
  await once(child, 'close');
  return said;
}

describe('a JOIN', () => {
  const small = (bytes: number, message = JOIN) => {
    const { region, descriptor } = threadWindows().mapOwn(bytes);
    return {
      send: (fd: number) => sendMessage(fd, message, descriptor),
      end: () => {
        closeDescriptor(descriptor);
        threadWindows().unmap(region);
      },
    };
  };
  const changed = (offset: number): Uint8Array => {
    const message = JOIN.slice();
    message[offset] = (message[offset] as number) ^ 1;
    return message;
  };

  it.each<[string, string, Uint8Array]>([
    ['cut short', 'handshake:no-join', JOIN.subarray(0, JOIN.length - 4)],
    ['of one byte', 'handshake:no-join', JOIN.subarray(0, 1)],
    ['that is too long', 'handshake:no-join', new Uint8Array(5_000)],
    ['of another magic', 'handshake:no-join', changed(0)],
    ['of another version', 'handshake:no-join', changed(4)],
    ['of another layout', 'handshake:no-join', changed(8)],
    ['about a segment of another size', 'handshake:no-join', changed(HANDSHAKE_JOIN_SEGMENT_BYTES)],
    ['that is a WELCOME', 'handshake:no-join', encodeWelcome(0)],
    [
      'that is an IDENT',
      'handshake:no-join',
      encodeIdent({ pid: 1, reactorId: '00'.repeat(16), cookie: 1n, listenerFd: 3 }),
    ],
    ['with a segment that is too short', 'handshake:no-segment', JOIN],
  ])('%s', async (_, what, message) => {
    const segment = small(65_536, message);
    expect(
      await costs(what, async () => {
        const { fd } = await meet(port);
        segment.send(fd);
        await hungUp(fd);
        closeDescriptor(fd);
      }),
    ).toBe(1);
    segment.end();
  });

  it('without a descriptor', async () => {
    const attack = async (): Promise<void> => {
      const { fd } = await meet(port);
      sendMessage(fd, JOIN);
      await hungUp(fd);
      closeDescriptor(fd);
    };
    expect(await costs('handshake:no-join', attack)).toBe(1);
  });

  it('that never comes', async () => {
    const attack = async (): Promise<void> => {
      const { fd } = await meet(port);
      await hungUp(fd);
      closeDescriptor(fd);
    };
    expect(await costs('handshake:too-slow', attack)).toBe(1);
  });

  it('that comes twice: the second is no more than a wake-up', async () => {
    const before = await server.do.resources();
    const link = (await RawLink.join(port)) as RawLink;
    const segment = small(65_536);
    for (let i = 0; i < 10; i++) segment.send(link.fd);
    link.open(0, port);
    await link.next();
    link.close();
    segment.end();
    await eventually('everything is given back', async () => {
      const now = await server.do.resources();
      return now.descriptors <= before.descriptors && now.segments <= before.segments;
    });
  });

  it.each([
    ['ten descriptors', 'descriptors:10', 'handshake:no-join'],
    ['a pipe', 'pipe', 'handshake:no-segment'],
    ['a file', 'file', 'handshake:no-segment'],
    ['a segment that can shrink', 'gfS', 'handshake:no-segment'],
    ['a segment that can grow', 'sfS', 'handshake:no-segment'],
    ['a segment that can be mapped writable anew', 'sgS', 'handshake:no-segment'],
    ['a segment whose seals may change', 'sgf', 'handshake:no-segment'],
    ['a segment that nobody can write', 'sgwS', 'handshake:no-segment'],
    ['a segment that is a page too long', 'size', 'handshake:no-segment'],
  ])(
    `with %s${hostileReason === null ? '' : ` (${hostileReason})`}`,
    { skip: hostileReason !== null },
    async (_, kind, what) => {
      expect(await costs(what, () => joinBy(kind))).toBe(1);
    },
  );

  it('whose segment its owner cuts short: the kernel refuses', async (context) => {
    if (hostileReason !== null) return context.skip(hostileReason);
    let said = '';
    await costs('handshake:no-segment', async () => {
      said = await joinBy('good');
    });
    expect(said).toContain('can not be cut short');
  });
});

describe('links', () => {
  it('with one process have a limit, others are served', { timeout: 60_000 }, async () => {
    const before = await server.do.resources();
    const links: RawLink[] = [];
    let answer: RawLink | number = 0;
    while (links.length <= 256) {
      answer = await RawLink.join(port);
      if (typeof answer === 'number') break;
      links.push(answer);
    }
    expect([links.length, answer]).toEqual([256, WELCOME_RESOURCES]);
    expect(await counted('handshake:no-resources')).toBe(1);
    const { rssBytes } = await server.do.resources();
    expect(rssBytes - before.rssBytes).toBeLessThan(100 * 1024 * 1024);
    expect(await newClient()).toBe('connected by shm');
    for (const link of links) link.close();
    await eventually('everything is given back', async () => {
      const now = await server.do.resources();
      return now.descriptors <= before.descriptors && now.segments <= before.segments;
    });
  });
});

describe('half-open handshakes', () => {
  it('by the hundred keep nobody out, and have an end', async () => {
    const name = rendezvousName(listeningSockets(port)[0]?.cookie as bigint);
    const held: number[] = [];
    const before = await server.do.resources();
    for (let i = 0; i < 300; i++) {
      try {
        held.push(unixConnect(name));
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    await eventually('the oldest makes room', async () => (await counted('handshake:crowded-out')) > 0);
    expect((await server.do.resources()).descriptors - before.descriptors).toBeLessThanOrEqual(64);
    expect(await newClient()).toBe('connected by shm');
    await eventually('they have an end', async () => {
      return (await server.do.resources()).descriptors <= before.descriptors;
    });
    for (const fd of held) closeDescriptor(fd);
  });
});
