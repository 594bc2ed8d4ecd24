// Proves the published package: packs it, installs it into an empty project with and without a compiler, and uses it
// there from ES modules, from `require` and from TypeScript; the README's examples too. Prints `ok` and `not ok` lines
// and the counts. Needs no network: the dependencies are packed from node_modules.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { findExamples, toCommonJs } from './examples.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const limit_ms = 120_000;
const work = mkdtempSync(join(tmpdir(), 'sanswitch-pack-'));
const counts = { passed: 0, failed: 0 };

/** Runs one check: it passes unless `body` throws. */
function check(name, body) {
  try {
    body();
    counts.passed += 1;
    process.stdout.write(`ok ${name}\n`);
  } catch (error) {
    counts.failed += 1;
    process.stdout.write(`not ok ${name}\n${error.message.replace(/^/gm, '    ')}\n`);
  }
}

function expect(condition, message) {
  if (!condition) throw new Error(message);
}

function findOnPath(command) {
  const folder = (process.env.PATH ?? '').split(delimiter).find((path) => existsSync(join(path, command)));
  if (folder === undefined) throw new Error(`no ${command} on the PATH`);
  return join(folder, command);
}

// What npm tells the scripts that it runs must not reach the npm that we run: it would act on this checkout.
const ownNpm = /^(npm_(package|lifecycle|command|execpath|config_local_prefix|config_node_gyp)|INIT_CWD|NODE_OPTIONS)/;

function cleanEnv(extra = {}) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ownNpm.test(name)));
  // Newer versions of npm run only those install scripts that were reviewed.
  return { ...env, npm_config_dangerously_allow_all_scripts: 'true', ...extra };
}

/** Runs a program and gives back `{ stdout, output }`, stderr included in the latter; throws if the program failed. */
function run(program, args, { cwd = work, env = cleanEnv() } = {}) {
  const result = spawnSync(program, args, { cwd, env, encoding: 'utf8', timeout: limit_ms });
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}`;
  const how = result.error ? result.error.message : `exit code ${result.status}, signal ${result.signal}`;
  expect(result.status === 0, `${program} ${args.join(' ')}: ${how}\n${output}`);
  return { stdout: result.stdout, output };
}

const npmProgram = process.env.npm_execpath?.match(/npm-cli\.[cm]?js$/)
  ? process.env.npm_execpath
  : realpathSync(findOnPath('npm'));

function npm(args, options) {
  return run(process.execPath, [npmProgram, ...args, '--no-audit', '--no-fund', '--loglevel=error'], options);
}

/** Packs the package in `folder` and gives back the tarball's path. */
function pack(folder, scripts = []) {
  const [entry] = JSON.parse(npm(['pack', folder, '--json', ...scripts]).stdout);
  return join(work, entry.filename);
}

/** An empty project with the package installed: `{ folder, output }`. */
function install(name, tarballs, env) {
  const folder = join(work, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ name, version: '0.0.0', private: true })}\n`);
  const { output } = npm(['install', ...tarballs, '--offline', '--foreground-scripts'], { cwd: folder, env });
  return { folder, output };
}

/** A PATH with nothing on it that compiles: Node and a shell, which npm needs for scripts. */
function pathWithoutCompiler() {
  const folder = join(work, 'bin');
  mkdirSync(folder);
  for (const command of ['node', 'sh']) {
    symlinkSync(realpathSync(command === 'node' ? process.execPath : findOnPath(command)), join(folder, command));
  }
  return folder;
}

function runScript(folder, file, code, args = []) {
  writeFileSync(join(folder, file), code);
  return run(process.execPath, [...args, file], { cwd: folder });
}

function compileAndRun(folder, name, code) {
  writeFileSync(join(folder, `${name}.mts`), code);
  const options = {
    target: 'ES2022',
    lib: ['ES2023'],
    module: 'NodeNext',
    strict: true,
    skipLibCheck: false,
    types: ['node'],
    typeRoots: [join(root, 'node_modules', '@types')],
  };
  const project = { compilerOptions: options, files: [`${name}.mts`] };
  writeFileSync(join(folder, 'tsconfig.json'), `${JSON.stringify(project)}\n`);
  run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.'], { cwd: folder });
  run(process.execPath, [`${name}.mjs`], { cwd: folder });
}

const entryPoints = ['sanswitch', 'sanswitch/net', 'sanswitch/spi', 'sanswitch/sync'];
/** What is needed for `sanswitch/prometheus` alone, and must not be needed otherwise. */
const optionalPeers = ['prom-client', '@opentelemetry/api', 'tdigest', 'bintrees'];

/** Uses the installed package in each of the three ways. */
function useEntryPoints(folder, label, entries = entryPoints) {
  for (const entry of entries) {
    check(`${label}: import ${entry}`, () => runScript(folder, 'entry.mjs', `await import('${entry}');\n`));
    check(`${label}: require ${entry}`, () => runScript(folder, 'entry.cjs', `require('${entry}');\n`));
    check(`${label}: ${entry} has types`, () => {
      compileAndRun(
        folder,
        'entry',
        `import * as all from '${entry}';\nconst names: string[] = Object.keys(all);\nvoid names;\n`,
      );
    });
  }
}

/** `sanswitch/prometheus` names what it lacks; and works with it. */
function usePrometheus(folder, label) {
  check(`${label}: sanswitch/prometheus says that it needs prom-client`, () => {
    const script =
      "const say = ({ code, message }) => console.log(code, message);\nimport('sanswitch/prometheus').catch(say);\n";
    const { stdout } = runScript(folder, 'missing.mjs', script);
    expect(/^ERR_MODULE_NOT_FOUND .*'prom-client'/.test(stdout), `it said: ${stdout}`);
  });
  const peers = optionalPeers.map((name) => pack(join(root, 'node_modules', name), ['--ignore-scripts']));
  npm(['install', ...peers, '--offline'], { cwd: folder });
  useEntryPoints(folder, label, ['sanswitch/prometheus']);
}

/** A program that knows nothing of sanswitch; it prints who serves its socket. */
const unmodified = `
const net = require('node:net');
const server = net.createServer((peer) => peer.end()).listen(0, '127.0.0.1', () => {
  const socket = net.connect(server.address().port, '127.0.0.1', () => console.log(socket.sanswitch.provider));
  socket.resume().on('close', () => server.close());
});
`;

/** `sanswitch/register`, in each of the ways in which a program gets it, and its types. */
function useRegister(folder, label, provider) {
  writeFileSync(join(folder, 'unmodified.cjs'), unmodified);
  const expectProvider = ({ stdout }) => expect(stdout === `${provider}\n`, `it said: ${stdout}`);
  const quiet = { SANSWITCH_NO_WARNING: '1' };
  check(`${label}: node --import sanswitch/register`, () => {
    const env = cleanEnv(quiet);
    expectProvider(run(process.execPath, ['--import', 'sanswitch/register', 'unmodified.cjs'], { cwd: folder, env }));
  });
  check(`${label}: NODE_OPTIONS=--import=sanswitch/register`, () => {
    const env = cleanEnv({ ...quiet, NODE_OPTIONS: '--import=sanswitch/register' });
    expectProvider(run(process.execPath, ['unmodified.cjs'], { cwd: folder, env }));
  });
  check(`${label}: npx sanswitch run`, () => {
    const args = [npmProgram, 'exec', '--offline', '--', 'sanswitch', 'run', '--', 'node', 'unmodified.cjs'];
    expectProvider(run(process.execPath, args, { cwd: folder, env: cleanEnv(quiet) }));
  });
  check(`${label}: sanswitch/register has types`, () => {
    compileAndRun(
      folder,
      'register',
      "import 'sanswitch/register';\nimport net from 'node:net';\nconst { sanswitch } = new net.Socket();\nconst provider: string | undefined = sanswitch?.provider;\nvoid provider;\n",
    );
  });
}

/** `npx sanswitch`, as npm makes it from the package's `bin`. */
function useCommand(folder, label, shm) {
  check(`${label}: npx sanswitch doctor`, () => {
    const { stdout } = run(process.execPath, [npmProgram, 'exec', '--offline', '--', 'sanswitch', 'doctor'], {
      cwd: folder,
    });
    expect(new RegExp(`^  tcp +used: [^]*^  shm +${shm}: `, 'm').test(stdout), `it said:\n${stdout}`);
  });
}

/** Reports that the installed package reads, and a page for which it needs files of its own and of the library that draws. */
function useReports(folder, label) {
  check(`${label}: npx sanswitch compare writes a page`, () => {
    const fixtures = pathToFileURL(join(root, 'build', 'test', 'fixtures', 'load-reports.js')).href;
    const script = `const { loadReport } = await import('${fixtures}');\nconsole.log(JSON.stringify(loadReport()));\n`;
    writeFileSync(join(folder, 'report.json'), runScript(folder, 'report.mjs', script).stdout);
    const args = ['compare', 'report.json', 'report.json', '--html', 'page.html', '--threshold', 'p99=+0%'];
    run(process.execPath, [npmProgram, 'exec', '--offline', '--', 'sanswitch', ...args], { cwd: folder });
    const page = readFileSync(join(folder, 'page.html'), 'utf8');
    for (const part of ['var uPlot=', 'new uPlot(', '</html>']) expect(page.includes(part), `the page has no ${part}`);
  });
}

function useExamples(folder, label) {
  const readme = join(root, 'README.md');
  const examples = existsSync(readme) ? findExamples(readFileSync(readme, 'utf8')) : [];
  for (const { name, language, code } of examples) {
    check(`${label}: README example ${name} in TypeScript`, () => compileAndRun(folder, name, code));
    if (language === 'ts') continue;
    check(`${label}: README example ${name} as ES module`, () => runScript(folder, `${name}.mjs`, code));
    check(`${label}: README example ${name} with require`, () => runScript(folder, `${name}.cjs`, toCommonJs(code)));
  }
}

/** What the package in `folder` needs, and what that needs: names, each once. */
function dependenciesOf(folder, found = new Set()) {
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    if (found.has(name)) continue;
    found.add(name);
    dependenciesOf(join(root, 'node_modules', name), found);
  }
  return [...found];
}

const loadAddon =
  "require('node-gyp-build')(require('node:path').dirname(require.resolve('sanswitch/package.json')) + '/native');\n";
const notice = 'TCP/IP only';

function main() {
  let tarballs = [];
  check('npm pack', () => {
    const packed = dependenciesOf(root).map((name) => pack(join(root, 'node_modules', name), ['--ignore-scripts']));
    tarballs = [pack(root), ...packed];
  });
  if (tarballs.length === 0) return;
  const hasPrebuilt = existsSync(join(root, 'native', 'prebuilds'));
  check('installs without a compiler', () => {
    const { folder, output } = install(
      'without-compiler',
      tarballs,
      cleanEnv({ PATH: pathWithoutCompiler(), CXX: '' }),
    );
    const said = output.split(notice).length - 1;
    expect(said === (hasPrebuilt ? 0 : 1), `"${notice}" was said ${said} times:\n${output}`);
    useEntryPoints(folder, 'without compiler');
    usePrometheus(folder, 'without compiler');
    useCommand(folder, 'without compiler', hasPrebuilt ? 'used' : 'not used');
    useReports(folder, 'without compiler');
    useRegister(folder, 'without compiler', hasPrebuilt ? 'shm' : 'tcp');
    useExamples(folder, 'without compiler');
  });
  if (process.platform !== 'linux') return;
  check('installs with a compiler', () => {
    const { folder, output } = install('with-compiler', tarballs, cleanEnv({ npm_config_build_from_source: 'true' }));
    expect(!output.includes(notice), output);
    check('with compiler: loads the native part', () => runScript(folder, 'addon.cjs', loadAddon));
    useEntryPoints(folder, 'with compiler');
    usePrometheus(folder, 'with compiler');
    useCommand(folder, 'with compiler', 'used');
    useRegister(folder, 'with compiler', 'shm');
    useExamples(folder, 'with compiler');
  });
}

try {
  main();
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);
process.exitCode = counts.failed > 0 ? 1 : 0;
