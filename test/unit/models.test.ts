import { describe, expect, it } from 'vitest';
import { readVerdict, variantsOf } from '../models/pan.mjs';

const counts = (errors: number, states = 42) =>
  `State-vector 48 byte, depth reached 17, errors: ${errors}\n ${states} states, stored\n`;

describe('model checks', () => {
  it('find the broken variants that a model names', () => {
    const model = '/*\n * A ring.\n * broken: NO_LOOK  nobody looks\n *   at all\n * broken: LATE  too late\n */\n';
    expect(variantsOf(model)).toEqual(['NO_LOOK', 'LATE']);
    expect(variantsOf('/* broken: no\n * broken: NO\n */')).toEqual([]);
  });

  it('believe that a model holds after a whole search only', () => {
    expect(readVerdict(counts(0))).toEqual({ verdict: 'holds', states: 42, message: '' });
    const cuts = ['error: max search depth too small', 'Warning: Search not completed', 'pan: reached -DMEMLIM bound'];
    for (const cut of cuts) expect(readVerdict(`${cut}\n${counts(0)}`).verdict, cut).toBe('unfinished');
    expect(readVerdict(counts(0, 0)).verdict).toBe('unfinished');
    expect(readVerdict('').verdict).toBe('unfinished');
  });

  it('tell a violated property from a search that went wrong', () => {
    const found = (message: string) => `pan:1: ${message}\nWarning: Search not completed\n${counts(1)}`;
    expect(readVerdict(found('assertion violated (seen==4) (at depth 64)'))).toEqual({
      verdict: 'violated',
      states: 42,
      message: 'assertion violated (seen==4) (at depth 64)',
    });
    expect(readVerdict(found('invalid end state (at depth 12)')).verdict).toBe('violated');
    expect(readVerdict(found('indexing units[12] - size is 12')).verdict).toBe('unfinished');
  });
});
