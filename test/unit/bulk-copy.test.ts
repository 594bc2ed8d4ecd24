/** Which kind of copy large sends take, with a clock that the test turns. */
import { describe, expect, it } from 'vitest';
import { BulkCopy } from '#src/switch/session/bulk-copy.js';

const MIB = 1024 * 1024;
const piece = new Uint8Array(MIB);
const ring = new Uint8Array(MIB);

/** A connection whose copies take as long as the test says. */
function world() {
  let nowUs = 0;
  const costUs = { cached: 50, bypassed: 50 };
  const bulk = new BulkCopy(() => nowUs);
  return {
    bulk,
    costUs,
    /** Sends so much. @returns how much of it went past the caches */
    send(mebibytes: number): number {
      let bypassed = 0;
      for (let i = 0; i < mebibytes; i++) {
        if (bulk.bypassing) bypassed += 1;
        nowUs += bulk.bypassing ? costUs.bypassed : costUs.cached;
        bulk.copy(ring, 0, piece, 0, MIB);
      }
      return bypassed;
    },
    idle(us: number): void {
      bulk.emptied();
      nowUs += us;
    },
  };
}

describe('copying large sends', () => {
  it('copies the bytes, by either kind', () => {
    const source = Uint8Array.from({ length: 100_000 }, (_, i) => i & 0xff);
    const target = new Uint8Array(100_100);
    const { bulk } = world();
    for (const bypassing of [false, true]) {
      bulk.bypassing = bypassing;
      target.fill(0);
      bulk.copy(target, 7, source, 3, 99_000);
      expect(Buffer.compare(target.subarray(7, 99_007), source.subarray(3, 99_003))).toBe(0);
      expect([target[6], target[99_007]]).toEqual([0, 0]);
    }
  });

  it('keeps the kind that is faster, and tries the other seldom', () => {
    for (const winner of ['cached', 'bypassed'] as const) {
      const { costUs, send } = world();
      costUs.cached = winner === 'cached' ? 40 : 400;
      costUs.bypassed = winner === 'cached' ? 80 : 50;
      send(200);
      const bypassed = send(10_000);
      expect(winner === 'cached' ? bypassed : 10_000 - bypassed).toBeLessThan(500);
    }
  });

  it('prefers the caches when the difference is small', () => {
    const { costUs, send } = world();
    costUs.cached = 50;
    costUs.bypassed = 48;
    send(200);
    expect(send(2000)).toBeLessThan(100);
  });

  it('changes soon when the kind it has chosen slows down', () => {
    const { costUs, send } = world();
    costUs.cached = 40;
    costUs.bypassed = 80;
    send(2000);
    costUs.cached = 400;
    costUs.bypassed = 50;
    send(200);
    expect(send(1000)).toBeGreaterThan(900);
  });

  it('is not misled by one slow moment', () => {
    const { bulk, costUs, send } = world();
    costUs.cached = 40;
    costUs.bypassed = 80;
    send(300);
    costUs.cached = 4000;
    send(32);
    costUs.cached = 40;
    expect(send(64)).toBe(0);
    expect(bulk.bypassing).toBe(false);
  });

  it('does not count the time in which the application sends nothing', () => {
    const { costUs, send, idle } = world();
    costUs.cached = 40;
    costUs.bypassed = 80;
    send(300);
    let bypassed = 0;
    for (let i = 0; i < 500; i++) {
      bypassed += send(1);
      idle(1000);
    }
    expect(bypassed).toBe(0);
  });

  it('takes larger pieces while the reader is behind', () => {
    const { bulk, send } = world();
    expect(bulk.pieceBytes).toBe(MIB / 2);
    bulk.waited();
    expect(bulk.pieceBytes).toBe(MIB);
    send(100);
    expect(bulk.pieceBytes).toBe(MIB / 2);
  });
});
