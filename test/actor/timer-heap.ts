/** Timers of a virtual world, ordered by when they are due and then by when they were made. */

interface Timer {
  readonly atUs: number;
  readonly number: number;
  readonly owner: number;
  readonly run: () => void;
}

const isBefore = (a: Timer, b: Timer) => a.atUs < b.atUs || (a.atUs === b.atUs && a.number < b.number);

/** A binary heap; a removed timer stays in it until it comes up. */
export class TimerHeap {
  private readonly heap: Timer[] = [];
  private readonly live = new Map<number, Timer>();
  private last = 0;

  get size(): number {
    return this.live.size;
  }

  /** When the first one is due; `Infinity` if there is none. */
  get firstUs(): number {
    while (this.heap.length > 0 && !this.live.has((this.heap[0] as Timer).number)) this.pop();
    return this.heap[0]?.atUs ?? Number.POSITIVE_INFINITY;
  }

  add(atUs: number, owner: number, run: () => void): number {
    const timer = { atUs, number: ++this.last, owner, run };
    this.live.set(timer.number, timer);
    const { heap } = this;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(timer, heap[parent] as Timer)) break;
      heap[at] = heap[parent] as Timer;
      at = parent;
    }
    heap[at] = timer;
    return timer.number;
  }

  remove(number: number): void {
    this.live.delete(number);
  }

  /** Removes all timers of a host. */
  removeOwner(owner: number): void {
    for (const timer of this.live.values()) if (timer.owner === owner) this.live.delete(timer.number);
  }

  /** Takes the first one out. The caller has looked at `firstUs`. */
  takeFirst(): () => void {
    const first = this.pop();
    this.live.delete(first.number);
    return first.run;
  }

  private pop(): Timer {
    const { heap } = this;
    const first = heap[0] as Timer;
    const last = heap.pop() as Timer;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Timer, heap[child] as Timer)) child++;
      if (!isBefore(heap[child] as Timer, last)) break;
      heap[at] = heap[child] as Timer;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
