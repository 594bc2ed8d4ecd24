// The native fuzz targets: every *_fuzz.cc of this folder, built with clang's libFuzzer under ASan and UBSan.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNodedir } from '../../native/headers.mjs';
import { ensurePrograms } from '../../tools/lib/debian.mjs';
import { takeLock } from '../../tools/lib/lock.mjs';
import { run } from '../../tools/lib/run.mjs';
import { hashFiles, listFiles, Stamps } from '../../tools/lib/stamp.mjs';
import { isOnPath } from '../../tools/lib/toolchain.mjs';

const folder = dirname(fileURLToPath(import.meta.url));
const root = join(folder, '..', '..');

/** Where everything goes that is not for the repository. */
export const output = join(folder, 'build');

const SANITIZERS = ['-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all'];
const EMPTY_TARGET = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }';

/** Names of all targets, as `ring-consumer`. */
export const targets = readdirSync(folder)
  .filter((name) => name.endsWith('_fuzz.cc'))
  .map((name) => name.slice(0, -'_fuzz.cc'.length).replaceAll('_', '-'))
  .sort();

// libFuzzer and the sanitizers are archives beside the compiler, wherever that has them: trying is the way to know.
function canFuzz() {
  mkdirSync(output, { recursive: true });
  const args = [...SANITIZERS, '-x', 'c++', '-', '-o', join(output, 'probe')];
  return spawnSync('clang++', args, { input: EMPTY_TARGET, stdio: ['pipe', 'ignore', 'ignore'] }).status === 0;
}

/** Makes sure of the tools. @returns what to say if some are missing, else null */
export function missingTools() {
  const programs = { 'clang++': 'clang', libFuzzer: 'libclang-rt-dev' };
  const isThere = (name, env) => (name === 'libFuzzer' ? canFuzz() : isOnPath(name, env));
  const { missing, message } = ensurePrograms('fuzz', programs, { isThere });
  return missing.length > 0 ? message : null;
}

// The sources hold their JavaScript side too, which no target calls: its symbols stay unresolved.
function flags() {
  const headers = [dirname(createRequire(import.meta.url).resolve('node-addon-api/napi.h'))];
  const nodedir = findNodedir();
  if (nodedir !== null) headers.push(join(nodedir, 'include', 'node'));
  return [
    ...['-std=c++17', '-g', '-O1', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE'],
    ...['-DNAPI_VERSION=8', '-DNODE_ADDON_API_CPP_EXCEPTIONS', '-DNODE_ADDON_API_DISABLE_DEPRECATED'],
    ...headers.map((path) => `-isystem${path}`),
    `-I${join(root, 'native')}`,
    ...['-fno-plt', '-Wl,--unresolved-symbols=ignore-all'],
    ...SANITIZERS,
  ];
}

/** Compiles a target if it is out of date; resolves to the program's path. @throws Error with the compiler's words */
export async function buildTarget(name) {
  const stamps = new Stamps(join(output, 'stamps'));
  const accept = (path) => /\.(cc|h)$/.test(path) && !path.includes('/vendor/');
  const sources = [...listFiles(folder, accept), ...listFiles(join(root, 'native'), accept)];
  const args = flags();
  const hash = hashFiles(root, sources, args);
  const program = join(output, name);
  const release = await takeLock(join(output, `${name}.lock`));
  try {
    if (stamps.read(name) === hash) return program;
    const source = join(folder, `${name.replaceAll('-', '_')}_fuzz.cc`);
    const { exitCode, output: said } = await run('clang++', [...args, source, '-o', program], { quiet: true });
    if (exitCode !== 0) throw new Error(`clang++ ${source}\n${said}`);
    stamps.write(name, hash);
    return program;
  } finally {
    release();
  }
}

/** The inputs of a target that are in the repository. */
export function corpusOf(name) {
  return join(folder, 'corpus', name);
}
