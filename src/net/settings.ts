/** What a program is told from outside: `SANSWITCH_PROVIDERS`, `SANSWITCH_RULES`, `SANSWITCH_DEBUG`, `SANSWITCH_NO_WARNING`. */
import { readFileSync } from 'node:fs';
import { InvalidRuleError } from '../errors.js';
import { checkConfig, type SwitchConfig, type SwitchOptions } from '../switch/config.js';
import { checkProviders } from '../switch/provider-set.js';
import { Rules } from './rules.js';

/** The environment's word. */
export interface Settings {
  readonly options: SwitchOptions;
  /** Null: there are none. */
  readonly rules: Rules | null;
  /** Each decision is printed. */
  readonly debugs: boolean;
  /** That nothing but TCP/IP serves is worth a warning. */
  readonly warns: boolean;
}

const isSet = (value: string | undefined): boolean => value !== undefined && value !== '' && value !== '0';

/** Checks what `createSwitch` would. @throws InvalidOptionError, UnknownProviderError */
export function checkOptions(options: SwitchOptions): SwitchConfig {
  const config = checkConfig(options);
  checkProviders(config);
  return config;
}

/** @throws InvalidRuleError */
function readRules(file: string, config: SwitchConfig): Rules {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new InvalidRuleError(`${file}: it can't be read: ${(error as Error).message}`, { cause: error });
  }
  return new Rules(file, text, [process.argv[1] ?? '', process.execPath], config);
}

/**
 * Reads them.
 * @param configured what the program itself wants; it goes before `SANSWITCH_PROVIDERS`
 * @throws InvalidOptionError, UnknownProviderError, InvalidRuleError
 */
export function readSettings(configured: SwitchOptions | null): Settings {
  const { SANSWITCH_PROVIDERS: listed, SANSWITCH_RULES: file, SANSWITCH_DEBUG, SANSWITCH_NO_WARNING } = process.env;
  const providers = listed ? { providers: listed.split(',').map((name) => name.trim()) } : {};
  const options = configured ?? providers;
  const config = checkOptions(options);
  return {
    options,
    rules: file ? readRules(file, config) : null,
    debugs: isSet(SANSWITCH_DEBUG),
    warns: !isSet(SANSWITCH_NO_WARNING),
  };
}
