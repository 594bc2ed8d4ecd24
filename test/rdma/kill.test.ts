/** The peer's process is killed (SIGKILL) while it sends, receives, is read from, reads, or shakes hands. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { FlowOptions } from '../fixtures/flow.js';
import { LARGE, NOTICED_MS, Partner, proveHealth, SMALL, switchHere, timed, until } from './partners.js';

const FOR_EVER = Number.POSITIVE_INFINITY;
const NOTHING: FlowOptions = { pieceBytes: SMALL, totalBytes: 0 };
/** How long a connect to a peer that does not answer may take. */
const GIVEN_UP_MS = 8_000;

describe('a peer that is killed', () => {
  it.each<[string, FlowOptions, FlowOptions]>([
    ['while it is idle', NOTHING, NOTHING],
    ['while it sends', { pieceBytes: SMALL, totalBytes: FOR_EVER }, NOTHING],
    ['while it receives', NOTHING, { pieceBytes: SMALL, totalBytes: FOR_EVER }],
    ['while it is read from', { pieceBytes: LARGE, totalBytes: FOR_EVER }, NOTHING],
    ['while it reads', NOTHING, { pieceBytes: LARGE, totalBytes: FOR_EVER }],
    ['while both read', { pieceBytes: LARGE, totalBytes: FOR_EVER }, { pieceBytes: LARGE, totalBytes: FOR_EVER }],
  ])('%s: reset within seconds, nothing wrong before, and the next connection works', async (_, theirs, ours) => {
    const sw = await switchHere();
    const partner = await Partner.start(theirs);
    const flow = await partner.flow(sw, ours);
    const enough = () =>
      flow.received >= 3 * theirs.pieceBytes * Math.sign(theirs.totalBytes) &&
      flow.sent >= 3 * ours.pieceBytes * Math.sign(ours.totalBytes);
    await until('it is under way', enough);
    await sleep(100);
    partner.kill();
    const [report, tookMs] = await timed(flow.ended);
    expect(report).toMatchObject({ wrong: 0, error: 'ECONNRESET' });
    expect(tookMs).toBeLessThan(NOTICED_MS);
    await proveHealth(sw);
  });

  it.each([0, 10, 30, 80])('%i ms after the beginning of a connect: an error, or a reset', async (afterMs) => {
    const sw = await switchHere();
    const partner = await Partner.start();
    const startMs = performance.now();
    const outcome = partner.connect(sw).then(
      (socket) =>
        new Promise<string | null>((resolve) => {
          socket.handlers = {
            received() {},
            ended: (it) => it.end(),
            closed: (_, error) => resolve((error as NodeJS.ErrnoException)?.code ?? null),
          };
        }),
      (error: NodeJS.ErrnoException) => error.code ?? null,
    );
    await sleep(afterMs);
    partner.kill();
    // No provider is left that could serve: neither RDMA nor, where that is demanded, TCP/IP.
    expect(['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'ERR_SANSWITCH_PROVIDER_REQUIRED']).toContain(await outcome);
    expect(performance.now() - startMs).toBeLessThan(GIVEN_UP_MS);
    await proveHealth(sw);
  });

  it('while its process stands still amid the handshake', async () => {
    const sw = await switchHere();
    const partner = await Partner.start();
    partner.child.kill('SIGSTOP');
    const [error, tookMs] = await timed(
      partner.connect(sw, { timeoutMs: 2_000 }).then(
        () => null,
        (reason: NodeJS.ErrnoException) => reason.code,
      ),
    );
    expect(['ETIMEDOUT', 'ERR_SANSWITCH_PROVIDER_REQUIRED']).toContain(error);
    expect(tookMs).toBeLessThan(GIVEN_UP_MS);
    partner.kill();
    await proveHealth(sw);
  });
});
