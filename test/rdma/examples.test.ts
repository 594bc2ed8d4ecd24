/** The RDMA examples, two processes, on real verbs. */
import { expect, it } from 'vitest';
import { Example } from '../examples/processes.js';

const host = process.env.SANSWITCH_TEST_HOST ?? '';

it('the load reaches the server by RDMA', async () => {
  // An emulated machine takes its time.
  const environment = { RDMA_LISTEN: 'all', RDMA_TIMEOUT_MS: '10000' };
  const server = new Example('rdma-server', ['0'], environment);
  const [, port = ''] = await server.says(/listening on port (\d+)/);
  await server.says(/verbs: chosen, listens/);
  const load = new Example('rdma-load', [host, port, '3', '1'], { ...environment, RDMA_REQUIRED: '1' });
  expect([await load.ended, load.output]).toEqual([
    0,
    expect.stringMatching(/^connections: 3 by verbs\n[1-9]\d* round/m),
  ]);
  server.child.kill('SIGTERM');
  expect(await server.ended).toBe(0);
}, 60_000);
