/**
 * Finds the functions of a C++ file by counting braces: an opening brace is a function's if nothing but namespaces and
 * types is around it and the text before it has a parameter list. Lambdas and blocks count to the function they are in.
 */

/** A function's first and last line, from 1. */
export interface FunctionSpan {
  readonly name: string;
  readonly first: number;
  readonly last: number;
}

const isScope = /(^|[\s;{}>])(namespace|class|struct|union|enum|extern)\b(?![^{]*\)\s*(const|noexcept|override|\s)*$)/;

interface Opening {
  readonly isFunction: boolean;
  readonly name: string;
  readonly first: number;
}

function classify(head: string, line: number): Opening {
  const isFunction = head.includes('(') && !isScope.test(head);
  const name = /([\w~:]+)\s*\(/.exec(head)?.[1] ?? 'function';
  const headLines = head.trimStart().split('\n').length;
  return { isFunction, name, first: line - headLines + 1 };
}

/** All outermost functions in `code`, the lines of a file without comments and strings. */
export function findFunctions(code: readonly string[]): FunctionSpan[] {
  const found: FunctionSpan[] = [];
  const stack: Opening[] = [];
  let functionDepth = 0;
  let head = '';
  code.forEach((text, index) => {
    // The preprocessor's lines have no braces that pair up.
    if (/^\s*#/.test(text)) return;
    for (const character of text) {
      if (character === '{') {
        const opening = functionDepth > 0 ? { isFunction: false, name: '', first: 0 } : classify(head, index + 1);
        if (opening.isFunction) functionDepth = stack.length + 1;
        stack.push(opening);
        head = '';
      } else if (character === '}') {
        const opening = stack.pop();
        if (opening?.isFunction) {
          found.push({ name: opening.name, first: opening.first, last: index + 1 });
          functionDepth = 0;
        }
        head = '';
      } else if (character === ';') {
        head = '';
      } else {
        head += character;
      }
    }
    head += '\n';
  });
  return found;
}
