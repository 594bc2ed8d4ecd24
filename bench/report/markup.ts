/** The least that is needed to write HTML and SVG safely. */

/** Text that may stand between tags and within quoted attributes. */
export function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A percentage for SVG coordinates. @param fraction 0 to 1 */
export function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(2)}%`;
}
