/** Who takes connections over (section 8): a thread's switch as others see it, and a connection on its way there. */
import type { Ends, Moved } from '../socket/socket.js';
import type { SocketOptionName } from '../socket/stream-socket.js';
import { WSAEOPNOTSUPP } from '../spi/codes.js';
import { type OwnerKey, SIO_OWNER_KEY } from '../spi/types.js';
import type { DecisionRecord } from './decisions.js';
import { isWsaError } from './downcalls.js';
import type { RunningProvider } from './running-provider.js';
import type { PortHandOver } from './source.js';

/** A thread's switch as somebody whom connections can be handed to. Structured-cloneable. */
export interface SwitchOwner {
  /** By the provider's name. A provider that is not here takes none over; `tcp` needs no key. */
  readonly keys: Readonly<Record<string, OwnerKey>>;
}

/**
 * A connection on its way to another thread of this process, which is to `adopt` it. Structured-cloneable. If nobody adopts it
 * within 2 s, the peer's connect fails (rule 3.4), or its connection is reset (8.2).
 */
export interface SocketHandOver {
  readonly provider: string;
  /** The provider's word for it. */
  readonly context: unknown;
  /** As they are shown to the application. */
  readonly ends: Ends;
  readonly decision: DecisionRecord;
  /** What the application has set on the socket or its listener (rule 2.6). */
  readonly remembered: ReadonlyMap<SocketOptionName, unknown>;
  /** What is held for its local port (rule 2.5); null: nothing. */
  readonly port: PortHandOver | null;
  /** Where it stands; null: an accepted connection, on which nothing has been said yet. */
  readonly moved: Moved | null;
}

/** The owner keys of one switch's providers. */
export class OwnerKeys {
  private readonly running: readonly RunningProvider[];
  private asked: SwitchOwner | null = null;

  constructor(running: readonly RunningProvider[]) {
    this.running = running;
  }

  /** This switch. Providers are asked when it is first wanted: a key may cost a descriptor. */
  get own(): SwitchOwner {
    if (this.asked !== null) return this.asked;
    const answers = this.running.map(keyOf);
    const owner = { keys: Object.fromEntries(answers.flatMap((answer) => answer ?? [])) };
    // Who could not answer now is asked again the next time.
    if (!answers.includes(null)) this.asked = owner;
    return owner;
  }

  /** Another provider may run by now. */
  changed(): void {
    this.asked = null;
  }

  /** The key by which a provider of ours can hand a connection to `owner`; undefined: it can't. */
  keyFor(provider: RunningProvider, owner: SwitchOwner): OwnerKey | undefined {
    return provider.name in this.own.keys ? owner.keys[provider.name] : undefined;
  }
}

/** A provider's name and key, or nothing; null: it is short of something. */
function keyOf({ name, spi, query, fault }: RunningProvider): [string, OwnerKey][] | null {
  try {
    return [[name, spi.WSPIoctl(query.socket, SIO_OWNER_KEY)]];
  } catch (error) {
    if (isWsaError(error)) return error.wsaCode === WSAEOPNOTSUPP ? [] : null;
    fault(`it does not say who it is: ${(error as Error).message}`, error);
    return [];
  }
}
