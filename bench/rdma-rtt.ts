/** How long does a small message take by RDMA, there and back, when both processes poll? */
import { LONG_SPIN_US, type Variant, VERBS_COPIED, VERBS_LENT } from './harness/contest.js';
import type { Figures } from './harness/pair.js';
import { rdmaHost } from './harness/place.js';
import { toolFigures, toolQuestion } from './harness/tool-contest.js';
import { rping, rstream, sendLatency } from './harness/verbs-tools.js';

const SIZE = 64;
const ROUND_TRIPS = 500;
const PING_ROUNDS = 100;

const pollingOf = (variant: Variant): Variant => ({
  ...variant,
  spec: { ...variant.spec, spinBudgetUs: LONG_SPIN_US },
});

const ratio = (ours: Figures, theirs: Figures): number => (theirs.p50_us ?? 0) / (ours.p50_us ?? 0);

function roundTripOf(name: string, roundTrip_us: number, p99_us = 0): Figures {
  return toolFigures(name, SIZE, 1e6 / roundTrip_us, roundTrip_us, p99_us);
}

/** Sockets over RDMA, and what the device itself can do; those tell means, and one way. */
const OPPONENTS = [
  {
    name: 'rstream',
    judges: true,
    ratio,
    run: async () => roundTripOf('rstream', 2 * (await rstream(rdmaHost(), SIZE, 1, ROUND_TRIPS)).usPerTransfer),
  },
  {
    name: 'ib_send_lat',
    judges: false,
    ratio,
    run: async () => {
      const { p50Us, p99Us } = await sendLatency(rdmaHost(), SIZE, ROUND_TRIPS);
      return roundTripOf('ib_send_lat', 2 * p50Us, 2 * p99Us);
    },
  },
  {
    name: 'rping',
    judges: false,
    ratio,
    run: async () => roundTripOf('rping', await rping(rdmaHost(), SIZE, PING_ROUNDS)),
  },
];

/** The question `rdma-rtt`. */
export const rdmaRtt = toolQuestion(
  {
    name: 'rdma-rtt',
    title:
      '64 B echo by RDMA between two processes, both polling (rping: two messages, a read and a write, and its start)',
    target: "a p50 of at most twice rstream's (a ratio of 0.5)",
  },
  {
    contenders: [pollingOf(VERBS_COPIED), pollingOf(VERBS_LENT)],
    opponents: OPPONENTS,
    measure: (pair, slot) => pair.roundTrips(SIZE, slot),
  },
);
