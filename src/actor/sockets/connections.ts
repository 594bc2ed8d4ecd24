/** The sockets of one actor, and what they have told it that it has not handled yet. */

import type { AnyBytes, StreamSocket } from '../../socket/stream-socket.js';
import type { SocketHandOver } from '../../switch/owner.js';
import type { ActorCell } from '../cell.js';
import type { MessageQueue } from '../message-queue.js';
import { Connection, type SocketEvent } from './connection.js';
import type { FollowedSocket, MovedSocket, SocketOrigin } from './moved.js';
import type { ActorSocketInfo } from './types.js';

/** Made with an actor's first socket. */
export class Connections {
  private readonly cell: ActorCell;
  private readonly all = new Set<Connection>();
  /** What waits; null if nothing does, as for most actors most of the time. */
  private events: MessageQueue | null = null;
  /** Handed over, by an actor that has not gone yet. */
  private taken: Connection[] = [];
  /** Waits for all to be quiet. */
  private onQuiet: (() => void) | null = null;

  constructor(cell: ActorCell) {
    this.cell = cell;
  }

  /** Sockets that have not told `closed`. */
  get count(): number {
    return this.all.size;
  }

  /** Events that wait. */
  get waiting(): number {
    return this.events?.length ?? 0;
  }

  /** For those who look at a host from outside. */
  infos(): ActorSocketInfo[] {
    return [...this.all].map(({ stream }) => {
      const { provider, localAddress, localPort, remoteAddress, remotePort, bytesSent, bytesReceived } = stream;
      const { queuedBytes } = stream;
      return { provider, localAddress, localPort, remoteAddress, remotePort, bytesSent, bytesReceived, queuedBytes };
    });
  }

  /** Gives the actor a socket; `connected` follows. */
  add(stream: StreamSocket<AnyBytes>, origin: SocketOrigin | null): void {
    const connection = new Connection(this.cell, this, stream, origin);
    this.all.add(connection);
    connection.begin();
  }

  remove(connection: Connection): void {
    this.all.delete(connection);
  }

  // ------------------------------------------------------------ moves of the actor

  /** Whether each of them can be handed to another thread. */
  get canMove(): boolean {
    return [...this.all].every(({ origin }) => origin !== null);
  }

  /** Something of the actor's own is under way, or one is about to end. */
  get isBusy(): boolean {
    return ![...this.all].every((connection) => connection.isQuiet);
  }

  /**
   * Has nothing more come, until `release`.
   * @param quiet called when all that came has reached the actor and it is not busy, if that is not so now @returns whether it is
   */
  quieten(quiet: () => void): boolean {
    for (const connection of this.all) connection.hold();
    if (this.isQuiet) return true;
    this.onQuiet = quiet;
    return false;
  }

  /** The actor does not move: its sockets flow again. */
  release(): void {
    this.onQuiet = null;
    for (const connection of this.all) connection.release();
  }

  /** Something was told. */
  handled(): void {
    if (this.onQuiet === null || !this.isQuiet) return;
    const quiet = this.onQuiet;
    this.onQuiet = null;
    quiet();
  }

  private get isQuiet(): boolean {
    return this.events === null && !this.isBusy;
  }

  /** The sockets, in the order in which they came. */
  get connections(): Connection[] {
    return [...this.all];
  }

  /** A socket has been handed over. @returns what its next owner is to know */
  take(connection: Connection, handOver: SocketHandOver): MovedSocket {
    const events: SocketEvent[] = [];
    for (let count = this.waiting; count > 0; count--) {
      const event = this.shift();
      if (event.connection === connection) events.push(event);
      else this.queue().push(event, null);
    }
    this.all.delete(connection);
    this.taken.push(connection);
    const { origin: from } = connection as { readonly origin: SocketOrigin };
    const origin = { ...from, moves: from.moves + 1 };
    return { origin, connection: handOver, untold: connection.moved(events) };
  }

  /** The actor has gone with its sockets: what it held of them here can do nothing any more. */
  gone(): void {
    for (const connection of this.taken) connection.lifeEnds();
    this.taken = [];
  }

  /** One that was handed over is lost. The actor, which did not move, is told. */
  lose(connection: Connection, error: Error): void {
    this.taken = this.taken.filter((one) => one !== connection);
    this.all.add(connection);
    connection.lost(error);
  }

  /** Sockets that come with the actor from another thread; it is told of them before anything else. */
  goOn(sockets: readonly FollowedSocket[]): void {
    const came = sockets.map(({ stream, moved }) => {
      const connection = new Connection(this.cell, this, stream, moved.origin);
      this.all.add(connection);
      return { connection, untold: moved.untold };
    });
    for (const { connection, untold } of came.reverse()) connection.goOn(untold);
  }

  /** Whether an event's place in the order has come, if there is one: all messages before it have been taken. */
  isDue(messagesTaken: number): boolean {
    return this.events !== null && (this.events.peek() as SocketEvent).dueAt <= messagesTaken;
  }

  /** Handles the first event. */
  handleNext(): void {
    const event = this.shift();
    event.connection.handle(event.told);
    this.handled();
  }

  /** Puts an event behind all messages and events that wait. */
  push(event: SocketEvent): void {
    event.dueAt = this.cell.mailboxEnd;
    this.queue().push(event, null);
    this.cell.wake();
  }

  /** Puts an event in front of all others, and of the messages. */
  unshift(event: SocketEvent): void {
    event.dueAt = Number.NEGATIVE_INFINITY;
    this.queue().unshift(event, null);
    this.cell.wake();
  }

  private queue(): MessageQueue {
    this.events ??= this.cell.core.queues.take();
    return this.events;
  }

  /** Takes the first event out; there is one. */
  private shift(): SocketEvent {
    const events = this.events as MessageQueue;
    const event = events.shift() as SocketEvent;
    if (events.length === 0) {
      this.events = null;
      this.cell.core.queues.give(events);
    }
    return event;
  }

  /** What an actor's behaviour takes may have changed: events that were put off come again. */
  reconsider(): void {
    for (const connection of this.all) connection.reconsider();
  }

  /** Closes all sockets in order; settles when they are closed. */
  async close(): Promise<void> {
    await Promise.all([...this.all].map((connection) => connection.close()));
  }

  /** A life of the actor ends, and the sockets with it if no other follows. */
  lifeEnds(): void {
    for (const connection of this.all) connection.lifeEnds();
  }

  /** A fresh life begins: it is told of each socket before anything else. */
  lifeBegins(): void {
    for (const connection of [...this.all].reverse()) connection.lifeBegins();
  }

  /** The actor has ended. @param isFailure reset the connections, so that the peers see that not all went well */
  actorEnded(isFailure: boolean): void {
    for (const connection of this.all) connection.leave(isFailure);
    this.all.clear();
    while (this.waiting > 0) this.shift();
  }
}
