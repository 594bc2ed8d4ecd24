/** The slots of an engine's arena: registered memory for messages, each as large as the largest message. */

/** Which slots are free. Last in, first out, so that few pages are ever touched and registered. */
export class SlotArena {
  readonly slotBytes: number;
  readonly slotCount: number;
  /** By slot: its place among the posted ones of whoever has it (`PostedSlots`). */
  readonly places: Int32Array;
  private readonly base: number;
  private readonly stack: Int32Array;
  private freeCount: number;

  /** @param base byte offset of slot 0 in the engine's segment */
  constructor(base: number, slotBytes: number, slotCount: number) {
    this.base = base;
    this.slotBytes = slotBytes;
    this.slotCount = slotCount;
    this.freeCount = slotCount;
    this.places = new Int32Array(slotCount);
    this.stack = Int32Array.from({ length: slotCount }, (_, i) => slotCount - 1 - i);
  }

  /** Slots that nobody has. */
  get free(): number {
    return this.freeCount;
  }

  /** @returns a slot, or -1: none is free */
  take(): number {
    return this.freeCount === 0 ? -1 : (this.stack[--this.freeCount] as number);
  }

  /** Gives a slot back, once. */
  give(slot: number): void {
    this.stack[this.freeCount++] = slot;
  }

  /** Byte offset of a slot in the segment. */
  offsetOf(slot: number): number {
    return this.base + slot * this.slotBytes;
  }

  /** The slot that begins at a byte offset of the segment; -1: none does. */
  slotAt(offset: number): number {
    const slot = (offset - this.base) / this.slotBytes;
    return Number.isInteger(slot) && slot >= 0 && slot < this.slotCount ? slot : -1;
  }
}
