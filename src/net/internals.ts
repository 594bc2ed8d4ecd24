/**
 * What `net.Socket` and `net.Server` are inside, as far as a SAN connection has to fit in: handles, requests, and symbols that
 * are found by their descriptions. Nothing here is documented by the platform, so everything is looked for before it is used.
 */
import type { Server, Socket } from 'node:net';
import type { SocketInfo } from './info.js';

/** What a handle's functions return: 0, or a negated errno. */
export type Status = number;

/** A connect under way, made by the platform. */
export interface ConnectRequest {
  oncomplete?: (status: Status, handle: Handle, request: ConnectRequest, readable: boolean, writable: boolean) => void;
}

/** A half-close under way. */
export interface ShutdownRequest {
  oncomplete: (status: Status) => void;
}

/** An address as handles write it down. */
export interface HandleAddress {
  address?: string;
  family?: string;
  port?: number;
}

/** A handle of the platform's, or one of ours in its place. */
export interface Handle {
  readonly isStreamBase?: boolean;
  readonly fd?: number;
  /** What a TLS handle lies on. */
  readonly _parent?: Handle;
  close(closed?: () => void): void;
  connect?(request: ConnectRequest, address: string, port: number): Status;
  connect6?(request: ConnectRequest, address: string, port: number): Status;
  bind?(address: string, port: number): Status;
  bind6?(address: string, port: number, flags: number): Status;
  onconnection?(this: Handle, status: Status, handle?: Handle): void;
  [symbol: symbol]: unknown;
}

/** A socket, with what is not in its types. */
export interface InnerSocket extends Omit<Socket, 'connecting' | 'resetAndDestroy'> {
  resetAndDestroy(): unknown;
  connecting: boolean;
  _handle: Handle | null;
  _pendingData: unknown;
  _pendingEncoding: string;
  _reset(): unknown;
  _undestroy(): void;
  _unrefTimer(): void;
  _writeGeneric(writev: boolean, data: unknown, encoding: string, done: WriteDone): unknown;
  /** Who serves it. */
  readonly sanswitch?: SocketInfo;
  [symbol: symbol]: unknown;
}

/** Told when a write has left its buffer, or why it never will. */
export type WriteDone = (error?: Error | null) => void;

/** A server, with what is not in its types. */
export interface InnerServer extends Server {
  _handle: Handle | null;
  _listen2(...args: unknown[]): void;
}

/** The symbol of this description that an object or one of its prototypes has; undefined: there is none. */
export function symbolOf(object: object, description: string): symbol | undefined {
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const found = Object.getOwnPropertySymbols(at).find((symbol) => symbol.description === description);
    if (found !== undefined) return found;
  }
  return undefined;
}
