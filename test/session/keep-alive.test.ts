import { describe, expect, it } from 'vitest';
import { HARDWARE, LENDING, Pair, RING } from './pair.js';

// In a file of its own: what keeps the loop alive is counted for the whole thread.
describe.each([
  ['ring', RING],
  ['hardware', HARDWARE],
  ['lending', LENDING],
])('the event loop, over %s', (_name, loop) => {
  it('is kept alive by an open session that is referenced, and by no other', () => {
    const pair = new Pair({ loop });
    expect(pair.world.pendingIntervals).toBe(1);
    pair.run(() => pair.client.session.unref());
    pair.run(() => pair.server.session.unref());
    expect(pair.world.pendingIntervals).toBe(0);
    pair.run(() => pair.client.session.ref());
    expect(pair.world.pendingIntervals).toBe(1);
    pair.run(() => pair.client.session.abort(null));
    expect(pair.world.pendingIntervals).toBe(0);
  });
});
