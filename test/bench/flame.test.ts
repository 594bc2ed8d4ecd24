/**
 * `sanswitch flame` of programs whose hot places are known: a function of JavaScript and one of the addon in a worker, and the poller.
 * By V8's profiles everywhere, by perf where it works.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { MAP_OPTIONS } from '#src/flame/map-options.js';
import { findPerf, findProgram, isPerf } from '#src/flame/perf.js';
import { mapFile } from '#src/flame/perf-map.js';
import { UNSEEN } from '#src/flame/recorded.js';
import { parseFolded, timeOf } from '#src/flame/stacks.js';
import type { Burnt } from '../fixtures/actors/burner.js';
import { isAlive } from './command.js';

const COMMAND = join(process.cwd(), 'dist', 'cli', 'main.js');
const fixture = (name: string): string => join(process.cwd(), 'build', 'test', 'fixtures', `${name}.js`);
const LIMIT_MS = 120_000;
/** Times are right within this much: what the program measures itself has noise too. */
const TOLERANCE = 0.15;

const perf = findPerf();
const noPerf = isPerf(perf) ? null : perf.what;
const folder = mkdtempSync(join(tmpdir(), 'sanswitch-flame-test-'));
const children = new Set<ChildProcess>();
let serial = 0;

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
  /** Settles when it has said this. */
  said(text: string): Promise<void>;
}

/** Starts `node ARGS`. @param env replaces variables; undefined takes one away */
function start(args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = folder): Run {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, NODE_OPTIONS: undefined, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  let stdout = '';
  let stderr = '';
  const waiting: { text: string; settle: () => void }[] = [];
  const look = (): void => {
    for (const { text, settle } of waiting) if (`${stdout}${stderr}`.includes(text)) settle();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    look();
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once('close', (code) => {
      children.delete(child);
      resolve({ code, stdout, stderr });
    });
  });
  const said = (text: string): Promise<void> =>
    new Promise((settle, reject) => {
      waiting.push({ text, settle });
      look();
      void ended.then(() => reject(new Error(`it ended without saying '${text}': ${stdout}${stderr}`)));
    });
  return { child, ended, said };
}

/** A place for a page. */
function page(): string {
  return join(folder, `${serial++}.html`);
}

const flame = (...args: string[]) => start([COMMAND, 'flame', ...args]).ended;

/** The stacks beside a page, by thread. */
function towers(html: string): Map<string, ReadonlyMap<string, number>> {
  const threads = parseFolded(readFileSync(html.replace('.html', '.folded'), 'utf8'));
  return new Map(threads.map(({ name, stacks }) => [name, stacks]));
}

/** The time of a thread's stacks that have a frame, µs. */
function timeIn(stacks: ReadonlyMap<string, number> | undefined, frame: string): number {
  let sum_us = 0;
  for (const [stack, time_us] of stacks ?? []) if (stack.includes(frame)) sum_us += time_us;
  return sum_us;
}

function assertSelfContained(html: string): void {
  const text = readFileSync(html, 'utf8');
  expect(text).toContain("default-src 'none'");
  expect(text).not.toMatch(/<link\b|<(script|img|iframe)[^>]+src=|@import|url\(\s*['"]?(https?:|\/\/)/i);
}

function assertClose(measured_ms: number, true_ms: number): void {
  expect(true_ms).toBeGreaterThan(0);
  expect(measured_ms / true_ms).toBeGreaterThan(1 - TOLERANCE);
  expect(measured_ms / true_ms).toBeLessThan(1 + TOLERANCE);
}

/** What the program measured itself. */
function burntIn(stdout: string): Burnt {
  return JSON.parse(/^burnt (.*)$/m.exec(stdout)?.[1] ?? '') as Burnt;
}

/** What the poller does in every profile: it spins, so it takes what the kernel gives it. */
function assertPoller(stdout: string, time_us: number): void {
  const cpu_ms = Number(/^poller +(\d+) ms +\d+ ms +\d+ ms/m.exec(stdout)?.[1]);
  expect(cpu_ms).toBeGreaterThan(20);
  assertClose(time_us / 1_000, cpu_ms);
}

describe('a command', { timeout: LIMIT_MS }, () => {
  it('is drawn by V8 with its hot functions under the threads that run them', async () => {
    const html = page();
    const { code, stdout, stderr } = await flame(
      '--by',
      'cpu-prof',
      '--out',
      html,
      '--',
      'node',
      fixture('flame-burner'),
      '800',
    );
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const threads = towers(html);
    const burnt = burntIn(stdout);
    assertClose(timeIn(threads.get('worker-0'), ';burnInJavaScript ') / 1_000, burnt.javascript.elapsed_ms);
    assertClose(timeIn(threads.get('worker-0'), ';burnInNative ') / 1_000, burnt.native.elapsed_ms);
    for (const other of ['main', 'worker-1']) {
      expect(threads.get(other)).toBeDefined();
      expect(timeIn(threads.get(other), 'burnIn')).toBe(0);
    }
    assertPoller(stdout, timeIn(threads.get('poller'), UNSEEN));
    expect(stdout).toMatch(/^worker-0 .* ms +\d+ +\d+ +\d+ +\d+ +\d+ +\d+$/m);
    expect(stdout).toContain("Taken by V8's CPU profiles");
    assertSelfContained(html);
    const text = readFileSync(html, 'utf8');
    for (const name of ['main', 'worker-0', 'worker-1', 'poller']) expect(text).toContain(`"name":"${name}"`);
    const { profiles } = JSON.parse(readFileSync(html.replace('.html', '.speedscope.json'), 'utf8'));
    expect(profiles.map(({ name }: { name: string }) => name)).toContain('worker-0');
  });

  it('is drawn by perf with native functions and the kernel too', async (context) => {
    if (noPerf !== null) return context.skip(noPerf);
    const html = page();
    const { code, stdout, stderr } = await flame(
      '--by',
      'perf',
      '--out',
      html,
      '--',
      'node',
      fixture('flame-burner'),
      '800',
    );
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const threads = towers(html);
    const burnt = burntIn(stdout);
    assertClose(timeIn(threads.get('worker-0'), 'burnInJavaScript ') / 1_000, burnt.javascript.cpu_ms);
    assertClose(timeIn(threads.get('worker-0'), 'copyPastCaches') / 1_000, burnt.native.cpu_ms);
    for (const [name, stacks] of threads) {
      if (name !== 'worker-0') expect(timeIn(stacks, 'burnInJavaScript ') + timeIn(stacks, 'copyPastCaches')).toBe(0);
      if (name !== 'poller') expect(timeIn(stacks, 'DedicatedPoller::loop')).toBe(0);
    }
    expect(timeIn(threads.get('poller'), 'DedicatedPoller::loop')).toBeGreaterThan(0);
    assertPoller(stdout, timeOf(threads.get('poller') as Map<string, number>));
    if (isPerf(perf) && perf.event === 'cpu-clock') expect(timeIn(threads.get('main'), '_[k]')).toBeGreaterThan(0);
    assertSelfContained(html);
    expect(existsSync(mapFile(Number(/^burning (\d+)$/m.exec(stdout)?.[1])))).toBe(false);
    expect(readdirSync(folder).filter((name) => name.startsWith('isolate-'))).toEqual([]);
  });

  it('says which of its processes have no profile', async () => {
    const code = `require('child_process').spawnSync(process.execPath, ['-e', '0'])`;
    const { stdout } = await flame('--by', 'cpu-prof', '--out', page(), '--', 'node', '-e', code);
    expect(stdout).toMatch(/not shown: the main thread of node \(process \d+\): it was killed, or started without/);
  });

  it('gives its exit code, and is ended after its time', async () => {
    const failed = await flame('--by', 'cpu-prof', '--out', page(), '--', 'node', '-e', 'process.exit(7)');
    expect(failed).toMatchObject({ code: 7, stderr: expect.stringContaining('ended with exit code 7') });
    const html = page();
    const ended = await flame(
      '--by',
      'cpu-prof',
      '--duration',
      '0.7',
      '--out',
      html,
      '--',
      'node',
      '-e',
      'setInterval(function tick() {}, 1)',
    );
    expect(ended).toMatchObject({ code: 0 });
    expect([...towers(html).keys()]).toContain('main');
  });

  it('is told of SIGINT, and drawn as far as it came', async () => {
    const html = page();
    const run = start([
      COMMAND,
      'flame',
      '--by',
      'cpu-prof',
      '--out',
      html,
      '--',
      'node',
      fixture('flame-burner'),
      '60000',
    ]);
    await run.said('burning');
    run.child.kill('SIGINT');
    const { code, stderr } = await run.ended;
    expect({ code, stderr }).toMatchObject({ code: 130 });
    expect(timeIn(towers(html).get('worker-0'), 'burnInJavaScript')).toBeGreaterThan(0);
  });

  it('may have functions with any name', async () => {
    const html = page();
    const name = '</script><img src=x onerror=alert(1)>;';
    const code = `({ '${name}'() { const e = Date.now() + 300; while (Date.now() < e); } })['${name}']()`;
    expect(await flame('--by', 'cpu-prof', '--out', html, '--', 'node', '-e', code)).toMatchObject({ code: 0 });
    const text = readFileSync(html, 'utf8');
    expect(timeIn(towers(html).get('main'), '</script><img')).toBeGreaterThan(0);
    expect(text).toContain('‹/script›‹img');
    expect(text).not.toMatch(/<img/);
  });
});

describe('a machine', { timeout: LIMIT_MS }, () => {
  const node = findProgram('node') ?? process.execPath;

  /** A folder with `node` and the shell's needs, and perhaps a `perf`. */
  function path(perfScript: string | null): string {
    const bin = join(folder, `bin-${serial++}`);
    mkdirSync(bin);
    symlinkSync(node, join(bin, 'node'));
    if (perfScript !== null) {
      writeFileSync(join(bin, 'perf'), `#!/bin/sh\n${perfScript}\n`);
      chmodSync(join(bin, 'perf'), 0o755);
    }
    return bin;
  }

  const run = (bin: string, ...args: string[]) => start([COMMAND, 'flame', ...args], { PATH: bin }).ended;

  it('without perf falls back, or says how to get it', async () => {
    const bin = path(null);
    const html = page();
    const fallback = await run(bin, '--out', html, '--', 'node', '-e', '0');
    expect(fallback).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("perf is not installed: V8's profiles are taken instead"),
    });
    expect(fallback.stdout).toContain('not shown: perf is not installed; mended by: sudo apt-get install');
    expect(readFileSync(html, 'utf8')).toContain('perf is not installed');
    const demanded = await run(bin, '--by', 'perf', '--out', html, '--', 'node', '-e', '0');
    expect(demanded).toMatchObject({ code: 1, stdout: '' });
    expect(demanded.stderr).toMatch(/^sanswitch: perf is not installed; mended by: .*\n$/);
  });

  it('that forbids perf falls back, or says what would allow it', async () => {
    const bin = path('echo "Error:" >&2; echo "Access to performance monitoring is limited." >&2; exit 255');
    const fallback = await run(bin, '--out', page(), '--', 'node', '-e', '0');
    expect(fallback).toMatchObject({ code: 0, stderr: expect.stringContaining('perf is not allowed here') });
    const demanded = await run(bin, '--by', 'perf', '--out', page(), '--', 'node', '-e', '0');
    expect(demanded).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^sanswitch: perf is not allowed here \(.+\); mended by: .+\n$/),
    });
  });

  it('without 0x gets the stacks, and is told how to get the page', async () => {
    const bare = join(folder, 'bare');
    cpSync(join(process.cwd(), 'dist'), join(bare, 'dist'), { recursive: true });
    cpSync(join(process.cwd(), 'package.json'), join(bare, 'package.json'));
    mkdirSync(join(bare, 'node_modules'));
    for (const name of readdirSync(join(process.cwd(), 'node_modules'))) {
      if (name !== '0x') symlinkSync(join(process.cwd(), 'node_modules', name), join(bare, 'node_modules', name));
    }
    const args = [
      join(bare, 'dist', 'cli', 'main.js'),
      'flame',
      '--by',
      'cpu-prof',
      '--out',
      join(bare, 'f.html'),
      '--',
      'node',
      '-e',
      '0',
    ];
    const { code, stdout } = await start(args, {}, bare).ended;
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('none: 0x is not installed, npm install --save-dev 0x'),
    });
    expect(existsSync(join(bare, 'f.html'))).toBe(false);
    expect([existsSync(join(bare, 'f.folded')), existsSync(join(bare, 'f.speedscope.json'))]).toEqual([true, true]);
  });
});

describe('a process that runs', { timeout: LIMIT_MS }, () => {
  async function burner(env: NodeJS.ProcessEnv = {}): Promise<Run> {
    // Any free port for its inspector: the usual one may be another process's.
    const run = start(['--inspect-port=0', fixture('flame-burner'), '60000'], env);
    await run.said('burning');
    return run;
  }

  it('is drawn by V8, and goes on unharmed', async () => {
    const target = await burner();
    const html = page();
    const { code, stdout, stderr } = await flame(
      '--by',
      'cpu-prof',
      '--duration',
      '0.8',
      '--out',
      html,
      '--on',
      `${target.child.pid}`,
    );
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const threads = towers(html);
    // Code that was compiled before the profile began may show an inlined function as its caller.
    expect(timeIn(threads.get('worker-0'), 'actors/burner.js')).toBeGreaterThan(20_000);
    assertPoller(stdout, timeIn(threads.get('poller'), UNSEEN));
    expect(isAlive(target.child.pid as number)).toBe(true);
    await target.said('Debugger ending');
  });

  it('is drawn by perf, with names if it has a map', async (context) => {
    if (noPerf !== null) return context.skip(noPerf);
    const mapped = await burner({ NODE_OPTIONS: MAP_OPTIONS });
    const html = page();
    try {
      const { code, stdout, stderr } = await flame('--duration', '0.8', '--out', html, '--on', `${mapped.child.pid}`);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(stdout).toContain('Taken by perf');
      expect(timeIn(towers(html).get('worker-0'), 'burnInJavaScript')).toBeGreaterThan(10_000);
      expect(timeIn(towers(html).get('worker-0'), 'copyPastCaches')).toBeGreaterThan(10_000);
    } finally {
      rmSync(mapFile(mapped.child.pid as number), { force: true });
    }
  });

  it('that has no map is told of', async (context) => {
    if (noPerf !== null) return context.skip(noPerf);
    const bare = start(['-e', 'setInterval(() => {}, 5); console.error("runs")']);
    await bare.said('runs');
    const { code, stdout } = await flame(
      '--by',
      'perf',
      '--duration',
      '0.3',
      '--out',
      page(),
      '--on',
      `${bare.child.pid}`,
    );
    expect(code).toBe(0);
    expect(stdout).toContain('not shown: names of JavaScript functions');
    expect(stdout).toContain(MAP_OPTIONS);
  });

  it('that dies meanwhile is said to have, and nothing hangs', async () => {
    const target = await burner();
    const html = page();
    const run = start([
      COMMAND,
      'flame',
      '--by',
      'cpu-prof',
      '--duration',
      '30',
      '--out',
      html,
      '--on',
      `${target.child.pid}`,
    ]);
    await run.said('recording process');
    target.child.kill('SIGKILL');
    const { code, stderr } = await run.ended;
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('the connection has ended') });
  });

  it('is no Node.js process: left alone, and said', async () => {
    const sleeper = spawn('sleep', ['60'], { stdio: 'ignore' });
    children.add(sleeper);
    const { code, stderr } = await flame('--by', 'cpu-prof', '--out', page(), '--on', `${sleeper.pid}`);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('does not take SIGUSR1') });
    expect(isAlive(sleeper.pid as number)).toBe(true);
  });
});

describe('a program that profiles itself', { timeout: LIMIT_MS }, () => {
  async function assertMeasured(by: 'perf' | 'cpu-prof'): Promise<void> {
    const html = page();
    const run = start([fixture('flame-self'), html, by], by === 'perf' ? { NODE_OPTIONS: MAP_OPTIONS } : {});
    const { code, stdout, stderr } = await run.ended;
    rmSync(mapFile(run.child.pid as number), { force: true });
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: `${by}\n` });
    const threads = towers(html);
    expect(timeIn(threads.get('main'), 'burnMain')).toBeGreaterThan(20_000);
    expect(timeIn(threads.get('worker-0'), 'burnInJavaScript')).toBeGreaterThan(20_000);
    expect(timeIn(threads.get('main'), 'burnBefore')).toBe(0);
    assertSelfContained(html);
  }

  it('shows by V8 what it does meanwhile, and nothing else', () => assertMeasured('cpu-prof'));

  it('shows by perf what it does meanwhile, and nothing else', async (context) => {
    if (noPerf !== null) return context.skip(noPerf);
    await assertMeasured('perf');
  });
});

describe('the command line', { timeout: LIMIT_MS }, () => {
  const files = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };

  it('draws the difference of two profiles', async () => {
    const before = files('before.folded', 'main;a;b 60\nmain;a;c 40\n');
    const after = files('after.folded', 'main;a;b 80\nmain;a;c 100\nworker-0;c 20\n');
    const html = page();
    const { code, stdout } = await flame('--diff', before, after, '--out', html);
    expect(code).toBe(0);
    expect(stdout).toMatch(/main: b +60\.00 % +40\.00 % +-20\.00\nworker-0: c +0\.00 % +10\.00 % +\+10\.00\n/);
    assertSelfContained(html);
  });

  it.each([
    [[], /one of these is wanted/],
    [['--on', 'x'], /--on wants the number of a process, not 'x'/],
    [['--on', '1', '--', 'node'], /one of these is wanted/],
    [['--by', 'magic', '--', 'node'], /--by is one of auto, perf, cpu-prof, not 'magic'/],
    [['--duration', '0', '--', 'node'], /--duration wants seconds/],
    [['--open', 'maybe', '--', 'node'], /--open is one of yes, no/],
    [['node', 'x.js'], /one of these is wanted/],
    [['--out', '/dev/null/x.html', '--', 'node'], /can't be written/],
    [['--diff', '/nowhere'], /--diff wants two files/],
    [['--diff', '/nowhere', '/nowhere'], /\/nowhere: ENOENT/],
    [['--colour'], /Unknown option '--colour'/],
  ])('answers %j in one line', async (args, message) => {
    const { code, stdout, stderr } = await flame(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('says so when there is no such command or process', async () => {
    expect(await flame('--', 'no-such-command')).toMatchObject({
      code: 127,
      stderr: 'sanswitch: no-such-command: there is no such command\n',
    });
    expect(await flame('--on', '4194303')).toMatchObject({
      code: 1,
      stderr: 'sanswitch: there is no process 4194303\n',
    });
    expect(await flame('--by', 'cpu-prof', '--out', page(), '--', 'true')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no Node.js process'),
    });
  });
});
