/** The switch over verbs: families, what falls back to TCP/IP and what does not, and what the decision records say. */
import { createSwitch, type Switch } from 'sanswitch';
import { expect, it } from 'vitest';
import { fakeVerbs, verbsEntry } from '../fixtures/verbs-place.js';
import { afterwards, failure, listening, plainServer } from '../switch/helpers.js';

const preferred = { ...verbsEntry, required: false };

async function switchWith(provider: object = verbsEntry): Promise<Switch> {
  const sw = await createSwitch({ providers: [provider as typeof verbsEntry] });
  afterwards(() => sw.close());
  return sw;
}

it.each([
  ['127.0.0.1', '127.0.0.1', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1', '127.0.0.1'],
  ['::1', '::1', '::1'],
  ['::', '::1', '::1'],
  ['::', '127.0.0.1', '::ffff:127.0.0.1'],
])('[WSD-2.5] [WSD-4.1] a listener on %s is reached at %s', async (host, there, shown) => {
  const sw = await switchWith();
  const { port, next } = await listening(sw, { host });
  const [near, far] = await Promise.all([sw.connect({ port, host: there }), next()]);
  expect(near).toMatchObject({ provider: 'verbs', remoteAddress: there, remotePort: port });
  expect(far).toMatchObject({ provider: 'verbs', localAddress: shown, localPort: port, remotePort: near.localPort });
  near.send(Buffer.from('hello'));
  expect(Buffer.from((await far.receive()) ?? []).toString()).toBe('hello');
  await Promise.all([near.close(), far.close()]);
});

it('[WSD-3.4] [WSD-3.5] a plain TCP server at an RDMA address is reached by TCP/IP, the second time without asking', async () => {
  const { port } = await plainServer();
  const sw = await switchWith(preferred);
  const first = await sw.connect({ port, host: '127.0.0.1' });
  expect(first.provider).toBe('tcp');
  expect(first.decision.candidates[0]).toMatchObject({ provider: 'verbs', reason: 'no-listener' });
  fakeVerbs?.control('reset');
  const second = await sw.connect({ port, host: '127.0.0.1' });
  expect(second.provider).toBe('tcp');
  expect(second.decision.candidates[0]).toMatchObject({ provider: 'verbs', reason: 'no-listener' });
  expect(fakeVerbs?.control('calls rdma_resolve_addr')).toBe(0);
  await Promise.all([first.close(), second.close()]);
});

it('[WSD-3.3] a listener of ours that refuses is final: TCP/IP is not tried', async () => {
  const sw = await switchWith(preferred);
  const { port } = await listening(sw, { admit: () => false });
  expect(await failure(sw.connect({ port, host: '127.0.0.1' }))).toMatchObject({ code: 'ECONNREFUSED', port });
});

it('[WSD-4.1] it listens nowhere unless it is told to, and connections come by TCP/IP', async () => {
  const { listen: _, ...options } = verbsEntry.options;
  const server = await switchWith({ ...preferred, options });
  const { listener, port } = await listening(server);
  expect(listener.decision.candidates).toContainEqual(
    expect.objectContaining({ provider: 'verbs', detail: expect.stringContaining("'listen'") }),
  );
  const sw = await switchWith(preferred);
  const socket = await sw.connect({ port, host: '127.0.0.1' });
  expect(socket.provider).toBe('tcp');
  await socket.close();
});

it('[WSD-3.8] a connect that is aborted leaves nothing behind', async () => {
  const sw = await switchWith();
  const { port } = await listening(sw);
  for (const stage of ['resolve', 'route', 'request', 'response']) {
    fakeVerbs?.control(`hold ${stage}`);
    const controller = new AbortController();
    const connecting = failure(sw.connect({ port, host: '127.0.0.1', signal: controller.signal }));
    await new Promise((resolve) => setTimeout(resolve, 30));
    controller.abort();
    expect((await connecting).name).toBe('AbortError');
    fakeVerbs?.control(`release ${stage}`);
  }
  const socket = await sw.connect({ port, host: '127.0.0.1' });
  await socket.close();
});

it('counts what it refuses', async () => {
  const sw = await switchWith();
  const { port } = await listening(sw, { admit: () => false });
  await failure(sw.connect({ port, host: '127.0.0.1' }));
  expect(sw.stats().providers.verbs).toMatchObject({ refusals: { 'request:refused': 1 } });
});
