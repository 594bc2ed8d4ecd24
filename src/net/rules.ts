/**
 * The rules file (`SANSWITCH_RULES`): which providers may serve which sockets of which programs. A line is
 *
 *     allow|deny|demand PROVIDER|* [program GLOB] [address ADDRESS[/LENGTH]] [port N[-M]] [direction connect|listen]
 *
 * For each provider the first line that fits decides; none: the configuration does. Behind `#` is comment.
 */
import { basename } from 'node:path';
import { InvalidRuleError } from '../errors.js';
import { type ParsedAddress, parseAddress, samePrefix } from '../switch/addresses.js';
import type { SwitchConfig } from '../switch/config.js';
import type { Objection, Ruling } from '../switch/policy.js';

/** What a socket is about to do. */
export type Direction = 'connect' | 'listen';

type Action = 'allow' | 'deny' | 'demand';

interface Range {
  readonly address: ParsedAddress;
  readonly prefixLength: number;
}

/** Conditions of a line that are not there hold. */
interface Conditions {
  program?: RegExp;
  address?: Range;
  port?: readonly [least: number, most: number];
  direction?: Direction;
}

interface Rule extends Conditions {
  readonly action: Action;
  /** `*`: every one. */
  readonly provider: string;
  /** File, line and text, as decisions show them. */
  readonly place: string;
}

const ACTIONS: ReadonlySet<string> = new Set(['allow', 'deny', 'demand']);
const PORT_MAX = 65_535;

/** `*` any text, `?` any character. */
function globPattern(glob: string): RegExp {
  const escaped = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${escaped}$`, 's');
}

/** @throws Error with what is wrong */
function rangeOf(text: string): Range {
  const [host = '', length, ...rest] = text.split('/');
  const address = parseAddress(host);
  const bits = address?.family === 4 ? 32 : 128;
  const prefixLength = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : -1;
  if (address === null || rest.length > 0 || prefixLength < 0 || prefixLength > bits) {
    throw new Error(`'${text}' is no address and no ADDRESS/LENGTH`);
  }
  return { address, prefixLength };
}

/** @throws Error with what is wrong */
function portsOf(text: string): readonly [number, number] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const least = Number(match?.[1]);
  const most = Number(match?.[2] ?? match?.[1]);
  if (match === null || most > PORT_MAX || least > most) throw new Error(`'${text}' is no port and no range of ports`);
  return [least, most];
}

/** @throws Error with what is wrong */
function directionOf(text: string): Direction {
  if (text !== 'connect' && text !== 'listen') throw new Error(`a direction is connect or listen, not '${text}'`);
  return text;
}

const CONDITIONS: { readonly [K in keyof Required<Conditions>]: (text: string) => Required<Conditions>[K] } = {
  program: globPattern,
  address: rangeOf,
  port: portsOf,
  direction: directionOf,
};

/** @throws Error with what is wrong */
function conditionsOf(words: readonly string[]): Conditions {
  const conditions: Conditions = {};
  for (let at = 0; at < words.length; at += 2) {
    const [name, value] = [words[at] as string, words[at + 1]];
    if (!Object.hasOwn(CONDITIONS, name)) {
      throw new Error(`there is no condition '${name}'; there are: ${Object.keys(CONDITIONS).join(', ')}`);
    }
    if (value === undefined) throw new Error(`what ${name}?`);
    if (Object.hasOwn(conditions, name)) throw new Error(`${name} stands twice`);
    Object.assign(conditions, { [name]: CONDITIONS[name as keyof Conditions](value) });
  }
  return conditions;
}

/** @throws Error with what is wrong */
function ruleOf(text: string, place: string): Rule {
  const [action = '', provider, ...words] = text.split(/\s+/);
  if (!ACTIONS.has(action)) throw new Error(`a rule begins with allow, deny or demand, not '${action}'`);
  if (provider === undefined) throw new Error(`${action} which provider? a name, or * for every one`);
  if (provider === 'tcp') throw new Error("TCP/IP is what remains: 'deny *' leaves nothing else");
  if (provider !== '*' && !/^[a-z][a-z0-9-]{0,31}$/.test(provider))
    throw new Error(`'${provider}' is no provider's name`);
  return { action: action as Action, provider, place: `${place}: ${text}`, ...conditionsOf(words) };
}

/** @throws InvalidRuleError */
function parse(file: string, text: string): Rule[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const said = line.replace(/#.*/, '').trim();
    if (said === '') return [];
    const place = `${file}:${index + 1}`;
    try {
      return [ruleOf(said, place)];
    } catch (error) {
      throw new InvalidRuleError(`${place}: ${(error as Error).message}`);
    }
  });
}

/** The rules of one program. */
export class Rules {
  private readonly rules: readonly Rule[];
  /** Every provider of which the configuration or a rule speaks. */
  private readonly names: ReadonlySet<string>;
  private readonly config: SwitchConfig;

  /**
   * @param program its paths: a glob has to fit one of them, or the last part of one @param config whose providers `*` means
   * @throws InvalidRuleError
   */
  constructor(file: string, text: string, program: readonly string[], config: SwitchConfig) {
    const names = program.flatMap((path) => [path, basename(path)]);
    this.rules = parse(file, text).filter(({ program: glob }) => !glob || names.some((name) => glob.test(name)));
    const named = this.rules.flatMap(({ provider }) => (provider === '*' ? [] : [provider]));
    this.names = new Set([...config.providers.map(({ name }) => name), ...named]);
    this.config = config;
  }

  /** What they say of a socket; null: nothing. */
  rulingFor(direction: Direction, address: string, port: number): Ruling | null {
    const parsed = parseAddress(address);
    const fitting = this.rules.filter((rule) => fits(rule, direction, parsed, port));
    if (fitting.length === 0) return null;
    const firstFor = (name: string) => fitting.find(({ provider }) => provider === name || provider === '*');
    const against = (name: string): Objection | null => {
      const rule = firstFor(name);
      return rule?.action === 'deny' ? { reason: 'rule', detail: rule.place } : null;
    };
    const ruled = [...this.names].filter((name) => firstFor(name)?.action === 'demand');
    // What a rule denies nobody can demand here: TCP/IP serves.
    const demanded = ruled.length > 0 ? ruled : [...this.config.demanded].filter((name) => against(name) === null);
    return { against, demanded: new Set(demanded) };
  }
}

function fits(rule: Rule, direction: Direction, address: ParsedAddress | null, port: number): boolean {
  if (rule.direction !== undefined && rule.direction !== direction) return false;
  if (rule.port !== undefined && (port < rule.port[0] || port > rule.port[1])) return false;
  if (rule.address === undefined) return true;
  const { address: base, prefixLength } = rule.address;
  if (address === null || address.family !== base.family) return false;
  return samePrefix(base.family, base.bits, address.bits, prefixLength);
}
