/** `npx sanswitch doctor`. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { doctor } from '../doctor/doctor.js';
import { reportText } from '../doctor/text.js';
import { InvalidOptionError, UnknownProviderError } from '../errors.js';
import type { SwitchOptions } from '../switch/config.js';
import { type Command, parseCommandLine, UsageError } from './command.js';

const HELP = `Usage: npx sanswitch doctor [--providers LIST] [--config FILE] [--json]

Says which providers will serve the connections of a program on this host, why the others will not, and which command
would mend that. Changes nothing.

Options:
  --providers LIST  as in createSwitch: names with commas between them, 'shm,verbs!' demands verbs
  --config FILE     a module whose default export is what the program gives to createSwitch, or a JSON file of that
  --json            the report as JSON, as the function doctor() of the package gives it
  --help            this text

Exit codes: 0, every provider that is demanded will be used; 1, one will not; 2, the command line can't be meant.
`;

async function readConfig(file: string): Promise<SwitchOptions> {
  try {
    if (file.endsWith('.json')) return JSON.parse(readFileSync(file, 'utf8')) as SwitchOptions;
    const { default: options } = (await import(pathToFileURL(resolve(file)).href)) as { default?: SwitchOptions };
    if (options === undefined) throw new Error('it has no default export');
    return options;
  } catch (error) {
    throw new UsageError(`--config ${file}: ${(error as Error).message}`);
  }
}

async function run(args: readonly string[]): Promise<number> {
  const { values } = parseCommandLine({
    args: [...args],
    options: {
      providers: { type: 'string' },
      config: { type: 'string' },
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
    process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report));
    return report.isSound ? 0 : 1;
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
