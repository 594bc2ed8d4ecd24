/**
 * The layers of src/. An import may point to a lower layer or stay within its own unit (a folder, a provider's folder or
 * a file at the top of src/). Design: faces -> switch -> spi -> ring -> layout; a provider never imports the switch, and
 * the switch imports a provider by name in its registry alone.
 */
import { posix } from 'node:path';
import type { Source } from './source.js';

/** The layer of each unit of src/: higher ones import lower ones. A new folder of src/ gets its line here. */
export const layers: Readonly<Record<string, number>> = {
  'abort.ts': 0,
  'errors.ts': 0,
  'markup.ts': 0,
  'misuse.ts': 1,
  'rethrow.ts': 0,
  'terminal-text.ts': 0,
  layout: 0,
  native: 10,
  ring: 20,
  sync: 20,
  stats: 20,
  reactor: 30,
  ports: 35,
  spi: 40,
  // What the socket face and the TCP/IP provider see of the switch: how bytes move, and why that way.
  'switch/transport.ts': 42,
  'switch/decisions.ts': 42,
  socket: 45,
  // What providers share; they know nothing of each other.
  'providers/common': 48,
  providers: 50,
  switch: 50,
  'switch/registry.ts': 60,
  actor: 70,
  doctor: 70,
  top: 70,
  flame: 70,
  'index.ts': 80,
  prometheus: 80,
  net: 70,
  register: 80,
  load: 80,
  cli: 90,
};

/** The one file of the switch that knows the providers by name. */
const registry = 'switch/registry.ts';

/** The unit of a path below src/: what may import itself freely. */
function unitOf(path: string): string {
  const parts = path.split('/');
  if (path in layers) return path;
  return parts[0] === 'providers' && parts.length > 2 ? `providers/${parts[1]}` : (parts[0] ?? path);
}

function layerOf(unit: string): number | undefined {
  return layers[unit] ?? layers[unit.split('/')[0] ?? ''];
}

// `Buffer.from('text')` is no import.
const specifiers = /(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])([^'"]+)\1/g;

function problemOf(from: string, specifier: string): string | null {
  if (specifier === 'sanswitch' || specifier.startsWith('sanswitch/') || specifier.startsWith('#src/')) {
    return `src/ imports itself by relative paths, not as ${specifier}`;
  }
  if (!specifier.startsWith('.')) return null;
  const target = posix.normalize(posix.join(posix.dirname(from), specifier)).replace(/\.js$/, '.ts');
  if (target.startsWith('..')) return `src/ imports nothing from outside (${specifier})`;
  const own = unitOf(from);
  const other = unitOf(target);
  // The switch starts with its registry; that one file looks down at the providers instead.
  if (own === other || (own === 'switch' && other === registry)) return null;
  const ownLayer = layerOf(own);
  const otherLayer = layerOf(other);
  if (ownLayer === undefined) return `src/${own} has no layer: give it one in tools/tidy/layers.ts`;
  if (otherLayer === undefined) return `src/${other} has no layer: give it one in tools/tidy/layers.ts`;
  if (otherLayer < ownLayer) return null;
  return `src/${own} must not import src/${other}: imports point downwards only`;
}

/** The imports of one file of src/ that point upwards or sideways. */
export function* checkLayers(source: Source): Iterable<{ line: number; message: string }> {
  const from = source.path.replace(/^src\//, '');
  for (const match of source.text.matchAll(specifiers)) {
    const line = source.text.slice(0, match.index).split('\n').length;
    // An example in a comment is no import.
    if (!/\b(from|import)\b/.test(source.code[line - 1] ?? '')) continue;
    const message = problemOf(from, match[2] ?? '');
    if (message) yield { line, message };
  }
}

/** Imports of an example that a stranger could not write: an example uses the public package alone. */
export function* checkExampleImports(source: Source): Iterable<{ line: number; message: string }> {
  for (const match of source.text.matchAll(specifiers)) {
    const line = source.text.slice(0, match.index).split('\n').length;
    const specifier = match[2] ?? '';
    const isPublic = /^(sanswitch(\/|$)|node:)/.test(specifier) || /^\.\/[^/]+$/.test(specifier);
    if (!isPublic) yield { line, message: `an example imports public packages only, not ${specifier}` };
  }
}
