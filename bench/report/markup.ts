/** Coordinates in drawings. */

/** A percentage for SVG coordinates. @param fraction 0 to 1 */
export function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(2)}%`;
}
