/** What of a report is wanted, and in which order. */
import type { TopConnection, TopProcess, TopReport } from './report.js';

/** What is wanted; null: whatever there is. */
export interface Selection {
  /** A name of SORT_COLUMNS. */
  readonly sort: string;
  /** Part of any text or number that stands in a row, in any case. */
  readonly filter: string | null;
  readonly provider: string | null;
  readonly pids: readonly number[] | null;
}

interface Column {
  readonly process: (row: TopProcess) => number | string;
  readonly connection: (row: TopConnection) => number | string;
}

const rate = { process: sumOfRates, connection: sumOfRates };

function sumOfRates(row: TopProcess | TopConnection): number {
  return row.bytesSentPerS + row.bytesReceivedPerS;
}

function share({ ringBytes, ringUsedBytes }: TopConnection): number {
  return ringBytes === null || ringUsedBytes === null ? -1 : ringUsedBytes / ringBytes;
}

/** By what both lists can be sorted: where a list has no such column, it goes by its rates. */
const COLUMNS: Readonly<Record<string, Column>> = {
  rate,
  pid: { process: ({ pid }) => String(pid).padStart(10), connection: ({ pid }) => String(pid).padStart(10) },
  name: { process: ({ name }) => name, connection: ({ process }) => process },
  sent: { process: (row) => row.bytesSentPerS, connection: (row) => row.bytesSentPerS },
  received: { process: (row) => row.bytesReceivedPerS, connection: (row) => row.bytesReceivedPerS },
  sends: { process: (row) => row.sendsPerS, connection: (row) => row.sendsPerS },
  deliveries: { process: (row) => row.deliveriesPerS, connection: (row) => row.deliveriesPerS },
  stalls: { process: (row) => row.stalls, connection: (row) => row.stalls },
  connections: { ...rate, process: (row) => row.connections },
  wakes: { ...rate, process: (row) => row.wakesPerS },
  actors: { ...rate, process: (row) => row.actors },
  restarts: { ...rate, process: (row) => row.actorRestarts },
  mailbox: { ...rate, process: (row) => row.mailboxDepth },
  provider: { ...rate, connection: (row) => row.provider },
  peer: { ...rate, connection: ({ peerPid }) => String(peerPid ?? '~').padStart(10) },
  ring: { ...rate, connection: share },
  queued: { ...rate, connection: (row) => row.queuedBytes },
};

/** The names of what can be sorted by. */
export const SORT_COLUMNS: readonly string[] = Object.keys(COLUMNS);

/** Numbers from the largest, texts from the first; those that are alike by their process. */
function sorted<T extends { readonly pid: number }>(rows: readonly T[], by: (row: T) => number | string): T[] {
  return [...rows].sort((a, b) => {
    const left = by(a);
    const right = by(b);
    const order =
      typeof left === 'number' && typeof right === 'number' ? right - left : left < right ? -1 : left > right ? 1 : 0;
    return order || a.pid - b.pid;
  });
}

function textOf(row: TopConnection): string {
  const { pid, process, thread, provider, local, remote, peerPid, peerProcess } = row;
  return [pid, process, thread, provider, local, remote, peerPid ?? '', peerProcess ?? ''].join(' ').toLowerCase();
}

/** The part of a report that is wanted, in order. A process is wanted on its own account or on that of one of its connections. */
export function select(report: TopReport, { sort, filter, provider, pids }: Selection): TopReport {
  const wanted = filter?.toLowerCase() ?? '';
  const connections = report.connections.filter((row) => {
    if (pids !== null && !pids.includes(row.pid)) return false;
    return (provider === null || row.provider === provider) && textOf(row).includes(wanted);
  });
  const served = new Set(connections.map(({ pid }) => pid));
  const processes = report.processes.filter((row) => {
    if (served.has(row.pid)) return true;
    if (provider !== null || (pids !== null && !pids.includes(row.pid))) return false;
    return [row.pid, row.name, ...row.threads].join(' ').toLowerCase().includes(wanted);
  });
  const column = COLUMNS[sort] as Column;
  return {
    ...report,
    processes: sorted(processes, column.process),
    connections: sorted(connections, column.connection),
    skipped: report.skipped.filter(({ pid }) => pids === null || pids.includes(pid)),
  };
}
