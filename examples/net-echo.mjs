// An echo as node:net has it, but for the name of the module. node examples/net-echo.mjs
import net from 'sanswitch/net';

const server = net.createServer((peer) => {
  peer.pipe(peer);
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const socket = net.connect(port, '127.0.0.1', () => {
    console.log(`connected by ${socket.sanswitch?.provider}`);
    socket.end('hello');
  });
  socket.setEncoding('utf8').on('data', (text) => console.log(text));
  socket.on('close', () => server.close());
});
