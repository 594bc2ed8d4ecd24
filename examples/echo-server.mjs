// An echo server: each connection is an actor on one of the workers. node examples/echo-server.mjs [PORT]
import { isMainThread } from 'node:worker_threads';
import { createRuntime, defineActor } from 'sanswitch';

/** Made for each connection, on its worker, which loads this file as well. */
export default defineActor(() => ({
  connected: (socket) => console.log(`port ${socket.remotePort} has connected by ${socket.provider}`),
  received(socket, bytes) {
    // A peer that does not read is not read from either.
    if (!socket.send(bytes)) socket.pause();
  },
  drained: (socket) => socket.resume(),
  closed: (socket, error) => console.log(`port ${socket.remotePort} is gone${error ? `: ${error.message}` : ''}`),
}));

if (isMainThread) {
  const runtime = await createRuntime();
  const actor = new URL(import.meta.url);
  const listener = await runtime.listen({ host: '127.0.0.1', port: Number(process.argv[2] ?? 0), actor });
  console.log(`listening on port ${listener.address().port}`);
  process.once('SIGINT', () => runtime.close());
}
