import { describe, expect, it } from 'vitest';
import { findFunctions } from '../../tools/tidy/cpp-functions.js';
import { checkSource, maxFileLines, maxFunctionLines } from '../../tools/tidy/rules.js';
import { blank, makeSource } from '../../tools/tidy/source.js';

/** The rules that a file with this path and text breaks, with the line: `offsets:3`. */
function broken(path: string, text: string): string[] {
  return checkSource(makeSource(path, text)).map((finding) => `${finding.rule}:${finding.line}`);
}

const lines = (count: number) => 'void 0;\n'.repeat(count);
// Joined, so that tidy finds nothing in this file itself.
const unfinished = ['TO', 'DO'].join('');
const only = ['it', 'only'].join('.');
const someonesHome = ['', 'home', 'somebody', 'thing'].join('/');
const registry = ['https:/', 'registry.example.org', 'x.tgz'].join('/');

describe('tidy', () => {
  it('wants files of at most 500 lines', () => {
    expect(broken('src/ring/a.ts', lines(maxFileLines))).toEqual([]);
    expect(broken('src/ring/a.ts', lines(maxFileLines + 1))).toEqual(['file-length:501']);
    expect(broken('src/layout/layout.gen.ts', lines(maxFileLines + 1))).toEqual([]);
  });

  it('wants C++ functions of at most 70 lines', () => {
    const long = (count: number) => `namespace a {\nint f(int x) {\n${'  g();\n'.repeat(count)}}\n}\n`;
    expect(broken('native/a.cc', long(maxFunctionLines - 2))).toEqual([]);
    expect(broken('native/a.cc', long(maxFunctionLines - 1))).toEqual(['function-length:2']);
  });

  it('wants no tabs, long lines or trailing space in C++', () => {
    const text = `int a;\t\nint b; \n// ${'x'.repeat(120)}\n`;
    expect(new Set(broken('native/a.h', text))).toEqual(
      new Set(['native-style:1', 'native-style:2', 'native-style:3']),
    );
  });

  it('finds what was left unfinished', () => {
    expect(broken('README.md', `fine\n${unfinished}: later\n`)).toEqual(['unfinished:2']);
  });

  it('finds tests that keep others from running', () => {
    expect(broken('test/unit/a.test.ts', `${only}('x', () => {});\n`)).toEqual(['only:1']);
    expect(broken('test/unit/a.test.ts', `// ${only} is not allowed\n`)).toEqual([]);
  });

  it.each([
    ['src/ring/a.ts', 'Atomics.load(words, 17);'],
    ['src/ring/a.ts', 'view.setUint32(0x10, 1, true);'],
    ['src/ring/a.ts', 'const part = new Int32Array(this.#buffer, 128, 4);'],
    ['native/ring/a.cc', 'auto p = reinterpret_cast<uint32_t*>(base + 64);'],
  ])('finds an offset into shared memory by hand: %s: %s', (path, text) => {
    expect(broken(path, `${text}\n`)).toEqual(['offsets:1']);
  });

  it.each([
    ['src/ring/a.ts', 'Atomics.load(words, PRODUCER);'],
    ['src/ring/a.ts', 'Atomics.load(words, 0);'],
    ['src/ring/a.ts', 'new Uint8Array(64);'],
    ['src/ring/a.ts', "throw new Error('Atomics.load(words, 17)');"],
    ['src/ring/a.ts', 'view.setUint32(4, 1); // tidy-allow offsets: the kernel has laid this out'],
    ['native/ring/a.cc', 'auto p = reinterpret_cast<uint32_t*>(base + kOffset);'],
    ['bench/a.ts', 'Atomics.load(words, 17);'],
  ])('lets through what is no such offset: %s: %s', (path, text) => {
    expect(broken(path, `${text}\n`)).toEqual([]);
  });

  it('wants a reason when a rule is set aside', () => {
    expect(broken('src/ring/a.ts', '// tidy-allow offsets:\nview.setUint32(4, 1);\n')).toEqual(['offsets:2']);
  });
});

describe('tidy: layers', () => {
  it.each([
    ['src/layout/a.ts', '../ring/b.js'],
    ['src/ring/a.ts', '../spi/types.js'],
    ['src/spi/a.ts', '../providers/shm/provider.js'],
    ['src/providers/shm/a.ts', '../../switch/session/b.js'],
    ['src/providers/shm/a.ts', '../loop/b.js'],
    ['src/switch/a.ts', '../providers/shm/provider.js'],
    ['src/switch/session/a.ts', '../../index.js'],
    ['src/index.ts', '../tools/tidy.js'],
    ['src/index.ts', '#src/errors.js'],
    ['src/index.ts', 'sanswitch/spi'],
    ['src/unheard-of/a.ts', '../errors.js'],
  ])('finds an import that does not point downwards: %s imports %s', (path, specifier) => {
    expect(broken(path, `import { b } from '${specifier}';\n`)).toEqual(['layers:1']);
    expect(broken(path, `import type {\n  b,\n} from '${specifier}';\n`)).toEqual(['layers:3']);
    expect(broken(path, `const b = await import('${specifier}');\n`)).toEqual(['layers:1']);
  });

  it.each([
    ['src/ring/a.ts', '../layout/layout.gen.js'],
    ['src/ring/a.ts', './b.js'],
    ['src/spi/a.ts', '../errors.js'],
    ['src/providers/shm/a.ts', '../../spi/provider.js'],
    ['src/providers/shm/a.ts', '../../native/addon.js'],
    ['src/providers/shm/deep/a.ts', '../b.js'],
    ['src/switch/session/a.ts', '../transport.js'],
    ['src/switch/switch.ts', './registry.js'],
    ['src/switch/registry.ts', '../providers/shm/provider.js'],
    ['src/index.ts', './switch/switch.js'],
    ['src/index.ts', 'node:net'],
  ])('lets through one that does: %s imports %s', (path, specifier) => {
    expect(broken(path, `import { b } from '${specifier}';\n`)).toEqual([]);
  });

  it('takes an example in a comment for no import', () => {
    expect(broken('src/ring/a.ts', "// import { a } from '../spi/types.js';\n")).toEqual([]);
  });

  it('wants examples that a stranger could write', () => {
    expect(broken('examples/a.ts', "import { a } from 'sanswitch/spi';\nimport net from 'node:net';\n")).toEqual([]);
    expect(broken('examples/a.ts', "import { a } from '#src/spi/types.js';\n")).toEqual(['examples:1']);
    expect(broken('examples/a.ts', "import { a } from '../src/index.js';\n")).toEqual(['examples:1']);
  });
});

describe('tidy: comments, machines, lockfile', () => {
  it('wants a comment on what src/ exports', () => {
    expect(broken('src/ring/a.ts', 'export const a = 1;\n')).toEqual(['documented:1']);
    expect(broken('src/ring/a.ts', '/** An a. */\nexport const a = 1;\n')).toEqual([]);
    expect(broken('src/ring/a.ts', 'export function f() {}\n')).toEqual(['documented:1']);
    expect(broken('src/ring/a.ts', '\nexport interface A {}\n')).toEqual(['documented:2']);
  });

  it('lets one comment serve overloads and a group of constants', () => {
    const overloads = '/** An f. */\nexport function f(a: 1): 1;\nexport function f(a: 2): 2;\n';
    expect(broken('src/ring/a.ts', overloads)).toEqual([]);
    const group = '/** Codes. */\nexport const A = 1;\nexport const B = 2;\n\nexport const C = 3;\n';
    expect(broken('src/ring/a.ts', group)).toEqual(['documented:5']);
  });

  it('finds paths of one machine and hosts of registries', () => {
    expect(broken('README.md', `See ${someonesHome}.\n`)).toEqual(['machine-paths:1']);
    expect(broken('README.md', `See ${registry}.\n`)).toEqual(['machine-paths:1']);
    expect(broken('README.md', 'See /usr/include/node and src/home/x.\n')).toEqual([]);
  });

  it('wants a lockfile that names no host', () => {
    const entry = (resolved: string) => `{\n  "resolved": "${resolved}"\n}\n`;
    expect(broken('package-lock.json', entry('https://example.org/x.tgz'))).toEqual(['lockfile:2']);
    expect(broken('package-lock.json', entry('packages/x'))).toEqual([]);
  });

  it('wants a lockfile with the optional packages of every platform', () => {
    const a = { optionalDependencies: { 'a-linux': '1.0.0' } };
    const text = (packages: object) => `${JSON.stringify({ packages })}\n`;
    expect(broken('package-lock.json', text({ 'node_modules/a': a }))).toEqual(['lockfile:1']);
    expect(broken('package-lock.json', text({ 'node_modules/a': a, 'node_modules/a-linux': {} }))).toEqual([]);
  });
});

describe('tidy: reading sources', () => {
  it('blanks comments and strings and keeps the lines', () => {
    expect(blank("a('b{', `c\nd`); // e\n/* f\n*/ g")).toBe("a('  ', ` \n `);     \n    \n   g");
  });

  it('finds the functions of C++ by their braces', () => {
    const text = [
      'namespace a {',
      'struct S {',
      '  int x{0};',
      '  int get() const { return x; }',
      '};',
      'template <typename T>',
      'T twice(',
      '    T value) {',
      '  auto f = [&](int y) { return y; };',
      '  if (f(1)) { return value; }',
      '  return value + value;',
      '}',
      'enum class E : int { kA = 1 };',
      '}  // namespace a',
    ];
    const found = findFunctions(makeSource('native/a.cc', text.join('\n')).code);
    expect(found).toEqual([
      { name: 'get', first: 4, last: 4 },
      { name: 'twice', first: 6, last: 12 },
    ]);
  });
});
