/** How often is each byte of a large message copied between the applications' memory and the wire? */
import { type Variant, VERBS_COPIED, VERBS_LENT } from './harness/contest.js';
import type { Figures } from './harness/pair.js';
import type { Question } from './harness/question.js';
import { type Opponent, runAgainstTools } from './harness/tool-contest.js';
import { digits, ratioText, table } from './report/text.js';

const SIZE = 1024 * 1024;

const OWN_BUFFER: Variant = {
  ...VERBS_COPIED,
  name: 'verbs own buffer',
  spec: { ...VERBS_COPIED.spec, ownBuffer: true },
};

/** Copies of both sides; never quite nothing, since the first bytes of a message travel with its offer. */
const copies = ({ copies_sent = 0, copies_received = 0 }: Figures): number => copies_sent + copies_received;

/** What is allowed, and measured by nobody. */
const ALLOWED: Opponent = {
  name: 'none by the sender, one by the receiver',
  judges: true,
  run: async () => ({
    provider: 'allowed',
    size: SIZE,
    msgs_per_s: 0,
    gb_per_s: 0,
    cpu_percent: 0,
    copies_sent: 0,
    copies_received: 1,
  }),
  ratio: (ours, theirs) => copies(theirs) / copies(ours),
};

/** The question `rdma-copy`. */
export const rdmaCopy: Question = {
  name: 'rdma-copy',
  title: 'copies of each byte of 1 MiB messages by the switch, counted',
  target: 'none by the sender and at most one by the receiver (a ratio of 0.999, as 64 bytes travel with the offer)',
  duration_s: 5,
  contests: [],
  own: {
    async run(total_ms, observer) {
      const lines = await runAgainstTools(
        {
          question: 'rdma-copy',
          contenders: [VERBS_COPIED, OWN_BUFFER, VERBS_LENT],
          opponents: [ALLOWED],
          measure: (pair, slot) => pair.copiesOneWay(SIZE, slot),
        },
        total_ms,
        observer,
      );
      const rows = lines.map(({ variant, copies_sent = 0, copies_received = 0, ratio }) => [
        variant,
        digits(copies_sent),
        digits(copies_received),
        ratioText(ratio),
      ]);
      const head = ['variant', 'by the sender', 'by the receiver', 'ratio'];
      return { lines, table: `\n${rdmaCopy.title}\n${table([head, ...rows])}  must be ${rdmaCopy.target}\n` };
    },
  },
};
