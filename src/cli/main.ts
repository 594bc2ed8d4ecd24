#!/usr/bin/env node
/** `npx sanswitch COMMAND`: finds the command and ends with its exit code. */
import { readFileSync } from 'node:fs';
import { type Command, UsageError } from './command.js';
import { compareCommand } from './compare.js';
import { doctorCommand } from './doctor.js';
import { echoCommand } from './echo.js';
import { flameCommand } from './flame.js';
import { loadCommand } from './load.js';
import { runCommand } from './run.js';
import { topCommand } from './top.js';

/** All commands by name. */
const COMMANDS: Readonly<Record<string, Command>> = {
  compare: compareCommand,
  doctor: doctorCommand,
  echo: echoCommand,
  flame: flameCommand,
  load: loadCommand,
  run: runCommand,
  top: topCommand,
};

function help(): string {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(8)} ${summary}`);
  return `Usage: npx sanswitch COMMAND [OPTIONS]

Commands (each has --help):
${lines.join('\n')}

  --help     this text
  --version  the package's version
`;
}

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === '--help' || name === '-h') {
    process.stdout.write(help());
    return 0;
  }
  if (name === '--version') {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    process.stdout.write(`${(JSON.parse(text) as { version: string }).version}\n`);
    return 0;
  }
  const known = `there are: ${Object.keys(COMMANDS).join(', ')}`;
  if (name === undefined) throw new UsageError(`which command? ${known}`);
  if (!Object.hasOwn(COMMANDS, name)) throw new UsageError(`there is no command '${name}'; ${known}`);
  return (COMMANDS[name] as Command).run(args);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = error instanceof UsageError ? 2 : 1;
  const text = error instanceof UsageError ? `${error.message} (--help shows what there is)` : (error as Error).stack;
  process.stderr.write(`sanswitch: ${text}\n`);
}
