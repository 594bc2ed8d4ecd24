/** A worker's connections: opened, and opened again when they are lost. */
import { explainDecision } from '../switch/decisions.js';
import { type Client, codeOf } from './clients/client.js';
import type { ServedBy } from './report.js';

/** Connects that are under way at a time. */
const TOGETHER = 64;
/** After a connection is lost the next is tried so much later, and twice that each time it fails. */
const RETRY_MS = { first: 50, most: 1_000 };

/** A server has ended a connection before anything could be asked on it. */
class LostConnection extends Error {
  readonly code = 'ECLOSED';

  constructor() {
    super('the server has ended a connection before anything was asked');
  }
}

/** What it needs, and whom it tells. */
export interface RosterOwner {
  /** @throws why there is none */
  open(): Promise<Client>;
  joined(client: Client): void;
  /** A connection could not be had again. */
  failed(code: string): void;
  /** For as long as patience lasts none could be had, and none is left. Told once. */
  lost(code: string): void;
}

/** See the top of this file. */
export class Roster {
  reconnects = 0;
  private readonly owner: RosterOwner;
  private readonly patience_ms: number;
  private readonly clients = new Set<Client>();
  private readonly retries = new Set<NodeJS.Timeout>();
  private readonly servedBy = new Map<string, ServedBy>();
  private retry_ms = RETRY_MS.first;
  private aloneSince_ms: number | null = null;
  private isClosed = false;
  private sent = 0;
  private received = 0;

  constructor(patience_ms: number, owner: RosterOwner) {
    this.patience_ms = patience_ms;
    this.owner = owner;
  }

  /** Opens so many. @throws the error of the first that can't be had */
  async fill(connections: number): Promise<void> {
    for (let made = 0; made < connections && !this.isClosed; made += TOGETHER) {
      const together = Math.min(TOGETHER, connections - made);
      const opened = await Promise.allSettled(Array.from({ length: together }, () => this.owner.open()));
      let isShort = false;
      for (const one of opened) if (one.status === 'fulfilled') isShort = !this.join(one.value) || isShort;
      const failed = opened.find((one) => one.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      if (isShort) throw new LostConnection();
    }
  }

  /** One is lost. @param isWanted another is to take its place */
  gone(client: Client, isWanted: boolean): void {
    if (!this.clients.delete(client)) return;
    this.tally(client);
    // A server that ends connections after so many answers takes the next at once.
    if (isWanted) this.again(client.isOfUse ? 0 : this.retry_ms);
  }

  /** Of all connections so far. */
  bytes(): { readonly bytesSent: number; readonly bytesReceived: number } {
    let { sent, received } = this;
    for (const { bytesSent, bytesReceived } of this.clients) {
      sent += bytesSent;
      received += bytesReceived;
    }
    return { bytesSent: sent, bytesReceived: received };
  }

  /** Who has served how many, and why. */
  served(): ServedBy[] {
    return [...this.servedBy.values()];
  }

  close(): void {
    this.isClosed = true;
    for (const retry of this.retries) clearTimeout(retry);
    for (const client of this.clients) {
      this.tally(client);
      client.close();
    }
    this.clients.clear();
  }

  private tally({ bytesSent, bytesReceived }: Client): void {
    this.sent += bytesSent;
    this.received += bytesReceived;
  }

  /** @returns false: it is gone already, which was told before it had joined */
  private join(client: Client): boolean {
    if (client.isGone) return false;
    if (this.isClosed) {
      client.close();
      return true;
    }
    this.clients.add(client);
    this.aloneSince_ms = null;
    this.retry_ms = RETRY_MS.first;
    const { provider } = client;
    const why = explainDecision(client.decision);
    const key = `${provider} ${why}`;
    this.servedBy.set(key, { provider, why, connections: (this.servedBy.get(key)?.connections ?? 0) + 1 });
    this.owner.joined(client);
    return true;
  }

  private again(delay_ms: number): void {
    if (this.clients.size === 0) this.aloneSince_ms ??= performance.now();
    const retry = setTimeout(async () => {
      this.retries.delete(retry);
      let client: Client;
      try {
        client = await this.owner.open();
      } catch (error) {
        this.missed(codeOf(error));
        return;
      }
      if (!this.isClosed) this.reconnects += 1;
      if (!this.join(client)) this.missed(new LostConnection().code);
    }, delay_ms);
    this.retries.add(retry);
  }

  private missed(code: string): void {
    if (this.isClosed) return;
    this.owner.failed(code);
    const { aloneSince_ms } = this;
    if (aloneSince_ms !== null && performance.now() - aloneSince_ms >= this.patience_ms) {
      this.isClosed = true;
      for (const retry of this.retries) clearTimeout(retry);
      this.owner.lost(code);
      return;
    }
    this.retry_ms = Math.min(RETRY_MS.most, this.retry_ms * 2);
    this.again(this.retry_ms);
  }
}
