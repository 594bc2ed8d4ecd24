/** Memory for workers that must not stand still. */
import type { ResourceLimits } from 'node:worker_threads';

/**
 * A young generation in which a second's garbage has room: each collection stops a worker for a millisecond, whatever it finds, and
 * with V8's own 16 MiB there are dozens of them a second at full rate.
 */
export const ROOMY: ResourceLimits = { maxYoungGenerationSizeMb: 384 };
