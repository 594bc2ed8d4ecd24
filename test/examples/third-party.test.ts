import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createSwitch } from 'sanswitch';
import { expect, it } from 'vitest';
import { UnixProvider } from '../../examples/unix-provider.js';
import { conformance } from '../conformance/suite.js';

conformance('a provider from elsewhere (examples/unix-provider.ts)', () => ({ provider: new UnixProvider() }));

it('examples/third-party-provider.ts runs as its first line says', async () => {
  const program = fileURLToPath(new URL('../../build/examples/third-party-provider.js', import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program]);
  expect(stderr).toBe('');
  expect(stdout).toBe('connected by unix, a virtual port; echo: hello\n');
});

it('[WSD-3.4] a plain TCP server is reached past it', async () => {
  const sw = await createSwitch({ providers: [{ name: 'unix', provider: new UnixProvider() }] });
  const plain = await createSwitch({ providers: ['tcp'] });
  const listener = await plain.listen({ host: '127.0.0.1', port: 0 }, () => {});
  const socket = await sw.connect({ host: '127.0.0.1', port: listener.address().port });
  expect(socket.provider).toBe('tcp');
  expect(socket.decision.candidates.map(({ provider, outcome }) => [provider, outcome])).toEqual([
    ['unix', 'failed'],
    ['tcp', 'chosen'],
  ]);
  socket.abort();
  await sw.close();
  await plain.close();
});

it('a megabyte each way, at once, arrives whole', async () => {
  const sw = await createSwitch({ providers: [{ name: 'unix', provider: new UnixProvider(), required: true }] });
  const data = Buffer.alloc(1_000_000, 'sanswitch ');
  const sums = { near: 0, far: 0 };
  const farEnded = deferred();
  const listener = await sw.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    socket.handlers = {
      received: (_socket, bytes) => {
        sums.far += bytes.length;
      },
      ended: () => farEnded.resolve(),
    };
    socket.send(data);
    socket.end();
  });
  const socket = await sw.connect({ host: '127.0.0.1', port: listener.address().port });
  socket.send(data);
  socket.end();
  for await (const bytes of socket) sums.near += bytes.length;
  await farEnded.promise;
  expect(sums).toEqual({ near: data.length, far: data.length });
  await sw.close();
});

function deferred() {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
