import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWildcard, mapped, parseAddress, samePrefix } from '#src/switch/addresses.js';
import { DecisionHistory } from '#src/switch/decisions.js';
import { RouteTable } from '#src/switch/routes.js';
import type { RunningProvider } from '#src/switch/running-provider.js';

describe('addresses', () => {
  it.each([
    ['127.0.0.1', 4, '127.0.0.1'],
    ['::1', 6, '::1'],
    ['::', 6, '::'],
    ['FE80::1%eth0', 6, 'fe80::1'],
    ['2001:DB8:0:0:1:0:0:1', 6, '2001:db8::1:0:0:1'],
    ['1:0:0:2:0:0:0:3', 6, '1:0:0:2::3'],
    ['1:2:3:4:5:6:7:8', 6, '1:2:3:4:5:6:7:8'],
    ['::ffff:10.1.2.3', 4, '10.1.2.3'],
    ['::FFFF:0a01:0203', 4, '10.1.2.3'],
    ['64:ff9b::10.1.2.3', 6, '64:ff9b::a01:203'],
    ['1::', 6, '1::'],
  ])('[WSD-1.2] %s', (text, family, canonical) => {
    expect(parseAddress(text)).toMatchObject({ family, address: canonical });
  });

  it.each(['', 'localhost', '1.2.3', '1.2.3.4.5', '256.0.0.1', '::g', '1::2::3', '[::1]'])('%j is none', (text) => {
    expect(parseAddress(text)).toBeNull();
  });

  it('knows the wildcards', () => {
    expect(['0.0.0.0', '::'].map((text) => isWildcard(parseAddress(text) as never))).toEqual([true, true]);
    expect(isWildcard(parseAddress('::1') as never)).toBe(false);
    expect(parseAddress(mapped('10.0.0.1'))).toMatchObject({ family: 4, address: '10.0.0.1' });
  });

  it('gives canonical text that parses to the same bits', () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    const address = fc.array(fc.oneof(fc.constant(0), group), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(address, (groups) => {
        const parsed = parseAddress(groups.map((each) => each.toString(16)).join(':'));
        expect(parsed).not.toBeNull();
        expect(parseAddress(parsed?.address as string)).toEqual(parsed);
        if (parsed?.family === 6) {
          const bits = groups.reduce((sum, each) => (sum << 16n) | BigInt(each), 0n);
          expect(parsed.bits).toBe(bits);
        }
      }),
    );
  });

  it('compares prefixes as a loop over bits would', () => {
    const bits = fc.bigInt({ min: 0n, max: 0xffffffffn });
    fc.assert(
      fc.property(bits, bits, fc.integer({ min: 0, max: 32 }), (a, b, length) => {
        let same = true;
        for (let i = 0; i < length; i += 1) same &&= ((a ^ b) >> BigInt(31 - i)) % 2n === 0n;
        expect(samePrefix(4, a, b, length)).toBe(same);
      }),
    );
  });
});

function provider(name: string, ...subnets: string[]): RunningProvider {
  return {
    name,
    subnets: subnets.map((subnet) => {
      const [address, prefix] = subnet.split('/') as [string, string];
      return { family: address.includes(':') ? 6 : 4, address, prefixLength: Number(prefix) };
    }),
  } as unknown as RunningProvider;
}

describe('routes', () => {
  const wide = provider('wide', '0.0.0.0/0', '::/0');
  const near = provider('near', '10.1.0.0/16', 'fd00::/8');
  const host = provider('host', '10.1.2.3/32');
  const twin = provider('twin', '10.1.0.0/16');
  const table = new RouteTable([wide, near, host, twin]);
  const names = (address: string) => table.lookup(parseAddress(address) as never).map(({ name }) => name);

  it('[WSD-3.1] longest prefix first, then the order of the configuration', () => {
    expect(names('10.1.2.3')).toEqual(['host', 'near', 'twin', 'wide']);
    expect(names('10.1.9.9')).toEqual(['near', 'twin', 'wide']);
    expect(names('192.0.2.1')).toEqual(['wide']);
    expect(names('fd12::1')).toEqual(['near', 'wide']);
    expect(names('::ffff:10.1.2.3')).toEqual(['host', 'near', 'twin', 'wide']);
    expect(new RouteTable([near]).lookup(parseAddress('11.0.0.1') as never)).toEqual([]);
  });

  it('[WSD-1.3] follows the providers’ subnets when it is rebuilt, not before', () => {
    const moving = provider('moving', '10.0.0.0/8');
    const routes = new RouteTable([moving]);
    const at = (address: string) => routes.lookup(parseAddress(address) as never).length;
    expect([at('10.0.0.1'), at('172.16.0.1')]).toEqual([1, 0]);
    moving.subnets = [{ family: 4, address: '172.16.0.0', prefixLength: 12 }];
    expect([at('10.0.0.1'), at('172.16.0.1')]).toEqual([1, 0]);
    routes.rebuild();
    expect([at('10.0.0.1'), at('172.16.0.1')]).toEqual([0, 1]);
  });

  it('[WSD-4.1] says in which family a companion listens', () => {
    const family = (who: RunningProvider, address: string, dual = false) =>
      table.listenFamily(who, parseAddress(address) as never, dual);
    expect(family(near, '0.0.0.0')).toBe(4);
    expect(family(near, '::', true)).toBe(6);
    expect(family(host, '::', true)).toBe(4);
    expect(family(host, '::', false)).toBeNull();
    expect(family(host, '10.1.2.3')).toBe(4);
    expect(family(host, '10.1.2.4')).toBeNull();
  });
});

describe('the history of decisions', () => {
  it('keeps the last ones, oldest first', () => {
    const history = new DecisionHistory(3);
    const records = Array.from({ length: 5 }, (_, port) => ({ port }) as never);
    expect(history.recent()).toEqual([]);
    for (const record of records) history.add(record);
    expect(history.recent()).toEqual(records.slice(2));
    const none = new DecisionHistory(0);
    none.add(records[0] as never);
    expect(none.recent()).toEqual([]);
  });
});
