/** `npx sanswitch top`. */
import { once } from 'node:events';
import type { ReadStream, WriteStream } from 'node:tty';
import { Observer } from '../top/observer.js';
import type { TopReport } from '../top/report.js';
import { Screen } from '../top/screen.js';
import { type Selection, SORT_COLUMNS, select } from '../top/selection.js';
import { reportLines } from '../top/table.js';
import { type Command, parseCommandLine, UsageError } from './command.js';

const HELP = `Usage: npx sanswitch top [OPTIONS]

Shows the processes of this user on this host that use sanswitch (by createSwitch, createRuntime, sanswitch/net or
sanswitch/register), and their connections: who serves them, who is at the other end, what passes, how full the ring to
the peer is, how often senders were blocked and threads woken; actors, their restarts and what waits in their mailboxes.
On a terminal it is one live screen (q or Ctrl-C ends it), otherwise lines.

It only reads what the processes publish: each at most five times a second, when something has happened. Connections
that net or register leave on TCP/IP are the platform's own and not listed.

Options:
  --once           one report, about one interval, and the end
  --json           reports as JSON, one a line
  --interval S     seconds between looks, 0.1 to 3600 (default 1)
  --sort COLUMN    ${SORT_COLUMNS.slice(0, 9).join(', ')},
                   ${SORT_COLUMNS.slice(9).join(', ')} (default rate)
  --filter TEXT    rows in which this text stands: a name, an address, a thread
  --provider NAME  connections by this provider, and their processes
  --pid PID        this process alone; may be given several times
  --help           this text

Exit codes: 0, it was ended; 1, it can't be done here; 2, the command line can't be meant.
`;

const OPTIONS = {
  once: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  interval: { type: 'string', default: '1' },
  sort: { type: 'string', default: 'rate' },
  filter: { type: 'string' },
  provider: { type: 'string' },
  pid: { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const INTERVAL_S = { least: 0.1, most: 3_600 };

function intervalOf(text: string): number {
  const seconds = text.trim() === '' ? Number.NaN : Number(text);
  if (seconds >= INTERVAL_S.least && seconds <= INTERVAL_S.most) return seconds * 1_000;
  throw new UsageError(`--interval must be seconds from ${INTERVAL_S.least} to ${INTERVAL_S.most}, not '${text}'`);
}

function pidOf(text: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  throw new UsageError(`--pid must be the number of a process, not '${text}'`);
}

/** Says when to end: a signal, or nobody reads any more. */
function untilTold(): AbortController {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    stop();
  });
  return controller;
}

/** Whoever reads slowly is waited for. */
async function write(text: string, signal: AbortSignal): Promise<void> {
  if (process.stdout.write(text) || signal.aborted) return;
  // Told to end, or nobody is there any more: it need not be read.
  await once(process.stdout, 'drain', { signal }).catch((error: Error) => {
    if (!signal.aborted) throw error;
  });
}

async function onScreen(reports: AsyncIterable<TopReport>, quit: () => void): Promise<void> {
  const input = process.stdin.isTTY ? (process.stdin as ReadStream) : null;
  const screen = new Screen(process.stdout as WriteStream, input, quit);
  try {
    for await (const report of reports) screen.show(report);
  } finally {
    screen.leave();
  }
}

interface Wish {
  readonly isOnce: boolean;
  readonly isJson: boolean;
  readonly interval_ms: number;
  readonly selection: Selection;
}

async function observe({ isOnce, isJson, interval_ms, selection }: Wish): Promise<void> {
  const controller = untilTold();
  const { signal } = controller;
  const wanted = async function* (): AsyncGenerator<TopReport> {
    for await (const report of new Observer().reports(interval_ms, signal)) {
      yield select(report, selection);
      if (isOnce) return;
    }
  };
  if (process.stdout.isTTY && !isOnce && !isJson) return onScreen(wanted(), () => controller.abort());
  for await (const report of wanted()) {
    await write(isJson ? `${JSON.stringify(report)}\n` : `${reportLines(report).join('\n')}\n\n`, signal);
  }
}

async function run(args: readonly string[]): Promise<number> {
  const { values } = parseCommandLine({ args: [...args], options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { sort, filter = null, provider = null, pid } = values;
  if (!SORT_COLUMNS.includes(sort)) throw new UsageError(`--sort ${sort}: there are ${SORT_COLUMNS.join(', ')}`);
  const interval_ms = intervalOf(values.interval);
  const pids = pid?.map(pidOf) ?? null;
  if (process.platform !== 'linux') {
    process.stderr.write(`sanswitch: top needs Linux, and this is ${process.platform}\n`);
    return 1;
  }
  const selection = { sort, filter, provider, pids };
  await observe({ isOnce: values.once, isJson: values.json, interval_ms, selection });
  return 0;
}

/** The command. */
export const topCommand: Command = {
  summary: 'what the processes that use sanswitch do at this moment',
  help: HELP,
  run,
};
