// An echo server that RDMA reaches where it may listen. RDMA_LISTEN=all node examples/rdma-server.mjs [PORT]
import { createSwitch } from 'sanswitch';
import config from './rdma-config.mjs';

const sw = await createSwitch(config);
const listener = await sw.listen({ host: '0.0.0.0', port: Number(process.argv[2] ?? 0) }, (socket) => {
  console.log(`${socket.remoteAddress} has connected by ${socket.provider}`);
  socket.handlers = {
    received(socket, bytes) {
      // A peer that does not read is not read from either.
      if (!socket.send(bytes)) socket.pause();
    },
    drained: (socket) => socket.resume(),
    closed: (socket, error) => console.log(`${socket.remoteAddress} is gone${error ? `: ${error.message}` : ''}`),
  };
});
console.log(`listening on port ${listener.address().port}`);
for (const { provider, outcome, reason } of listener.decision.candidates) {
  console.log(`  ${provider}: ${outcome}, ${reason}`);
}
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => sw.close());
