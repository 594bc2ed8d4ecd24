/** An actor whose first socket this thread connects itself. */
import { RuntimeClosedError } from '../../errors.js';
import type { StreamSocket } from '../../socket/stream-socket.js';
import type { HostSpawnOptions } from '../core.js';
import type { ActorHost } from '../host.js';
import type { ThreadSwitch } from '../runtime/thread-switch.js';
import type { ActorDefinition, ActorRef } from '../types.js';
import type { ConnectSettings } from './options.js';
import { socketOptions } from './service.js';

/** What the actors of one thread are connected by. */
export class Connector {
  private readonly host: ActorHost;
  private readonly threadSwitch: ThreadSwitch;
  private readonly stopped = new AbortController();

  constructor(host: ActorHost, threadSwitch: ThreadSwitch) {
    this.host = host;
    this.threadSwitch = threadSwitch;
  }

  /**
   * Connects, and spawns the actor.
   * @throws what `Switch.connect` and `ActorHost.spawnSocket` throw
   */
  async connect<M, A>(
    definition: ActorDefinition<M, A>,
    args: A,
    options: HostSpawnOptions,
    settings: ConnectSettings,
  ): Promise<ActorRef<M>> {
    // Not only after somebody has been called in vain.
    if (options.name !== undefined) this.host.registry.check(options.name);
    const socket = await this.connected(settings);
    const origin = { settings: settings.socket, account: null, moves: 0 };
    return this.host.spawnSocket(definition, args, { ...options, origin }, socket);
  }

  /** Connects under way fail with RuntimeClosedError, and so do all others. */
  stop(): void {
    this.stopped.abort();
  }

  private async connected({ destination, socket }: ConnectSettings): Promise<StreamSocket> {
    const { signal } = this.stopped;
    try {
      const sw = await this.threadSwitch.open();
      return await sw.connect({ ...destination, ...socketOptions(socket), resetOnDeath: true, signal } as never);
    } catch (error) {
      throw signal.aborted ? new RuntimeClosedError() : error;
    }
  }
}
