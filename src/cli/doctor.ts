/** `npx sanswitch doctor`. */
import { readConfigFile } from '../doctor/config-file.js';
import { doctor } from '../doctor/doctor.js';
import { selfTest } from '../doctor/self-test.js';
import { reportText, selfTestText } from '../doctor/text.js';
import { InvalidOptionError, UnknownProviderError } from '../errors.js';
import type { SwitchOptions } from '../switch/config.js';
import { type Command, parseCommandLine, UsageError } from './command.js';

const HELP = `Usage: npx sanswitch doctor [--providers LIST] [--config FILE] [--self-test] [--json]

Says which providers will serve the connections of a program on this host, why the others will not, and which command
would mend that. Changes nothing.

Options:
  --providers LIST  as in createSwitch: names with commas between them, 'shm,verbs!' demands verbs
  --config FILE     a module whose default export is what the program gives to createSwitch, or a JSON file of that
  --self-test       then lets two processes connect by each provider that starts here, exchange and compare 16 MiB and
                    some thousand messages, and end in order
  --json            the report as JSON, as the function doctor() of the package gives it; the
                    self test as selfTest
  --help            this text

Exit codes: 0, every provider that is demanded will be used; 1, one will not, or failed the self test; 2, the command line can't be meant.
`;

async function readConfig(file: string): Promise<SwitchOptions> {
  try {
    return await readConfigFile(file);
  } catch (error) {
    throw new UsageError(`--config ${file}: ${(error as Error).message}`);
  }
}

/** On a terminal one sees what it is about: it takes some seconds. */
function tellBegun(name: string): void {
  if (process.stderr.isTTY) process.stderr.write(`testing ${name} ...\n`);
}

async function run(args: readonly string[]): Promise<number> {
  const { values } = parseCommandLine({
    args: [...args],
    options: {
      providers: { type: 'string' },
      config: { type: 'string' },
      'self-test': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const config = values.config === undefined ? {} : await readConfig(values.config);
  const providers = values.providers?.split(',');
  try {
    const report = await doctor(providers === undefined ? config : { ...config, providers });
    if (!values['self-test']) {
      process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report));
      return report.isSound ? 0 : 1;
    }
    // The report first: the test takes some seconds.
    if (!values.json) process.stdout.write(reportText(report));
    const tests = await selfTest(report.providers, values.config ?? null, tellBegun);
    const whole = { ...report, selfTest: tests };
    process.stdout.write(values.json ? `${JSON.stringify(whole, null, 2)}\n` : selfTestText(tests));
    return report.isSound && tests.every(({ outcome }) => outcome !== 'failed') ? 0 : 1;
  } catch (error) {
    if (error instanceof InvalidOptionError || error instanceof UnknownProviderError)
      throw new UsageError(error.message);
    throw error;
  }
}

/** The command. */
export const doctorCommand: Command = {
  summary: 'which providers will be used here, and why others will not',
  help: HELP,
  run,
};
