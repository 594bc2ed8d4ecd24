/**
 * Faults that last, over the fake libraries: from some moment on every call of one function fails, for a while. A connection
 * that stands ends with an error or lives on, every connect goes by TCP/IP with a reason or ends with an error that says so,
 * nothing hangs, and in the same switch RDMA serves again when it is over.
 */
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { createSwitch, type Switch } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import { VerbsProvider } from '#src/providers/verbs/provider.js';
import { eventually, Party } from '../shm/party.js';
import { afterwards } from '../switch/helpers.js';
import { FAKE_OPTIONS, fakeLibraries } from './fake-libraries.js';

const HOST = '127.0.0.1';
const OPTIONS = { ...FAKE_OPTIONS, connectTimeoutMs: 300 };
const { EIO, ENOMEM, ENOBUFS } = constants.errno;
const LARGE = Buffer.alloc(300_000, 'large');
/** That a host did not answer is remembered for so long. */
const REMEMBERED_MS = 5_000;

const verbs = await fakeLibraries();

interface World {
  readonly sw: Switch;
  readonly provider: VerbsProvider;
  readonly port: number;
  /** All that were accepted. */
  readonly far: Party[];
}

/** One switch that is both ends, and echoes. */
async function world(): Promise<World> {
  const provider = new VerbsProvider();
  const sw = await createSwitch({ providers: [{ name: 'verbs', provider, options: OPTIONS }], spinBudgetUs: 0 });
  afterwards(() => sw.close());
  const far: Party[] = [];
  const listener = await sw.listen({ host: HOST }, (socket) => void far.push(Party.of(socket, 'echo')));
  return { sw, provider, port: listener.address().port, far };
}

async function connect({ sw, port }: World): Promise<Party> {
  return Party.of(await sw.connect({ port, host: HOST }), 'sink');
}

/** There and back, unless the connection ends. @returns the code with which it did; null: all is well */
async function exchange(party: Party, bytes: Buffer): Promise<string | null> {
  const wanted = party.received + bytes.length;
  party.socket.send(bytes);
  await eventually('an echo, or an end', () => party.closed || party.received >= wanted);
  return party.closed ? endOf(party) : null;
}

/** The code with which the connection ends: the echo may be back before that. */
async function endOf(party: Party): Promise<string> {
  await eventually('the end', () => party.closed);
  return party.error?.code ?? 'no error';
}

/** A connect while it lasts. @returns by what, and why not by RDMA */
async function tryConnect(one: World): Promise<string> {
  try {
    const party = await connect(one);
    const { provider, decision } = party.socket;
    if (provider === 'verbs') return `verbs, then ${(await exchange(party, Buffer.from('word'))) ?? 'well'}`;
    expect(await exchange(party, LARGE)).toBeNull();
    return `tcp: ${decision.candidates.find((candidate) => candidate.provider === 'verbs')?.reason}`;
  } catch (error) {
    return `error: ${(error as NodeJS.ErrnoException).code}`;
  }
}

/**
 * What becomes of the connection that stands (null: it goes on), and of every connect: `tcp: REASON`, or what it ends with. Either
 * of two where it depends on which side meets the fault first.
 */
const FAULTS: readonly [name: string, errno: number, standing: RegExp | null, connects: RegExp][] = [
  ['rdma_create_id', ENOMEM, null, /^tcp: cannot-resolve$/],
  ['rdma_resolve_addr', ENOMEM, null, /^tcp: cannot-resolve$/],
  ['rdma_resolve_route', ENOMEM, null, /^tcp: cannot-route$/],
  ['rdma_create_qp', ENOMEM, null, /^tcp: out-of-resources$/],
  ['rdma_create_qp', EIO, null, /^tcp: cannot-connect$/],
  ['rdma_connect', ENOBUFS, null, /^tcp: cannot-connect$/],
  ['rdma_accept', ENOBUFS, null, /^tcp: /],
  ['rdma_get_cm_event', EIO, null, /^tcp: (no-route|host-silent)$/],
  ['ibv_post_send', EIO, /^ECONNABORTED$/, /^tcp: /],
  ['ibv_post_recv', EIO, /^ECONN(ABORTED|RESET)$/, /^tcp: /],
  ['ibv_poll_cq', EIO, /^ENETDOWN$/, /^tcp: /],
  ['ibv_req_notify_cq', EIO, /^ENETDOWN$/, /^(tcp: |verbs, then ENETDOWN)/],
  ['ibv_get_cq_event', EIO, /^ENETDOWN$/, /^(tcp: |verbs, then (ENETDOWN|well))/],
];

describe('while every call of a function fails', () => {
  it.each(FAULTS)('[WSD-2.8, 3.4] %s (errno %i)', { timeout: 40_000 }, async (name, errno, standing, connects) => {
    const one = await world();
    const old = await connect(one);
    expect(old.socket.provider).toBe('verbs');
    expect(await exchange(old, LARGE)).toBeNull();
    // Both ends sleep.
    await delay(5);
    verbs.control(`fail ${name} 1 ${errno} always`);
    const outcome = await exchange(old, Buffer.from('word'));
    if (standing === null) expect(outcome).toBeNull();
    else expect(outcome ?? (await endOf(old))).toMatch(standing);
    for (let i = 0; i < 3; i++) expect(await tryConnect(one)).toMatch(connects);
    if (standing === null) expect(await exchange(old, LARGE)).toBeNull();
    verbs.control('reset');
    await eventually(
      'RDMA serves again',
      async () => {
        const next = await connect(one);
        if (next.socket.provider === 'verbs') return (await exchange(next, LARGE)) === null;
        await next.socket.close();
        await delay(100);
        return false;
      },
      REMEMBERED_MS + 3_000,
    );
    await one.sw.close();
    expect(one.far.every(({ closed }) => closed)).toBe(true);
    expect(verbs.control('live')).toBe(0);
  });
});

it('completion queues that fail go with their connections: a hundred of them leave none', {
  timeout: 60_000,
}, async () => {
  const one = await world();
  for (let i = 0; i < 100; i++) {
    const party = await connect(one);
    expect(party.socket.provider).toBe('verbs');
    await delay(1);
    verbs.control(`fail ibv_poll_cq 1 ${EIO}`);
    expect(await exchange(party, Buffer.from('word'))).toBe('ENETDOWN');
    await eventually('the far end hears of it', () => one.far.every(({ closed }) => closed));
  }
  expect(verbs.control('live cq')).toBeLessThanOrEqual(1);
  expect(one.provider.engine.native.stats().connections).toBe(0);
});

it('a queue that fails takes nobody else along: connections by other queues go on', async () => {
  const one = await world();
  const other = await world();
  const [lost, kept] = [await connect(one), await connect(other)];
  expect(await exchange(kept, LARGE)).toBeNull();
  await delay(5);
  // Whoever polls next: both ends of the first have one queue, those of the other another.
  verbs.control(`fail ibv_poll_cq 1 ${EIO}`);
  lost.socket.send(Buffer.from('word'));
  await eventually('one of them ends', () => lost.closed || kept.closed);
  const [ended, living, home] = lost.closed ? [lost, kept, other] : [kept, lost, one];
  expect(ended.error?.code).toBe('ENETDOWN');
  expect(await exchange(living, LARGE)).toBeNull();
  expect((await connect(home)).socket.provider).toBe('verbs');
});
