/**
 * What keeps the event loop alive for connections and listeners that libuv knows nothing of. One timer that practically
 * never fires: it works on every thread, with or without the addon, and costs a sleeping loop nothing.
 */

/** Longest delay of a Node timer, about 25 days. */
const NEVER_MS = 2 ** 31 - 1;

let holders = 0;
let timer: NodeJS.Timeout | null = null;

/** Counts holders; the loop lives while there is one. Calls must be paired. */
export const keepAlive = {
  ref(): void {
    holders++;
    timer ??= setInterval(() => {}, NEVER_MS);
  },
  unref(): void {
    holders--;
    if (holders > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  },
};
