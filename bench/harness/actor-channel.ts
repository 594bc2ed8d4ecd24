/** Connections that belong to socket actors of this thread. */
import { type ActorSocket, defineActor } from 'sanswitch';
import { Channel } from './channel.js';
import type { Connected } from './messages.js';
import { decisionText } from './switch-channel.js';

/** An actor's socket, and its actor's hooks. */
export class ActorChannel extends Channel {
  readonly #socket: ActorSocket;

  constructor(socket: ActorSocket) {
    super();
    this.#socket = socket;
  }

  send(bytes: Uint8Array): boolean {
    return this.#socket.send(bytes);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.close();
  }

  describe(): Connected {
    return { provider: this.#socket.provider, decision: decisionText(this.#socket.decision) };
  }
}

/** Actors whose channels are given to a function as they connect. */
export const channelActor = defineActor<never, (channel: ActorChannel) => void>((joined) => {
  let channel: ActorChannel;
  return {
    connected(socket) {
      channel = new ActorChannel(socket);
      joined(channel);
    },
    received: (_socket, bytes) => channel.received(bytes),
    drained: () => channel.drained(),
    closed: (_socket, error) => channel.closed(error),
  };
});
