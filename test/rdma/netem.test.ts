/** A network that loses, delays, reorders, or goes dark. */
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { FlowOptions } from '../fixtures/flow.js';
import {
  calm,
  disturb,
  LARGE,
  NOTICED_MS,
  Partner,
  PROVIDER,
  proveHealth,
  SMALL,
  switchHere,
  timed,
  until,
} from './partners.js';

/** By default a path counts as dead when nothing has been acknowledged for 1.88 s. */
const SURVIVED_MS = 1_700;
const FOR_EVER = Number.POSITIVE_INFINITY;

/** Both ends send the same. */
async function exchange(sends: FlowOptions): Promise<void> {
  const sw = await switchHere();
  const partner = await Partner.start(sends);
  const flow = await partner.flow(sw, sends);
  const whole = { sent: sends.totalBytes, received: sends.totalBytes, wrong: 0, peerEnded: true, error: null };
  expect(await flow.ended).toEqual(whole);
  await until('the partner has ended', () => partner.ended.length > 0);
  expect(partner.ended[0]).toEqual(whole);
}

describe.each([
  ['loses 1 %', ['loss', '1%']],
  ['delays by 5 ms', ['delay', '5ms']],
  ['reorders', ['delay', '2ms', 'reorder', '25%', '50%']],
])('a network that %s', (_, netem) => {
  it.each<[string, FlowOptions]>([
    ['small messages', { pieceBytes: SMALL, totalBytes: 200 * SMALL }],
    ['large messages', { pieceBytes: LARGE, totalBytes: 2 * LARGE }],
  ])('loses, repeats and changes nothing of %s', async (__, sends) => {
    disturb('rx0', ...netem);
    disturb('rx1', ...netem);
    await exchange(sends);
  });
});

describe('a network that goes dark', () => {
  const stream = { pieceBytes: SMALL, totalBytes: FOR_EVER };

  /** Streams both ways. Who waits for the other's leave to send has nothing under way, and notices all the same. */
  async function begin() {
    const sw = await switchHere();
    const partner = await Partner.start(stream);
    const flow = await partner.flow(sw, stream);
    await until('it is under way', () => flow.received > 10 * SMALL);
    return { sw, partner, flow };
  }

  /** Darkness for a second. @returns how long it has lasted at most, milliseconds */
  async function darken(): Promise<number> {
    // By few processes: each takes its time on a slow machine.
    const both = (what: string) => `printf 'qdisc replace dev %s root ${what}\\n' rx0 rx1 | tc -batch -`;
    const script = `set -e; began=$EPOCHREALTIME; ${both('netem loss 100%%')}; sleep 1; ${both('pfifo')}; echo $began $EPOCHREALTIME`;
    const { stdout } = await promisify(execFile)('bash', ['-c', script]);
    const [began, ended] = stdout.trim().split(' ').map(Number) as [number, number];
    return (ended - began) * 1_000;
  }

  /** One stream in the dark. @returns whether that was as short as a path survives by what we promise */
  async function outlivesSecond(): Promise<boolean> {
    const { sw, partner, flow } = await begin();
    const darkMs = await darken();
    const { received } = flow;
    await until('it goes on', () => flow.received > received + 100 * SMALL || flow.report().error !== null);
    const reports = [flow.report(), ...partner.ended];
    const isShort = darkMs <= SURVIVED_MS;
    for (const { wrong, error } of reports) {
      expect(wrong).toBe(0);
      expect(isShort ? [null] : [null, 'ETIMEDOUT'], `after ${darkMs} ms`).toContain(error);
    }
    if (isShort) expect(partner.ended).toEqual([]);
    await proveHealth(sw);
    partner.kill();
    return isShort;
  }

  it('for a second: the stream goes on whole', { timeout: 150_000 }, async () => {
    let isProven = false;
    // A machine that is too slow to lift the darkness in time proves nothing, and is given two chances more.
    for (let i = 0; i < 3 && !isProven; i++) isProven = await outlivesSecond();
    expect(isProven).toBe(true);
  });

  it('for good: an error on both sides within seconds', async () => {
    const { sw, partner, flow } = await begin();
    disturb('rx0', 'loss', '100%');
    disturb('rx1', 'loss', '100%');
    const [report, tookMs] = await timed(flow.ended);
    expect(report).toMatchObject({ wrong: 0, error: 'ETIMEDOUT' });
    expect(tookMs).toBeLessThan(NOTICED_MS);
    await until('the partner knows', () => partner.ended.length > 0, NOTICED_MS);
    expect(partner.ended[0]).toMatchObject({ wrong: 0, error: 'ETIMEDOUT' });
    calm('rx0');
    calm('rx1');
    await proveHealth(sw);
    // The partner too.
    const next = await partner.flow(sw, { pieceBytes: SMALL, totalBytes: 0 });
    await until('the partner sends again', () => next.received > 10 * SMALL);
  });

  it.each([
    ['credits', SMALL],
    ['a large message to be read', LARGE],
  ])(
    '[WSD-5.4] for good while we wait for %s, nothing is under way, and there is no keep-alive',
    async (_, pieceBytes) => {
      const sw = await switchHere();
      const partner = await Partner.start({ pieceBytes: SMALL, totalBytes: 0 }, 0, PROVIDER, false);
      const flow = await partner.flow(sw, { pieceBytes, totalBytes: FOR_EVER });
      // A peer that lives and does not read is left alone.
      await sleep(4_000);
      expect(flow.report()).toMatchObject({ received: 0, error: null });
      disturb('rx0', 'loss', '100%');
      disturb('rx1', 'loss', '100%');
      const [report, tookMs] = await timed(flow.ended);
      expect(report).toMatchObject({ wrong: 0, error: 'ETIMEDOUT' });
      expect(tookMs).toBeLessThan(NOTICED_MS);
    },
  );

  it('before a connect: an error in bounded time', async () => {
    const sw = await switchHere();
    const partner = await Partner.start();
    disturb('rx0', 'loss', '100%');
    disturb('rx1', 'loss', '100%');
    const connecting = partner.connect(sw, { timeoutMs: 2_000 }).then(
      () => null,
      (error: NodeJS.ErrnoException) => error.code,
    );
    const [code, tookMs] = await timed(connecting);
    expect(['ETIMEDOUT', 'ERR_SANSWITCH_PROVIDER_REQUIRED']).toContain(code);
    expect(tookMs).toBeLessThan(NOTICED_MS);
  });
});
