// The lost wake-up: two threads hand a turn to each other by a mutex and a condition. Elsewhere that stuck after 939,
// 25,643 and 64,323 rounds. Slices without end, so that nothing but the wake-ups themselves keeps it going.
import { afterEach, expect, it } from 'vitest';
import { Arena } from './arena.js';
import { WORD } from './roles.js';
import { endThreads, results, startThreads } from './threads.js';

const SLICE_MS = 3_600_000;

afterEach(endThreads);

it.each([
  ['blocking', 500_000, {}],
  ['blocking, always by sleeping', 50_000, { spins: 0 }],
  ['blocking and asynchronous', 20_000, { isMixed: true }],
  ['asynchronous', 20_000, { isAsync: true }],
] as const)('two threads hand a turn over: %s, %i rounds', { timeout: 120_000 }, async (_, rounds, kind) => {
  const arena = Arena.create();
  const threads = startThreads(arena, 'handOff', 2, { ...kind, rounds: rounds / 2, sliceMs: SLICE_MS });
  expect(await results(threads)).toEqual([rounds / 2, rounds / 2]);
  expect(arena.data[WORD.turn]).toBe(rounds);
});
