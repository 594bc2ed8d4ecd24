/** Figures for people. */

/** About three significant digits, without exponent. */
function digits(value: number): string {
  if (value === 0) return '0';
  if (value < 0) return `-${digits(-value)}`;
  if (value >= 100) return grouped(value);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** A whole number with commas: 1,234,567. */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** A time in the unit that reads best. */
export function timeText(time_us: number): string {
  const size_us = Math.abs(time_us);
  if (size_us === 0) return '0 µs';
  if (size_us < 1) return `${Math.round(time_us * 1_000)} ns`;
  const [divisor, unit] = size_us < 1_000 ? [1, 'µs'] : size_us < 1_000_000 ? [1_000, 'ms'] : [1_000_000, 's'];
  return `${digits(time_us / divisor)} ${unit}`;
}

/** A rate, per second. */
export function rateText(rate_per_s: number): string {
  return `${digits(rate_per_s)}/s`;
}

/** Bytes in the unit that reads best, powers of 1024. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1_024 && unit < units.length - 1; unit += 1) value /= 1_024;
  const figure = Number.isInteger(value) ? grouped(value) : digits(value);
  return `${figure} ${units[unit]}`;
}

/** A duration. */
export function durationText(duration_s: number): string {
  return `${Number(duration_s.toFixed(duration_s < 10 ? 2 : 1))} s`;
}

/** A share of 1 in percent. */
export function shareText(share: number): string {
  if (share > 0 && share < 0.0001) return '< 0.01 %';
  return `${Number((share * 100).toFixed(2))} %`;
}

/** A point in time, to the second, UTC. @param iso ISO 8601 */
export function dateText(iso: string): string {
  return `${new Date(iso).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
