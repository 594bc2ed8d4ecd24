/** The RDMA examples where there is no RDMA: they run as well, unless it is demanded. */
import { expect, it } from 'vitest';
import { NO_RDMA } from '../doctor/command-line.js';
import { Example } from './processes.js';

it('the load reaches the server, and both end by themselves', async () => {
  const server = new Example('rdma-server', ['0'], NO_RDMA);
  const [, port = ''] = await server.says(/listening on port (\d+)/);
  await server.says(/verbs: left-out, cannot-start/);
  const load = new Example('rdma-load', ['127.0.0.1', port, '3', '0.3'], NO_RDMA);
  expect(await load.ended).toBe(0);
  expect(load.output).toMatch(/^connections: 3 by shm\n[1-9]\d* round trips of 64 bytes a second; p50 [\d.]+ us/m);
  server.child.kill('SIGTERM');
  expect(await server.ended).toBe(0);
  expect(server.output.match(/has connected by shm/g)).toHaveLength(3);
});

it('with RDMA_REQUIRED=1 no TCP/IP takes its place', async () => {
  const load = new Example('rdma-load', ['127.0.0.1', '1', '1', '1'], { ...NO_RDMA, RDMA_REQUIRED: '1' });
  expect(await load.ended).toBe(1);
  expect(load.output).toMatch(/ERR_SANSWITCH_PROVIDER_REQUIRED[\s\S]*verbs/);
});
