/**
 * The slab of one of our own segments: which ring slots are lent to which connection. The smallest class has a slot per
 * connection and is never out; larger slots are opportunistic: a free one, or one whose holder has drained it.
 */
import { SLOT_CLASSES } from './segment.js';

/** A connection that holds a larger slot. */
export interface SlotHolder {
  /** Gives the slot back if its ring is drained and not being written. @returns whether it did */
  surrender(): boolean;
}

/** Holders asked to surrender before a request is refused: bounded work, however many hold. */
const SURRENDER_TRIES = 8;

interface ClassState {
  /** Last in, first out, so that few pages are ever touched. */
  readonly free: number[];
  /** Slots from here on were never lent. */
  untouched: number;
  readonly holders: Map<number, SlotHolder>;
}

/** Lends the slots of the larger classes. */
export class SlotAllocator {
  private readonly classes: ClassState[] = SLOT_CLASSES.map(() => ({ free: [], untouched: 0, holders: new Map() }));

  /** @param sizeClass 1 or more. @returns the slot's index, or -1: none to be had, stay small */
  take(sizeClass: number, holder: SlotHolder): number {
    const state = this.classes[sizeClass] as ClassState;
    let index = this.pick(state, sizeClass);
    if (index < 0 && this.askHolders(state)) index = this.pick(state, sizeClass);
    if (index >= 0) state.holders.set(index, holder);
    return index;
  }

  give(sizeClass: number, index: number): void {
    const state = this.classes[sizeClass] as ClassState;
    if (state.holders.delete(index)) state.free.push(index);
  }

  private pick(state: ClassState, sizeClass: number): number {
    const freed = state.free.pop();
    if (freed !== undefined) return freed;
    const { count } = SLOT_CLASSES[sizeClass] as (typeof SLOT_CLASSES)[number];
    return state.untouched < count ? state.untouched++ : -1;
  }

  /** Asks the longest holders first; who can't surrender moves to the back. */
  private askHolders(state: ClassState): boolean {
    let tries = SURRENDER_TRIES;
    for (const [index, holder] of state.holders) {
      if (holder.surrender()) return true;
      state.holders.delete(index);
      state.holders.set(index, holder);
      if (--tries === 0) break;
    }
    return false;
  }
}
