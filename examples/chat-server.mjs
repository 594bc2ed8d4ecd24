// A chat server: connect (nc 127.0.0.1 PORT), name a room, talk. node examples/chat-server.mjs [PORT]
import { isMainThread } from 'node:worker_threads';
import { createRuntime, defineActor } from 'sanswitch';

/** Tells all its guests, whichever workers they are on, what one of them says. */
const room = (guests = new Map()) => ({
  receive({ guest, text }, context) {
    guests.set(String(guest.address), guest);
    context.watch(guest);
    for (const one of guests.values()) one.tell(text);
  },
  terminated: (address) => void guests.delete(String(address)),
});

/** Has a connection. Its first line names a room, the others are said there. */
const guest = (own = { socket: null, room: null, rest: '' }) => ({
  connected: (socket) => void Object.assign(own, { socket }),
  received(socket, bytes, { self, registry }) {
    // By latin1 bytes stay what they are, whatever they mean.
    const lines = (own.rest + Buffer.from(bytes).toString('latin1')).split('\n');
    own.rest = lines.pop();
    if (own.rest.length > 1_000) socket.abort();
    for (const line of lines) {
      const text = own.room ? `${socket.remotePort}: ${line}` : `${socket.remotePort} has come in`;
      own.room ??= registry.lookup(line);
      if (own.room) own.room.tell({ guest: self, text });
      else self.tell(`there is no ${line}`);
    }
  },
  // Who does not read what is said misses some of it.
  receive(text) {
    const isListening = own.socket.state === 'open' && own.socket.queuedBytes < 65_536;
    if (isListening) own.socket.send(Buffer.from(`${text}\n`, 'latin1'));
  },
});

export default defineActor((/** @type {boolean} */ isRoom) => (isRoom ? room() : guest()));

if (isMainThread) {
  const runtime = await createRuntime();
  const actor = new URL(import.meta.url);
  for (const name of ['garden', 'kitchen']) await runtime.spawn(actor, true, { name });
  const listener = await runtime.listen({ host: '127.0.0.1', port: Number(process.argv[2] ?? 0), actor });
  console.log(`listening on port ${listener.address().port}`);
  process.once('SIGINT', () => runtime.close());
}
