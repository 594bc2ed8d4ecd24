/** What a thread does without end, so that it can be ended in the middle of it. */
import type { Switch } from 'sanswitch';
import { closeDescriptor, listeningSockets, unixListen } from '#src/native/os.js';
import { Poll } from '#src/reactor/poll.js';

/**
 * `connect`, `listen`, `close`: over and over. `handler`, `waiting-handler`: never returns from a received handler.
 * `exit`: calls process.exit() in one, which ends the thread. `native`: calls into the addon that make objects, one after the other.
 */
export type Restless = 'connect' | 'listen' | 'close' | 'handler' | 'waiting-handler' | 'exit' | 'native';

const host = '127.0.0.1';

async function connectForever(sw: Switch, port: number): Promise<never> {
  for (;;) (await sw.connect({ host, port })).abort();
}

/** Each listener is met by a connect of our own at the very moment when it closes. */
async function listenForever(sw: Switch): Promise<never> {
  for (;;) {
    const listener = await sw.listen({ host, port: 0 }, (socket) => socket.abort());
    const connecting = sw.connect({ host, port: listener.address().port }).then(
      (socket) => socket.abort(),
      () => {},
    );
    await listener.close();
    await connecting;
  }
}

async function closeForever(sw: Switch, port: number): Promise<never> {
  for (let i = 0; ; i++) {
    const socket = await sw.connect({ host, port, handlers: { received: () => {} } });
    socket.send(Buffer.alloc(1 << (i % 18)));
    await socket.close();
  }
}

/** The handler of the first bytes that an echo server sends back never returns. */
async function stayInHandler(sw: Switch, kind: Restless, port: number): Promise<void> {
  const received = (): void => {
    if (kind === 'exit') process.exit();
    if (kind === 'waiting-handler') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    for (;;);
  };
  const socket = await sw.connect({ host, port, handlers: { received } });
  socket.send(Buffer.from('come in'));
}

/** The end of the thread finds it inside the addon, more often than not. */
function callForever(port: number): void {
  const name = `sanswitch-test-restless-${process.pid}`;
  for (let i = 0; i < 100; i++) listeningSockets(port);
  for (let i = 0; i < 10; i++) {
    const fd = unixListen(`${name}-${Math.random()}`, 1);
    new Poll(fd, () => {}).start().close();
    closeDescriptor(fd);
  }
  setImmediate(callForever, port);
}

/** Starts it. `port` is an echo server's. */
export function restless(sw: Switch, kind: Restless, port: number): void {
  if (kind === 'connect') void connectForever(sw, port);
  else if (kind === 'listen') void listenForever(sw);
  else if (kind === 'close') void closeForever(sw, port);
  else if (kind === 'native') setImmediate(callForever, port);
  else void stayInHandler(sw, kind, port);
}
