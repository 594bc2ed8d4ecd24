/**
 * Whoever receives in bulk makes and frees large buffers all the time. The allocator would give each freed one back to the
 * system, and the next would be faulted in anew, page by page. So it is told to keep them, while there is bulk traffic
 * and no longer: up to 128 MiB are too much for a process that is idle.
 */
import { loadNative } from './load.js';

/** What was kept goes back when nothing has been received in bulk for this long, twice as long at most. */
const KEPT_MS = 1_000;

const { addon } = loadNative();

/** The allocator keeps what is freed. */
let isKept = false;
/** Something has been received in bulk since the timer last looked. */
let isBulk = false;
let timer: NodeJS.Timeout | null = null;

/** To be called with each buffer that is made for bulk traffic. */
export function keepFreedMemory(): void {
  isBulk = true;
  if (isKept || addon === null) return;
  isKept = true;
  addon.keepFreedMemory(true);
  // Runs only while there is traffic, and holds no event loop open.
  if (timer === null) timer = setTimeout(giveBackWhenIdle, KEPT_MS).unref();
  else timer.refresh();
}

function giveBackWhenIdle(): void {
  if (isBulk) {
    isBulk = false;
    timer?.refresh();
    return;
  }
  isKept = false;
  addon?.keepFreedMemory(false);
}
