/** `SO_KEEPALIVE`: who has heard nothing of the peer for a while asks whether its device is there (`VerbsConnection.probe`). */
import { NO_ERROR } from '../../spi/codes.js';
import type { VerbsConnection } from './connection.js';
import type { Engine } from './engine.js';

/** Linux's own, `net.ipv4.tcp_keepalive_time`. */
const DEFAULT_IDLE_MS = 7_200_000;
const TIMER_MAX_MS = 2 ** 31 - 1;

/** After how long an option's value asks for a probe; 0: never. Null: it is no such value. */
export function readKeepAlive(value: unknown): number | null {
  if (typeof value === 'boolean') return value ? DEFAULT_IDLE_MS : 0;
  const idleMs = (value as { idleMs?: unknown } | null | undefined)?.idleMs;
  if (typeof idleMs !== 'number' || !(idleMs >= 0)) return null;
  return idleMs === 0 ? DEFAULT_IDLE_MS : Math.min(Math.ceil(idleMs), TIMER_MAX_MS);
}

/** Probes one connection until it is stopped, once. */
export class KeepAlive {
  private readonly connection: VerbsConnection;
  private readonly engine: Engine;
  private readonly idleMs: number;
  private timer: NodeJS.Timeout;

  constructor(connection: VerbsConnection, engine: Engine, idleMs: number) {
    this.connection = connection;
    this.engine = engine;
    this.idleMs = idleMs;
    engine.keepTime();
    connection.heardMs = engine.nowMs;
    this.timer = this.wait(idleMs);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.engine.stopTime();
  }

  private wait(timeMs: number): NodeJS.Timeout {
    return setTimeout(() => this.look(), timeMs).unref();
  }

  private look(): void {
    const { connection, idleMs } = this;
    if (connection.isGone || connection.endCode !== NO_ERROR) return;
    const leftMs = idleMs - (performance.now() - connection.heardMs);
    if (leftMs <= 0) connection.probe();
    this.timer = this.wait(leftMs > 0 ? Math.ceil(leftMs) : idleMs);
  }
}
