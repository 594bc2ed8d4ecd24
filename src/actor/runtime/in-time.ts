/** Waiting, but not for ever. */

/** What `promise` comes to, or `late` when that is not known by a time of performance.now(). Its rejection is passed on. */
export function inTime<T, L>(promise: Promise<T>, deadline_ms: number, late: L): Promise<T | L> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(late), Math.max(0, deadline_ms - performance.now()));
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
