/** A listener of this thread whose connections go to other threads: the rig of the hand-over tests. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createSwitch, type DecisionRecord, type Switch } from 'sanswitch';
import type { SocketHandOver, SwitchOwner } from '#src/switch/owner.js';
import type { Caller, Companions } from '#src/switch/requests.js';
import { type Behaviour, Party } from './party.js';
import { Peer, STRICT } from './peer.js';

/** A thread that takes connections over. */
export interface Taker {
  readonly peer: Peer;
  readonly owner: SwitchOwner;
  /** Its connections, by their number there; a code: it could not take it over. */
  readonly taken: (number | string)[];
}

/** One listener. */
export class Beside {
  readonly sw: Switch;
  readonly port: number;
  readonly takers: Taker[] = [];
  readonly decision: DecisionRecord;
  /** Those that stay here. */
  readonly here: Party[] = [];
  readonly callers: Caller[] = [];
  readonly withdrawn: unknown[] = [];
  readonly handedOver: SocketHandOver[] = [];
  /** Where the next caller goes; null: here, false: nowhere. Default: to each taker in turn. */
  place: (caller: Caller) => Taker | null | false;
  /** What becomes of a connection that is handed over. Default: its taker adopts it. */
  give: (connection: SocketHandOver, taker: Taker) => void;
  readonly companions: Companions;
  /** Who came by TCP/IP. */
  readonly fallen: ReadonlySet<Socket>;
  private readonly server: Server;

  private constructor(sw: Switch, server: Server, fallen: ReadonlySet<Socket>, behaviour: Behaviour) {
    this.sw = sw;
    this.fallen = fallen;
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
    let next = 0;
    this.place = () => this.takers[next++ % this.takers.length] ?? null;
    this.give = (connection, taker) => void this.adopt(connection, taker, behaviour);
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    this.companions = sw.listenBeside<Taker>({
      address: server.address() as AddressInfo,
      descriptor: fd,
      place: (caller) => {
        this.callers.push(caller);
        const taker = this.place(caller);
        return taker ? { owner: taker.owner, tag: taker } : taker;
      },
      connected: (socket) => {
        const party = new Party(behaviour);
        party.socket = socket as unknown as typeof party.socket;
        socket.handlers = party.handlers as typeof socket.handlers;
        this.here.push(party);
      },
      handedOver: (connection, taker) => {
        this.handedOver.push(connection);
        this.give(connection, taker);
      },
      withdrawn: (taker) => this.withdrawn.push(taker),
    });
    this.decision = this.companions.decision;
  }

  static async open(takers: number, behaviour: Behaviour = 'echo', host = '127.0.0.1'): Promise<Beside> {
    const sw = await createSwitch(STRICT);
    const fallen = new Set<Socket>();
    const server = createServer((socket) => void fallen.add(socket.on('error', () => {}))).listen(0, host);
    await once(server, 'listening');
    const beside = new Beside(sw, server, fallen, behaviour);
    for (let i = 0; i < takers; i++) await beside.join();
    return beside;
  }

  /** One more thread. */
  async join(): Promise<Taker> {
    const peer = await Peer.thread();
    const taker = { peer, owner: await peer.do.owner(), taken: [] };
    this.takers.push(taker);
    return taker;
  }

  async adopt(connection: SocketHandOver, { peer, taken }: Taker, behaviour: Behaviour): Promise<void> {
    try {
      taken.push(await peer.do.adopt(behaviour, connection));
    } catch (error) {
      taken.push((error as NodeJS.ErrnoException).code || (error as Error).message);
    }
  }

  async close(): Promise<void> {
    this.companions.close();
    this.server.close();
    for (const socket of this.fallen) socket.destroy();
    await this.sw.close();
  }
}
