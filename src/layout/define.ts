// The small vocabulary that schema.ts is written in, and the arithmetic that turns it into offsets.

/** How a field is stored, little-endian. JavaScript reads a `u64` as two words, the low one first. */
export type FieldType = 'u8' | 'u16' | 'u32' | 'i32' | 'u64' | 'bytes';

/** One field of a shared structure. */
export interface Field {
  /** camelCase, as in the C++ structure. */
  readonly name: string;
  readonly type: FieldType;
  /** How many of `type` stand in a row; more than 1 only for `bytes` and arrays of words. */
  readonly count: number;
  /** Its byte offset, or `undefined`: the next one that is aligned for its type. */
  readonly at: number | undefined;
  readonly doc: string;
}

/** One structure of shared memory or of a message. */
export interface Struct {
  /** PascalCase. Its constants are named after it in capitals: `LinkOpen` gives `LINK_OPEN_ID`. */
  readonly name: string;
  /** Size in bytes, or `undefined`: up to the end of the last field, rounded up to a word. */
  readonly size: number | undefined;
  readonly doc: string;
  readonly fields: readonly Field[];
}

/** One named number. Always below 2^31, so that it is the same number in an Int32Array and in a Uint32Array. */
export interface Constant {
  readonly name: string;
  readonly value: number;
  readonly doc: string;
}

/** Constants that belong together. */
export interface Group {
  readonly doc: string;
  readonly constants: readonly Constant[];
}

/** A field at its computed place. */
export interface PlacedField extends Field {
  /** Byte offset from the start of the structure. */
  readonly offset: number;
  /** Bytes of the whole field. */
  readonly bytes: number;
}

/** A structure with all its offsets computed. */
export interface PlacedStruct {
  readonly name: string;
  readonly doc: string;
  /** Size in bytes, a multiple of 4. */
  readonly bytes: number;
  readonly fields: readonly PlacedField[];
}

/** Bytes and alignment of one element of each type. */
const elementBytes: Readonly<Record<FieldType, number>> = { u8: 1, u16: 2, u32: 4, i32: 4, u64: 8, bytes: 1 };

/** Defines a field: `field('id', 'u32', 'which connection')`. */
export function field(name: string, type: FieldType, doc: string, at?: number): Field {
  return { name, type, count: 1, at, doc };
}

/** Defines a field of `count` elements in a row. */
export function array(name: string, type: FieldType, count: number, doc: string, at?: number): Field {
  return { name, type, count, at, doc };
}

/** Defines a structure whose size follows from its fields. */
export function struct(name: string, doc: string, fields: readonly Field[], size?: number): Struct {
  return { name, size, doc, fields };
}

/** Defines constants from `[name, value, doc]` rows. */
export function group(doc: string, rows: readonly (readonly [string, number, string])[]): Group {
  return { doc, constants: rows.map(([name, value, text]) => ({ name, value, doc: text })) };
}

/** `LinkOpen` or `sourcePort` in capitals: `LINK_OPEN`, `SOURCE_PORT`. */
export function capitals(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
}

/** `value` rounded up to a multiple of `alignment`. */
function roundUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

/** Computes the offsets of `definition`. Throws on overlapping or misaligned fields: the schema is then wrong. */
export function place(definition: Struct): PlacedStruct {
  let end = 0;
  let widest = 4;
  const fields = definition.fields.map((one): PlacedField => {
    const alignment = elementBytes[one.type];
    widest = Math.max(widest, alignment);
    const offset = one.at ?? roundUp(end, alignment);
    if (offset < end || offset % alignment !== 0)
      throw new Error(`${definition.name}.${one.name}: bad offset ${offset}`);
    const bytes = elementBytes[one.type] * one.count;
    end = offset + bytes;
    return { ...one, offset, bytes };
  });
  const bytes = definition.size ?? roundUp(end, widest);
  if (bytes < end || bytes % widest !== 0) throw new Error(`${definition.name}: bad size ${bytes}`);
  return { name: definition.name, doc: definition.doc, bytes, fields };
}

/**
 * A 31-bit FNV-1a hash over everything that two sides must agree on: names, types, offsets, sizes and values, not the
 * comments. 31 bits, so that it reads the same from signed and unsigned words.
 */
export function layoutHash(groups: readonly Group[], structs: readonly PlacedStruct[]): number {
  const canonical = JSON.stringify([
    groups.flatMap((one) => one.constants.map(({ name, value }) => [name, value])),
    structs.map((one) => [one.name, one.bytes, one.fields.map((f) => [f.name, f.type, f.count, f.offset])]),
  ]);
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(canonical)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash & 0x7fffffff;
}
