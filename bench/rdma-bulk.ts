/** How many bytes pass by RDMA in a second when messages are large? */
import { type Variant, VERBS_COPIED, VERBS_LENT } from './harness/contest.js';
import type { Figures } from './harness/pair.js';
import { rdmaHost } from './harness/place.js';
import { toolFigures, toolQuestion } from './harness/tool-contest.js';
import { readBandwidth, rstream } from './harness/verbs-tools.js';

const SIZE = 1024 * 1024;
const MESSAGES = 50;
/**
 * As the programs beside it, ours always has several messages under way: by default a socket says stop at one of this size,
 * and goes on when nothing is left.
 */
const MARK_BYTES = 32 * SIZE;
const markedOf = (variant: Variant): Variant => ({
  ...variant,
  name: `${variant.name}, 32 MiB mark`,
  spec: { ...variant.spec, highWaterMarkBytes: MARK_BYTES },
});

/**
 * Under emulation 75 messages pass in a second, and V8 compiles what has run thousands of times: without this most of what is
 * measured is its interpreter. Of the smallest size that goes by RDMA, which takes the same way, more pass.
 */
const WARM = { size: 64 * 1024, most_ms: 10_000, share: 0.3 };
const WARM_SLOT_MS = 200;

const ratio = (ours: Figures, theirs: Figures): number => ours.gb_per_s / theirs.gb_per_s;

const OPPONENTS = [
  {
    name: 'ib_read_bw',
    judges: true,
    ratio,
    run: async () => toolFigures('ib_read_bw', SIZE, (await readBandwidth(rdmaHost(), SIZE, MESSAGES)).mibPerS),
  },
  {
    name: 'rstream',
    judges: true,
    ratio,
    run: async () =>
      toolFigures('rstream', SIZE, 1e6 / (await rstream(rdmaHost(), SIZE, MESSAGES / 2, 1)).usPerTransfer),
  },
];

/** The question `rdma-bulk`. */
export const rdmaBulk = toolQuestion(
  {
    name: 'rdma-bulk',
    title: '1 MiB messages one way by RDMA between two processes',
    target: 'at least 0.8 times the bytes per second of ib_read_bw, and as many as rstream',
  },
  {
    contenders: [markedOf(VERBS_COPIED), markedOf(VERBS_LENT)],
    opponents: OPPONENTS,
    prepare: async (pair, total_ms) => {
      const warmup_ms = Math.min(WARM.most_ms, total_ms * WARM.share);
      await pair.oneWay(WARM.size, { warmup_ms, duration_ms: WARM_SLOT_MS });
    },
    measure: (pair, slot) => pair.oneWay(SIZE, slot),
  },
);
