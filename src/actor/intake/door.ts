/** A thread's side of the intake: connections that were accepted for it become sockets of its switch, and actors. */
import { Socket } from 'node:net';
import { SwitchClosedError } from '../../errors.js';
import type { SwitchSocket } from '../../socket/socket.js';
import type { SocketHandOver, SwitchOwner } from '../../switch/owner.js';
import type { Switch } from '../../switch/switch.js';
import type { ActorHost } from '../host.js';
import { thrownOf } from '../runtime/outcome.js';
import type { ThreadSwitch } from '../runtime/thread-switch.js';
import type { MovedSocket, SocketOrigin } from '../sockets/moved.js';
import { loadActorModule } from '../workers/load-module.js';
import { claim } from './guard.js';
import { type Service, serviceOf, socketOptions } from './service.js';
import type { Arrival, ConnectionNews, ListenerSetup } from './setup.js';

/** A connection that no ledger has. */
const NO_TICKET = 0;

/** A connection, as this thread speaks of it. */
type Account = Pick<Arrival, 'listener' | 'ticket'>;

/** See the top of this file. */
export class Door {
  private readonly host: ActorHost;
  private readonly threadSwitch: ThreadSwitch;
  private readonly tell: (news: ConnectionNews) => void;
  private readonly services = new Map<number, Service>();
  /** Connections whose TLS handshake is under way: the switch does not know them yet. */
  private readonly handshakes = new Set<Socket>();

  /** @param tell tells the listener's thread */
  constructor(host: ActorHost, threadSwitch: ThreadSwitch, tell: (news: ConnectionNews) => void) {
    this.host = host;
    this.threadSwitch = threadSwitch;
    this.tell = tell;
  }

  /**
   * Loads what a listener's actors are made from, and makes this thread's switch.
   * @returns whom connections can be handed to by now
   * @throws NoBehaviourError, InvalidOptionError, SwitchClosedError, what `tls.createServer` throws
   */
  async prepare(setup: ListenerSetup): Promise<SwitchOwner> {
    const [definition, { owner }] = await Promise.all([loadActorModule(setup.url), this.threadSwitch.open()]);
    this.serve(
      setup.id,
      serviceOf(setup, definition, (address) => this.host.ref(address)),
    );
    return owner;
  }

  /** A listener's connections are served from now on. */
  serve(listener: number, service: Service): void {
    this.services.set(listener, service);
  }

  /** No more connections of that listener come. */
  forget(listener: number): void {
    this.services.delete(listener);
  }

  /** Resets what has not become an actor's yet. */
  close(): void {
    for (const socket of this.handshakes) socket.resetAndDestroy();
  }

  /** A connection was given to this thread. */
  arrived({ fd, connection, ...account }: Arrival): void {
    const service = this.services.get(account.listener);
    const sw = this.threadSwitch.current;
    if (service === undefined || sw === null) this.news(account, 'refused', new SwitchClosedError());
    else if (connection !== undefined) this.adopt(sw, service, connection, account);
    else this.open(sw, service, fd as number, account);
  }

  /** A connection that stands on this thread becomes an actor. @param ticket null: nobody waits to hear of its end */
  begin(listener: number, socket: SwitchSocket, ticket: number | null): void {
    const service = this.services.get(listener);
    const account = { listener, ticket: ticket ?? NO_TICKET };
    if (service !== undefined) {
      this.spawn(service, socket, account);
      return;
    }
    // The listener was closed meanwhile.
    socket.abort();
    if (ticket !== null) this.ended(account);
  }

  /**
   * A connection comes with its actor from another worker.
   * @param from that worker's host @throws SwitchClosedError, what `Switch.adopt` throws
   */
  async follow({ connection, origin }: MovedSocket, from: number): Promise<SwitchSocket> {
    const { settings, account } = origin;
    this.moved(origin, from, this.host.id);
    const ended = () => {
      if (account !== null) this.ended(account);
    };
    try {
      const sw = await this.threadSwitch.open();
      const known = account === null ? undefined : this.services.get(account.listener)?.socket;
      const { highWaterMarkBytes, lend, receiveBuffer } = known ?? socketOptions(settings);
      const socket = await sw.adopt(claim(connection), { highWaterMarkBytes, lend, receiveBuffer });
      socket.watchRelease(ended);
      return socket;
    } catch (error) {
      ended();
      throw error;
    }
  }

  /** A connection goes from one worker's host to another's. */
  moved({ account, moves }: SocketOrigin, from: number, to: number): void {
    if (account !== null) this.tell({ ...account, what: 'moved', from, to, moves });
  }

  /** A connection of that account is no more, as far as this thread knows. */
  ended(account: Account): void {
    this.news(account, 'ended');
  }

  private spawn({ definition, args, spawn, settings, tls }: Service, socket: SwitchSocket, account: Account): void {
    const isKept = account.ticket !== NO_TICKET;
    // The state of TLS can't leave its thread.
    const origin = tls === null ? { origin: { settings, account: isKept ? account : null, moves: 0 } } : {};
    if (isKept) socket.watchRelease(() => this.news(account, 'ended'));
    try {
      this.host.spawnSocket(definition, args(), { ...spawn, ...origin }, socket);
    } catch (error) {
      socket.abort();
      this.news(account, 'failed', error);
    }
  }

  private adopt(sw: Switch, service: Service, connection: SocketHandOver, account: Account): void {
    const { highWaterMarkBytes, lend, receiveBuffer } = service.socket;
    sw.adopt(connection, { highWaterMarkBytes, lend, receiveBuffer }).then(
      (socket) => {
        this.news(account, 'opened');
        this.spawn(service, socket, account);
      },
      // The peer has gone, or was too late: nothing that the listener's application should hear of.
      () => this.news(account, 'refused'),
    );
  }

  private open(sw: Switch, service: Service, fd: number, account: Account): void {
    let socket: Socket;
    try {
      socket = new Socket({ fd, allowHalfOpen: true, pauseOnCreate: true } as object);
    } catch (error) {
      this.news(account, 'refused', error);
      return;
    }
    this.news(account, 'opened');
    if (service.tls === null) {
      this.enter(sw, service, socket, { socket, descriptor: fd }, account);
      return;
    }
    this.handshakes.add(socket);
    service.tls.enter(socket, (secured) => {
      this.handshakes.delete(socket);
      if (secured === null) this.news(account, 'ended');
      else this.enter(sw, service, secured, { socket, descriptor: fd }, account);
    });
  }

  private enter(
    sw: Switch,
    service: Service,
    platform: Socket,
    underneath: { readonly socket: Socket; readonly descriptor: number },
    account: Account,
  ): void {
    let socket: SwitchSocket;
    try {
      socket = sw.adoptTcp(platform, { ...service.socket, underneath });
    } catch (error) {
      platform.on('error', () => {});
      platform.destroy();
      this.news(account, 'ended');
      this.news(account, 'failed', error);
      return;
    }
    this.spawn(service, socket, account);
  }

  private news(account: Account, what: ConnectionNews['what'], error?: unknown): void {
    this.tell({ ...account, what, ...(error === undefined ? {} : { thrown: thrownOf(error) }) });
  }
}
