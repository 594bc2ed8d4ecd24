// Threads share a queue of a few places. node examples/sync-queue.mjs [ITEMS]
import { once } from 'node:events';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { Condition, Mutex } from 'sanswitch/sync';

// One buffer holds it all: a mutex, two conditions, and the words that the mutex protects.
const AT = { mutex: 0, filled: Mutex.BYTES, freed: Mutex.BYTES + Condition.BYTES };
const PLACES = 4;
const WORDS_AT = AT.freed + Condition.BYTES;
const [HEAD, TAIL, FIRST_PLACE] = [0, 1, 2];

function open(buffer) {
  const mutex = new Mutex(buffer, AT.mutex);
  return {
    mutex,
    filled: new Condition(buffer, AT.filled, mutex),
    freed: new Condition(buffer, AT.freed, mutex),
    words: new Int32Array(buffer, WORDS_AT, FIRST_PLACE + PLACES),
  };
}

/** Blocks while the queue is full: for a worker. */
function put({ mutex, filled, freed, words }, item) {
  mutex.lock();
  while (words[HEAD] - words[TAIL] === PLACES) freed.wait();
  words[FIRST_PLACE + (words[HEAD] % PLACES)] = item;
  words[HEAD] += 1;
  filled.notifyOne();
  mutex.unlock();
}

/** Waits without blocking the event loop: for the main thread. `undefined` after a second without an item. */
async function take({ mutex, filled, freed, words }) {
  // It may say `recovered`: a worker has died inside put(). HEAD moves on last, so there is nothing to mend here.
  await mutex.lockAsync();
  try {
    while (words[HEAD] === words[TAIL]) {
      if (!(await filled.waitAsync({ timeoutMs: 1_000 }))) return undefined;
    }
    const item = words[FIRST_PLACE + (words[TAIL]++ % PLACES)];
    freed.notifyOne();
    return item;
  } finally {
    mutex.unlock();
  }
}

if (isMainThread) {
  const items = Number(process.argv[2] ?? 1_000);
  const buffer = new SharedArrayBuffer(WORDS_AT + 4 * (FIRST_PLACE + PLACES));
  const workers = [1, 2].map(() => new Worker(new URL(import.meta.url), { workerData: { buffer, items } }));
  const ended = workers.map((worker) => once(worker, 'exit'));
  const queue = open(buffer);
  let sum = 0;
  for (let i = 0; i < 2 * items; i++) sum += (await take(queue)) ?? Number.NaN;
  await Promise.all(ended);
  console.log(`${2 * items} items, sum ${sum}`);
} else {
  const queue = open(workerData.buffer);
  for (let item = 1; item <= workerData.items; item++) put(queue, item);
}
