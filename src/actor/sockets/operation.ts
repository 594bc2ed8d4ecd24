/** Overlapped operations as their connection keeps them. */
import type { LifeSocket } from './actor-socket.js';
import type { ActorOverlapped } from './types.js';

/** One operation. It belongs to the life of the actor that began it. */
export class Operation implements ActorOverlapped {
  readonly kind: 'send' | 'receive';
  readonly buffer: Uint8Array;
  readonly token: unknown;
  readonly socket: LifeSocket;

  constructor(kind: 'send' | 'receive', buffer: Uint8Array, token: unknown, socket: LifeSocket) {
    this.kind = kind;
    this.buffer = buffer;
    this.token = token;
    this.socket = socket;
  }
}
