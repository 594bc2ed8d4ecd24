/** Looks again and again, and makes a report of each look. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Look, look, type SeenProcess } from './look.js';
import type { PageConnection } from './page.js';
import { processName } from './process-list.js';
import { type Growing, type PageChange, PageHistory, rateOf } from './rates.js';
import type { TopConnection, TopProcess, TopReport } from './report.js';

/** Per second, and so far. */
function trafficOf(now: Record<Growing, number>, before: Record<Growing, number> | null, overS: number) {
  const rate = (what: Growing): number => rateOf(now[what], before?.[what] ?? 0, before === null ? 0 : overS);
  return {
    bytesSentPerS: rate('bytesSent'),
    bytesReceivedPerS: rate('bytesReceived'),
    sendsPerS: rate('sends'),
    deliveriesPerS: rate('deliveries'),
    bytesSent: now.bytesSent,
    bytesReceived: now.bytesReceived,
    sends: now.sends,
    deliveries: now.deliveries,
  };
}

type Traffic = ReturnType<typeof trafficOf>;

function addTraffic(a: Traffic, b: Traffic): Traffic {
  return Object.fromEntries(
    Object.entries(a).map(([name, value]) => [name, value + b[name as keyof Traffic]]),
  ) as Traffic;
}

function processOf({ entry, pages }: SeenProcess, changes: readonly PageChange[], atUs: number): TopProcess {
  const sum = (of: (change: PageChange) => number): number => changes.reduce((total, one) => total + of(one), 0);
  const traffic = changes.map(({ page, before, overS }) => trafficOf(page, before, overS)).reduce(addTraffic);
  const last_us = Math.max(...pages.map(({ publishedUs }) => publishedUs));
  return {
    pid: entry.pid,
    name: entry.name,
    threads: pages.map(({ name }) => name),
    ...traffic,
    stalls: sum(({ page }) => page.stalls),
    connections: sum(({ page }) => page.connections),
    unlisted: sum(({ page }) => Math.max(0, page.connections - page.entries.length)),
    listeners: sum(({ page }) => page.listeners),
    connects: sum(({ page }) => page.connects),
    accepts: sum(({ page }) => page.accepts),
    wakes: sum(({ page }) => page.wakesReceived),
    wakesPerS: sum(({ page, before, overS }) => rateOf(page.wakesReceived, before?.wakesReceived ?? Infinity, overS)),
    actors: sum(({ page }) => page.actors),
    actorRestarts: sum(({ page }) => page.actorRestarts),
    mailboxDepth: sum(({ page }) => page.mailboxDepth),
    mailboxDepthMost: Math.max(...pages.map(({ mailboxDepthMost }) => mailboxDepthMost)),
    quietMs: Math.max(0, Math.round((atUs - last_us) / 1_000)),
  };
}

/** IPv4 in either family's clothes. */
function endOf(address: string, port: number): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

function localEnd({ localAddress, localPort }: PageConnection): string {
  return endOf(localAddress, localPort);
}

function remoteEnd({ remoteAddress, remotePort }: PageConnection): string {
  return endOf(remoteAddress, remotePort);
}

/** Who is at the other end of connections: known by its own page, or by the word of this one's provider. */
class Peers {
  private readonly pids = new Map<string, number>();
  private readonly names = new Map<number, string | null>();

  constructor({ processes }: Look) {
    for (const { entry, pages } of processes) {
      this.names.set(entry.pid, entry.name);
      for (const connection of pages.flatMap(({ entries }) => entries)) {
        this.pids.set(`${localEnd(connection)} ${remoteEnd(connection)}`, entry.pid);
      }
    }
  }

  of({ entry }: SeenProcess, connection: PageConnection): { peerPid: number | null; peerProcess: string | null } {
    // Its numbers are not ours where it lives in a pid namespace of its own.
    const told = entry.namespacePids.length === 1 && connection.peerPid > 0 ? connection.peerPid : null;
    const peerPid = told ?? this.pids.get(`${remoteEnd(connection)} ${localEnd(connection)}`) ?? null;
    return { peerPid, peerProcess: peerPid === null ? null : this.nameOf(peerPid) };
  }

  private nameOf(pid: number): string | null {
    if (!this.names.has(pid)) this.names.set(pid, processName(pid));
    return this.names.get(pid) ?? null;
  }
}

function connectionsOf(process: SeenProcess, { page, before, overS }: PageChange, peers: Peers): TopConnection[] {
  const known = new Map(before?.entries.map((entry) => [entry.id, entry]));
  // One that was not there has done all of it since.
  const NEW = { bytesSent: 0, bytesReceived: 0, sends: 0, deliveries: 0 };
  return page.entries.map((entry) => ({
    pid: process.entry.pid,
    process: process.entry.name,
    thread: page.name,
    provider: entry.provider,
    local: localEnd(entry),
    remote: remoteEnd(entry),
    ...peers.of(process, entry),
    ...trafficOf(entry, before === null ? null : (known.get(entry.id) ?? NEW), overS),
    stalls: entry.stalls,
    queuedBytes: entry.queuedBytes,
    ringBytes: entry.ringCapacity === 0 ? null : entry.ringCapacity,
    ringUsedBytes: entry.ringCapacity === 0 ? null : Math.min(entry.ringUsed, entry.ringCapacity),
  }));
}

/** One observer: it remembers the look before. */
export class Observer {
  private readonly history = new PageHistory();
  private lastUs: number | null = null;

  /** Looks at all processes of this user, now. */
  report(): TopReport {
    const seen = look();
    const changes = this.history.advance(seen.processes, seen.atUs);
    const peers = new Peers(seen);
    const intervalS = this.lastUs === null ? 0 : (seen.atUs - this.lastUs) / 1e6;
    this.lastUs = seen.atUs;
    return {
      version: 1,
      time: new Date().toISOString(),
      intervalS,
      processes: seen.processes.map((process) => processOf(process, changes.get(process) ?? [], seen.atUs)),
      connections: seen.processes.flatMap((process) =>
        (changes.get(process) ?? []).flatMap((change) => connectionsOf(process, change, peers)),
      ),
      skipped: seen.skipped,
    };
  }

  /** Reports after each interval, until `signal` says stop. The first look, which knows no rates, is not told. */
  async *reports(interval_ms: number, signal: AbortSignal): AsyncGenerator<TopReport, void> {
    this.report();
    while (!signal.aborted) {
      try {
        await sleep(interval_ms, undefined, { signal });
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      yield this.report();
    }
  }
}
