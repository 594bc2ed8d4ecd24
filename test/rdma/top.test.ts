/** What `sanswitch top` tells of connections by real verbs. */
import { createSwitch } from 'sanswitch';
import { expect, it } from 'vitest';
import { report } from '../top/observed.js';

const host = process.env.SANSWITCH_TEST_HOST ?? '';

it('shows who is blocked, how full the receive buffers of the peer are, and who that is', async () => {
  const sw = await createSwitch({ providers: [{ name: 'verbs', required: true, options: { listen: 'all' } }] });
  const listener = await sw.listen({ host, port: 0 }, (socket) => {
    socket.handlers = { received() {} };
    socket.pause();
  });
  const { port } = listener.address();
  const socket = await sw.connect({ host, port });
  socket.handlers = { received() {} };
  for (let i = 0; i < 1_000; i++) socket.send(new Uint8Array(1_000));
  const { connections } = await report([process.pid]);
  await sw.close();
  const sender = connections.find(({ remote }) => remote === `${host}:${port}`);
  expect(sender).toMatchObject({ provider: 'verbs', peerPid: process.pid });
  expect(sender?.queuedBytes).toBeGreaterThan(0);
  expect((sender?.ringUsedBytes ?? 0) / (sender?.ringBytes ?? 1)).toBeGreaterThan(0.9);
});
