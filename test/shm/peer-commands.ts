/** What a peer in another process or thread can be told to do; arguments and results are plain data. */
import type { Socket as PlatformSocket, Server } from 'node:net';
import { createConnection, createServer } from 'node:net';
import { createSwitch, type Listener, type StreamSocket, type Switch, type SwitchOptions } from 'sanswitch';
import { closeDescriptor, sendMessage, unixConnect, unixListen } from '#src/native/os.js';
import { acquireVirtualPort, holdsVirtualPort, releaseVirtualPort } from '#src/ports/virtual-ports.js';
import { encodeIdent } from '#src/providers/shm/handshake.js';
import { reactorRendezvousName, rendezvousName } from '#src/providers/shm/host.js';
import { Acceptor } from '#src/reactor/acceptor.js';
import { discardHandOver } from '#src/switch/hand-over.js';
import type { SocketHandOver, SwitchOwner } from '#src/switch/owner.js';
import { listenSilently, type Point, stopAt } from './last-words.js';
import { type Behaviour, type Facts, Party } from './party.js';
import type { PatternOptions } from './pattern.js';
import { RawLink } from './raw.js';
import { type Resources, resources } from './resources.js';
import { type Restless, restless } from './restless.js';

/** Those of the face that are plain data. */
export interface PeerListenOptions {
  readonly port?: number;
  readonly host?: string;
  readonly ipv6Only?: boolean;
  readonly highWaterMarkBytes?: number;
}

export interface PeerConnectOptions {
  readonly port: number;
  readonly host?: string;
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly timeoutMs?: number;
  readonly highWaterMarkBytes?: number;
  readonly resetOnDeath?: boolean;
}

export interface Listening {
  readonly listener: number;
  readonly port: number;
}

/** What `forget` found. */
export interface Forgotten {
  readonly left: number;
  readonly codes: readonly (string | null)[];
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
}

export class PeerCommands {
  private switch!: Switch;
  private readonly listeners: Listener[] = [];
  private readonly parties: Party[] = [];
  private readonly servers: Server[] = [];
  private accepted = 0;

  async start(options: SwitchOptions): Promise<number> {
    this.switch = await createSwitch(options);
    return process.pid;
  }

  async listen(behaviour: Behaviour, options: PeerListenOptions = {}): Promise<Listening> {
    const listener = await this.switch.listen({ port: 0, host: '127.0.0.1', ...options }, (socket) => {
      const party = new Party(behaviour);
      party.socket = socket;
      socket.handlers = party.handlers;
      this.parties.push(party);
      this.accepted++;
    });
    this.listeners.push(listener);
    return { listener: this.listeners.length - 1, port: listener.address().port };
  }

  /** Lets nothing else happen on this thread for so long. */
  async busy(durationMs: number): Promise<void> {
    const until = performance.now() + durationMs;
    while (performance.now() < until);
  }

  async unlisten(listener: number): Promise<void> {
    await (this.listeners[listener] as Listener).close();
  }

  /** Whom connections can be handed to. */
  async owner(): Promise<SwitchOwner> {
    return this.switch.owner;
  }

  /** Takes a connection over. @returns the party's number */
  async adopt(behaviour: Behaviour, connection: SocketHandOver): Promise<number> {
    const party = new Party(behaviour);
    party.socket = (await this.switch.adopt(connection, { handlers: party.handlers })) as unknown as StreamSocket;
    return this.parties.push(party) - 1;
  }

  /** Hands a party's connection over. */
  async handOver(party: number, owner: SwitchOwner, timeoutMs = 5_000): Promise<SocketHandOver> {
    return this.switch.handOver(this.party(party).socket, owner, { timeoutMs });
  }

  /** Drops a connection that was handed over. */
  async discard(connection: SocketHandOver): Promise<void> {
    discardHandOver(connection);
  }

  /** @returns the party's number */
  async connect(behaviour: Behaviour, options: PeerConnectOptions): Promise<number> {
    const party = new Party(behaviour);
    party.socket = await this.switch.connect({ host: '127.0.0.1', ...options, handlers: party.handlers });
    return this.parties.push(party) - 1;
  }

  /** @returns the error's code, or 'connected by NAME' */
  async tryConnect(options: PeerConnectOptions): Promise<string> {
    try {
      const socket = await this.switch.connect({ host: '127.0.0.1', ...options });
      const { provider } = socket;
      socket.abort();
      return `connected by ${provider}`;
    } catch (error) {
      return codeOf(error);
    }
  }

  async count(): Promise<number> {
    return this.accepted;
  }

  async facts(party: number): Promise<Facts> {
    return this.party(party).facts();
  }

  async allFacts(): Promise<Facts[]> {
    return this.parties.map((party) => party.facts());
  }

  async flood(party: number, options: PatternOptions): Promise<number | string> {
    return this.party(party).flood(options).catch(codeOf);
  }

  async read(party: number): Promise<void> {
    this.party(party).read();
  }

  async got(party: number, bytes: number, timeoutMs?: number): Promise<void> {
    await this.party(party).got(bytes, timeoutMs);
  }

  /** One of the socket's own calls without arguments. */
  async tell(party: number, what: 'end' | 'abort' | 'pause' | 'resume'): Promise<void> {
    this.party(party).socket[what]();
  }

  async answersEnd(party: number, answers: boolean): Promise<void> {
    this.party(party).answersEnd = answers;
  }

  async send(party: number, text: string): Promise<boolean> {
    return this.party(party).socket.send(Buffer.from(text, 'latin1'));
  }

  async urgent(party: number, text: string): Promise<void> {
    this.party(party).socket.urgent(Buffer.from(text, 'latin1'));
  }

  async close(party: number): Promise<void> {
    await this.party(party).socket.close();
  }

  async closing(party: number): Promise<string | null> {
    await this.party(party).closing();
    return this.party(party).facts().errorCode;
  }

  /** The provider's own words about the last decision. */
  async decision(): Promise<unknown> {
    return this.switch.decisions().at(-1);
  }

  async providers(): Promise<unknown> {
    return this.switch.providers();
  }

  async stats(): Promise<unknown> {
    return this.switch.stats();
  }

  async resources(): Promise<Resources> {
    return resources();
  }

  /** CPU time of this process in microseconds. */
  async cpuUs(): Promise<number> {
    const { user, system } = process.cpuUsage();
    return user + system;
  }

  async pid(): Promise<number> {
    return process.pid;
  }

  /** Blocks the thread, event loop and all. */
  async block(ms: number): Promise<void> {
    const until = performance.now() + ms;
    while (performance.now() < until);
  }

  async shutDown(): Promise<void> {
    await this.switch.close();
  }

  /** A server of `node:net` alone, which echoes. @returns its port */
  async platformListen(host = '127.0.0.1'): Promise<number> {
    const server = createServer((socket) => socket.on('error', () => {}).pipe(socket));
    this.servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return (server.address() as { port: number }).port;
  }

  async platformUnlisten(): Promise<void> {
    await Promise.all(this.servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  }

  /** A client of `node:net` alone: sends a text, ends. @returns what came back */
  async platformExchange(port: number, text: string): Promise<string> {
    const socket: PlatformSocket = createConnection({ port, host: '127.0.0.1' });
    socket.end(text);
    let back = '';
    for await (const chunk of socket) back += String(chunk);
    return back;
  }

  /** A client that goes so far and no further. */
  async stopAt(point: Point, port: number): Promise<void> {
    await stopAt(point, port);
  }

  /** A server that never answers a JOIN. @returns its port */
  async listenSilently(): Promise<number> {
    return listenSilently();
  }

  /** Never rests from now on. */
  async restless(kind: Restless, port: number): Promise<void> {
    restless(this.switch, kind, port);
  }

  /** All that hold start to read. */
  async readAll(): Promise<void> {
    for (const party of this.parties) if (party.holds) party.read();
  }

  /** Drops the parties that are closed; the numbers of the others change. @returns how many are left, and the error codes */
  async forget(): Promise<Forgotten> {
    const all = this.parties.splice(0);
    this.parties.push(...all.filter(({ closed }) => !closed));
    const codes = all.filter(({ closed }) => closed).map((party) => party.facts().errorCode);
    return { left: this.parties.length, codes };
  }

  /** Takes virtual ports. */
  async takePorts(count: number): Promise<(number | null)[]> {
    return Array.from({ length: count }, () => acquireVirtualPort('127.0.0.1'));
  }

  async holdsPort(port: number): Promise<boolean> {
    return holdsVirtualPort(port);
  }

  async returnPorts(ports: readonly number[]): Promise<void> {
    for (const port of ports) releaseVirtualPort('127.0.0.1', port);
  }

  /** Connects to an abstract name again and again, as fast as it can for so long, and says nothing. */
  async crowd(name: string, ms: number): Promise<void> {
    const until = performance.now() + ms;
    while (performance.now() < until) {
      try {
        closeDescriptor(unixConnect(name));
      } catch {
        // The queue is full, as it is meant to be.
      }
    }
  }

  /** Takes the rendezvous of a listening socket that is not ours, and claims to hold it as descriptor `listenerFd`. */
  async squat(cookie: bigint, listenerFd: number): Promise<void> {
    const ident = { pid: process.pid, reactorId: '00'.repeat(16), cookie, listenerFd };
    new Acceptor(unixListen(rendezvousName(cookie), 8), (fd) => {
      sendMessage(fd, encodeIdent(ident));
      setTimeout(() => closeDescriptor(fd), 1_000);
    });
  }

  /** Takes the rendezvous of a reactor that is not ours, and answers in its name. */
  async squatReactor(reactorId: string): Promise<void> {
    new Acceptor(unixListen(reactorRendezvousName(reactorId), 8), (fd) => {
      sendMessage(fd, encodeIdent({ pid: process.pid, reactorId, cookie: 0n, listenerFd: -1 }));
      setTimeout(() => closeDescriptor(fd), 1_000);
    });
  }

  /** Follows a connection to the reactor that listens on `port`, over a new link. @returns the answer to the ATTACH */
  async attach(port: number, token: bigint): Promise<number[]> {
    const link = (await RawLink.join(port)) as RawLink;
    link.attach(0, token);
    const answer = await link.next();
    link.close();
    return answer;
  }

  private party(number: number): Party {
    const party = this.parties[number];
    if (party === undefined) throw new Error(`there is no party ${number}`);
    return party;
  }
}
