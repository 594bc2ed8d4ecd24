/** A segment: one direction of a link. Its owner writes it, its peer maps it read-only. Places in it, by the generated layout. */
import {
  CELL_BYTES,
  LAYOUT_HASH,
  LINK_CONNECTION_LIMIT,
  LINK_RING_BYTES,
  LINK_RING_OFFSET,
  SEGMENT_BYTES,
  SEGMENT_CELLS_OFFSET,
  SEGMENT_HEADER_CELLS_OFFSET_WORD,
  SEGMENT_HEADER_CLASSES_WORD,
  SEGMENT_HEADER_CONNECTION_LIMIT_WORD,
  SEGMENT_HEADER_LAYOUT_HASH_WORD,
  SEGMENT_HEADER_LINK_CONS_WORD,
  SEGMENT_HEADER_LINK_PROD_WORD,
  SEGMENT_HEADER_LINK_RING_BYTES_WORD,
  SEGMENT_HEADER_LINK_RING_OFFSET_WORD,
  SEGMENT_HEADER_MAGIC_WORD,
  SEGMENT_HEADER_SEGMENT_BYTES_WORD,
  SEGMENT_MAGIC,
  SLOT_CLASS_SHIFT,
  SLOT_CLASS0_BYTES,
  SLOT_CLASS0_COUNT,
  SLOT_CLASS0_OFFSET,
  SLOT_CLASS1_BYTES,
  SLOT_CLASS1_COUNT,
  SLOT_CLASS1_OFFSET,
  SLOT_CLASS2_BYTES,
  SLOT_CLASS2_COUNT,
  SLOT_CLASS2_OFFSET,
  SLOT_CLASS3_BYTES,
  SLOT_CLASS3_COUNT,
  SLOT_CLASS3_OFFSET,
  SLOT_INDEX_MASK,
} from '../../layout/layout.gen.js';
import type { Region } from '../../reactor/window.js';
import type { RingMemory } from '../../ring/memory.js';

/** The size classes of the slab, smallest first. */
export const SLOT_CLASSES = [
  { bytes: SLOT_CLASS0_BYTES, count: SLOT_CLASS0_COUNT, offset: SLOT_CLASS0_OFFSET },
  { bytes: SLOT_CLASS1_BYTES, count: SLOT_CLASS1_COUNT, offset: SLOT_CLASS1_OFFSET },
  { bytes: SLOT_CLASS2_BYTES, count: SLOT_CLASS2_COUNT, offset: SLOT_CLASS2_OFFSET },
  { bytes: SLOT_CLASS3_BYTES, count: SLOT_CLASS3_COUNT, offset: SLOT_CLASS3_OFFSET },
] as const;

/** Bytes of the largest slot: how far a producer may ever be ahead. */
export const SLOT_BYTES_MAX = SLOT_CLASS3_BYTES;

/** The name of a slot: its class above, its index below. */
export function slotName(sizeClass: number, index: number): number {
  return (sizeClass << SLOT_CLASS_SHIFT) | index;
}

/** Where a slot stands; null for a name that no slot has, which only a faulty peer sends. */
export function slotPlace(name: number): { readonly base: number; readonly bytes: number } | null {
  const sizeClass = SLOT_CLASSES[name >>> SLOT_CLASS_SHIFT];
  const index = name & SLOT_INDEX_MASK;
  if (sizeClass === undefined || index >= sizeClass.count) return null;
  return { base: sizeClass.offset + index * sizeClass.bytes, bytes: sizeClass.bytes };
}

/** Index of the first word of a connection's cell. */
export function cellWord(id: number): number {
  return (SEGMENT_CELLS_OFFSET + id * CELL_BYTES) >>> 2;
}

/** Writes the header of a fresh segment; everything else in it is zero, which is a valid beginning. */
export function initialiseSegment(region: Region): void {
  const { words } = region;
  words[SEGMENT_HEADER_LAYOUT_HASH_WORD] = LAYOUT_HASH;
  words[SEGMENT_HEADER_SEGMENT_BYTES_WORD] = SEGMENT_BYTES;
  words[SEGMENT_HEADER_CONNECTION_LIMIT_WORD] = LINK_CONNECTION_LIMIT;
  words[SEGMENT_HEADER_LINK_RING_OFFSET_WORD] = LINK_RING_OFFSET;
  words[SEGMENT_HEADER_LINK_RING_BYTES_WORD] = LINK_RING_BYTES;
  words[SEGMENT_HEADER_CELLS_OFFSET_WORD] = SEGMENT_CELLS_OFFSET;
  SLOT_CLASSES.forEach((sizeClass, i) => {
    words.set([sizeClass.bytes, sizeClass.count, sizeClass.offset], SEGMENT_HEADER_CLASSES_WORD + i * 3);
  });
  Atomics.store(words, SEGMENT_HEADER_MAGIC_WORD, SEGMENT_MAGIC);
}

/** Does the peer's segment say what a segment of this layout says? Nothing else in it is believed. */
export function isSegment(region: Region): boolean {
  const { words } = region;
  return (
    Atomics.load(words, SEGMENT_HEADER_MAGIC_WORD) === SEGMENT_MAGIC &&
    words[SEGMENT_HEADER_LAYOUT_HASH_WORD] === LAYOUT_HASH &&
    words[SEGMENT_HEADER_SEGMENT_BYTES_WORD] === SEGMENT_BYTES
  );
}

/** The link ring that `writer` writes and `reader` reads. */
export function linkRing(writer: Region, reader: Region): RingMemory {
  return {
    prodWords: writer.words,
    prodIndex: SEGMENT_HEADER_LINK_PROD_WORD,
    consWords: reader.words,
    consIndex: SEGMENT_HEADER_LINK_CONS_WORD,
    words: writer.words,
    base: LINK_RING_OFFSET,
    capacity: LINK_RING_BYTES,
  };
}
