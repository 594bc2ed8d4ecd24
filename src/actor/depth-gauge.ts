/** How full the mailboxes of a host are, all together: a bounded look at a time, however many there are. */
import type { DepthTable } from './depth-table.js';

/** Slots that one look goes through. */
const BLOCK_SLOTS = 65_536;

/** Messages in mailboxes, or on their way to them. */
export interface Depths {
  readonly total: number;
  readonly most: number;
}

interface Block {
  total: number;
  most: number;
}

/** Remembers what it has seen of each block of slots; with more than one block each is looked at again only in its turn. */
export class DepthGauge {
  private readonly depths: DepthTable;
  private readonly blocks: Block[] = [];
  private next = 0;

  constructor(depths: DepthTable) {
    this.depths = depths;
  }

  /** @param slots how many have ever been in use: the first ones */
  look(slots: number): Depths {
    const count = Math.ceil(slots / BLOCK_SLOTS);
    while (this.blocks.length < count) this.blocks.push({ total: 0, most: 0 });
    if (count > 0) {
      this.next %= count;
      const start = this.next * BLOCK_SLOTS;
      this.measure(this.blocks[this.next] as Block, start, Math.min(slots, start + BLOCK_SLOTS));
      this.next += 1;
    }
    return this.blocks.reduce(
      (sum, { total, most }) => ({ total: sum.total + total, most: Math.max(sum.most, most) }),
      {
        total: 0,
        most: 0,
      },
    );
  }

  private measure(block: Block, start: number, end: number): void {
    block.total = 0;
    block.most = 0;
    for (let slot = start; slot < end; slot++) {
      // A message that finds its actor dead is counted until it has come there.
      const depth = Math.max(0, this.depths.depth(slot));
      block.total += depth;
      if (depth > block.most) block.most = depth;
    }
  }
}
