// Builds what the native tests need, if it is out of date: programs of this folder with g++, the test addon with node-gyp.
import { mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNodedir, nodeGypEnv } from '../../native/headers.mjs';
import { takeLock } from '../../tools/lib/lock.mjs';
import { run } from '../../tools/lib/run.mjs';
import { hashFiles, listFiles, Stamps } from '../../tools/lib/stamp.mjs';

const folder = dirname(fileURLToPath(import.meta.url));
const root = join(folder, '..', '..');
const output = join(folder, 'build');
const stamps = new Stamps(join(output, 'stamps'));
const flags = [
  '-std=c++17',
  '-g',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-pthread',
  '-D_GNU_SOURCE',
  `-I${join(root, 'native')}`,
];

/** How a program can be built: the compiler's flags by name. */
export const variants = {
  plain: ['-O2'],
  asan: ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer'],
  tsan: ['-O1', '-fsanitize=thread'],
};

// Everything that a test may include; too much rather than too little.
const sources = () => [
  ...listFiles(folder, (path) => /\.(cc|h|gyp)$/.test(path)),
  ...listFiles(join(root, 'native'), (path) => /\.(cc|h)$/.test(path) && !path.includes('/vendor/')),
];

async function execute(command, args, options) {
  const result = await run(command, args, { cwd: folder, quiet: true, ...options });
  if (result.exitCode !== 0) throw new Error(`${[command, ...args].join(' ')}\n${result.output}`);
}

/** Runs `perform` unless it succeeded before on the same sources; one process at a time. */
async function once(name, perform) {
  const hash = hashFiles(root, sources(), [process.version, flags, variants]);
  if (stamps.read(name) === hash) return;
  mkdirSync(output, { recursive: true });
  const release = await takeLock(join(output, `${name}.lock`));
  try {
    if (stamps.read(name) === hash) return;
    await perform();
    stamps.write(name, hash);
  } finally {
    release();
  }
}

/**
 * Compiles `NAME.cc` in a variant (see `variants`), together with files of native/ if it does not include what it needs;
 * resolves to the program's path.
 */
export async function buildProgram(name, variant, more = []) {
  const program = join(output, `${basename(name, '.cc')}-${variant}`);
  await once(basename(program), () =>
    execute(process.env.CXX || 'g++', [
      ...[...flags, ...variants[variant], join(folder, name)],
      ...more.map((file) => join(root, 'native', file)),
      ...['-o', program],
      ...(more.length > 0 ? ['-ldl'] : []),
    ]),
  );
  return program;
}

/** Compiles `NAME.cc`, or all files of the folder NAME, into a shared library in a variant; resolves to its path. */
export async function buildLibrary(name, variant = 'plain', defines = []) {
  const label = [basename(name, '.cc'), variant, ...defines].join('-');
  const library = join(output, `${label}.so`);
  await once(label, () => {
    const files = name.endsWith('.cc')
      ? [join(folder, name)]
      : listFiles(join(folder, name), (path) => path.endsWith('.cc'));
    const kind = ['-fPIC', '-shared', '-Wl,-z,defs', ...defines.map((define) => `-D${define}`)];
    const args = [...flags, ...variants[variant], ...kind, ...files, '-o', library, '-ldl'];
    return execute(process.env.CXX || 'g++', args);
  });
  return library;
}

/** Builds the addon that lets JavaScript drive the C++ ends. */
export async function buildAddon() {
  await once('addon', () => {
    const nodeGyp = join(root, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
    const env = nodeGypEnv(findNodedir());
    const args = [nodeGyp, 'rebuild', '--loglevel=error'];
    return execute(process.execPath, args, { cwd: join(folder, 'addon'), env });
  });
}
