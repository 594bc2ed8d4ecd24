/** The memory windows of one connection: those that are bound for a transfer, and those that wait for the next. */
import type { Engine } from './engine.js';

/** They go before their connection does. */
export class MemoryWindows {
  private readonly free: number[] = [];
  private readonly bound = new Set<number>();
  private isClosed = false;
  private readonly engine: Engine;
  private readonly connection: number;

  constructor(engine: Engine, connection: number) {
    this.engine = engine;
    this.connection = connection;
  }

  /** A window to bind: `wasBound` or `ended` follows. @returns a negated errno: there is none */
  take(): number {
    return this.free.pop() ?? this.engine.native.allocateWindow(this.connection);
  }

  wasBound(window: number): void {
    this.bound.add(window);
  }

  /** It is not bound any more, or never was. @param isGood it can be bound again */
  ended(window: number, isGood: boolean): void {
    if (this.isClosed) return;
    this.bound.delete(window);
    if (isGood) this.free.push(window);
    else this.engine.native.freeWindow(window);
  }

  /** The connection goes. */
  close(): void {
    this.freeAll();
    this.isClosed = true;
  }

  /** A device may not give up a queue pair as long as windows are bound to it. */
  freeAll(): void {
    for (const window of [...this.free.splice(0), ...this.bound]) this.engine.native.freeWindow(window);
    this.bound.clear();
  }
}
