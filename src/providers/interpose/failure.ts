/** The concern `failure`: the n-th call of a kind fails without reaching the provider. */
import { type WsaCode, WsaError } from '../../spi/codes.js';
import { type DowncallName, returnsStatus } from './calls.js';
import type { Concern, Proceed } from './provider.js';

/** Which calls fail, and how. */
export interface FailureOptions {
  /** Which downcalls are counted; extension functions by their names. */
  readonly calls: readonly DowncallName[];
  /** Which of them fails first, counted from 1. */
  readonly nth: number;
  /** How many fail in a row from there on; default 1. */
  readonly count?: number;
  /** What the switch sees: a Winsock code in the call's own shape, or an exception that no provider may throw. */
  readonly outcome: WsaCode | 'throw';
  /** Called for each call that is made to fail. */
  readonly failing?: (() => void) | undefined;
}

/** Fails the n-th of some calls. */
export class Failure implements Concern {
  /** While false, calls are neither counted nor failed. */
  armed = true;
  /** Calls counted so far. */
  seen = 0;
  /** Calls that were made to fail. */
  failed = 0;
  readonly #options: FailureOptions;
  readonly #calls: ReadonlySet<DowncallName>;

  constructor(options: FailureOptions) {
    this.#options = options;
    this.#calls = new Set(options.calls);
  }

  downcall(name: DowncallName, _args: readonly unknown[], proceed: Proceed): unknown {
    if (!this.armed || !this.#calls.has(name)) return proceed();
    this.seen += 1;
    const { nth, count = 1, outcome } = this.#options;
    if (this.seen < nth || this.seen >= nth + count) return proceed();
    this.failed += 1;
    this.#options.failing?.();
    if (outcome === 'throw') throw new Error(`injected into ${name}`);
    if (returnsStatus(name)) return outcome;
    throw new WsaError(outcome, 'injected');
  }
}
