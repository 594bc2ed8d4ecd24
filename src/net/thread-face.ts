/** The switch behind the sockets and servers of one thread, and what stands above it. */
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { InvalidOptionError } from '../errors.js';
import type { SwitchOptions } from '../switch/config.js';
import { type DecisionRecord, explainDecision } from '../switch/decisions.js';
import type { Objection, Ruling } from '../switch/policy.js';
import { createSwitch, type Switch } from '../switch/switch.js';
import type { Direction } from './rules.js';
import { checkOptions, readSettings, type Settings } from './settings.js';

/** Set once some thread of this process has warned. */
const WARNED = 'sanswitch.warned';

let configured: SwitchOptions | null = null;
let settings: Settings | null = null;
let starting: Promise<Switch> | null = null;
let started: Switch | null = null;

/**
 * Says what this thread's switch is to be made with; instead of `SANSWITCH_PROVIDERS`. Rules hold in any case.
 * @throws InvalidOptionError: wrong, or too late: a socket or a server has been in use; UnknownProviderError
 */
export function configure(options: SwitchOptions): void {
  if (starting !== null) throw new InvalidOptionError('the switch of this thread is in use: configure it before that');
  checkOptions(options);
  configured = { ...options };
  settings = null;
}

/** The settings of this thread, read once. @throws InvalidOptionError, UnknownProviderError, InvalidRuleError */
export function settingsOf(): Settings {
  settings ??= readSettings(configured);
  return settings;
}

/** Starts the switch, once. */
export function start(): Promise<Switch> {
  starting ??= begin();
  return starting;
}

async function begin(): Promise<Switch> {
  started = await createSwitch(settingsOf().options);
  const lost = started.providers().filter(({ name, state }) => name !== 'tcp' && state === 'left-out');
  const serves = started.providers().some(({ name, state }) => name !== 'tcp' && state === 'started');
  const [first] = lost;
  // A device may come yet.
  if (first && !serves && first.reason !== 'not-ready') warn(`${first.name}: ${first.detail ?? first.reason}`);
  return started;
}

/** It, if it has started. */
export function current(): Switch | null {
  return started;
}

/** Says once in a process that everything goes by TCP/IP. @param why for people */
export function warn(why: string): void {
  if (!settingsOf().warns || getEnvironmentData(WARNED) === true) return;
  setEnvironmentData(WARNED, true);
  process.emitWarning(`all connections go by TCP/IP: ${why}`, {
    type: 'SanswitchWarning',
    code: 'SANSWITCH_TCP_ONLY',
    detail: 'SANSWITCH_NO_WARNING=1 turns this warning off.',
  });
}

/**
 * What stands above the configuration for a socket.
 * @param objection to any provider but TCP/IP, because of how the socket is used or where it runs; null: none
 */
export function rulingFor(
  direction: Direction,
  address: string,
  port: number,
  objection: Objection | null,
): Ruling | null {
  const { rules } = settingsOf();
  const ruling = rules === null ? null : rules.rulingFor(direction, address, port);
  if (objection === null) return ruling;
  return { against: () => objection, demanded: ruling?.demanded ?? null };
}

/** Tells of a decision, if that is wanted. */
export function tell(decision: DecisionRecord): void {
  if (!settingsOf().debugs) return;
  const { operation, address, port, provider } = decision;
  const why = explainDecision(decision);
  process.stderr.write(`sanswitch[${process.pid}]: ${operation} ${address}:${port} by ${provider}: ${why}\n`);
}
