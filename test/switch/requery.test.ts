/** What is done when the host's addresses or devices have changed (rule 1.3). */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Switch, SwitchOptions } from 'sanswitch';
import { type ProtocolInfo, SIO_ADDRESS_LIST_QUERY, WSASYSNOTREADY, WsaError } from 'sanswitch/spi';
import { describe, expect, it, vi } from 'vitest';
import { systemError } from '#src/native/os.js';
import { LoopFabric } from '#src/providers/loop/fabric.js';
import { LoopProvider } from '#src/providers/loop/provider.js';
import { createSwitchWith } from '#src/switch/switch.js';
import { afterwards, listening, makeRig, order } from './helpers.js';

const IPV4 = { family: 4, address: '127.0.0.0', prefixLength: 8 } as const;
const IPV6 = { family: 6, address: '::1', prefixLength: 128 } as const;
const ELSEWHERE = { family: 4, address: '10.1.0.0', prefixLength: 16 } as const;

/** A provider that starts as soon as `isReady`. */
class Late extends LoopProvider {
  isReady = false;
  starts = 0;
  cleanUps = 0;
  /** Holds the start back. */
  gate: Promise<void> | null = null;

  constructor(fabric = new LoopFabric()) {
    super({ fabric });
  }

  override WSPStartupEx(...args: Parameters<LoopProvider['WSPStartupEx']>): ProtocolInfo | Promise<ProtocolInfo> {
    this.starts += 1;
    if (!this.isReady) throw new WsaError(WSASYSNOTREADY, `no device after ${this.starts}`);
    const info = super.WSPStartupEx(...args);
    return this.gate === null ? info : this.gate.then(() => info);
  }

  override WSPCleanup(): void {
    this.cleanUps += 1;
    super.WSPCleanup();
  }
}

/** A switch, and what the system would call. */
async function switchOf(
  providers: NonNullable<SwitchOptions['providers']>,
): Promise<{ sw: Switch; changed: () => void }> {
  let changed = (): void => {};
  const sw = await createSwitchWith({ providers, startupTimeoutMs: 200 }, (callback) => {
    changed = callback;
    return { close() {} };
  });
  afterwards(() => sw.close());
  return { sw, changed: () => changed() };
}

const statusOf = (sw: Switch, name = 'san') => sw.providers().find((status) => status.name === name);

async function providerOf(sw: Switch, port: number, host = '127.0.0.1'): Promise<string> {
  const socket = await sw.connect({ port, host });
  socket.abort();
  return socket.provider;
}

describe('changes of addresses and devices', () => {
  it('[WSD-1.3] all providers are asked again, and connects and listeners go by what they say', async () => {
    const { sw, loop, trace, addressesChanged } = await makeRig({ loop: { subnets: [ELSEWHERE] } });
    const { port, listener } = await listening(sw);
    const before = await sw.connect({ port, host: '127.0.0.1' });
    expect(before.provider).toBe('tcp');
    expect(before.decision.candidates[0]).toMatchObject({
      provider: 'san',
      outcome: 'not-serving',
      reason: 'no-subnet',
    });
    expect(listener.decision.candidates).toContainEqual({
      provider: 'san',
      outcome: 'not-serving',
      reason: 'no-subnet',
    });
    loop.serve([IPV4]);
    const from = trace.entries.length;
    addressesChanged();
    expect(order(trace, from).slice(0, 2)).toEqual(['WSPIoctl', 'WSPSocket']);
    expect(statusOf(sw)?.subnets).toEqual(['127.0.0.0/8']);
    expect(await providerOf(sw, port)).toBe('san');
    expect(listener.decision.candidates).toContainEqual({ provider: 'san', outcome: 'chosen', reason: 'listens' });
    // A companion that stands stays as it is.
    const { length } = sw.decisions();
    const again = trace.entries.length;
    addressesChanged();
    expect(order(trace, again)).toEqual(['WSPIoctl']);
    expect(sw.decisions()).toHaveLength(length);
  });

  it('[WSD-1.3] asks once more when all has settled', async () => {
    const { sw, loop, trace, addressesChanged } = await makeRig({ loop: { subnets: [ELSEWHERE] } });
    addressesChanged();
    loop.serve([IPV4]);
    const from = trace.entries.length;
    await vi.waitUntil(() => statusOf(sw)?.subnets[0] === '127.0.0.0/8', { timeout: 3_000 });
    expect(order(trace, from)).toEqual(['WSPIoctl']);
  });

  it('[WSD-1.3] adds a companion for IPv6 to one that has listened for IPv4 alone', async () => {
    const { sw, loop, addressesChanged } = await makeRig({ loop: { subnets: [IPV4] } });
    const { port } = await listening(sw, { host: '::' });
    expect(await providerOf(sw, port, '::1')).toBe('tcp');
    loop.serve([IPV4, IPV6]);
    addressesChanged();
    expect(await providerOf(sw, port, '::1')).toBe('san');
    expect(await providerOf(sw, port)).toBe('san');
  });

  it('[WSD-1.3] a companion whose addresses have gone serves again when they are back', async () => {
    const { sw, loop, addressesChanged } = await makeRig();
    const { port, listener } = await listening(sw);
    loop.serve([]);
    addressesChanged();
    expect(await providerOf(sw, port)).toBe('tcp');
    expect(listener.decision.candidates).toContainEqual({
      provider: 'san',
      outcome: 'not-serving',
      reason: 'no-subnet',
    });
    loop.serve([IPV4]);
    addressesChanged();
    expect(await providerOf(sw, port)).toBe('san');
  });

  it('[WSD-1.3] does not listen again on a provider that could not go on listening', async () => {
    const failures: Error[] = [];
    const { sw, script, addressesChanged } = await makeRig();
    const { port, listener } = await listening(sw, { failed: (error: Error) => failures.push(error) } as object);
    script.WSPEnumNetworkEvents = () => {
      throw new Error('broken');
    };
    const connecting = sw.connect({ port, host: '127.0.0.1' });
    await vi.waitUntil(() => failures.length > 0);
    delete script.WSPEnumNetworkEvents;
    (await connecting).abort();
    addressesChanged();
    expect(listener.decision.candidates).toContainEqual(
      expect.objectContaining({ provider: 'san', outcome: 'failed', reason: 'provider-fault' }),
    );
  });

  it('[WSD-1.3] keeps the routes of a provider that can’t answer then', async () => {
    const { sw, script, addressesChanged } = await makeRig();
    script.WSPIoctl = () => {
      throw new Error('busy');
    };
    addressesChanged();
    expect(sw.providers()[1]).toMatchObject({ subnets: ['127.0.0.0/8', '::1/128'] });
    expect(sw.providers()[1]?.lastFault).toContain('addresses');
    expect(sw.stats().providers.san?.faults).toBe(1);
  });

  it('[WSD-1.3] goes on without notifications of address changes where there are none, and says so', async () => {
    const provider = new LoopProvider({ fabric: new LoopFabric() });
    const sw = await createSwitchWith({ providers: [{ name: 'san', provider }] }, () => {
      throw systemError(-24, 'netlink');
    });
    afterwards(() => sw.close());
    expect(sw.providers()[1]).toMatchObject({ state: 'started', lastFault: expect.stringContaining('netlink EMFILE') });
    expect(sw.stats().providers.san).toMatchObject({ faults: 0 });
    const { port } = await listening(sw);
    expect((await sw.connect({ port, host: '127.0.0.1' })).provider).toBe('san');
  });

  it('[WSD-1.3] takes an answer that comes later, and asks once more if there was a change meanwhile', async () => {
    const { sw, script, loop, addressesChanged } = await makeRig({ loop: { subnets: [ELSEWHERE] } });
    const answers: ((subnets: unknown) => void)[] = [];
    script.WSPIoctl = (proceed, [, control]) =>
      control === SIO_ADDRESS_LIST_QUERY ? new Promise((resolve) => answers.push(resolve)) : proceed();
    const { port } = await listening(sw);
    for (let count = 0; count < 3; count++) addressesChanged();
    expect(answers).toHaveLength(1);
    loop.serve([IPV4]);
    answers[0]?.([ELSEWHERE]);
    await vi.waitUntil(() => answers.length === 2);
    expect(statusOf(sw)?.subnets).toEqual(['10.1.0.0/16']);
    answers[1]?.([IPV4]);
    await vi.waitUntil(() => statusOf(sw)?.subnets[0] === '127.0.0.0/8');
    expect(answers).toHaveLength(2);
    expect(await providerOf(sw, port)).toBe('san');
  });

  it('[WSD-1.3] an answer that never comes, or is none, is a fault, and the routes stay', async () => {
    const { sw, script, addressesChanged } = await makeRig({ sw: { startupTimeoutMs: 30 } });
    script.WSPIoctl = () => new Promise(() => {});
    addressesChanged();
    await vi.waitUntil(() => sw.stats().providers.san?.faults === 1);
    script.WSPIoctl = () => Promise.resolve('nothing');
    addressesChanged();
    await vi.waitUntil(() => sw.stats().providers.san?.faults === 2);
    delete script.WSPIoctl;
    expect(statusOf(sw)?.subnets).toEqual(['127.0.0.0/8', '::1/128']);
    const { port } = await listening(sw);
    expect(await providerOf(sw, port)).toBe('san');
  });

  it('[WSD-1.1] [WSD-1.3] a provider that was not ready starts when it is, in its place, and listens', async () => {
    const late = new Late();
    const second = new LoopProvider({ fabric: new LoopFabric() });
    const { sw, changed } = await switchOf([
      { name: 'san', provider: late },
      { name: 'second', provider: second },
    ]);
    expect(statusOf(sw)).toMatchObject({ state: 'left-out', reason: 'not-ready', detail: 'no device after 1' });
    const { port, listener } = await listening(sw);
    expect(await providerOf(sw, port)).toBe('second');
    changed();
    await vi.waitUntil(() => statusOf(sw)?.detail === 'no device after 2');
    late.isReady = true;
    changed();
    await vi.waitUntil(() => statusOf(sw)?.state === 'started');
    expect(sw.providers().map(({ name }) => name)).toEqual(['tcp', 'san', 'second']);
    expect(listener.decision.candidates.map(({ provider, reason }) => `${provider} ${reason}`)).toEqual([
      'tcp owns-the-port',
      'san listens',
      'second listens',
    ]);
    expect(await providerOf(sw, port)).toBe('san');
    expect(sw.stats().providers.san).toMatchObject({ connects: 1, accepts: 1 });
    changed();
    expect(late.starts).toBe(3);
    await sw.close();
    expect(late.cleanUps).toBe(1);
  });

  it('[WSD-1.3] a change while the providers start is not missed', async () => {
    const late = new Late();
    let changed = (): void => {};
    class Slow extends LoopProvider {
      override async WSPStartupEx(...args: Parameters<LoopProvider['WSPStartupEx']>): Promise<ProtocolInfo> {
        const info = await super.WSPStartupEx(...args);
        late.isReady = true;
        changed();
        return info;
      }
    }
    const providers = [
      { name: 'san', provider: late },
      { name: 'slow', provider: new Slow({ fabric: new LoopFabric() }) },
    ];
    const sw = await createSwitchWith({ providers }, (callback) => {
      changed = callback;
      return { close() {} };
    });
    afterwards(() => sw.close());
    await vi.waitUntil(() => statusOf(sw)?.state === 'started');
  });

  it('[WSD-1.3] [WSD-1.5] a provider that starts while the switch closes is ended again', async () => {
    const late = new Late();
    const { sw, changed } = await switchOf([{ name: 'san', provider: late }]);
    let open = (): void => {};
    late.gate = new Promise((resolve) => {
      open = resolve;
    });
    late.isReady = true;
    changed();
    const closed = sw.close();
    await sleep(20);
    open();
    await closed;
    expect(late.cleanUps).toBe(1);
  });

  it('[WSD-1.3] nobody is watched for where there is nobody to ask, now or later', async () => {
    let closed = 0;
    const watching = (providers: NonNullable<SwitchOptions['providers']>) =>
      createSwitchWith({ providers }, () => ({ close: () => closed++ }));
    class Broken extends Late {
      override WSPStartupEx(): never {
        throw new Error('broken');
      }
    }
    const without = await watching([{ name: 'san', provider: new Broken() }]);
    expect(closed).toBe(1);
    await without.close();
    expect(closed).toBe(1);
    const waiting = await watching([{ name: 'san', provider: new Late() }]);
    expect(closed).toBe(1);
    await waiting.close();
    expect(closed).toBe(2);
  });
});
