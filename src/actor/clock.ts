/** Time and turns as an actor host sees them. Tests put virtual ones here. */

/** What an `ActorHost` needs of the event loop. */
export interface ActorClock {
  /** A clock that never goes back, in microseconds; only differences mean anything. */
  nowUs(): number;
  /** Calls `run` once, soon, on an empty stack, after whatever input is ready. */
  later(run: () => void): void;
  /** Calls `run` once after `ms` milliseconds. Does not keep the event loop alive. @returns a number for clearTimer */
  setTimer(ms: number, run: () => void): number;
  /** Takes a timer back; one that has fired is ignored. */
  clearTimer(id: number): void;
}

/** Longest delay of a Node timer, about 25 days: a longer one would fire at once. */
export const TIMER_MAX_MS = 2 ** 31 - 1;

/** Real time of this thread's event loop. */
export function createRealClock(): ActorClock {
  const timers = new Map<number, NodeJS.Timeout>();
  let last = 0;
  return {
    nowUs: () => performance.now() * 1_000,
    later: (run) => void setImmediate(run),
    setTimer(ms, run) {
      const id = ++last;
      const fire = () => {
        timers.delete(id);
        run();
      };
      timers.set(id, setTimeout(fire, Math.min(ms, TIMER_MAX_MS)).unref());
      return id;
    },
    clearTimer(id) {
      clearTimeout(timers.get(id));
      timers.delete(id);
    },
  };
}
