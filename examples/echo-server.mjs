// An echo server. node examples/echo-server.mjs [PORT]
import { createSwitch } from 'sanswitch';

const sw = await createSwitch();

const listener = await sw.listen({ host: '127.0.0.1', port: Number(process.argv[2] ?? 0) }, (socket) => {
  console.log(`port ${socket.remotePort} has connected by ${socket.provider}`);
  socket.handlers = {
    received(socket, bytes) {
      // A peer that does not read is not read from either.
      if (!socket.send(bytes)) socket.pause();
    },
    drained(socket) {
      socket.resume();
    },
    closed(socket, error) {
      console.log(`port ${socket.remotePort} is gone${error ? `: ${error.message}` : ''}`);
    },
  };
});

console.log(`listening on port ${listener.address().port}`);
process.once('SIGINT', () => sw.close());
