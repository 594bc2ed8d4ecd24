/** A program's configuration of the switch, in a file. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { SwitchOptions } from '../switch/config.js';

/** Reads a module's default export, or JSON. @throws whatever keeps it from being read, or its own exceptions */
export async function readConfigFile(file: string): Promise<SwitchOptions> {
  if (file.endsWith('.json')) return JSON.parse(readFileSync(file, 'utf8')) as SwitchOptions;
  const { default: options } = (await import(pathToFileURL(resolve(file)).href)) as { default?: SwitchOptions };
  if (options === undefined) throw new Error('it has no default export');
  return options;
}
