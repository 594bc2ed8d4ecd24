/** Who polls for a thread that sleeps, and how. */

/** `inline`: the thread itself, before it sleeps. `dedicated`: one native thread for all of the process that want it. */
export const POLLERS = ['inline', 'dedicated'] as const;

/** One of them. */
export type PollerKind = (typeof POLLERS)[number];

/** What the dedicated poller does when it finds nothing. */
export const IDLE_STRATEGIES = ['blocking', 'back-off', 'yield', 'spin'] as const;

/** One of them. */
export type IdleStrategy = (typeof IDLE_STRATEGIES)[number];
