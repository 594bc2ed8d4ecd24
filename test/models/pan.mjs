// What a model says about itself, and what the verifier that spin makes of it says about the model.

/**
 * The deliberately broken variants of a model: its lines ` * broken: NAME  what is broken`.
 *
 * @param {string} model the model's text
 * @returns {string[]} the names, each a macro of the preprocessor
 */
export function variantsOf(model) {
  return Array.from(model.matchAll(/^ \* broken: ([A-Z_]+) {2}\S/gm), (match) => match[1]);
}

/**
 * Reads what the verifier (pan) printed. `holds`: every reachable state was looked at, and no property is violated.
 * `violated`: one is, `message` says which. `unfinished`: neither, the search was cut short or went wrong.
 *
 * @param {string} output
 * @returns {{ verdict: 'holds' | 'violated' | 'unfinished', states: number, message: string }}
 */
export function readVerdict(output) {
  const states = Number(/^\s*(\d+) states, stored/m.exec(output)?.[1] ?? 0);
  const errors = /errors: (\d+)/.exec(output)?.[1];
  const message = /^pan:\d+: (.*)$/m.exec(output)?.[1] ?? '';
  // Anything else that stops pan, such as an index out of range, says nothing about the protocol.
  const isViolation = /^(assertion violated|invalid end state)/.test(message);
  if (errors !== undefined && errors !== '0' && isViolation) return { verdict: 'violated', states, message };
  const cut = /^.*(search depth too small|Search not completed|MEMLIM|out of memory|error:).*$/m.exec(output)?.[0];
  if (errors === '0' && cut === undefined && message === '' && states > 0) return { verdict: 'holds', states, message };
  return { verdict: 'unfinished', states, message: message || cut?.trim() || 'pan did not finish' };
}
