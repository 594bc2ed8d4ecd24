/**
 * Failure injection over the whole of `verbs`, with the fake libraries: the n-th call of each function fails, for every n of
 * start, listen, connect, transfer and close. Nothing hangs, the application sees what the rules say (1.1: left out with a
 * reason; 2.7, 3.3: TCP/IP with a reason; one error with a code where RDMA is demanded or the connection stood already),
 * nothing stays behind, and afterwards everything works as ever.
 */
import { constants } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeVerbs, useFakeVerbs } from '../fixtures/fake-verbs.js';
import { type Fault, LibraryFault, PHASES, Round } from './round.js';

const { ENOMEM, EIO, ENOBUFS, EADDRINUSE } = constants.errno;
/** A phase has fewer calls of one function than this; of those that poll, the first ones will do. */
const CALLS_MAX = 12;

let verbs: FakeVerbs;

beforeAll(async () => {
  verbs = await useFakeVerbs();
}, 120_000);

/** What the application saw, by phase; each once. */
const log: Record<string, Record<string, string[]>> = {};

afterAll(() => {
  if (process.env.SANSWITCH_INJECT_LOG) console.log(JSON.stringify(log, null, 1));
});

/** A round in which nothing fails, and after which nothing is left. */
async function asEver(): Promise<void> {
  const fault: Fault = { injector: null, phase: 'start', at: 0, isStrict: true };
  expect(await new Round(verbs, fault).run()).toEqual({ isReached: false, seen: 'as ever' });
}

/** Tries the fault at every call of every phase. @returns in how many rounds the call was reached, by phase */
async function tryAll(
  name: string,
  errno: number,
  isStrict: boolean,
  after: () => void,
  options: object = {},
): Promise<number> {
  let reached = 0;
  for (const phase of PHASES) {
    const seen = new Set<string>();
    for (let at = 1; at <= CALLS_MAX; at++) {
      const fault = { injector: new LibraryFault(verbs, name, errno), phase, at, isStrict };
      const outcome = await new Round(verbs, fault, [], options).run().catch((error: Error) => {
        error.message = `${phase}, call ${at}: ${error.message}`;
        throw error;
      });
      expect(outcome.isReached || outcome.seen === 'as ever', `${phase}, call ${at}: ${outcome.seen}`).toBe(true);
      if (!outcome.isReached) break;
      seen.add(outcome.seen);
      reached++;
      after();
    }
    log[name] = { ...log[name], [`${phase}${isStrict ? '!' : ''}`]: [...seen] };
  }
  return reached;
}

/** Functions that begin something, or ask: nothing may be left of their failure. */
const BEGINNINGS: readonly [name: string, errno: number, least: number][] = [
  ['ibv_get_device_list', ENOMEM, 1],
  ['ibv_open_device', EIO, 1],
  ['ibv_query_device', EIO, 1],
  ['ibv_query_port', EIO, 1],
  ['rdma_create_event_channel', ENOMEM, 2],
  ['rdma_create_id', ENOMEM, 2],
  ['rdma_set_option', ENOMEM, 1],
  ['rdma_bind_addr', EADDRINUSE, 2],
  ['rdma_listen', ENOMEM, 1],
  ['rdma_resolve_addr', ENOMEM, 1],
  ['rdma_resolve_route', ENOMEM, 1],
  ['rdma_create_qp', ENOMEM, 2],
  ['rdma_connect', ENOBUFS, 1],
  ['rdma_accept', ENOBUFS, 1],
  ['rdma_get_cm_event', ENOMEM, 3],
  ['ibv_alloc_pd', ENOMEM, 1],
  ['ibv_reg_mr', ENOMEM, 2],
  ['ibv_create_comp_channel', ENOMEM, 1],
  ['ibv_create_cq', ENOMEM, 1],
  ['ibv_req_notify_cq', EIO, 1],
  ['ibv_poll_cq', EIO, 3],
  ['ibv_get_cq_event', EIO, 1],
  ['ibv_post_send', EIO, 4],
  ['ibv_post_recv', EIO, 2],
  ['ibv_alloc_mw', ENOMEM, 1],
];

describe.each([true, false])('[WSD-1.1, 2.7, 3.3] with RDMA demanded: %s', (isStrict) => {
  it.each(BEGINNINGS)(
    '%s fails: a reason or a code, and nothing left',
    async (name, errno, least) => {
      const reached = await tryAll(name, errno, isStrict, () => expect(verbs.control('live')).toBe(0));
      expect(reached).toBeGreaterThanOrEqual(least);
      await asEver();
      expect(verbs.control('live')).toBe(0);
    },
    120_000,
  );
});

/** From the first or a later call of a phase on, until the phase is over. */
it.each(BEGINNINGS)(
  '[WSD-1.1, 2.7, 2.8, 3.3] %s fails time after time: a reason or a code, and nothing left',
  async (name, errno) => {
    let reached = 0;
    for (const phase of PHASES) {
      for (const at of [1, 2, 5]) {
        for (const isStrict of [true, false]) {
          const fault = { injector: new LibraryFault(verbs, name, errno, true), phase, at, isStrict };
          const outcome = await new Round(verbs, fault).run().catch((error: Error) => {
            error.message = `${phase}, from call ${at} on: ${error.message}`;
            throw error;
          });
          expect(outcome.isReached || outcome.seen === 'as ever', `${phase}, ${at}: ${outcome.seen}`).toBe(true);
          expect(verbs.control('live')).toBe(0);
          if (outcome.isReached) reached++;
        }
      }
    }
    expect(reached).toBeGreaterThan(0);
    await asEver();
  },
  120_000,
);

it.each([
  ['ibv_create_srq', ENOMEM, 1],
  ['ibv_post_srq_recv', ENOMEM, 1],
  ['rdma_create_qp', ENOMEM, 2],
  ['ibv_reg_mr', ENOMEM, 2],
])(
  'with receives that all connections share, %s fails: a reason or a code, and nothing left',
  async (name, errno, least) => {
    const shared = { sharedReceiveQueueFrom: 0 };
    const reached = await tryAll(name, errno, true, () => expect(verbs.control('live')).toBe(0), shared);
    expect(reached).toBeGreaterThanOrEqual(least);
    await asEver();
  },
  120_000,
);

/** Functions that end something: what they have not ended may stay. */
const ENDS = [
  'rdma_disconnect',
  'rdma_destroy_id',
  'ibv_destroy_cq',
  'ibv_destroy_comp_channel',
  'ibv_dereg_mr',
  'ibv_dealloc_mw',
  'ibv_dealloc_pd',
];

it.each(ENDS)(
  '%s fails: the process goes on',
  async (name) => {
    const reached = await tryAll(name, EIO, true, () => verbs.control('forget'));
    expect(reached).toBeGreaterThan(0);
    await asEver();
  },
  120_000,
);
