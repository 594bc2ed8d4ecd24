/** The RDMA provider under test: over the fake libraries, or by the device of the machine that SANSWITCH_TEST_HOST names. */
import { expect } from 'vitest';
import { VERBS_SLOT_COUNT } from '#src/layout/layout.gen.js';
import { VerbsProvider } from '#src/providers/verbs/provider.js';
import { VERBS_OPTIONS, verbsHost } from '../fixtures/verbs-place.js';
import type { HandOverSubject } from './hand-over-suite.js';

let nextSourcePort = 40_000;

/** One provider; others that `another` makes reach it. */
export function verbs(options: Readonly<Record<string, unknown>> = {}): HandOverSubject & { provider: VerbsProvider } {
  const made: VerbsProvider[] = [];
  const another = (): VerbsProvider => {
    const provider = new VerbsProvider();
    made.push(provider);
    return provider;
  };
  return {
    provider: another(),
    another,
    options: { ...VERBS_OPTIONS, ...options },
    address: verbsHost,
    sourcePort: () => {
      nextSourcePort = 40_000 + ((nextSourcePort - 40_000 + 1) % 20_000);
      return nextSourcePort;
    },
    dispose() {
      // What others have taken over comes back when they are done with it, if this one is still there then.
      if (made.length > 1) return;
      const { engine, lingering, moves } = made[0] as VerbsProvider;
      const left = [VERBS_SLOT_COUNT - (engine?.arena.free ?? VERBS_SLOT_COUNT), lingering.size, moves.size];
      expect(left).toEqual([0, 0, 0]);
    },
  };
}
