import { describe, expect, it } from 'vitest';
import { simulateTown } from './town.js';

const HOURS = 24;

describe('a town of actors, in virtual time', () => {
  it('accounts for every message of a day, reports every end once, and leaves nothing behind', () => {
    for (let seed = 1; seed <= 4; seed++) {
      const outcome = simulateTown(seed, { hours: HOURS, messages: 200_000 });
      if (outcome.problems.length > 0) throw new Error(`seed ${seed}:\n${outcome.problems.join('\n')}`);
      expect(outcome.hostsDied).toBeGreaterThan(3);
      expect(outcome.restarts).toBeGreaterThan(100);
    }
  });

  it('lives through many short lives', () => {
    for (let seed = 100; seed < 130; seed++) {
      const outcome = simulateTown(seed, { hours: 0.5, messages: 3_000 });
      if (outcome.problems.length > 0) throw new Error(`seed ${seed}:\n${outcome.problems.join('\n')}`);
    }
  });

  it('a seed is a run: the same events in the same order', () => {
    const options = { hours: 2, messages: 10_000 };
    expect(simulateTown(7, options)).toEqual(simulateTown(7, options));
    expect(simulateTown(7, options).trace).not.toBe(simulateTown(8, options).trace);
  });
});
