/** Tidy's rules: what the house wants of every file and no other tool checks. */
import { findFunctions } from './cpp-functions.js';
import { checkExampleImports, checkLayers } from './layers.js';
import { type Finding, isGenerated, isNative, isScript, type Rule, type Source } from './source.js';

/** The longest file, in lines. */
export const maxFileLines = 500;
/** The longest C++ function, in lines; for scripts biome.json has the same figure. */
export const maxFunctionLines = 70;

type Problem = { line: number; message: string };

const isWritten = (path: string) => isScript(path) || isNative(path);

function* eachMatch(lines: readonly string[], pattern: RegExp, message: string): Iterable<Problem> {
  for (const [index, text] of lines.entries()) {
    const match = pattern.exec(text);
    if (match) yield { line: index + 1, message: message.replace('$', match[0].trim()) };
  }
}

const fileLength: Rule = {
  name: 'file-length',
  applies: (path) => isWritten(path) || path.endsWith('.sh'),
  *check(source) {
    const count = source.lines.length;
    if (count > maxFileLines)
      yield { line: count, message: `${count} lines, more than ${maxFileLines}: split the file` };
  },
};

const functionLength: Rule = {
  name: 'function-length',
  applies: isNative,
  *check(source) {
    for (const { name, first, last } of findFunctions(source.code)) {
      const count = last - first + 1;
      if (count <= maxFunctionLines) continue;
      yield { line: first, message: `${name} has ${count} lines, more than ${maxFunctionLines}: split it` };
    }
  },
};

const nativeStyle: Rule = {
  name: 'native-style',
  applies: isNative,
  *check(source) {
    yield* eachMatch(source.lines, /\s$/, 'space at the end of the line');
    yield* eachMatch(source.lines, /\t/, 'a tab');
    yield* eachMatch(source.lines, /^.{121}/, 'longer than 120 characters');
  },
};

// Put together so that this file doesn't find itself.
const unfinished = new RegExp(`\\b(${['TO', 'FIX'].map((head) => head + (head === 'TO' ? 'DO' : 'ME')).join('|')})\\b`);

const noUnfinished: Rule = {
  name: 'unfinished',
  applies: (path) => !isGenerated(path),
  check: (source) => eachMatch(source.lines, unfinished, '$: finish it, or open an issue'),
};

const noOnly: Rule = {
  name: 'only',
  applies: (path) => /^test\/.*\.[cm]?ts$/.test(path),
  check: (source) =>
    eachMatch(source.code, /\b(describe|it|test|suite|bench)\.only\b/, '$ keeps the other tests from running'),
};

/*
 * Offsets into shared memory are written in src/layout/schema.ts alone. What gives a handwritten one away:
 * - a number (not 0) as the index of an Atomics call, or as the offset of a DataView's get or set;
 * - a number (not 0) as the offset of a typed array over somebody's buffer;
 * - in C++, a number (not 0 or 1) added to a pointer inside reinterpret_cast.
 */
const index = '(?!0\\b)(0x[0-9a-f]+|\\d[\\d_]*)';
const scriptOffsets = [
  new RegExp(`\\bAtomics\\.\\w+\\(\\s*[\\w.#]+\\s*,\\s*${index}\\s*[,)]`, 'i'),
  new RegExp(`\\.[gs]et(Big)?(Uint|Int|Float)\\d+\\(\\s*${index}\\s*[,)]`, 'i'),
  new RegExp(`\\bnew \\w+Array\\(\\s*[\\w.#]+\\s*,\\s*${index}\\s*[,)]`, 'i'),
];
const nativeOffset = /reinterpret_cast<[^;]*>\([^;]*\w\s*\+\s*(?![01]\b)(0x[0-9a-f]+|\d+)u?\s*\)/i;

const noOffsets: Rule = {
  name: 'offsets',
  applies: (path) => /^(src|native)\//.test(path) && isWritten(path) && !path.startsWith('src/layout/'),
  *check(source) {
    const message = 'an offset by hand ($): name it in src/layout/schema.ts';
    const patterns = isNative(source.path) ? [nativeOffset] : scriptOffsets;
    for (const pattern of patterns) yield* eachMatch(source.code, pattern, message);
  },
};

const layering: Rule = { name: 'layers', applies: (path) => /^src\/.*\.ts$/.test(path), check: checkLayers };

const publicExamples: Rule = {
  name: 'examples',
  applies: (path) => path.startsWith('examples/') && isScript(path),
  check: checkExampleImports,
};

const isComment = (text: string) => /\*\/$/.test(text) || text.startsWith('//');

/**
 * True if the export in line `index` has a comment at its end or right above it. One comment serves a whole group:
 * overloads of one function, and constants in lines that follow each other.
 */
function isDocumented(source: Source, index: number): boolean {
  const text = source.lines[index] ?? '';
  if (/\/\/ \S|\*\/$/.test(text)) return true;
  const name = /^export (?:async )?function (\w+)/.exec(text)?.[1];
  const group = name
    ? new RegExp(`^export (async )?function ${name}\\b.*;$`)
    : /^export const .*;$/.test(text)
      ? /^export const .*;( *\/\/.*)?$/
      : null;
  let above = index - 1;
  while (group?.test(source.lines[above] ?? '')) above -= 1;
  return isComment(source.lines[above]?.trim() ?? '');
}

const documented: Rule = {
  name: 'documented',
  applies: (path) => /^src\/.*\.ts$/.test(path) && !isGenerated(path),
  *check(source) {
    const declaration = /^export (?:declare |abstract |async )*(?:function\*?|class|interface|type|const|let) (\w+)/;
    for (const [index, text] of source.code.entries()) {
      const name = declaration.exec(text)?.[1];
      if (name && !isDocumented(source, index))
        yield { line: index + 1, message: `${name} is exported without a comment` };
    }
  },
};

// Folders of one person's machine, and the hosts of package registries. Put together so as not to find themselves.
const machinePaths = new RegExp(`(^|[\\s'"\`(=:])/(${['work', 'root', 'home', 'Users', 'tmp'].join('|')})/[\\w.-]+`);
const registryHosts = /\bhttps?:\/\/[\w.-]*(registry|npmjs\.org)[\w.-]*/;

const noMachinePaths: Rule = {
  name: 'machine-paths',
  applies: () => true,
  *check(source) {
    yield* eachMatch(source.lines, machinePaths, '$ is a path of one machine');
    yield* eachMatch(source.lines, registryHosts, '$ names a package registry');
  },
};

interface LockedPackage {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

// `npm ci` refuses a lockfile without them, but only where nothing is installed yet: nobody would notice before CI.
function* missingOptionals(text: string): Iterable<Problem> {
  const packages = (JSON.parse(text) as { packages?: Record<string, LockedPackage> }).packages ?? {};
  for (const [place, entry] of Object.entries(packages)) {
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      if (packages[`${place}/node_modules/${name}`] || packages[`node_modules/${name}`]) continue;
      yield { line: 1, message: `${name} is missing: run \`node tools/complete-lockfile.mjs\`` };
    }
  }
}

const lockfile: Rule = {
  name: 'lockfile',
  applies: (path) => path === 'package-lock.json',
  *check(source) {
    yield* eachMatch(source.lines, /"resolved":\s*"\w+:\/\/[^"]*"/, '$ names the host that a package came from');
    yield* missingOptionals(source.text);
  },
};

/** All rules, in the order in which they report. */
export const rules: readonly Rule[] = [
  fileLength,
  functionLength,
  nativeStyle,
  noUnfinished,
  noOnly,
  noOffsets,
  layering,
  publicExamples,
  documented,
  noMachinePaths,
  lockfile,
];

/*
 * A rule may be set aside for one line, with a reason, by a comment there or in the line above:
 *   // tidy-allow offsets: the kernel's structure, not ours
 */
function isAllowed(source: Source, rule: string, line: number): boolean {
  const allowance = new RegExp(`tidy-allow ${rule}: \\S`);
  return [source.lines[line - 1], source.lines[line - 2]].some((text) => text !== undefined && allowance.test(text));
}

/** Everything in `source` that some rule doesn't like. */
export function checkSource(source: Source): Finding[] {
  const findings: Finding[] = [];
  for (const rule of rules) {
    if (!rule.applies(source.path)) continue;
    for (const { line, message } of rule.check(source)) {
      if (!isAllowed(source, rule.name, line)) findings.push({ path: source.path, line, rule: rule.name, message });
    }
  }
  return findings;
}
