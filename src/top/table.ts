/** A report as lines of text. */
import { columns } from '../terminal-text.js';
import type { TopConnection, TopProcess, TopReport } from './report.js';

const UNITS = ['', 'k', 'M', 'G', 'T', 'P'];

/** At most four digits and a unit: `999`, `1.23k`, `45.6M`. */
export function short(value: number): string {
  let unit = 0;
  let left = value;
  // What would be rounded up to 1000 of a unit is 1 of the next.
  while (left >= 999.5 && unit < UNITS.length - 1) {
    left /= 1_000;
    unit += 1;
  }
  if (unit === 0) return left > 0 && left < 1 ? '<1' : String(Math.round(left));
  return `${left.toPrecision(3)}${UNITS[unit]}`;
}

interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  /** Texts stand at the left of their column, numbers at the right. */
  readonly isText?: boolean;
}

const PROCESS_COLUMNS: readonly Column<TopProcess>[] = [
  { title: 'PID', text: ({ pid }) => String(pid) },
  { title: 'PROCESS', text: ({ name }) => name, isText: true },
  { title: 'THR', text: ({ threads }) => String(threads.length) },
  { title: 'CONN', text: ({ connections }) => String(connections) },
  { title: 'SENT B/s', text: (row) => short(row.bytesSentPerS) },
  { title: 'RECV B/s', text: (row) => short(row.bytesReceivedPerS) },
  { title: 'SENDS/s', text: (row) => short(row.sendsPerS) },
  { title: 'RECVS/s', text: (row) => short(row.deliveriesPerS) },
  { title: 'STALLS', text: ({ stalls }) => short(stalls) },
  { title: 'WAKES/s', text: (row) => short(row.wakesPerS) },
  { title: 'ACTORS', text: ({ actors }) => short(actors) },
  { title: 'RESTARTS', text: ({ actorRestarts }) => short(actorRestarts) },
  { title: 'MAILBOX', text: ({ mailboxDepth }) => short(mailboxDepth) },
];

function ringText({ ringBytes, ringUsedBytes }: TopConnection): string {
  if (ringBytes === null || ringUsedBytes === null) return '-';
  return `${Math.round((100 * ringUsedBytes) / ringBytes)}%`;
}

function peerText({ peerPid, peerProcess }: TopConnection): string {
  return peerPid === null ? '-' : `${peerPid} ${peerProcess ?? ''}`.trimEnd();
}

const CONNECTION_COLUMNS: readonly Column<TopConnection>[] = [
  { title: 'PID', text: ({ pid }) => String(pid) },
  { title: 'THREAD', text: ({ thread }) => thread, isText: true },
  { title: 'BY', text: ({ provider }) => provider, isText: true },
  { title: 'LOCAL', text: ({ local }) => local, isText: true },
  { title: 'REMOTE', text: ({ remote }) => remote, isText: true },
  { title: 'PEER', text: peerText, isText: true },
  { title: 'SENT B/s', text: (row) => short(row.bytesSentPerS) },
  { title: 'RECV B/s', text: (row) => short(row.bytesReceivedPerS) },
  { title: 'SENDS/s', text: (row) => short(row.sendsPerS) },
  { title: 'RECVS/s', text: (row) => short(row.deliveriesPerS) },
  { title: 'RING', text: ringText },
  { title: 'QUEUED', text: ({ queuedBytes }) => short(queuedBytes) },
  { title: 'STALLS', text: ({ stalls }) => short(stalls) },
];

function lines<Row>(shown: readonly Column<Row>[], rows: readonly Row[]): string[] {
  const cells = [shown.map(({ title }) => title), ...rows.map((row) => shown.map(({ text }) => text(row)))];
  const text = columns(cells, { isLeft: (column) => shown[column]?.isText === true });
  return text.trimEnd().split('\n');
}

function many(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : one.endsWith('s') ? 'es' : 's'}`;
}

/** How many rows of each list there is room for. */
export interface Room {
  readonly processes: number;
  readonly connections: number;
}

const UNBOUNDED: Room = { processes: Number.POSITIVE_INFINITY, connections: Number.POSITIVE_INFINITY };

/** The lines of a report. What there is no room for, or what no process tells, is counted in the first one. */
export function reportLines(report: TopReport, room: Room = UNBOUNDED): string[] {
  const { processes, connections, skipped, time, intervalS } = report;
  const unlisted = processes.reduce((sum, row) => sum + row.unlisted, 0);
  const hidden = Math.max(0, processes.length - room.processes) + Math.max(0, connections.length - room.connections);
  const facts = [
    `sanswitch top ${time.slice(11, 19)} UTC`,
    `${intervalS.toFixed(1)} s`,
    many(processes.length, 'process'),
    many(connections.length + unlisted, 'connection'),
    unlisted > 0 && `${unlisted} not listed`,
    hidden > 0 && `${many(hidden, 'row')} not shown`,
  ];
  return [
    facts.filter(Boolean).join(', '),
    ...skipped.map(({ pid, why }) => `skipped ${pid}: ${why}`),
    '',
    ...lines(PROCESS_COLUMNS, processes.slice(0, room.processes)),
    ...(connections.length === 0 ? [] : ['', ...lines(CONNECTION_COLUMNS, connections.slice(0, room.connections))]),
  ];
}
