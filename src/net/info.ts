/** What a socket says of who serves it (`socket.sanswitch`). */
import type { Socket } from 'node:net';
import type { SwitchSocket } from '../socket/socket.js';
import type { DecisionRecord } from '../switch/decisions.js';
import type { InnerSocket } from './internals.js';
import { tell } from './thread-face.js';

/** Who serves a socket, and why. */
export interface SocketInfo {
  /** Which provider carries the bytes (rule 9.3). */
  readonly provider: string;
  /** Why that provider. */
  readonly decision: DecisionRecord;
  /** Bytes that this side has given the provider, and has had from it; of TCP/IP the platform's own. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

class SanInfo implements SocketInfo {
  private readonly stream: SwitchSocket;

  constructor(stream: SwitchSocket) {
    this.stream = stream;
  }

  get provider(): string {
    return this.stream.provider;
  }

  get decision(): DecisionRecord {
    return this.stream.decision;
  }

  get bytesSent(): number {
    return this.stream.bytesSent;
  }

  get bytesReceived(): number {
    return this.stream.bytesReceived;
  }
}

class TcpInfo implements SocketInfo {
  readonly provider = 'tcp';
  readonly decision: DecisionRecord;
  private readonly socket: Socket;

  constructor(socket: Socket, decision: DecisionRecord) {
    this.socket = socket;
    this.decision = decision;
  }

  get bytesSent(): number {
    return this.socket.bytesWritten;
  }

  get bytesReceived(): number {
    return this.socket.bytesRead;
  }
}

/** Notes who serves a socket. @param by the connection, or the decision that it is TCP/IP */
export function describe(socket: object, by: SwitchSocket | DecisionRecord): void {
  const value = 'candidates' in by ? new TcpInfo(socket as Socket, by) : new SanInfo(by);
  if ((socket as InnerSocket).sanswitch?.decision !== value.decision) tell(value.decision);
  Object.defineProperty(socket, 'sanswitch', { value, configurable: true });
}

/** What a server says of who serves its callers (`server.sanswitch`). */
export interface ServerInfo {
  /** Which companions listen beside TCP/IP, and why others don't; as it is now. */
  readonly decision: DecisionRecord;
}

/** Notes who serves a server's callers. */
export function describeServer(server: object, info: ServerInfo): void {
  tell(info.decision);
  Object.defineProperty(server, 'sanswitch', { value: info, configurable: true });
}
