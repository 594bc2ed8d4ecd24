/** A process of a pair that has many threads, each with a connection to a thread of the other. */
import { Worker } from 'node:worker_threads';
import type { Answers, Envelope, Reply, RoundTrips, TransportSpec } from './messages.js';
import type { Hand } from './one-thread.js';
import { median } from './percentiles.js';

const THREAD_FILE = new URL('./thread.js', import.meta.url);
/** Between the places in which the threads of a server listen. */
const SEPARATOR = ' ';

type Answer = Answers[keyof Answers];

class Thread implements Hand {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (reply: Reply) => void>();

  constructor(spec: TransportSpec) {
    this.#worker = new Worker(THREAD_FILE, { workerData: spec });
    this.#worker.on('message', (reply: Reply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
  }

  async handle(request: Envelope): Promise<Answer> {
    const reply = await new Promise<Reply>((resolve) => {
      this.#waiting.set(request.id, resolve);
      this.#worker.postMessage(request);
    });
    if ('error' in reply) throw new Error(reply.error);
    return reply.answer;
  }
}

/** Asks all of its threads, and answers for them as one. */
export class ManyThreads implements Hand {
  readonly #threads: readonly Thread[];

  constructor(spec: TransportSpec, threads: number) {
    this.#threads = Array.from({ length: threads }, () => new Thread(spec));
  }

  async handle(request: Envelope): Promise<Answer> {
    switch (request.op) {
      case 'listen': {
        const places = (await this.#all(request)) as Answers['listen'][];
        return { place: places.map(({ place }) => place).join(SEPARATOR) };
      }
      case 'connect': {
        const places = request.place.split(SEPARATOR);
        const answers = this.#threads.map((thread, i) => thread.handle({ ...request, place: places[i] as string }));
        return (await Promise.all(answers))[0] as Answer;
      }
      case 'rtt':
        return together((await this.#all(request)) as RoundTrips[]);
      case 'accepted':
      case 'mode':
      case 'compute':
      case 'quit':
        return (await this.#all(request))[0] as Answer;
      case 'usage':
        // Of the whole process, whoever asks.
        return (this.#threads[0] as Thread).handle(request);
      default:
        throw new Error(`many threads can't do '${request.op}'`);
    }
  }

  #all(request: Envelope): Promise<Answer[]> {
    return Promise.all(this.#threads.map((thread) => thread.handle(request)));
  }
}

/** Round trips of all threads: counts add up, of times the median thread's stand. */
function together(each: readonly RoundTrips[]): RoundTrips {
  const of = (pick: (one: RoundTrips) => number): number => median(each.map(pick));
  return {
    count: each.reduce((sum, { count }) => sum + count, 0),
    elapsed_us: of(({ elapsed_us }) => elapsed_us),
    p50_us: of(({ p50_us }) => p50_us),
    p99_us: of(({ p99_us }) => p99_us),
    p999_us: of(({ p999_us }) => p999_us),
  };
}
