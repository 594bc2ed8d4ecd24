// Random steps on a ring, compared with a model, in all pairings of languages.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RingMemory } from '#src/ring/memory.js';
import { buildAddon } from '../native/build.mjs';
import { ends } from './ring-ends.js';
import { Comparison, type Place, type Step } from './ring-model.js';

const places: Place[] = [
  { base: 512, capacity: 256 },
  { base: 1_024, capacity: 1_024 },
  { base: 4_096, capacity: 4_096 },
];
const arenaBytes = 8_192;

beforeAll(buildAddon, 120_000);

const share = fc.double({ min: 0, max: 1, noNaN: true });
const small = share.map((x) => x ** 4);
const writeStep = fc.record({
  do: fc.constant('write' as const),
  least: fc.oneof(small, share),
  most: fc.oneof(fc.constant(0), small),
  kept: fc.oneof(fc.constant(1), share),
  type: fc.integer({ min: 64, max: 2 ** 31 - 1 }),
});
const readStep = fc.record({ do: fc.constant('read' as const), count: fc.integer({ min: 1, max: 6 }) });
const moveStep = fc.record({ do: fc.constant('move' as const), to: fc.nat(2) });
const stayingSteps = [
  { weight: 8, arbitrary: writeStep },
  { weight: 3, arbitrary: fc.constant<Step>({ do: 'publish' }) },
  { weight: 3, arbitrary: readStep },
  { weight: 2, arbitrary: fc.constant<Step>({ do: 'commit' }) },
];
const movingSteps = [
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'grow' }) },
  { weight: 1, arbitrary: moveStep },
];
// Half of the runs stay in the smallest ring, which is full most of the time.
const steps = fc.oneof(
  fc.array(fc.oneof(...stayingSteps), { maxLength: 150 }),
  fc.array(fc.oneof(...stayingSteps, ...movingSteps), { maxLength: 150 }),
);

describe.each([
  ['ts', 'ts'],
  ['ts', 'cpp'],
  ['cpp', 'ts'],
  ['cpp', 'cpp'],
] as const)('%s writes, %s reads', (writer, reader) => {
  it.each([0, 16])('does what the model does, with %i bytes in reserve', (reserve) => {
    // Positions start anywhere, near their overflows above all.
    const start = fc.oneof(fc.constantFrom(0, 2 ** 31 - 256, -256, -(2 ** 31)), fc.integer()).map((x) => x & -16);
    const property = fc.property(start, steps, (position, run) => {
      const words = new Int32Array(new SharedArrayBuffer(arenaBytes));
      words[0] = position;
      words[32] = position;
      const memory: RingMemory = {
        prodWords: words,
        prodIndex: 0,
        consWords: words,
        consIndex: 32,
        words,
        ...places[0],
      };
      const producer = ends[writer].producer(memory, reserve);
      const consumer = ends[reader].consumer(memory, 4_096);
      const comparison = new Comparison(new Uint8Array(words.buffer), producer, consumer, places, reserve, position);
      for (const one of run) comparison.do(one);
      comparison.finish();
    });
    expect(() => fc.assert(property, { numRuns: 400 })).not.toThrow();
  });
});
