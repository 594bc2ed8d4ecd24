/**
 * A sender that waits for its peer's word has nothing under way by which its device would learn that the peer has vanished. It
 * asks then, keep-alive or not: over the fake libraries, with the wires cut.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createSwitch } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import { type Behaviour, eventually, Party } from '../shm/party.js';
import { afterwards, listening } from '../switch/helpers.js';
import { fakeLibraries } from './fake-libraries.js';

// The retries of the defaults: a dead path after 1.9 s.
const OPTIONS = { listen: 'all', addresses: ['127.0.0.0/8'], connectTimeoutMs: 3_000 };
const NOTICED_MS = 3_000;
const SMALL = 1_000;
const LARGE = 300_000;

const verbs = await fakeLibraries();

/** A connection whose far end does not read. */
async function deaf(behaviour: Behaviour = 'sink', options: object = {}): Promise<{ near: Party; far: Party }> {
  const provider = { name: 'verbs', required: true, options: OPTIONS } as const;
  const sw = await createSwitch({ providers: [provider] });
  afterwards(() => sw.close());
  const { port, next } = await listening(sw);
  const [near, far] = await Promise.all([sw.connect({ port, host: '127.0.0.1', ...options }), next()]);
  return { near: Party.of(near, behaviour), far: Party.of(far, 'hold') };
}

/** Fills what the peer has announced, and a little more. @returns bytes that were given to `send` */
function fill({ socket }: Party, pieceBytes: number): number {
  let sent = 0;
  while (socket.send(Buffer.alloc(pieceBytes, 'x'))) sent += pieceBytes;
  return sent + pieceBytes;
}

/** Requests that were posted to be sent since the last reset. */
const posts = () => verbs.control('calls ibv_post_send');

describe.each([
  ['small sends, which wait for credits', SMALL],
  ['large ones, which wait until the peer has read them', LARGE],
])('%s', (_, pieceBytes) => {
  it('[WSD-5.4] their peer vanishes: ETIMEDOUT within 3 s, and every send is called back', async () => {
    const { near } = await deaf();
    let failed = '';
    near.socket.send(Buffer.alloc(pieceBytes));
    fill(near, pieceBytes);
    near.socket.send(Buffer.alloc(pieceBytes), (error) => {
      failed = (error as NodeJS.ErrnoException | null)?.code ?? 'sent';
    });
    await delay(700);
    expect([near.closed, near.socket.queuedBytes > 0]).toEqual([false, true]);
    verbs.control('cut');
    const cutMs = performance.now();
    await eventually('this end is closed', () => near.closed, NOTICED_MS);
    expect(near.error?.code).toBe('ETIMEDOUT');
    expect(failed).toBe('ETIMEDOUT');
    expect(performance.now() - cutMs).toBeGreaterThan(1_000);
    verbs.control('mend');
  });

  it('[WSD-5.4] their peer lives and does not read: it is asked now and then, and nothing is lost', async () => {
    const { near, far } = await deaf();
    const sent = fill(near, pieceBytes);
    await delay(100);
    const before = posts();
    await delay(2_600);
    // Five, and fewer where the machine is busy.
    expect(posts() - before).toBeGreaterThanOrEqual(2);
    expect(posts() - before).toBeLessThanOrEqual(6);
    expect(near.closed || far.closed).toBe(false);
    far.read();
    await far.got(sent);
    // Nobody waits any more, and nobody is asked.
    await delay(1_100);
    const after = posts();
    await delay(1_100);
    expect(posts()).toBe(after);
  });
});

it('[WSD-5.4] who waits and does not read either hears of it too', async () => {
  const { near } = await deaf('hold');
  fill(near, SMALL);
  await delay(700);
  verbs.control('cut');
  await eventually('this end is closed', () => near.closed, NOTICED_MS);
  expect(near.error?.code).toBe('ETIMEDOUT');
  verbs.control('mend');
});

it('[WSD-7.1] the end of the stream that waits for a credit is waited for likewise', async () => {
  const { near } = await deaf();
  fill(near, SMALL);
  near.socket.end();
  await delay(700);
  verbs.control('cut');
  await eventually('this end is closed', () => near.closed, NOTICED_MS);
  expect(near.error?.code).toBe('ETIMEDOUT');
  verbs.control('mend');
});

it('[WSD-2.6] an idle connection without keep-alive is never asked', async () => {
  await deaf();
  await delay(100);
  const before = posts();
  await delay(1_100);
  expect(posts()).toBe(before);
});
