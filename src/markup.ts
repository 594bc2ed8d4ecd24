/** The least that is needed to write HTML and SVG safely. */

/** Text that may stand between tags and within quoted attributes. */
export function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
