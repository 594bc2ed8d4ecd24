// Plugs a provider from elsewhere into the switch: npm run build && node build/examples/third-party-provider.js
import { createSwitch } from 'sanswitch';
import { UnixProvider } from './unix-provider.js';

// `required`: a connection that this provider does not serve is an error, so that nothing goes by TCP/IP unseen.
const sw = await createSwitch({ providers: [{ name: 'unix', provider: new UnixProvider(), required: true }] });

const listener = await sw.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
  socket.handlers = {
    received(socket, bytes) {
      socket.send(bytes);
    },
    ended(socket) {
      socket.end();
    },
  };
});

const socket = await sw.connect({ host: '127.0.0.1', port: listener.address().port });
socket.send(Buffer.from('hello'));
socket.end();
let echo = '';
for await (const bytes of socket) echo += Buffer.from(bytes).toString();
console.log(`connected by ${socket.provider}, a ${socket.decision.localPortKind} port; echo: ${echo}`);
await sw.close();
