/**
 * The operations of one connection for whose end nobody waits: above all the messages that its device copies as they are posted,
 * which need no completion, for their slots are free at once. One that never arrives gets one all the same, as every operation
 * that fails.
 */
import type { Work } from './work-queue.js';

/** See the top of this file. */
export class CopiedSends {
  /** Operations in the send queue for whose end nobody waits. */
  told = 0;
  private readonly entered: Work[] = [];

  /** It is to be posted. */
  enter(work: Work): void {
    this.entered.push(work);
  }

  /** All of them are posted: their end is told to `tell`, who may enter more. */
  posted(tell: (work: Work) => void): void {
    for (let left = this.entered.length; left > 0; left--) {
      const work = this.entered.shift() as Work;
      // It has failed, or its connection has ended, meanwhile.
      if (work.slot < 0) continue;
      this.settle(work);
      tell(work);
    }
  }

  /** Nobody waits for the end of this operation (any more), which may have no completion for long. */
  settle(work: Work): void {
    work.isTold = true;
    this.told += 1;
  }

  /** An operation has come to the end of the send queue as well. */
  ended(work: Work): void {
    if (work.isTold) this.told -= 1;
  }
}
