/** What the threads of test/fixtures/sync-thread.ts do. Each returns what its test looks at. */
import { parentPort } from 'node:worker_threads';
import type { Arena, Task } from './arena.js';

/** Words of `Arena.data`. */
export const WORD = {
  counter: 0,
  inside: 1,
  most: 2,
  stop: 3,
  turn: 4,
  head: 5,
  tail: 6,
  first: 7,
  second: 8,
  slots: 16,
} as const;
/** Places of the bounded buffer. */
export const CAPACITY = 3;
/** Permits of the semaphore. */
export const PERMITS = 2;

const say = (text: string) => parentPort?.postMessage({ said: text });
/** Holds things up for some of the time that a thread has, so that others come in between. */
function dawdle(round: number): void {
  for (let i = 0; i < round % 50; i++) Math.sqrt(i);
}

async function count(arena: Arena, { rounds, isAsync }: Task): Promise<number> {
  const { mutex, data } = arena;
  let acquired = 0;
  for (let i = 0; i < rounds; i++) {
    if ((isAsync ? await mutex.lockAsync() : mutex.lock()) === 'acquired') acquired += 1;
    const before = data[WORD.counter] as number;
    dawdle(i);
    data[WORD.counter] = before + 1;
    mutex.unlock();
  }
  return acquired;
}

async function produce(arena: Arena, { rounds, id, count: producers, isAsync }: Task): Promise<number> {
  const { mutex, full, empty, data } = arena;
  for (let i = 0; i < rounds; i++) {
    if (isAsync) await mutex.lockAsync();
    else mutex.lock();
    while ((data[WORD.head] as number) - (data[WORD.tail] as number) === CAPACITY) {
      if (isAsync) await empty.waitAsync();
      else empty.wait();
    }
    data[WORD.slots + ((data[WORD.head] as number) % CAPACITY)] = i * producers + id;
    data[WORD.head] = (data[WORD.head] as number) + 1;
    if (i % 2 === 0) full.notifyOne();
    mutex.unlock();
    if (i % 2 !== 0) full.notifyOne();
  }
  return rounds;
}

async function consume(arena: Arena, { rounds, isAsync }: Task): Promise<number[]> {
  const { mutex, full, empty, data } = arena;
  const got: number[] = [];
  while (got.length < rounds) {
    if (isAsync) await mutex.lockAsync();
    else mutex.lock();
    while (data[WORD.head] === data[WORD.tail]) {
      if (isAsync) await full.waitAsync();
      else full.wait();
    }
    got.push(data[WORD.slots + ((data[WORD.tail] as number) % CAPACITY)] as number);
    data[WORD.tail] = (data[WORD.tail] as number) + 1;
    mutex.unlock();
    empty.notifyOne();
  }
  return got;
}

async function permit({ semaphore, data }: Arena, { rounds, isAsync }: Task): Promise<number> {
  let most = 0;
  for (let i = 0; i < rounds; i++) {
    if (isAsync) await semaphore.acquireAsync();
    else semaphore.acquire();
    most = Math.max(most, Atomics.add(data, WORD.inside, 1) + 1);
    dawdle(i);
    Atomics.sub(data, WORD.inside, 1);
    semaphore.release();
  }
  return most;
}

/** Reads until it is told to stop; counts what it may not see. */
async function read(
  { rwLock, data }: Arena,
  { isAsync }: Task,
): Promise<{ reads: number; torn: number; together: number }> {
  const seen = { reads: 0, torn: 0, together: 0 };
  while (Atomics.load(data, WORD.stop) === 0) {
    if (isAsync) await rwLock.lockReadAsync();
    else rwLock.lockRead();
    if (Atomics.add(data, WORD.inside, 1) > 0) seen.together += 1;
    const first = data[WORD.first] as number;
    dawdle(seen.reads);
    if (data[WORD.second] !== first) seen.torn += 1;
    Atomics.sub(data, WORD.inside, 1);
    seen.reads += 1;
    rwLock.unlockRead();
    if (seen.reads === 1) say('has read');
  }
  return seen;
}

async function write({ rwLock, data }: Arena, { rounds, isAsync }: Task): Promise<number> {
  let intruders = 0;
  for (let i = 0; i < rounds; i++) {
    if (isAsync) await rwLock.lockWriteAsync();
    else rwLock.lockWrite();
    data[WORD.first] = (data[WORD.first] as number) + 1;
    if (Atomics.load(data, WORD.inside) !== 0) intruders += 1;
    dawdle(i);
    data[WORD.second] = (data[WORD.second] as number) + 1;
    rwLock.unlockWrite();
    // A pause, so that readers get in: writers that follow each other need not let them.
    if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return intruders;
}

/** Each round is seen by all before anyone starts the next. */
async function meet(
  arena: Arena,
  { rounds, id, count: parties, isAsync }: Task,
): Promise<{ last: number; strays: number }> {
  const { barrier, data } = arena;
  const seen = { last: 0, strays: 0 };
  const wait = async () => ((isAsync ? await barrier.waitAsync() : barrier.wait()) === 'last' ? 1 : 0);
  for (let round = 1; round <= rounds; round++) {
    Atomics.store(data, WORD.slots + id, round);
    seen.last += await wait();
    for (let other = 0; other < parties; other++) {
      if (Atomics.load(data, WORD.slots + other) !== round) seen.strays += 1;
    }
    seen.last += await wait();
  }
  return seen;
}

/** Takes its turn among `count` threads by an event count; the turn is a word that it knows nothing of. */
async function turnByEvents({ events, data }: Arena, { rounds, id, count: threads, isAsync }: Task): Promise<number> {
  let taken = 0;
  while (taken < rounds) {
    for (;;) {
      const key = events.prepare();
      if (Atomics.load(data, WORD.turn) % threads === id) break;
      if (isAsync) await events.waitAsync(key);
      else events.wait(key);
    }
    Atomics.add(data, WORD.turn, 1);
    events.notifyAll();
    taken += 1;
  }
  return taken;
}

/** The hand-off that lost wake-ups elsewhere: two threads, one mutex, one condition, strict turns. */
async function handOff({ mutex, full, data }: Arena, { rounds, id, isAsync }: Task): Promise<number> {
  let taken = 0;
  for (; taken < rounds; taken++) {
    if (isAsync) await mutex.lockAsync();
    else mutex.lock();
    while ((data[WORD.turn] as number) % 2 !== id) {
      if (isAsync) await full.waitAsync();
      else full.wait();
    }
    data[WORD.turn] = (data[WORD.turn] as number) + 1;
    if (taken % 2 === 0) full.notifyOne();
    mutex.unlock();
    if (taken % 2 !== 0) full.notifyOne();
  }
  return taken;
}

/** Locks, says so, and never unlocks. */
async function hold({ mutex, data }: Arena): Promise<void> {
  mutex.lock();
  data[WORD.first] = 1;
  say('holds');
  Atomics.wait(data, WORD.stop, 0);
}

async function holdWriting({ rwLock, data }: Arena): Promise<void> {
  rwLock.lockWrite();
  say('holds');
  Atomics.wait(data, WORD.stop, 0);
}

/** Ends while it holds the lock, without anybody's doing. */
async function holdAndExit({ mutex }: Arena): Promise<void> {
  mutex.lock();
  process.exit();
}

async function lockOnce({ mutex }: Arena, { isAsync }: Task): Promise<string> {
  say('waits');
  const how = isAsync ? await mutex.lockAsync() : mutex.lock();
  mutex.unlock();
  return how;
}

async function waitOnce({ mutex, full }: Arena): Promise<string> {
  mutex.lock();
  say('waits');
  const how = full.wait();
  mutex.unlock();
  return how;
}

async function acquire({ semaphore }: Arena, { rounds, isAsync }: Task): Promise<number> {
  for (let i = 0; i < rounds; i++) {
    if (isAsync) await semaphore.acquireAsync();
    else semaphore.acquire();
  }
  return rounds;
}

async function acquireOnce({ semaphore }: Arena, { isAsync }: Task): Promise<boolean> {
  say('waits');
  return isAsync ? semaphore.acquireAsync() : semaphore.acquire();
}

/** All of them, by name. */
export const roles = {
  count,
  produce,
  consume,
  permit,
  read,
  write,
  meet,
  turnByEvents,
  handOff,
  hold,
  holdWriting,
  holdAndExit,
  lockOnce,
  waitOnce,
  acquire,
  acquireOnce,
} satisfies Record<string, (arena: Arena, task: Task) => Promise<unknown>>;
