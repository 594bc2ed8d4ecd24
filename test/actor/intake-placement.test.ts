import fc from 'fast-check';
import type { Caller } from 'sanswitch';

import { describe, expect, it } from 'vitest';
import type { WorkerLoad } from '#src/actor/intake/ledger.js';
import { type ConnectionPlacement, placerOf } from '#src/actor/intake/placement.js';

const peer = (address: string, port = 1_000): Caller => {
  return {
    remote: { family: 4, address, port },
    local: { family: 4, address: '127.0.0.1', port: 80 },
    provider: 'tcp',
  };
};
const somebody = peer('10.0.0.1');
const loads = (...connections: number[]): WorkerLoad[] => {
  return connections.map((open, i) => ({ worker: i + 1, unconfirmed: 0, open }));
};
const times = (count: number, placement: ConnectionPlacement, workers: readonly WorkerLoad[]) => {
  const place = placerOf(placement);
  return Array.from({ length: count }, () => place(somebody, workers));
};

describe('least connections', () => {
  it('is the default, and counts those under way', () => {
    expect(placerOf()(somebody, loads(3, 1, 2))).toBe(2);
    const workers = [
      { worker: 1, unconfirmed: 5, open: 0 },
      { worker: 2, unconfirmed: 0, open: 4 },
    ];
    expect(times(3, 'least-connections', workers)).toEqual([2, 2, 2]);
  });

  it('has equals take turns', () => {
    const chosen = times(6, 'least-connections', loads(1, 1, 9, 1));
    expect([1, 2, 4].map((worker) => chosen.filter((one) => one === worker).length).every((count) => count > 0)).toBe(
      true,
    );
    expect(chosen).not.toContain(3);
  });

  it('never chooses one that has more than another', () => {
    const place = placerOf('least-connections');
    fc.assert(
      fc.property(fc.array(fc.nat(5), { minLength: 1, maxLength: 8 }), (counts) => {
        const chosen = place(somebody, loads(...counts));
        expect(counts[chosen - 1]).toBe(Math.min(...counts));
      }),
    );
  });
});

describe('round robin', () => {
  it('goes round, also when workers come and go', () => {
    const place = placerOf('round-robin');
    const go = (count: number) => Array.from({ length: 4 }, () => place(somebody, loads(...Array(count).fill(0))));
    expect(go(2)).toEqual([1, 2, 1, 2]);
    expect(new Set(go(4))).toEqual(new Set([1, 2, 3, 4]));
    expect(new Set(go(1))).toEqual(new Set([1]));
  });
});

describe('hash of the peer', () => {
  const place = placerOf('peer-hash');
  const peers = Array.from({ length: 1_000 }, (_, i) => peer(`10.0.${i >> 8}.${i & 255}`, i));

  it('sends one address to one worker, whatever its port and the socket that it came to', () => {
    for (const { remote } of peers) {
      const worker = place(peer(remote.address, 1), loads(0, 0, 0));
      expect(place(peer(remote.address, 2), loads(9, 0, 0))).toBe(worker);
      expect(place(peer(`::ffff:${remote.address}`), loads(0, 0, 0))).toBe(worker);
    }
  });

  it('spreads addresses', () => {
    for (const count of [2, 3, 8]) {
      const shares = new Map<number, number>();
      for (const one of peers) {
        const worker = place(one, loads(...Array(count).fill(0)));
        shares.set(worker, (shares.get(worker) ?? 0) + 1);
      }
      expect(shares.size).toBe(count);
      for (const share of shares.values()) expect(Math.abs(share / peers.length - 1 / count)).toBeLessThan(0.06);
    }
  });

  it('moves only the peers of a worker that goes', () => {
    const all = loads(0, 0, 0, 0);
    const without = all.filter(({ worker }) => worker !== 2);
    for (const one of peers) {
      const before = place(one, all);
      const after = place(one, without);
      if (before !== 2) expect(after).toBe(before);
      else expect(after).not.toBe(2);
    }
  });
});

describe("the application's function", () => {
  it('chooses, and is told who connects and what each worker has', () => {
    const place = placerOf(({ remote }, workers) => (workers[remote.port % 2] as WorkerLoad).worker);
    expect(place(peer('10.0.0.1', 7), loads(0, 5))).toBe(2);
  });

  it.each([0, 3, -1, 1.5, Number.NaN, '1', undefined, null, {}])('is not obeyed when it returns %s', (result) => {
    const place = placerOf((() => result) as never);
    expect(() => place(somebody, loads(0, 0))).toThrow(
      expect.objectContaining({
        code: 'ERR_SANSWITCH_INVALID_OPTION',
        message: expect.stringContaining('workers 1, 2'),
      }),
    );
  });

  it('may throw', () => {
    const place = placerOf(() => {
      throw new Error('undecided');
    });
    expect(() => place(somebody, loads(0))).toThrow('undecided');
  });
});

it('anything else is refused', () => {
  expect(() => placerOf('random' as never)).toThrow(expect.objectContaining({ code: 'ERR_SANSWITCH_INVALID_OPTION' }));
  expect(() => placerOf('toString' as never)).toThrow(
    expect.objectContaining({ code: 'ERR_SANSWITCH_INVALID_OPTION' }),
  );
  expect(() => placerOf(5 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
});
