import { beforeAll, describe, expect, it } from 'vitest';
import { deaths } from '../fixtures/net/deaths.js';
import { runIn, servedBy, type World, worlds } from './worlds.js';

interface Seen {
  readonly notes: readonly string[];
  /** How the child has ended. */
  readonly exit: string;
  readonly isPrompt: boolean;
  /** What has come of what it sent. */
  readonly bytes: number;
  readonly provider: string;
}

/** Where the buffers between the two end, and what is dropped behind them, is the carrier's affair. */
const partial = new Set(['a destroy behind much that nobody reads', 'a signal in the middle of an upload']);

describe('processes that end', () => {
  const seen = {} as Record<World, Record<string, Seen>>;
  beforeAll(async () => {
    for (const world of worlds) seen[world] = JSON.parse(await runIn(world, 'deaths'));
  }, 300_000);

  describe.each(worlds)('%s', (world) => {
    it.each(Object.keys(deaths))('%s', (name) => {
      const { bytes, provider, ...rest } = seen[world][name] as Seen;
      const plain = seen.plain[name] as Seen;
      expect(rest).toEqual({ notes: plain.notes, exit: plain.exit, isPrompt: true });
      expect(servedBy[world]).toContain(provider);
      if (partial.has(name)) expect(bytes).toBeGreaterThan(0);
      else expect(bytes).toBe(plain.bytes);
    });
  });

  it.each(worlds)('%s: an end in order, unless something was unread', (world) => {
    expect(seen[world]['process.exit']).toMatchObject({ notes: ['end'], bytes: 10 });
    expect(seen[world]['a signal']).toMatchObject({ notes: ['end'], bytes: 10 });
    expect(seen[world]['a signal while something is unread']).toMatchObject({ notes: ['reset'] });
  });
});
