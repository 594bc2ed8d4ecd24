/** The switch of one thread of a runtime: made when the thread first listens, connects, or is given a connection. */
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidOptionError, SwitchClosedError, showValue } from '../../errors.js';
import type { SanProvider } from '../../spi/provider.js';
import type { ProviderEntry } from '../../switch/config.js';
import { createSwitch, type Switch } from '../../switch/switch.js';
import type { ProviderSettings, SwitchSettings } from './switch-settings.js';

const LOOK_EVERY_MS = 1;

/** See the top of this file. */
export class ThreadSwitch {
  private readonly settings: SwitchSettings;
  private opening: Promise<Switch> | null = null;
  private made: Switch | null = null;
  private isClosed = false;

  constructor(settings: SwitchSettings) {
    this.settings = settings;
  }

  /** Null: nobody has needed it yet, or it is still being made. */
  get current(): Switch | null {
    return this.made;
  }

  /** The switch, made at the first call that succeeds. @throws InvalidOptionError: a provider's module makes none; SwitchClosedError */
  open(): Promise<Switch> {
    this.opening ??= this.make().catch((error) => {
      // What kept it from being made may have passed when it is wanted again.
      this.opening = null;
      throw error;
    });
    return this.opening;
  }

  /** When every socket is closed, those included whose actors have ended before; at the latest when the switch is. */
  async idle(): Promise<void> {
    while (!this.isClosed && this.made !== null && this.made.openSockets > 0) await sleep(LOOK_EVERY_MS);
  }

  /** Resets what is still open, and ends the providers. No switch is made any more. Never rejects. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.opening?.catch(() => null);
    await this.made?.close();
  }

  private async make(): Promise<Switch> {
    if (this.isClosed) throw new SwitchClosedError();
    const { providers, ...options } = this.settings;
    this.made = await createSwitch({ ...options, providers: await Promise.all(providers.map(load)) });
    return this.made;
  }
}

async function load({ name, module, options, required }: ProviderSettings): Promise<ProviderEntry> {
  if (module === undefined) return { name, options, required };
  let make: unknown;
  try {
    make = ((await import(module)) as { default?: unknown }).default;
  } catch (error) {
    throw new InvalidOptionError(`the provider module ${module} can't be loaded: ${(error as Error).message}`);
  }
  if (typeof make !== 'function') {
    const found = showValue(make);
    throw new InvalidOptionError(
      `the default export of ${module} must be a function that makes a provider, not ${found}`,
    );
  }
  return { name, provider: make() as SanProvider, options, required };
}
