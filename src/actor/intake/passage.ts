/** How the sockets of one thread's actors leave it and come to it when their actors move. */
import type { SwitchSocket } from '../../socket/socket.js';
import type { AnyBytes, StreamSocket } from '../../socket/stream-socket.js';
import type { SocketHandOver, SwitchOwner } from '../../switch/owner.js';
import type { SocketRoad } from '../migration/road.js';
import type { ThreadSwitch } from '../runtime/thread-switch.js';
import type { MovedSocket, SocketOrigin } from '../sockets/moved.js';
import type { Door } from './door.js';
import { discard, guard, settle } from './guard.js';

/** See the top of this file. */
export class Passage implements SocketRoad {
  private readonly threadSwitch: ThreadSwitch;
  private readonly door: Door;

  constructor(threadSwitch: ThreadSwitch, door: Door) {
    this.threadSwitch = threadSwitch;
    this.door = door;
  }

  async owner(): Promise<SwitchOwner> {
    return (await this.threadSwitch.open()).owner;
  }

  async handOver(socket: StreamSocket<AnyBytes>, owner: SwitchOwner): Promise<SocketHandOver> {
    const sw = await this.threadSwitch.open();
    return guard(await sw.handOver(socket, owner, { keepsDescriptor: true }));
  }

  adopt(moved: MovedSocket, from: number): Promise<SwitchSocket> {
    return this.door.follow(moved, from);
  }

  settle(connection: SocketHandOver): void {
    settle(connection);
  }

  discard(connection: SocketHandOver): void {
    discard(connection);
  }

  left(origin: SocketOrigin, from: number, to: number): void {
    this.door.moved(origin, from, to);
  }

  lost({ account }: SocketOrigin): void {
    if (account !== null) this.door.ended(account);
  }
}
