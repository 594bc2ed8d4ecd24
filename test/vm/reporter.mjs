// A vitest reporter: one line for each test as it ends, for tools/lib/stage.mjs to count. SANSWITCH_REPORT_AS names the run;
// with SANSWITCH_REPORT_CHOSEN=1, tests that were skipped without a word are those that were not asked for, and no line.
import { relative } from 'node:path';

const label = process.env.SANSWITCH_REPORT_AS ?? 'vitest';
const WORDS = { passed: 'ok', failed: 'not ok', skipped: 'skip' };

function say(word, name, errors) {
  process.stdout.write(`${word} ${label}: ${name}\n`);
  for (const { stack, message, diff } of errors ?? []) {
    const text = stack?.includes(message) ? stack : `${message}\n${stack ?? ''}`;
    process.stdout.write(`${[text, diff ?? ''].join('\n').trimEnd().replace(/^/gm, '    ')}\n`);
  }
}

/** Where a test stands: its file, its groups, its title. */
const nameOf = (test) => `${relative(process.cwd(), test.module.moduleId)} > ${test.fullName}`;

export default class LineReporter {
  onTestCaseResult(test) {
    const { state, errors, note } = test.result();
    if (state === 'skipped' && !note && process.env.SANSWITCH_REPORT_CHOSEN === '1') return;
    const duration_ms = test.diagnostic()?.duration ?? 0;
    const rest = state === 'skipped' ? `: ${note ?? 'it does not say why'}` : ` (${Math.round(duration_ms)} ms)`;
    say(WORDS[state], `${nameOf(test)}${rest}`, errors);
  }

  /** A file that could not be loaded, or a hook of a group that failed. */
  onTestModuleEnd(module) {
    if (module.state() === 'failed' && module.errors().length > 0)
      say('not ok', relative(process.cwd(), module.moduleId), module.errors());
  }

  onTestSuiteResult(suite) {
    if (suite.errors().length > 0)
      say('not ok', `${relative(process.cwd(), suite.module.moduleId)} > ${suite.fullName}`, suite.errors());
  }

  onTestRunEnd(modules, unhandled) {
    if (unhandled.length > 0) say('not ok', 'an error that nobody caught', unhandled);
    if (modules.length === 0) say('not ok', 'there is no such test');
  }
}
