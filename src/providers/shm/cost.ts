/** What is paid for by peers, so that none gets more of this thread than a fair share (ARCHITECTURE.md, "Talk budget"). */
import type { BudgetTerms } from '../../reactor/budget.js';

/**
 * What a peer that leads nowhere costs, in units of about 25 ns. A silent connection's share comes back when it speaks, or
 * comes to the reactor to which it was sent.
 */
export const COST = {
  idle: 1,
  refused: 96,
  moved: 64,
  withdrawn: 256,
  unverified: 2_048,
  silent: 2_048,
  meeting: 8_192,
} as const;
/** Of those per process: 100 µs in 2 ms, 5 % of the thread, and at once as much as 256 connections not yet in use. */
export const TALK_BUDGET: BudgetTerms = { capacity: 256 * COST.silent, perPeriod: 4_096, periodMs: 2 };
