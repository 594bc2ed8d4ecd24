#!/usr/bin/env node
/** `npx sanswitch COMMAND`: finds the command and ends with its exit code. */
import { readFileSync } from 'node:fs';
import { type Command, UsageError } from './command.js';

/** All commands by name. Each is loaded when it is asked for: some take as long to load as others to run. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  compare: async () => (await import('./compare.js')).compareCommand,
  doctor: async () => (await import('./doctor.js')).doctorCommand,
  echo: async () => (await import('./echo.js')).echoCommand,
  flame: async () => (await import('./flame.js')).flameCommand,
  load: async () => (await import('./load.js')).loadCommand,
  run: async () => (await import('./run.js')).runCommand,
  top: async () => (await import('./top.js')).topCommand,
};

async function help(): Promise<string> {
  const lines = Object.entries(COMMANDS).map(async ([name, load]) => `  ${name.padEnd(8)} ${(await load()).summary}`);
  return `Usage: npx sanswitch COMMAND [OPTIONS]

Commands (each has --help):
${(await Promise.all(lines)).join('\n')}

  --help     this text
  --version  the package's version
`;
}

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === '--help' || name === '-h') {
    process.stdout.write(await help());
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
  const load = COMMANDS[name] as () => Promise<Command>;
  return (await load()).run(args);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = error instanceof UsageError ? 2 : 1;
  const text = error instanceof UsageError ? `${error.message} (--help shows what there is)` : (error as Error).stack;
  process.stderr.write(`sanswitch: ${text}\n`);
}
