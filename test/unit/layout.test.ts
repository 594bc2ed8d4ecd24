// The layout's arithmetic, and that what is generated from the schema is what both languages use.
import { describe, expect, it } from 'vitest';
import { array, capitals, field, group, layoutHash, place, struct } from '#src/layout/define.js';
import * as generated from '#src/layout/layout.gen.js';
import { groups, structs } from '#src/layout/schema.js';

const constants = generated as unknown as Record<string, number>;

describe('definitions', () => {
  it('places fields at their alignment', () => {
    const placed = place(
      struct('Sample', '', [field('a', 'u8', ''), field('b', 'u16', ''), field('c', 'u32', ''), field('d', 'u64', '')]),
    );
    expect(placed.fields.map((one) => one.offset)).toEqual([0, 2, 4, 8]);
    expect(placed.bytes).toBe(16);
  });

  it('obeys explicit offsets and sizes', () => {
    const placed = place(struct('Sample', '', [field('a', 'u32', ''), array('b', 'u32', 3, '', 128)], 256));
    expect(placed.fields[1]).toMatchObject({ offset: 128, bytes: 12 });
    expect(placed.bytes).toBe(256);
  });

  it.each([
    ['overlapping', [field('a', 'u32', ''), field('b', 'u32', '', 0)], undefined],
    ['misaligned', [field('a', 'u32', '', 2)], undefined],
    ['cut off', [field('a', 'u32', ''), field('b', 'u32', '')], 4],
  ])('refuses %s fields', (_, fields, size) => {
    expect(() => place(struct('Sample', '', fields, size))).toThrow('Sample');
  });

  it('names constants in capitals', () => {
    expect(['LinkOpen', 'sourcePort', 'keyLow'].map(capitals)).toEqual(['LINK_OPEN', 'SOURCE_PORT', 'KEY_LOW']);
  });

  it('hashes values and offsets, not comments', () => {
    const hash = (name: string, value: number, doc: string) => layoutHash([group('', [[name, value, doc]])], []);
    expect(hash('A', 1, 'x')).toBe(hash('A', 1, 'y'));
    expect(hash('A', 1, 'x')).not.toBe(hash('A', 2, 'x'));
    expect(hash('A', 1, 'x')).not.toBe(hash('B', 1, 'x'));
  });
});

describe('the schema', () => {
  it('is what the generated constants say', () => {
    expect(generated.LAYOUT_HASH).toBe(layoutHash(groups, structs));
    for (const { name, value } of groups.flatMap((one) => one.constants)) expect(constants[name]).toBe(value);
    for (const one of structs) {
      const prefix = capitals(one.name);
      expect(constants[`${prefix}_BYTES`]).toBe(one.bytes);
      for (const f of one.fields) expect(constants[`${prefix}_${capitals(f.name)}`]).toBe(f.offset);
    }
  });

  it('has numbers that read the same signed and unsigned', () => {
    for (const [name, value] of Object.entries(constants)) {
      expect(Number.isInteger(value) && value >= 0 && value < 2 ** 31, name).toBe(true);
    }
  });

  it('has no name twice', () => {
    const names = [
      ...groups.flatMap((one) => one.constants.map((constant) => constant.name)),
      ...structs.flatMap((one) => one.fields.map((f) => `${capitals(one.name)}_${capitals(f.name)}`)),
    ];
    expect(new Set(names).size).toBe(names.length);
  });

  it('gives different types, kinds and reasons different numbers', () => {
    for (const prefix of [
      'RECORD_LINK_',
      'REJECT_',
      'HANDSHAKE_(?=IDENT$|JOIN$|WELCOME$)',
      'WELCOME_',
      'SESSION_STATUS_',
    ]) {
      const values = groups
        .flatMap((one) => one.constants.filter(({ name }) => new RegExp(`^${prefix}`).test(name)))
        .map((one) => one.value);
      expect(values.length, prefix).toBeGreaterThan(1);
      expect(new Set(values).size, prefix).toBe(values.length);
    }
  });

  it('lets the parts of a segment follow each other without overlap', () => {
    const parts = [
      [0, generated.SEGMENT_HEADER_BYTES],
      [generated.SEGMENT_CELLS_OFFSET, generated.LINK_CONNECTION_LIMIT * generated.CELL_BYTES],
      [generated.LINK_RING_OFFSET, generated.LINK_RING_BYTES],
      [generated.SLOT_CLASS0_OFFSET, generated.SLOT_CLASS0_COUNT * generated.SLOT_CLASS0_BYTES],
      [generated.SLOT_CLASS1_OFFSET, generated.SLOT_CLASS1_COUNT * generated.SLOT_CLASS1_BYTES],
      [generated.SLOT_CLASS2_OFFSET, generated.SLOT_CLASS2_COUNT * generated.SLOT_CLASS2_BYTES],
      [generated.SLOT_CLASS3_OFFSET, generated.SLOT_CLASS3_COUNT * generated.SLOT_CLASS3_BYTES],
    ];
    let end = 0;
    for (const [offset, bytes] of parts) {
      expect(offset).toBeGreaterThanOrEqual(end);
      expect(offset % 4_096).toBe(0);
      end = offset + bytes;
    }
    expect(end).toBeLessThanOrEqual(generated.SEGMENT_BYTES);
  });

  it('has a link ring that holds at least 4 records of the largest kind for each id', () => {
    const record =
      Math.ceil((generated.LINK_OPEN_BYTES + generated.RECORD_HEADER_BYTES) / generated.RECORD_ALIGN) *
      generated.RECORD_ALIGN;
    expect(generated.LINK_RING_BYTES).toBeGreaterThanOrEqual(4 * record * generated.LINK_CONNECTION_LIMIT);
  });

  it('keeps words that different sides or purposes poll 128 bytes apart', () => {
    const polled = [
      generated.SEGMENT_HEADER_SLEEP_EPOCH,
      generated.SEGMENT_HEADER_LINK_PROD,
      generated.SEGMENT_HEADER_LINK_CONS,
    ];
    for (const offset of polled) expect(offset % 128).toBe(0);
    expect(new Set(polled).size).toBe(3);
    expect(generated.RING_WORDS_CONS - generated.RING_WORDS_PROD).toBeGreaterThanOrEqual(128);
  });
});
