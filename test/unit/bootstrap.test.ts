import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findNodedir, headersMajor, nodeGypEnv } from '../../native/headers.mjs';
import { takeLock } from '../../tools/lib/lock.mjs';
import { parseArguments } from '../../tools/lib/main.mjs';
import { nodeProblem } from '../../tools/lib/node-version.mjs';
import { ChildFailed, run } from '../../tools/lib/run.mjs';
import { hashFiles, listFiles, Stamps } from '../../tools/lib/stamp.mjs';
import { prune } from '../../tools/lib/steps.mjs';
import { headersMessage, missingTools, toolsMessage } from '../../tools/lib/toolchain.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sanswitch-bootstrap-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text: string): string {
  const full = join(folder, path);
  mkdirSync(join(full, '..'), { recursive: true });
  writeFileSync(full, text);
  return full;
}

describe('bootstrap: what the machine must have', () => {
  it.each(['20.19.0', '20.20.2', '22.12.0', '24.0.0', '26.1.0'])('takes Node %s', (version) => {
    expect(nodeProblem(version)).toBeNull();
  });

  it.each(['12.22.12', '18.20.4', '20.18.3'])('says that Node %s is too old, and what to do', (version) => {
    expect(nodeProblem(version)).toMatch(`this is Node ${version}`);
    expect(nodeProblem(version)).toMatch(/needs Node 20\.19 or newer[\s\S]*nvm install/);
  });

  it('names all that is missing in one message, with the command that mends it', () => {
    const missing = missingTools({}, () => false);
    const message = toolsMessage(missing, true);
    expect(message).toMatch('missing python3, make, a C++ compiler (g++)');
    expect(message).toMatch('apt-get install -y python3 make g++');
    expect(message).toMatch(/still runs, over TCP\/IP alone; this command \(like the tests\) needs it/);
    expect(toolsMessage(missing, false)).toMatch('going on without it');
  });

  it('names only what is missing, and looks for what the user configured', () => {
    const has =
      (...present: string[]) =>
      (name: string) =>
        present.includes(name);
    expect(missingTools({}, has('python3', 'make', 'g++'))).toEqual([]);
    expect(missingTools({}, has('python', 'make', 'g++'))).toEqual([]);
    expect(missingTools({}, has('python3', 'make')).map((tool) => tool.debian)).toEqual(['g++']);
    expect(missingTools({ CXX: 'ccache clang++' }, has('python3', 'make', 'ccache'))).toEqual([]);
  });

  it('says how to get headers that can be neither found nor downloaded', () => {
    expect(headersMessage('22.1.0', true)).toMatch(
      /headers of Node 22\.1\.0[\s\S]*libnode-dev[\s\S]*npm_config_nodedir/,
    );
  });
});

describe('bootstrap: headers', () => {
  const layHeaders = (name: string, major: number) => {
    write(`${name}/include/node/uv.h`, '');
    write(`${name}/include/node/node_version.h`, `#define NODE_MAJOR_VERSION ${major}\n`);
    return join(folder, name);
  };

  it('reads which major version the headers are for', () => {
    expect(headersMajor(layHeaders('a', 22))).toBe(22);
    expect(headersMajor(join(folder, 'absent'))).toBe(0);
  });

  it('takes the configured folder before that of the running Node', () => {
    const configured = layHeaders('configured', 99);
    const own = layHeaders('own', 99);
    const execPath = join(own, 'bin', 'node');
    expect(findNodedir({ env: { npm_config_nodedir: configured }, execPath, version: '99.1.0' })).toBe(configured);
    expect(findNodedir({ env: {}, execPath, version: '99.1.0' })).toBe(own);
  });

  it('takes no headers of another major version', () => {
    const execPath = join(layHeaders('own', 97), 'bin', 'node');
    expect(findNodedir({ env: {}, execPath, version: '99.1.0' })).toBeNull();
  });

  it('tells node-gyp the folder by the variable that wins over its option', () => {
    const env = { NPM_CONFIG_NODEDIR: 'x', npm_config_nodedir: '', PATH: 'p' };
    expect(nodeGypEnv('found', env)).toEqual({ PATH: 'p', npm_config_nodedir: 'found' });
    expect(nodeGypEnv(null, env)).toEqual({ PATH: 'p' });
  });
});

describe('bootstrap: knowing what is up to date', () => {
  it('changes its hash with a name, a byte or the extra value, and with nothing else', () => {
    const a = write('in/a.ts', 'one');
    const first = hashFiles(folder, [a], 1);
    expect(hashFiles(folder, [write('in/a.ts', 'one')], 1)).toBe(first);
    expect(hashFiles(folder, [a], 2)).not.toBe(first);
    expect(hashFiles(folder, [write('in/b.ts', 'one')], 1)).not.toBe(first);
    expect(hashFiles(folder, [write('in/a.ts', 'two')], 1)).not.toBe(first);
  });

  it('lists files in order and stays out of what was installed or built', () => {
    const wanted = [write('a.ts', ''), write('deep/b.ts', '')];
    write('node_modules/c.ts', '');
    write('deep/build/d.ts', '');
    write('e.md', '');
    expect(listFiles(folder, (path) => path.endsWith('.ts'))).toEqual(wanted);
    expect(listFiles(join(folder, 'absent'))).toEqual([]);
  });

  it('remembers a stamp until it is cleared', () => {
    const stamps = new Stamps(join(folder, 'stamps'));
    expect(stamps.read('x')).toBeNull();
    stamps.write('x', 'abc');
    expect(stamps.read('x')).toBe('abc');
    stamps.clear('x');
    expect(stamps.read('x')).toBeNull();
  });

  it('deletes what was compiled from a source that is gone', () => {
    write('src/a.ts', '');
    write('src/deep/b.mjs', '');
    const kept = ['a.js', 'a.d.ts', 'a.js.map', 'deep/b.mjs', 'note.txt'].map((name) => write(`out/${name}`, ''));
    const gone = ['c.js', 'c.d.ts', 'c.js.map', 'deep/d.js', 'old/e.js'].map((name) => write(`out/${name}`, ''));
    prune(join(folder, 'out'), join(folder, 'src'));
    expect(kept.map((path) => existsSync(path))).not.toContain(false);
    expect(gone.map((path) => existsSync(path))).not.toContain(true);
  });
});

describe('bootstrap: one builder at a time', () => {
  it('makes the second builder wait for the first', async () => {
    const path = join(folder, 'lock');
    const release = await takeLock(path);
    const waitedFor: number[] = [];
    let isTaken = false;
    const second = takeLock(path, (pid: number) => waitedFor.push(pid)).then((releaseSecond) => {
      isTaken = true;
      releaseSecond();
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isTaken).toBe(false);
    release();
    await second;
    expect(waitedFor).toEqual([process.pid]);
    expect(existsSync(path)).toBe(false);
  });

  it('takes over from a builder that died', async () => {
    const dead = await run(process.execPath, ['-p', 'process.pid'], { quiet: true });
    const path = write('lock', dead.output.trim());
    const release = await takeLock(path);
    expect(Number(readFileSync(path, 'utf8'))).toBe(process.pid);
    release();
  });
});

describe('bootstrap: running commands', () => {
  it('reads its own options and leaves the command alone', () => {
    expect(parseArguments(['--native=optional', '--lenient', '--', 'vitest', 'run', '--', '-x'])).toEqual({
      nativeMode: 'optional',
      isLenient: true,
      command: ['vitest', 'run', '--', '-x'],
    });
    expect(parseArguments([]).command).toEqual([]);
    expect(() => parseArguments(['--native=maybe'])).toThrow('unknown option --native=maybe');
    expect(() => parseArguments(['--fast'])).toThrow('unknown option --fast');
  });

  it("gives back a command's exit code, the signal's number included", async () => {
    expect((await run(process.execPath, ['-e', 'process.exit(7)'], { quiet: true })).exitCode).toBe(7);
    const killed = await run(process.execPath, ['-e', "process.kill(process.pid, 'SIGTERM')"], { quiet: true });
    expect(killed.exitCode).toBe(128 + 15);
  });

  it('says which command is not there', async () => {
    const attempt = run(join(folder, 'absent'), [], { quiet: true });
    await expect(attempt).rejects.toBeInstanceOf(ChildFailed);
    await expect(attempt).rejects.toMatchObject({ exitCode: 127, message: expect.stringContaining('absent') });
  });
});
