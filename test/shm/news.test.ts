import { setTimeout as delay } from 'node:timers/promises';
import { createSwitch } from 'sanswitch';
import { afterAll, expect, it } from 'vitest';
import { killPeers, Peer, STRICT } from './peer.js';

// More than fit into a link's polled set, so that its reader forgets idle ones all the time.
const CONNECTIONS = 200;
const RUN_MS = 6_000;
/** Far longer than any answer takes on a machine that is merely busy. */
const FORGOTTEN_MS = 4_000;

afterAll(killPeers);

it('connections that rest and speak again at random are never forgotten', { timeout: 60_000 }, async () => {
  const peer = await Peer.process();
  const { port } = await peer.do.listen('echo');
  const sanswitch = await createSwitch(STRICT);
  const message = Buffer.alloc(64, 1);
  const until = performance.now() + RUN_MS;
  let answers = 0;
  const converse = async () => {
    const socket = await sanswitch.connect({ host: '127.0.0.1', port });
    let answered: () => void = () => {};
    socket.handlers = { received: () => answered() };
    for (let left = 0; performance.now() < until; left--) {
      const answer = new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`no answer after ${socket.bytesReceived} bytes`)),
          FORGOTTEN_MS,
        );
        answered = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      socket.send(message);
      await answer;
      answers++;
      if (left > 0) continue;
      left = Math.floor(Math.random() ** 3 * 1000);
      await delay(Math.random() * 5);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, converse));
  expect(answers).toBeGreaterThan(CONNECTIONS);
  await sanswitch.close();
});
