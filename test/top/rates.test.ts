import { describe, expect, it } from 'vitest';
import type { SeenProcess } from '#src/top/look.js';
import type { Page } from '#src/top/page.js';
import { type PageChange, PageHistory, rateOf } from '#src/top/rates.js';
import { short } from '#src/top/table.js';

const SECOND_US = 1e6;

/** A process whose only thread has published for the `sequence`-th time, at that moment. */
function seen(sequence: number, publishedUs: number, bytesSent: number, startTime = '1'): SeenProcess {
  const page = { sequence, publishedUs, bytesSent, thread: 0 } as Page;
  return { entry: { pid: 1, startTime, name: 'one', namespacePids: [1] }, pages: [page] };
}

function advance(history: PageHistory, process: SeenProcess, atUs: number): PageChange {
  return history.advance([process], atUs).get(process)?.[0] as PageChange;
}

function rate({ page, before, overS }: PageChange): number {
  return before === null ? Number.NaN : rateOf(page.bytesSent, before.bytesSent, overS);
}

describe('rates', () => {
  it('are of the time between what was published, not between looks', () => {
    const history = new PageHistory();
    expect(rate(advance(history, seen(1, 1.0 * SECOND_US, 0), 1.1 * SECOND_US))).toBeNaN();
    expect(rate(advance(history, seen(6, 2.0 * SECOND_US, 1_000), 2.15 * SECOND_US))).toBeCloseTo(1_000);
  });

  it('of a thread that was quiet for long are of what it does now', () => {
    const history = new PageHistory();
    advance(history, seen(1, 0, 0), 99 * SECOND_US);
    // At most what it had not said yet at the look before, and a second.
    expect(rate(advance(history, seen(2, 100 * SECOND_US, 1_200), 100 * SECOND_US))).toBeCloseTo(1_000);
  });

  it('stand until the next word, and are zero when there is none', () => {
    const history = new PageHistory();
    advance(history, seen(1, 0, 0), 0.1 * SECOND_US);
    advance(history, seen(2, 1 * SECOND_US, 1_000), 1.0 * SECOND_US);
    expect(rate(advance(history, seen(2, 1 * SECOND_US, 1_000), 1.1 * SECOND_US))).toBeGreaterThan(900);
    expect(rate(advance(history, seen(2, 1 * SECOND_US, 1_000), 2.1 * SECOND_US))).toBe(0);
  });

  it('are not of another process that has the number now', () => {
    const history = new PageHistory();
    advance(history, seen(1, 0, 5_000), 0);
    expect(rate(advance(history, seen(2, SECOND_US, 9_000, '2'), SECOND_US))).toBeNaN();
  });

  it('are never below zero', () => {
    expect(rateOf(1, 5, 1)).toBe(0);
    expect(rateOf(5, 1, 0)).toBe(0);
  });
});

describe('short numbers', () => {
  it.each([
    [0, '0'],
    [0.4, '<1'],
    [999, '999'],
    [999.6, '1.00k'],
    [1_234, '1.23k'],
    [999_499, '999k'],
    [999_600, '1.00M'],
    [45_600_000, '45.6M'],
    [2 ** 53, '9.01P'],
  ])('%d is %s', (value, text) => {
    expect(short(value)).toBe(text);
  });
});
