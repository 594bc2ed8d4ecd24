import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeDescriptor } from '#src/native/os.js';
import { Reactor, type Watch } from '#src/reactor/reactor.js';
import { type Region, threadWindows } from '#src/reactor/window.js';
import { idleShare } from '../fixtures/idleness.js';

let region: Region;
let reactor: Reactor;

beforeEach(() => {
  const own = threadWindows().mapOwn(1 << 20);
  region = own.region;
  closeDescriptor(own.descriptor);
  reactor = Reactor.current();
});

afterEach(() => {
  for (const notebook of notebooks.splice(0)) notebook.end();
  threadWindows().unmap(region);
});

/** Waits until `condition` holds: on a busy machine a time that always suffices does not exist. */
async function until(condition: () => boolean): Promise<void> {
  const limit = performance.now() + 5_000;
  while (!condition() && performance.now() < limit) await delay(1);
}

const notebooks: Notebook[] = [];

/** Watches words of the region and notes which were found changed; `beforeSleep` answers as told. */
class Notebook {
  readonly notes: number[] = [];
  sleeps = 0;
  workBeforeSleep = 0;
  onNote: (index: number) => void = () => {};
  private readonly watches = new Map<number, Watch>();

  constructor() {
    notebooks.push(this);
    reactor.addPollable(this);
  }

  end(): void {
    this.removeAll();
    reactor.removePollable(this);
  }

  add(index: number): void {
    this.watches.set(index, reactor.addWatch(region.windowId, region.wordOffset + index, region.words[index]));
  }

  remove(index: number): void {
    reactor.removeWatch(this.watches.get(index) as Watch);
    this.watches.delete(index);
  }

  removeAll(): void {
    for (const index of [...this.watches.keys()]) this.remove(index);
  }

  poll(): number {
    let work = 0;
    for (const [index, watch] of this.watches) {
      if (reactor.control[watch.seenIndex] === region.words[index]) continue;
      reactor.setSeen(watch, region.words[index]);
      this.notes.push(index);
      this.onNote(index);
      work++;
    }
    return work;
  }

  beforeSleep(): number {
    this.sleeps++;
    const work = this.workBeforeSleep;
    this.workBeforeSleep = 0;
    return work;
  }
}

describe('watches', () => {
  it('calls back when a watched word changes and only then', async () => {
    const notebook = new Notebook();
    notebook.add(5);
    notebook.add(900);
    await delay(5);
    expect(notebook.notes).toEqual([]);
    region.words[6] = 1;
    region.words[900] = 1;
    await until(() => notebook.notes.length === 1);
    region.words[5] = -1;
    await until(() => notebook.notes.length === 2);
    expect(notebook.notes).toEqual([900, 5]);
  });

  it('keeps the list dense when watches go, and grows with them', async () => {
    const notebook = new Notebook();
    const before = reactor.control.length;
    for (let index = 0; index < 3_000; index++) notebook.add(index);
    expect(reactor.control.length).toBeGreaterThan(before);
    for (let index = 0; index < 3_000; index++) if (index % 3 !== 0) notebook.remove(index);
    expect(reactor.watchCount).toBe(1_000);
    for (let index = 0; index < 3_000; index++) region.words[index] = 7;
    await until(() => notebook.notes.length === 1_000);
    expect([...notebook.notes].sort((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, index) => index * 3));
    notebook.removeAll();
    expect(reactor.watchCount).toBe(0);
    for (let index = 0; index < 3_000; index++) region.words[index] = 8;
    await delay(5);
    expect(notebook.notes.length).toBe(1_000);
  });

  it('removing a watch twice is harmless', () => {
    const first = reactor.addWatch(region.windowId, region.wordOffset, 0);
    const second = reactor.addWatch(region.windowId, region.wordOffset + 1, 0);
    reactor.removeWatch(first);
    reactor.removeWatch(first);
    expect(reactor.watchCount).toBe(1);
    reactor.removeWatch(second);
  });

  it('ignores a watch of a word or window that does not exist', async () => {
    const notebook = new Notebook();
    const watches = [reactor.addWatch(region.windowId, 2 ** 31 - 1, 5), reactor.addWatch(99_999, 0, 5)];
    await delay(5);
    expect(reactor.stats().callbacks).toBe(0);
    expect(notebook.notes).toEqual([]);
    for (const watch of watches) reactor.removeWatch(watch);
  });
});

describe('before sleeping', () => {
  it('asks the pollables if the reactor is dirty, and not otherwise', async () => {
    const notebook = new Notebook();
    await delay(5);
    expect(notebook.sleeps).toBe(0);
    reactor.dirty = true;
    notebook.workBeforeSleep = 1;
    await until(() => notebook.sleeps >= 2);
    // Asked once more, because there was work the first time.
    expect(notebook.sleeps).toBeGreaterThanOrEqual(2);
    reactor.dirty = false;
    await delay(2);
    const { sleeps } = notebook;
    await delay(5);
    expect(notebook.sleeps).toBe(sleeps);
  });

  it('sees what it changes itself on the way to sleep', async () => {
    const notebook = new Notebook();
    notebook.beforeSleep = () => {
      region.words[3]++;
      reactor.dirty = false;
      return 0;
    };
    notebook.add(3);
    reactor.dirty = true;
    await until(() => notebook.notes.length > 0);
    expect(notebook.notes).toEqual([3]);
  });
});

describe('pace', () => {
  it('runs timers, immediates, ticks and microtasks while it is never without work', async () => {
    const notebook = new Notebook();
    const order: string[] = [];
    notebook.onNote = () => {
      region.words[0]++;
      if (order.length < 4) {
        process.nextTick(() => order.push('tick'));
        Promise.resolve().then(() => order.push('microtask'));
      }
    };
    notebook.add(0);
    region.words[0] = 1;
    const gaps: number[] = [];
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      gaps.push(now - last);
      last = now;
    }, 5);
    let immediates = 0;
    const count = (): void => {
      immediates++;
      if (notebook.notes.length > 0 && immediates < 100_000) setImmediate(count);
    };
    setImmediate(count);
    await delay(500);
    clearInterval(timer);
    notebook.removeAll();
    const { length } = notebook.notes;
    notebook.notes.length = 0;
    reactor.removePollable(notebook);
    expect(length).toBeGreaterThan(1_000);
    expect(immediates).toBeGreaterThan(100);
    expect(order.slice(0, 4)).toEqual(['tick', 'microtask', 'tick', 'microtask']);
    // 100 ticks fit; the bounds are for a machine that does other things as well.
    expect(gaps.length).toBeGreaterThan(30);
    gaps.sort((a, b) => a - b);
    expect(gaps[gaps.length >> 1]).toBeLessThan(15);
  });

  it('costs next to nothing while nothing happens', async () => {
    const notebook = new Notebook();
    notebook.add(0);
    region.words[0] = 1;
    await delay(20);
    const { polls } = reactor.stats();
    expect(await idleShare()).toBeLessThan(0.02);
    expect(reactor.stats().polls - polls).toBeLessThan(1_000);
  });

  it('does not spin with a budget of 0', async () => {
    const notebook = new Notebook();
    reactor.spinBudgetUs = 0;
    notebook.add(0);
    for (let i = 1; i <= 10; i++) {
      region.words[0] = i;
      await until(() => notebook.notes.length === i);
    }
    const { spins, polls } = reactor.stats();
    expect(notebook.notes.length).toBe(10);
    expect(spins).toBe(0);
    expect(polls).toBeLessThan(300);
  });

  // Who spins gives the processor away every 64 polls: where others want it a window has hardly more, however long it is. A figure that
  // they spoil is taken anew. (What the windows are to be is tested without a clock, in test/native/idle_test.cc.)
  it('spins after work, for ever less when that brings nothing', { retry: 100 }, async () => {
    const notebook = new Notebook();
    reactor.spinBudgetUs = 1_000;
    notebook.add(0);
    const spent: number[] = [];
    for (let i = 1; i <= 12; i++) {
      const before = reactor.stats().polls;
      region.words[0] = i;
      await delay(8);
      spent.push(reactor.stats().polls - before);
    }
    expect(notebook.notes.length).toBe(12);
    const first = Math.max(...spent.slice(0, 3));
    expect(first).toBeGreaterThan(100);
    expect(Math.min(...spent.slice(-3))).toBeLessThan(first / 2);
  });
});

describe('the alarm', () => {
  /** How late each of them rang, in milliseconds and in order of size; one is set as soon as the one before has rung. */
  async function latenesses(aheads_ms: readonly number[]): Promise<number[]> {
    const late: number[] = [];
    let due_ms = 0;
    const clock = {
      poll(): number {
        if (!reactor.hasRung || late.length === aheads_ms.length) return 0;
        late.push(performance.now() - due_ms);
        set();
        return 1;
      },
      beforeSleep: () => 0,
    };
    const set = (): void => {
      const ahead_ms = aheads_ms[late.length];
      if (ahead_ms === undefined) return;
      due_ms = performance.now() + ahead_ms;
      reactor.setAlarm(due_ms);
    };
    reactor.addPollable(clock);
    set();
    await until(() => late.length === aheads_ms.length);
    reactor.removePollable(clock);
    expect(late).toHaveLength(aheads_ms.length);
    return late.sort((a, b) => a - b);
  }

  it.each([50, 0])('rings at its moment and not before, with a spin budget of %i µs', async (spinBudgetUs) => {
    const notebook = new Notebook();
    reactor.spinBudgetUs = spinBudgetUs;
    const late = await latenesses(Array.from({ length: 500 }, (_, i) => ((i % 10) + 1) / 20));
    expect(late[0]).toBeGreaterThanOrEqual(0);
    // 1 µs where nothing else runs.
    expect(late[250]).toBeLessThan(0.1);
    notebook.end();
  });

  it('lets timers and immediates run meanwhile', async () => {
    const notebook = new Notebook();
    let ticks = 0;
    let immediates = 0;
    const timer = setInterval(() => ticks++, 2);
    const count = (): void => {
      immediates += 1;
      again = setImmediate(count);
    };
    let again = setImmediate(count);
    await latenesses(new Array(1_000).fill(0.2));
    clearInterval(timer);
    clearImmediate(again);
    // 100 would fit.
    expect(ticks).toBeGreaterThan(20);
    expect(immediates).toBeGreaterThan(1_000);
    notebook.end();
  });

  it('that is far away is not spun for', async () => {
    const notebook = new Notebook();
    await delay(20);
    reactor.setAlarm(performance.now() + 3_600_000);
    expect(await idleShare()).toBeLessThan(0.02);
    expect(reactor.hasRung).toBe(false);
    notebook.end();
  });

  it('is replaced by the next', async () => {
    const notebook = new Notebook();
    reactor.setAlarm(performance.now() + 3_600_000);
    expect((await latenesses([0.1]))[0]).toBeLessThan(100);
    notebook.end();
  });
});

describe('options and life', () => {
  it('is one per thread while it has pollables, and another one afterwards', () => {
    const notebook = new Notebook();
    reactor.addPollable(notebook);
    expect(Reactor.current()).toBe(reactor);
    reactor.removePollable(notebook);
    expect(reactor.closed).toBe(true);
    expect(Reactor.current()).not.toBe(reactor);
    reactor = Reactor.current();
  });

  it('may be closed inside its own callback', async () => {
    const notebook = new Notebook();
    notebook.onNote = () => reactor.removePollable(notebook);
    notebook.add(0);
    region.words[0] = 1;
    await until(() => notebook.notes.length > 0);
    expect(notebook.notes).toEqual([0]);
    expect(reactor.closed).toBe(true);
  });

  it.each([-1, 1_001, Number.NaN, '50' as unknown as number])('refuses a spin budget of %s', (value) => {
    expect(() => {
      reactor.spinBudgetUs = value;
    }).toThrow(expect.objectContaining({ code: 'ERR_SANSWITCH_INVALID_OPTION' }));
  });

  it('takes a spin budget from 0 to 1000 microseconds', () => {
    for (const value of [0, 0.5, 50, 1_000]) {
      reactor.spinBudgetUs = value;
      expect(reactor.spinBudgetUs).toBe(value);
    }
    reactor.spinBudgetUs = 50;
  });
});
