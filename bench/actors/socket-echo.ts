/** An actor that sends back what its socket receives. */
import { type ActorRef, defineActor } from 'sanswitch';
import type { Connected } from '../harness/messages.js';
import { decisionText } from '../harness/switch-channel.js';

/** Who is told of the connection. */
export type Registrar = ActorRef<Connected>;

export default defineActor<never, Registrar>((registrar) => ({
  connected(socket) {
    registrar.tell({ provider: socket.provider, decision: decisionText(socket.decision) });
  },
  received(socket, bytes) {
    if (!socket.send(bytes)) socket.pause();
  },
  drained: (socket) => socket.resume(),
}));
