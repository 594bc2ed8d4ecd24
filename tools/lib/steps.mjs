// The steps that bring a checkout from a bare clone to a built product. Each one knows when it is up to date.
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeGypEnv } from '../../native/headers.mjs';
import { ChildFailed, run } from './run.mjs';
import { hashFiles, listFiles, Stamps } from './stamp.mjs';
import { headersMessage, inspectToolchain, toolsMessage } from './toolchain.mjs';

/** The checkout's top folder. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

const at = (...parts) => join(root, ...parts);
const stamps = new Stamps(at('build', 'stamps'));
const platform = [process.platform, process.arch];
// Programs that tsconfig.dev.json compiles: each folder goes to build/ under its own name.
const devFolders = ['bench', 'examples', 'test', 'tools', 'workers'];
const isTypeScript = (path) => /\.[cm]?ts$/.test(path);
const isNative = (path) => /\.(cc|h|hh|gyp|gypi|mjs)$/.test(path);

function say(text) {
  process.stderr.write(`sanswitch: ${text}\n`);
}

// npm that runs us names its own program; otherwise the one on the PATH.
function npm(args) {
  const program = process.env.npm_execpath ?? '';
  return /npm-cli\.[cm]?js$/.test(program) ? [process.execPath, [program, ...args]] : ['npm', args];
}

async function runStep(command, args, options, what) {
  const result = await run(command, args, { cwd: root, detached: true, ...options });
  if (result.interrupted) throw new ChildFailed('interrupted', 130);
  if (result.exitCode !== 0) throw new ChildFailed(`${what} failed`, 1, result.output);
}

const dependencies = {
  name: 'dependencies',
  title: 'installing dependencies (npm ci)',
  hash: () => hashFiles(root, [at('package-lock.json')], platform),
  isCurrent(hash) {
    // npm writes this file last; it tells an installation made by hand from one of an older lockfile.
    const installed = statSync(at('node_modules', '.package-lock.json'), { throwIfNoEntry: false });
    if (!installed) return false;
    const stamp = stamps.read('dependencies');
    return stamp ? stamp === hash : installed.mtimeMs >= statSync(at('package-lock.json')).mtimeMs;
  },
  async perform() {
    // No install scripts: none of the tools needs one, and our own would only find out that this is a checkout.
    const [command, args] = npm([
      'ci',
      '--include=dev',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ]);
    await runStep(command, args, {}, 'npm ci');
  },
};

function nativeFiles() {
  return listFiles(at('native'), isNative).filter((path) => !path.includes('/vendor/'));
}

const native = {
  name: 'native',
  title: 'building the native part',
  hash() {
    const files = [...nativeFiles(), at('node_modules', 'node-addon-api', 'package.json')];
    return hashFiles(
      root,
      files.filter((path) => existsSync(path)),
      platform,
    );
  },
  isCurrent: (hash) => stamps.read('native') === hash && existsSync(at('native', 'build', 'Release', 'sanswitch.node')),
  async perform({ isNativeNeeded }) {
    const { tools, nodedir } = inspectToolchain();
    if (tools.length > 0) throw new ChildFailed(toolsMessage(tools, isNativeNeeded), 1);
    const options = { cwd: at('native'), env: nodeGypEnv(nodedir), quiet: true, detached: true };
    const program = [at('node_modules', 'node-gyp', 'bin', 'node-gyp.js'), '--loglevel=error'];
    if (!nodedir) {
      const fetched = await run(process.execPath, [...program, 'install', '--ensure'], options);
      if (fetched.interrupted) throw new ChildFailed('interrupted', 130);
      if (fetched.exitCode !== 0) throw new ChildFailed(headersMessage(process.versions.node, isNativeNeeded), 1);
    }
    // The Makefile is generated afresh when what it is made from changed; make does the rest.
    const inputs = [at('native', 'binding.gyp'), at('native', 'include-dir.mjs')];
    const configuration = hashFiles(root, inputs, [nodedir, process.version]);
    if (stamps.read('native-configure') !== configuration || !existsSync(at('native', 'build', 'Makefile'))) {
      stamps.clear('native-configure');
      rmSync(at('native', 'build'), { recursive: true, force: true });
      const configure = [...program, 'configure', '--', '-Dsanswitch_werror=1'];
      await runStep(process.execPath, configure, options, 'node-gyp configure');
      stamps.write('native-configure', configuration);
    }
    await runStep(process.execPath, [...program, 'build', '--jobs=2'], options, 'compiling the native part');
  },
};

/** Deletes what was once compiled from a source that is gone: it would be published, or run, for ever. */
export function prune(outputFolder, sourceFolder) {
  if (!existsSync(outputFolder)) return;
  for (const entry of readdirSync(outputFolder, { withFileTypes: true })) {
    const output = join(outputFolder, entry.name);
    if (entry.isDirectory()) {
      if (existsSync(join(sourceFolder, entry.name))) prune(output, join(sourceFolder, entry.name));
      else rmSync(output, { recursive: true, force: true });
      continue;
    }
    const match = /^(.*?)(?:\.d)?\.([cm]?)(?:js|ts)(?:\.map)?$/.exec(entry.name);
    if (!match) continue;
    const sources = ['ts', 'js'].map((kind) => join(sourceFolder, `${match[1]}.${match[2]}${kind}`));
    if (!sources.some((path) => existsSync(path))) rmSync(output, { force: true });
  }
}

async function compile(project, isLenient) {
  const tsc = at('node_modules', 'typescript', 'bin', 'tsc');
  try {
    await runStep(
      process.execPath,
      [tsc, '-p', project, '--pretty', String(Boolean(process.stdout.isTTY))],
      {},
      `tsc -p ${project}`,
    );
  } catch (error) {
    if (!isLenient || error.exitCode === 130) throw error;
    say('going on with what was compiled, errors and all');
    return { isDone: false };
  }
  return { isDone: true };
}

const productInputs = () => [...listFiles(at('src'), isTypeScript), at('tsconfig.json'), at('package.json')];

const product = {
  name: 'product',
  title: 'compiling src/ to dist/',
  hash: () => hashFiles(root, [...productInputs(), at('package-lock.json')]),
  isCurrent: (hash) => stamps.read('product') === hash && existsSync(at('dist', 'index.js')),
  async perform({ isLenient }) {
    prune(at('dist'), at('src'));
    return compile('tsconfig.json', isLenient);
  },
};

const development = {
  name: 'development',
  title: 'compiling bench/, test/, tools/, ... to build/',
  hash() {
    const own = devFolders.flatMap((folder) => listFiles(at(folder), isTypeScript));
    const configuration = [at('tsconfig.dev.json'), at('vitest.config.ts'), at('package-lock.json')];
    return hashFiles(root, [...productInputs(), ...own, ...configuration]);
  },
  isCurrent: (hash) => stamps.read('development') === hash,
  async perform({ isLenient }) {
    for (const folder of devFolders) prune(at('build', folder), at(folder));
    return compile('tsconfig.dev.json', isLenient);
  },
};

/** All steps, in the order in which they stand on each other. */
export const steps = { dependencies, native, product, development };

/** Whether nothing needs doing for `step`. */
export function isCurrent(step) {
  return step.isCurrent(step.hash());
}

/**
 * Performs `step` if it is not up to date, telling the user. Options: `isNativeNeeded` (can the command go on without
 * the native part?), `isLenient` (go on after type errors). Throws `ChildFailed`.
 */
export async function bringUpToDate(step, options) {
  const hash = step.hash();
  if (step.isCurrent(hash)) return;
  const start_ms = performance.now();
  say(`${step.title} ...`);
  stamps.clear(step.name);
  const result = await step.perform(options);
  if (result?.isDone === false) return;
  stamps.write(step.name, hash);
  say(`${step.title}: done in ${((performance.now() - start_ms) / 1_000).toFixed(1)} s`);
}
