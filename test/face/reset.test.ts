import { createSwitch } from 'sanswitch';
import { afterEach, describe, expect, it } from 'vitest';

const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

/** Both ends of a connection over one provider. */
async function pair(providers: string[]) {
  const sanswitch = await createSwitch({ providers });
  opened.push(sanswitch);
  type Socket = Awaited<ReturnType<typeof sanswitch.connect>>;
  let accept: (socket: Socket) => void = () => {};
  const accepted = new Promise<Socket>((resolve) => {
    accept = resolve;
  });
  const listener = await sanswitch.listen({ host: '127.0.0.1', port: 0 }, accept);
  const client = await sanswitch.connect({ host: '127.0.0.1', port: listener.address().port });
  return { client, server: await accepted };
}

describe.each([
  ['tcp', []],
  ['shm', ['shm!']],
])('over %s', (name, providers) => {
  it('[WSD-7.3] lets the peer of an abort see a reset, even when bytes went before it', async () => {
    const { client, server } = await pair(providers);
    expect(client.provider).toBe(name);
    const closed = new Promise<Error | null>((resolve) => {
      // Only then: libuv takes bytes and a reset that it finds together for bytes and an orderly end.
      const received = () => setImmediate(() => client.abort());
      server.handlers = { received, ended: () => {}, closed: (_, error) => resolve(error) };
    });
    client.send(Buffer.from('a few bytes'));
    expect(await closed).toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('urgent data', () => {
  it('[WSD-5.9] is refused when it does not fit into one control message', async () => {
    const { client, server } = await pair(['shm!']);
    const got = new Promise<Uint8Array>((resolve) => {
      server.handlers = { received: () => {}, urgent: (_, bytes) => resolve(bytes) };
    });
    for (const bytes of [0, 1025, 5000]) {
      expect(() => client.urgent(Buffer.alloc(bytes))).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    }
    client.urgent(Buffer.alloc(1024, 7));
    expect(Buffer.from(await got).equals(Buffer.alloc(1024, 7))).toBe(true);
  });
});
