import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { countVitest, describeVitest, runStage } from '../../tools/lib/stage.mjs';
import { findExamples, toCommonJs } from '../pack/examples.mjs';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'sanswitch-stages-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const run = (code: string, count: string, limit_s = 20) =>
  runStage({ name: 'x', command: ['node', '-e', code], count, limit_s }, [], { cwd, print: () => {}, grace_ms: 1_000 });

describe('stages', () => {
  it('counts lines', async () => {
    const code = "console.log('ok a\\nnot ok b\\nok c\\nnothing\\nokay'); process.exitCode = 1";
    expect(await run(code, 'lines')).toMatchObject({ passed: 2, failed: 1, notes: [], failures: ['b'] });
  });

  it('counts a stage as one test by its exit code', async () => {
    expect(await run('', 'exit')).toMatchObject({ passed: 1, failed: 0 });
    expect(await run('process.exitCode = 3', 'exit')).toMatchObject({ passed: 0, failed: 1 });
  });

  it('fails a stage that ends badly though no test failed', async () => {
    const result = await run("console.log('ok a'); process.exitCode = 3", 'lines');
    expect(result).toMatchObject({ passed: 1, failed: 1, notes: ['exit code 3'] });
  });

  it('fails a stage that ran no test', async () => {
    expect(await run('', 'lines')).toMatchObject({ passed: 0, failed: 1, notes: ['ran no test'] });
  });

  it('ends a stage that takes too long', async () => {
    const result = await run("console.log('ok a'); setTimeout(() => {}, 60_000)", 'lines', 0.5);
    expect(result).toMatchObject({ passed: 1, failed: 1, notes: ['ended after its limit of 0.5 s'] });
  });

  it('fails a stage that leaves a process behind, and ends that process', async () => {
    const code =
      "const child = require('node:child_process').spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'], " +
      "{ stdio: 'ignore' }); child.unref(); console.log('ok a')";
    expect(await run(code, 'lines')).toMatchObject({ passed: 1, failed: 1, notes: ['left processes running'] });
  });

  it('skips a stage whose file is not there', async () => {
    const stage = { name: 'x', command: ['node', 'absent.mjs'], count: 'lines', limit_s: 20, optional: 'absent.mjs' };
    expect(await runStage(stage, [], { cwd })).toMatchObject({ passed: 0, failed: 0, skipped: true });
  });

  it('counts a test file that could not be loaded as a failure', () => {
    const testResults = [
      { status: 'passed', assertionResults: [{}] },
      { status: 'failed', assertionResults: [] },
    ];
    expect(countVitest({ numPassedTests: 1, numFailedTests: 0, testResults })).toEqual({ passed: 1, failed: 1 });
  });

  it('tells which tests failed and why, in few lines', () => {
    const failed = {
      status: 'failed',
      fullName: 'a thing works',
      failureMessages: [`Error: no\n${'at x\n'.repeat(50)}`],
    };
    const testResults = [
      { name: '/top/a.test.ts', status: 'failed', assertionResults: [failed, { status: 'passed' }] },
      { name: '/top/b.test.ts', status: 'failed', message: 'SyntaxError', assertionResults: [] },
    ];
    const [first, second] = describeVitest({ testResults }, '/top');
    expect(first).toMatch(/^a\.test\.ts > a thing works\n {4}Error: no\n( {4}at x\n?){11}$/);
    expect(second).toBe('b.test.ts\n    SyntaxError');
  });
});

describe('examples in the README', () => {
  const fence = '```';
  const markdown = (name: string, code: string) => `<!-- run: ${name} -->\n${fence}js\n${code}\n${fence}\n`;

  it('are found by the comment before them', () => {
    expect(findExamples(`${fence}js\nnot.me();\n${fence}\n${markdown('one', 'one();')}`)).toEqual([
      { name: 'one', language: 'js', code: 'one();' },
    ]);
    expect(() => findExamples('<!-- run: one -->\nno code\n')).toThrow('1 run comments, but 0 examples');
    expect(() => findExamples(markdown('a', '1') + markdown('a', '2'))).toThrow('the same name');
  });

  it('are rewritten for require', () => {
    const code =
      "import { connect, listen as serve } from 'sanswitch';\nimport * as spi from 'sanswitch/spi';\n" +
      "import net from 'node:net';\n\nawait connect(serve, spi, net);";
    expect(toCommonJs(code)).toBe(
      "'use strict';\nconst { connect, listen: serve } = require('sanswitch');\n" +
        "const spi = require('sanswitch/spi');\nconst net = require('node:net');\n(async () => {\n\n\n\n\n" +
        'await connect(serve, spi, net);\n})();\n',
    );
  });
});
