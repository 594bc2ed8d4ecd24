/** The concern `trace`: the order of every downcall, upcall and event, with its arguments in brief. */
import { inspect } from 'node:util';
import { wsaName } from '../../spi/codes.js';
import { Overlapped } from '../../spi/types.js';
import { returnsStatus } from './calls.js';
import type { Concern } from './provider.js';

/** One thing that crossed the SPI. A downcall leaves two: `down` when it begins, `return` when it is over. */
export interface TraceEntry {
  readonly kind: 'down' | 'return' | 'up' | 'event';
  /** `WSPSend`, `WPUCloseSocketHandle`, ...; `set` for events. */
  readonly name: string;
  /** The arguments, or for `return` the one result, each in a few characters. */
  readonly args: readonly string[];
}

const ENTRIES_KEPT = 100_000;

const MARKS = { down: '>', return: '  =', up: '<', event: '!' };

/** An entry as a person reads it. */
export function traceLine({ kind, name, args }: TraceEntry): string {
  return `${MARKS[kind]} ${name}(${args.join(', ')})`;
}

/** Records what crosses the SPI, oldest first, and stops at `entriesKept`. */
export class Trace implements Concern {
  readonly entries: TraceEntry[] = [];
  /** Told of each entry as it happens, whether it is kept or not. */
  listener: ((entry: TraceEntry) => void) | null = null;
  readonly #entriesKept: number;
  readonly #overlappeds = new WeakMap<Overlapped, number>();
  #nextOverlapped = 1;

  constructor(entriesKept = ENTRIES_KEPT) {
    this.#entriesKept = entriesKept;
  }

  downcall(name: Parameters<NonNullable<Concern['downcall']>>[0], args: readonly unknown[], proceed: () => unknown) {
    this.#add('down', name, args.map(this.#brief));
    let result: unknown;
    try {
      result = proceed();
    } catch (error) {
      this.#add('return', name, [`throws ${(error as Error).message}`]);
      throw error;
    }
    this.#add('return', name, [returnsStatus(name) ? wsaName(result as number) : this.#brief(result)]);
    return result;
  }

  upcall(name: Parameters<NonNullable<Concern['upcall']>>[0], args: readonly unknown[], proceed: () => unknown) {
    this.#add('up', name, args.map(this.#brief));
    return proceed();
  }

  event(socket: number, proceed: () => unknown): void {
    this.#add('event', 'set', [String(socket)]);
    proceed();
  }

  /** The names alone, in order; `kinds` says of what. */
  names(...kinds: readonly TraceEntry['kind'][]): string[] {
    return this.entries.filter((entry) => kinds.length === 0 || kinds.includes(entry.kind)).map((entry) => entry.name);
  }

  /** One line per entry, for people. */
  toString(): string {
    return this.entries.map(traceLine).join('\n');
  }

  #add(kind: TraceEntry['kind'], name: string, args: readonly string[]): void {
    const entry = { kind, name, args };
    if (this.entries.length < this.#entriesKept) this.entries.push(entry);
    this.listener?.(entry);
  }

  #brief = (value: unknown): string => {
    if (value instanceof Overlapped) return `overlapped#${this.#numberOf(value)}`;
    if (value instanceof Uint8Array) return `${value.length} bytes`;
    if (typeof value === 'function') return 'function';
    if (Array.isArray(value)) return `[${value.map(this.#brief).join(', ')}]`;
    if (value !== null && typeof value === 'object') {
      if ('set' in value) return 'event';
      if ('length' in value && 'offset' in value) return `${value.length} bytes at ${value.offset}`;
      if ('address' in value && 'port' in value) return `${value.address}:${value.port}`;
    }
    return inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY });
  };

  #numberOf(overlapped: Overlapped): number {
    let number = this.#overlappeds.get(overlapped);
    if (number === undefined) {
      number = this.#nextOverlapped++;
      this.#overlappeds.set(overlapped, number);
    }
    return number;
  }
}
