// Writes the constants of src/layout/schema.ts down for both languages: `npm run generate`.
// With --check nothing is written; the exit code is 1 if a file is not what it would be.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capitals, layoutHash, type PlacedField, type PlacedStruct } from '#src/layout/define.js';
import { groups, structs } from '#src/layout/schema.js';

const origin = 'Generated from src/layout/schema.ts by `npm run generate`. Do not edit.';
const hash = layoutHash(groups, structs);
const hashDoc = 'Hash of everything in this file; 31 bits, so that it is the same number signed and unsigned.';

function constantTs(name: string, value: number, doc: string): string {
  return `/** ${doc} */\nexport const ${name} = ${value};`;
}

/** A field's byte offset, the index of the word it is in, and its bits in that word if it is smaller. */
function fieldTs(prefix: string, one: PlacedField): string {
  const name = `${prefix}_${capitals(one.name)}`;
  const lines = [constantTs(name, one.offset, one.doc), `export const ${name}_WORD = ${one.offset >> 2};`];
  if (one.type === 'u8' || one.type === 'u16') lines.push(`export const ${name}_SHIFT = ${(one.offset & 3) * 8};`);
  return lines.join('\n');
}

function structTs(one: PlacedStruct): string {
  const prefix = capitals(one.name);
  const size = constantTs(`${prefix}_BYTES`, one.bytes, `${one.name}: ${one.doc} Its size in bytes.`);
  return [size, ...one.fields.map((placed) => fieldTs(prefix, placed))].join('\n');
}

function generateTs(): string {
  const parts = [
    `// ${origin}\n// NAME: byte offset in the structure, or the value. NAME_WORD: index in an Int32Array over the structure.\n` +
      '// NAME_SHIFT: lowest bit of a field that is smaller than its word.',
    constantTs('LAYOUT_HASH', hash, hashDoc),
    ...groups.map((one) =>
      [`// ${one.doc}`, ...one.constants.map(({ name, value, doc }) => constantTs(name, value, doc))].join('\n'),
    ),
    ...structs.map(structTs),
  ];
  return `${parts.join('\n\n')}\n`;
}

const typesH = { u8: 'uint8_t', u16: 'uint16_t', u32: 'uint32_t', i32: 'int32_t', u64: 'uint64_t', bytes: 'uint8_t' };

/** The members of a structure, with the gaps between them spelled out. */
function membersH(one: PlacedStruct): string[] {
  const lines: string[] = [];
  let end = 0;
  const fill = (to: number): void => {
    if (to > end) lines.push(`  uint8_t gap${end}[${to - end}];`);
  };
  for (const placed of one.fields) {
    fill(placed.offset);
    const count = placed.count > 1 ? `[${placed.count}]` : '';
    lines.push(`  ${typesH[placed.type]} ${placed.name}${count};  // ${placed.doc}`);
    end = placed.offset + placed.bytes;
  }
  fill(one.bytes);
  return lines;
}

function structH(one: PlacedStruct): string {
  return [
    `// ${one.doc}`,
    `struct ${one.name} {`,
    ...membersH(one),
    '};',
    `static_assert(sizeof(${one.name}) == ${one.bytes}, "size of ${one.name}");`,
    ...one.fields.map(
      ({ name, offset }) =>
        `static_assert(offsetof(${one.name}, ${name}) == ${offset}, "offset of ${one.name}.${name}");`,
    ),
  ].join('\n');
}

function generateH(): string {
  const constants = groups.map((one) =>
    [
      `// ${one.doc}`,
      ...one.constants.map(({ name, value, doc }) => `constexpr uint32_t ${name} = ${value};  // ${doc}`),
    ].join('\n'),
  );
  return [
    `// ${origin}`,
    '#pragma once',
    '#include <cstddef>\n#include <cstdint>',
    'namespace sanswitch::layout {',
    `// ${hashDoc}\nconstexpr uint32_t LAYOUT_HASH = ${hash};`,
    ...constants,
    ...structs.map(structH),
    '}  // namespace sanswitch::layout\n',
  ].join('\n\n');
}

const top = process.cwd();
const isCheck = process.argv.includes('--check');
for (const [path, text] of [
  ['src/layout/layout.gen.ts', generateTs()],
  ['native/layout.gen.h', generateH()],
] as const) {
  const file = join(top, path);
  let old = '';
  try {
    old = readFileSync(file, 'utf8');
  } catch {
    // Not generated yet.
  }
  if (old === text) continue;
  if (isCheck) {
    console.error(`${path} is not what src/layout/schema.ts says: run \`npm run generate\``);
    process.exitCode = 1;
  } else {
    writeFileSync(file, text);
    console.log(`wrote ${path}`);
  }
}
