/** The threads of the question `accept`: one that connects, and workers that open what they are given. */
import { connect, Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { GivenSocket } from '#src/actor/intake/listener.js';
import type { ClientsTask, IntakeRole } from './intake-threads.js';

const port = parentPort as NonNullable<typeof parentPort>;

/** Connects, says so by a word that the listening thread blocks on, and waits for the ends. */
function beClients({ serverPort, count, connected }: ClientsTask): void {
  let left = count;
  let open = 0;
  const ended = () => {
    left -= 1;
    if (left === 0) port.postMessage('ended');
  };
  for (let i = 0; i < count; i++) {
    const client = connect(serverPort, '127.0.0.1', () => {
      open += 1;
      if (open < count) return;
      const word = new Int32Array(connected);
      Atomics.store(word, 0, 1);
      Atomics.notify(word, 0);
    });
    // An end by reset is an end.
    client.on('error', () => {});
    client.on('close', ended).resume();
  }
}

const sockets: Socket[] = [];

function open({ ticket, fd }: GivenSocket): void {
  sockets.push(new Socket({ fd }).on('error', () => {}));
  port.postMessage(ticket);
}

if ((workerData as IntakeRole) === 'clients') {
  port.on('message', beClients);
} else {
  port.on('message', (given: GivenSocket | null) => {
    if (given !== null) return open(given);
    for (const socket of sockets.splice(0)) socket.destroy();
  });
}
