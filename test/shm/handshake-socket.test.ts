import { afterEach, expect, it } from 'vitest';
import { closeDescriptor, sendMessage, unixAccept, unixConnect, unixListen } from '#src/native/os.js';
import { HandshakeSocket } from '#src/providers/shm/handshake-socket.js';

const descriptors: number[] = [];

afterEach(() => {
  for (const fd of descriptors.splice(0)) closeDescriptor(fd);
});

/** One end, and the other's descriptor. */
function pair(): [HandshakeSocket, number] {
  const name = `sanswitch-test-handshake-${process.pid}`;
  const listener = unixListen(name, 1);
  const far = unixConnect(name);
  descriptors.push(listener, far);
  return [new HandshakeSocket(unixAccept(listener) as number), far];
}

/** Longer than a message may take. */
const BUSY_MS = 1_200;

it('[WSD-3.5] a thread that had no time itself does not take its peer for silent', async () => {
  const [socket, far] = pair();
  const receiving = socket.receive();
  sendMessage(far, Uint8Array.of(1, 2, 3));
  const until = performance.now() + BUSY_MS;
  while (performance.now() < until);
  const { bytes, length } = await receiving;
  expect([...bytes.subarray(0, length)]).toEqual([1, 2, 3]);
  socket.close();
});

it('a peer that is silent is given up', async () => {
  const [socket] = pair();
  const start = performance.now();
  await expect(socket.receive()).rejects.toThrow('takes too long');
  expect(performance.now() - start).toBeGreaterThan(900);
  socket.close();
});
