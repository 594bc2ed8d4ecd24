// Both languages' ends of a ring beside an end that writes anything into its words, step by step: each yields nothing
// outside the ring, and both say the same of the same nonsense.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { RingCorruptError } from '#src/errors.js';
import { RECORD_ALIGN, RECORD_HEADER_BYTES } from '#src/layout/layout.gen.js';
import type { RingMemory } from '#src/ring/memory.js';
import { buildAddon } from '../native/build.mjs';
import { type ConsumerEnd, ends, type ProducerEnd } from '../unit/ring-ends.js';
import { budget, TIMEOUT_MS } from './budget.js';

const PROD_WORD = 0;
const CONS_WORD = 32;
const LIMIT = 4_096;
const places = [
  { base: 512, capacity: 256 },
  { base: 1_024, capacity: 1_024 },
  { base: 4_096, capacity: LIMIT },
] as const;
const ARENA_BYTES = 8_192;

beforeAll(buildAddon, 120_000);

function arena(position: number): RingMemory {
  const words = new Int32Array(new SharedArrayBuffer(ARENA_BYTES));
  words[PROD_WORD] = position;
  words[CONS_WORD] = position;
  return { prodWords: words, prodIndex: PROD_WORD, consWords: words, consIndex: CONS_WORD, words, ...places[0] };
}

/** What a step came to; an error of the ring is one outcome among others. */
function outcome(perform: () => unknown): unknown {
  try {
    return perform();
  } catch (error) {
    if (error instanceof RingCorruptError) return 'corrupt';
    if (error instanceof RangeError) return 'too large';
    throw error;
  }
}

const position = fc
  .oneof(fc.constantFrom(0, 2 ** 31 - 256, -256, -(2 ** 31)), fc.integer())
  .map((x) => x & -RECORD_ALIGN);
const near = fc.integer({ min: -20, max: 270 }).map((x) => x * RECORD_ALIGN);
const word = fc.oneof(fc.integer(), fc.integer({ min: -16, max: 300 }));
const step = fc.oneof(
  { weight: 3, arbitrary: near.map((by) => ({ do: 'near' as const, by })) },
  { weight: 1, arbitrary: word.map((to) => ({ do: 'word' as const, to })) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('header' as const),
      ahead: fc.nat(4),
      length: fc.oneof(fc.nat(120), word),
      type: fc.oneof(fc.integer({ min: 64, max: 200 }), fc.nat(3), word),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ do: 'reload' as const }) },
  { weight: 6, arbitrary: fc.constant({ do: 'use' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'commit' as const }) },
  { weight: 1, arbitrary: fc.nat(2).map((to) => ({ do: 'rebase' as const, to })) },
);
const steps = fc.array(step, { minLength: 1, maxLength: 60 });
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What of a step is the hostile side's: the same writes to any arena. @returns whether it was one */
function spoil(
  one: Step,
  memory: RingMemory,
  index: number,
  at: number,
  place: { base: number; capacity: number },
): boolean {
  const { words } = memory;
  if (one.do === 'near') words[index] = at + one.by;
  else if (one.do === 'word') words[index] = one.to;
  else if (one.do === 'header') {
    const offset = place.base + ((at + one.ahead * RECORD_ALIGN) & (place.capacity - 1) & -RECORD_ALIGN);
    words.set([one.length, one.type], offset >>> 2);
  } else return false;
  return true;
}

class Reader {
  readonly memory: RingMemory;
  private place: { base: number; capacity: number } = places[0];
  private readonly end: ConsumerEnd;

  constructor(language: 'ts' | 'cpp', start: number) {
    this.memory = arena(start);
    this.end = ends[language].consumer(this.memory, LIMIT);
  }

  do(one: Step): unknown {
    const { end } = this;
    const before = end.position;
    if (spoil(one, this.memory, PROD_WORD, before, this.place)) return null;
    const result = outcome(() => {
      if (one.do === 'reload') return end.reload();
      if (one.do === 'use') return this.next();
      if (one.do === 'commit') return end.commit();
      this.place = places[(one as { to: number }).to] as (typeof places)[number];
      return end.rebase(this.place.base, this.place.capacity) ?? 'rebased';
    });
    expect((end.position - before) >>> 0).toBeLessThanOrEqual(LIMIT);
    expect(end.position & (RECORD_ALIGN - 1)).toBe(0);
    return [result, end.position, this.memory.words[CONS_WORD]];
  }

  private next(): unknown {
    const { end, place } = this;
    if (!end.next()) return false;
    const { type, offset, length } = end;
    expect(offset).toBeGreaterThanOrEqual(place.base + RECORD_HEADER_BYTES);
    expect(length).toBeGreaterThanOrEqual(0);
    expect(offset + length).toBeLessThanOrEqual(place.base + place.capacity);
    return [type, offset, length, end.release()];
  }
}

class Writer {
  readonly memory: RingMemory;
  private readonly end: ProducerEnd;

  constructor(language: 'ts' | 'cpp', start: number) {
    this.memory = arena(start);
    this.end = ends[language].producer(this.memory, RECORD_ALIGN);
  }

  do(one: Step): unknown {
    const { end, memory } = this;
    const [place] = places;
    // A header is a claim of that size here: the hostile side writes one word alone.
    if (one.do !== 'header' && spoil(one, memory, CONS_WORD, memory.words[PROD_WORD] as number, place)) return null;
    const result = outcome(() => {
      if (one.do === 'header') return this.write(Math.abs(one.length % 200), one.ahead);
      if (one.do === 'commit') return end.publish() ?? 'published';
      return end.isDrained();
    });
    return [result, end.position, memory.words[PROD_WORD]];
  }

  private write(least: number, more: number): unknown {
    const { end } = this;
    const [place] = places;
    const offset = end.claim(least, least + more);
    if (offset < 0) return end.needPosition(least);
    const { room } = end;
    expect(offset).toBeGreaterThanOrEqual(place.base + RECORD_HEADER_BYTES);
    expect(offset + room).toBeLessThanOrEqual(place.base + place.capacity);
    expect(room).toBeGreaterThanOrEqual(least);
    end.commit(77, room);
    return [offset, room];
  }
}

describe('beside an end that writes anything', () => {
  it.each([
    ['consumers', Reader],
    ['producers', Writer],
  ] as const)(
    'both %s stay in the ring, and agree',
    (_, End) => {
      fc.assert(
        fc.property(position, steps, (start, run) => {
          const [one, other] = [new End('ts', start), new End('cpp', start)];
          for (const each of run) {
            const result = one.do(each);
            expect(other.do(each)).toEqual(result);
            // The ring is unusable from here on.
            if (Array.isArray(result) && result[0] === 'corrupt') return;
          }
        }),
        budget(800),
      );
    },
    TIMEOUT_MS,
  );
});
