/** What an actor holds of its socket, for one of its lives. */
import { types } from 'node:util';
import { ActorStoppedError } from '../../errors.js';
import { outOfRange } from '../../misuse.js';
import { invalidBytes } from '../../socket/misuse.js';
import type { AnyBytes, SocketOptionName, SocketState, StreamSocket } from '../../socket/stream-socket.js';
import type { DecisionRecord } from '../../switch/decisions.js';
import type { Connection } from './connection.js';
import { Operation } from './operation.js';
import type { ActorOverlapped, ActorSocket } from './types.js';

/** The socket of one life. */
export class LifeSocket implements ActorSocket {
  private readonly stream: StreamSocket<AnyBytes>;
  /** Null when that life is over. */
  private connection: Connection | null;

  constructor(connection: Connection) {
    this.stream = connection.stream;
    this.connection = connection;
  }

  send(bytes: AnyBytes): boolean {
    this.living();
    return this.stream.sendCopied(bytes);
  }

  sendOverlapped(buffer: Uint8Array, token?: unknown): ActorOverlapped {
    const operation = new Operation('send', buffer, token, this);
    this.living().sendOverlapped(operation);
    return operation;
  }

  receiveOverlapped(buffer: Uint8Array, token?: unknown): ActorOverlapped {
    const connection = this.living();
    if (!types.isUint8Array(buffer)) throw invalidBytes(buffer);
    if (buffer.length === 0) throw outOfRange('buffer.length', '>= 1', 0);
    const operation = new Operation('receive', buffer, token, this);
    connection.receiveOverlapped(operation);
    return operation;
  }

  allocate(bytes: number): Uint8Array {
    this.living();
    return this.stream.allocate(bytes);
  }

  reserve(bytes: number): Uint8Array | null {
    this.living();
    return this.stream.reserve(bytes);
  }

  commit(bytes: number): boolean {
    this.living();
    return this.stream.commit(bytes);
  }

  urgent(bytes: Uint8Array): void {
    this.living();
    this.stream.urgent(bytes);
  }

  pause(): void {
    this.living().pause();
  }

  resume(): void {
    this.living().resume();
  }

  end(): void {
    this.living();
    this.stream.end();
  }

  close(): void {
    void this.living().close();
  }

  abort(error: Error | null = null): void {
    this.living().abort(error);
  }

  setOption(name: SocketOptionName, value: unknown): void {
    this.living();
    this.stream.setOption(name, value);
  }

  getOption(name: SocketOptionName): unknown {
    return this.stream.getOption(name);
  }

  get provider(): string {
    return this.stream.provider;
  }

  get decision(): DecisionRecord {
    return this.stream.decision;
  }

  get localAddress(): string {
    return this.stream.localAddress;
  }

  get localPort(): number {
    return this.stream.localPort;
  }

  get remoteAddress(): string {
    return this.stream.remoteAddress;
  }

  get remotePort(): number {
    return this.stream.remotePort;
  }

  get family(): 'IPv4' | 'IPv6' {
    return this.stream.family;
  }

  get state(): SocketState {
    return this.stream.state;
  }

  get queuedBytes(): number {
    return this.stream.queuedBytes;
  }

  get bytesSent(): number {
    return this.stream.bytesSent;
  }

  get bytesReceived(): number {
    return this.stream.bytesReceived;
  }

  get highWaterMarkBytes(): number {
    return this.stream.highWaterMarkBytes;
  }

  /** The life is over: nothing can be done with it any more. */
  detach(): void {
    this.connection = null;
  }

  private living(): Connection {
    if (this.connection === null) throw new ActorStoppedError('this socket object belongs to a life that is over');
    return this.connection;
  }
}
