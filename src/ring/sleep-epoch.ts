// Who sleeps says so in a word of his own; who has news for him looks there after publishing, and sends a wake-up only
// then. The word is even while its owner is awake and odd while he sleeps or is about to.
//
// No wake-up is lost, by Dekker's pattern: the sleeper stores the epoch, then loads positions; the waker stores a
// position, then loads the epoch. All four are sequentially consistent, so at least one of the two sees the other.

/** The sleeping side: says when it is about to sleep. */
export class Sleeper {
  private readonly words: Int32Array;
  private readonly index: number;

  /** `words[index]`: the epoch, which we alone write. */
  constructor(words: Int32Array, index: number) {
    this.words = words;
    this.index = index;
  }

  /**
   * Before sleeping. After it, everything that could have ended the wait must be looked at once more (`reload`,
   * `reloadConsumed`: not `poll`); only if there is nothing may the thread sleep.
   */
  prepare(): void {
    Atomics.store(this.words, this.index, this.words[this.index] | 1);
  }

  /** On waking, or when the last look found something. */
  awake(): void {
    Atomics.store(this.words, this.index, ((this.words[this.index] | 1) + 1) | 0);
  }
}

/** The waking side: knows whether the other side sleeps and has not been woken yet. */
export class Waker {
  private readonly words: Int32Array;
  private readonly index: number;
  /** The odd epoch that the last wake-up was for. */
  private sent = 0;

  /** `words[index]`: the other side's epoch. */
  constructor(words: Int32Array, index: number) {
    this.words = words;
    this.index = index;
  }

  /** After publishing records or releasing space: whether a wake-up is to be sent. True once for each sleep. */
  isDue(): boolean {
    const epoch = Atomics.load(this.words, this.index);
    if ((epoch & 1) === 0 || epoch === this.sent) return false;
    this.sent = epoch;
    return true;
  }
}
