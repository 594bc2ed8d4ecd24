import { createSwitch, type DecisionRecord, type StreamSocket, type Switch, type SwitchStats } from 'sanswitch';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Attacker } from './attacker.js';
import { ATTACKS } from './attacks.js';
import { eventually } from './party.js';
import { killPeers, Peer } from './peer.js';

const MIB = 1024 * 1024;
const WINDOW_MS = 250;
const WINDOWS = 4;
/** Of one processor: the rest is left to those who are measured. */
const SHARE = 0.1;
/** Loose, since the machine may be busy: what an attack really costs, `npm run bench -- hostile` says. */
const LEAST_RATE = 0.1;

/** What the server counts; null: nothing that this attack does is an offence. */
const COUNTED: Readonly<Record<string, string | null>> = {
  'OPEN flood': 'open:backlog-full|link:throttled|link:nonsense',
  'forged OPEN flood': 'open:source-unverifiable',
  'handshake flood': 'handshake:crowded-out|handshake:too-slow',
  'handshake garbage': 'handshake:no-join',
  'link flood': null,
  'endless wakes': 'link:endless-wakes',
  'epoch flips': null,
  'garbage words': 'link:nonsense',
  'changing bytes': 'link:nonsense',
  'NEWS flood': 'link:throttled',
  'ATTACH flood': 'open:token|link:throttled',
  'MOVE flood': 'link:throttled|open:backlog-full|link:nonsense',
  'endless last words': null,
  silence: null,
};

let sw: Switch;
let server: Peer;
let port: number;
let victim: StreamSocket;
let attacker: Attacker | null = null;

beforeAll(async () => {
  server = await Peer.process({ providers: ['shm!'], negotiationTimeoutMs: 500 });
  ({ port } = await server.do.listen('echo'));
  sw = await createSwitch({ providers: ['shm'] });
  victim = await sw.connect({ host: '127.0.0.1', port });
  expect(victim.provider).toBe('shm');
  await echoes(victim, WINDOW_MS);
});

afterEach(async () => {
  await attacker?.end();
  attacker = null;
});

afterAll(async () => {
  await sw.close();
  await killPeers();
});

/** Round trips of 64 bytes within a time. @throws what ended the connection */
function echoes(socket: StreamSocket, ms: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const message = Buffer.alloc(64, 7);
    const until = performance.now() + ms;
    let missing = message.length;
    let count = 0;
    socket.handlers = {
      received: (_, bytes) => {
        missing -= bytes.length;
        if (missing > 0) return;
        count++;
        missing = message.length;
        if (performance.now() < until) socket.send(message);
        else resolve(count);
      },
      closed: (_, error) => reject(error ?? new Error('closed')),
    };
    socket.send(message);
  });
}

/** The best of several short windows: what the machine does besides, hits some of them. */
async function bestRate(): Promise<number> {
  let best = 0;
  for (let i = 0; i < WINDOWS; i++) best = Math.max(best, await echoes(victim, WINDOW_MS));
  return best;
}

async function refusals(): Promise<Readonly<Record<string, number>>> {
  const { providers } = (await server.do.stats()) as SwitchStats;
  return providers.shm?.refusals ?? {};
}

describe('others on the server keep their rate, and it keeps its memory, during', () => {
  it('every attack that there is', () => {
    expect(Object.keys(COUNTED)).toEqual(Object.keys(ATTACKS));
  });

  it.each(Object.keys(ATTACKS))('%s', { timeout: 60_000, retry: 1 }, async (name) => {
    const before = await server.do.resources();
    const countedBefore = await refusals();
    const undisturbed = await bestRate();
    attacker = await Attacker.start(port, name, SHARE);
    const disturbed = await bestRate();
    // New clients are served meanwhile: over shared memory, or by TCP/IP with a reason.
    const client = await Peer.process({ providers: ['shm'] });
    const began = performance.now();
    expect(await client.do.tryConnect({ port, timeoutMs: 5_000 })).toMatch(/^connected by (shm|tcp)$/);
    expect(performance.now() - began).toBeLessThan(3_000);
    const { candidates } = (await client.do.decision()) as DecisionRecord;
    expect(candidates).toContainEqual(expect.objectContaining({ provider: 'shm', reason: expect.stringMatching(/./) }));
    await client.kill();
    const during = await server.do.resources();
    const toll = await attacker.toll();
    await attacker.end();
    attacker = null;
    const counted = await refusals();
    const grown = Object.entries(counted).filter(([what, count]) => count > (countedBefore[what] ?? 0));
    console.log(
      `${name}: ${Math.round((disturbed / undisturbed) * 100)} % of the rate, ${toll.steps} steps, ${toll.begun} times begun,`,
      `${Math.round((during.rssBytes - before.rssBytes) / MIB)} MiB, ${during.descriptors - before.descriptors} descriptors,`,
      grown.map(([what, count]) => `${what} ${count - (countedBefore[what] ?? 0)}`).join(', '),
    );
    expect(disturbed).toBeGreaterThan(undisturbed * LEAST_RATE);
    expect(during.descriptors - before.descriptors).toBeLessThan(100);
    expect(during.rssBytes - before.rssBytes).toBeLessThan(200 * MIB);
    const expected = COUNTED[name];
    if (expected !== null) expect(grown.map(([what]) => what).join(' ')).toMatch(new RegExp(expected as string));
    await eventually('everything is given back', async () => {
      const now = await server.do.resources();
      return now.descriptors <= before.descriptors && now.segments <= before.segments;
    });
    expect(await echoes(victim, 50)).toBeGreaterThan(0);
  });
});
