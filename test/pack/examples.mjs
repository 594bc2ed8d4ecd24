// Finds the runnable examples in a Markdown text and turns each into the forms that a user may write it in.
//
// An example is a fenced block of js or ts that directly follows the comment `<!-- run: NAME -->`.

const pattern = /<!--\s*run:\s*([\w-]+)\s*-->\s*\n```(js|ts)\n([\s\S]*?)\n```/g;

/** The examples in `markdown`: a list of `{ name, language, code }`. Throws if two have one name. */
export function findExamples(markdown) {
  const examples = [...markdown.matchAll(pattern)].map(([, name, language, code]) => ({ name, language, code }));
  const marks = markdown.match(/<!--\s*run:/g)?.length ?? 0;
  if (marks !== examples.length) throw new Error(`${marks} run comments, but ${examples.length} examples after them`);
  const names = new Set(examples.map((example) => example.name));
  if (names.size !== examples.length) throw new Error('two examples have the same name');
  return examples;
}

function requireStatement(bindings, specifier) {
  const namespace = /^\*\s+as\s+(\w+)$/.exec(bindings);
  if (namespace) return `const ${namespace[1]} = require('${specifier}');`;
  const named = /^\{([\s\S]*)\}$/.exec(bindings);
  if (named) return `const {${named[1].replace(/(\w+)\s+as\s+(\w+)/g, '$1: $2')}} = require('${specifier}');`;
  // A default import of a CommonJS module or of one of Node's own.
  return `const ${bindings} = require('${specifier}');`;
}

/** The same program for a CommonJS module: `import` becomes `require`, and what may wait is put into a function. */
export function toCommonJs(code) {
  const imports = [];
  const body = code.replace(/^import\s+([^'"]+?)\s+from\s+['"]([^'"]+)['"];?$/gm, (_all, bindings, specifier) => {
    imports.push(requireStatement(bindings.trim(), specifier));
    return '';
  });
  return `'use strict';\n${imports.join('\n')}\n(async () => {\n${body}\n})();\n`;
}
