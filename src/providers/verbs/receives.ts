/** Slots of the arena in which messages may land. */
import type { SlotArena } from './arena.js';

/** The slots that are posted for one connection, or for those that share. Adding and removing cost the same, however many. */
export class PostedSlots {
  readonly limit: number;
  length = 0;
  private readonly slots: Int32Array;
  private readonly arena: SlotArena;

  /** @param limit how many may be posted */
  constructor(arena: SlotArena, limit: number) {
    this.arena = arena;
    this.limit = limit;
    this.slots = new Int32Array(limit);
  }

  add(slot: number): void {
    this.arena.places[slot] = this.length;
    this.slots[this.length++] = slot;
  }

  /** A message has landed in it, or it has come back. @returns false: it is none of these */
  remove(slot: number): boolean {
    const place = this.arena.places[slot] as number;
    if (place >= this.length || this.slots[place] !== slot) return false;
    const last = this.slots[--this.length] as number;
    this.slots[place] = last;
    this.arena.places[last] = place;
    return true;
  }

  /** All of them are free again. */
  giveBack(): void {
    while (this.length > 0) this.arena.give(this.slots[--this.length] as number);
  }

  /** They are somebody else's from now on. */
  clear(): void {
    this.length = 0;
  }
}
