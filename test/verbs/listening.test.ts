/** Where `verbs` listens: nowhere but where the configuration says so; and the doctor says the same. */
import { createSwitch, doctor, type Switch } from 'sanswitch';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { makeTree, rdmaDevice } from '../doctor/sysfs-tree.js';
import { useFakeVerbs } from '../fixtures/fake-verbs.js';

const { root, remove } = makeTree({
  'class/net/lo/address': '00:00:00:00:00:00',
  ...rdmaDevice('fake0', [{}], { 'device/net/lo/address': '' }),
});
process.env.SANSWITCH_SYSFS = root;
await useFakeVerbs();
afterAll(remove);

const switches: Switch[] = [];
afterEach(() => Promise.all(switches.splice(0).map((sw) => sw.close())));

async function verbsSwitch(options: Readonly<Record<string, unknown>> = {}): Promise<Switch> {
  const sw = await createSwitch({ providers: [{ name: 'verbs', options }] });
  switches.push(sw);
  return sw;
}

/** Who carries a connection to each address of a server that listens on `host`. */
async function carriers(listen: unknown, host: string): Promise<Record<string, string>> {
  const server = await verbsSwitch({ listen });
  const client = await verbsSwitch();
  const listener = await server.listen({ host, port: 0 }, (socket) => socket.resume());
  const found: Record<string, string> = {};
  for (const address of ['127.0.0.1', '::1']) {
    const socket = await client.connect({ host: address, port: listener.address().port });
    found[address] = socket.provider;
    socket.abort();
  }
  return found;
}

/** The addresses that the doctor calls exposed. */
async function exposed(listen: unknown): Promise<string[]> {
  const { rdma } = await doctor({ providers: [{ name: 'verbs', options: { listen } }] });
  return rdma.addresses.filter(({ isExposed }) => isExposed).map(({ subnet }) => subnet.split('/')[0] as string);
}

describe('[WSD-4.1] verbs listens', () => {
  it.each<[title: string, listen: unknown, addresses: readonly string[]]>([
    ['nowhere by default', undefined, []],
    ['nowhere', [], []],
    ['nowhere, where the names are none of this host', ['eth9', '10.0.0.1'], []],
    ['everywhere', 'all', ['127.0.0.1', '::1']],
    ['on an RDMA device', ['fake0'], ['127.0.0.1', '::1']],
    ['on a network device', ['lo'], ['127.0.0.1', '::1']],
    ['on an address', ['127.0.0.1'], ['127.0.0.1']],
    ['on an address of IPv6', ['::1'], ['::1']],
  ])('%s', async (_, listen, addresses) => {
    const expected = Object.fromEntries(
      ['127.0.0.1', '::1'].map((address) => [address, addresses.includes(address) ? 'verbs' : 'tcp']),
    );
    expect(await carriers(listen, '::')).toEqual(expected);
    expect(await exposed(listen)).toEqual(addresses);
  });

  it('says in the decision record that it does not listen, and what would change that', async () => {
    const server = await verbsSwitch();
    const listener = await server.listen({ host: '127.0.0.1', port: 0 }, () => {});
    const record = listener.decision.candidates.find(({ provider }) => provider === 'verbs');
    expect(record?.outcome).toBe('failed');
    expect(record?.detail).toMatch(/listen/);
  });
});
