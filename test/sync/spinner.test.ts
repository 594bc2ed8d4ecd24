import { expect, it } from 'vitest';
import { Spinner, tuning } from '#src/sync/wait.js';

/** How many waits in a row do not look. */
function skipsOf(spinner: Spinner): number {
  let skips = 0;
  while (spinner.begin() === 0) skips += 1;
  return skips;
}

it('looks less and less often while that does not pay, and always when it does', () => {
  const spinner = new Spinner();
  expect(spinner.begin()).toBe(tuning.spins);
  const skips = Array.from({ length: 10 }, () => {
    spinner.end(false);
    return skipsOf(spinner);
  });
  expect(skips).toEqual([1, 3, 7, 15, 31, 63, 127, 255, 255, 255]);
  spinner.end(true);
  expect(skipsOf(spinner)).toBe(0);
});
