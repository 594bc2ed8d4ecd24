import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { createSwitch, doctor, type ProviderReport } from 'sanswitch';
import { NullProvider } from 'sanswitch/spi';
import { afterEach, describe, expect, it } from 'vitest';
import { Reactor } from '#src/reactor/reactor.js';
import { NO_RDMA, reportOf, sanswitch } from './command-line.js';
import { type Files, HARDWARE_ADDRESS, makeTree, networkDevice, rdmaDevice } from './sysfs-tree.js';

const removals: (() => void)[] = [];
afterEach(() => {
  for (const remove of removals.splice(0)) remove();
});

function rootOf(files: Files): string {
  const { root, remove } = makeTree(files);
  removals.push(remove);
  return root;
}

function byName(providers: readonly ProviderReport[], name: string): ProviderReport {
  const found = providers.find((provider) => provider.name === name);
  if (found === undefined) throw new Error(`nothing is said of ${name}`);
  return found;
}

describe('npx sanswitch', () => {
  it('says how it is used', async () => {
    const { code, stdout } = await sanswitch(['--help']);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^Usage: npx sanswitch COMMAND[\s\S]*\n {2}doctor +which/),
    ]);
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await sanswitch(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it.each([
    [[], expect.stringMatching(/^sanswitch: which command\? there are: (\w+, )*doctor, .*\n$/)],
    [['doktor'], expect.stringMatching(/^sanswitch: there is no command 'doktor'; there are: (\w+, )*doctor, .*\n$/)],
    [['constructor'], expect.stringMatching(/^sanswitch: there is no command 'constructor'; there are: .*\n$/)],
    [['doctor', '--nope'], "sanswitch: Unknown option '--nope' (--help shows what there is)\n"],
    [['doctor', 'now'], expect.stringMatching(/^sanswitch: Unexpected argument 'now'/)],
    [['doctor', '--providers', 'shm,rmda'], expect.stringMatching(/^sanswitch: there is no provider `rmda`/)],
    [['doctor', '--providers', 'shm,shm'], expect.stringMatching(/^sanswitch: provider shm is configured twice/)],
    [['doctor', '--config', '/nowhere.mjs'], expect.stringMatching(/^sanswitch: --config \/nowhere\.mjs: /)],
  ])('takes no nonsense: %j', async (args, stderr) => {
    expect(await sanswitch(args)).toEqual({ code: 2, stdout: '', stderr });
  });
});

describe('npx sanswitch doctor', () => {
  it('says how it is used', async () => {
    const { code, stdout } = await sanswitch(['doctor', '--help']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Usage: npx sanswitch doctor[\s\S]*\nExit codes: 0/)]);
  });

  it('on a host without RDMA says what serves, and what was tried', async () => {
    const { code, stdout, stderr } = await sanswitch(['doctor'], NO_RDMA);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^ {2}tcp +used: for all that no other provider serves$/m);
    expect(stdout).toMatch(/^ {2}shm +used: for 127\.0\.0\.0\/8/m);
    expect(stdout).toMatch(/^ {2}libraries +libnowhere-verbs\.so: .*no such file.*\n +libnowhere-cm\.so: /im);
    expect(stdout).toMatch(/^ {2}devices +none$/m);
    expect(stdout).toMatch(/^ {2}modules +ib_uverbs not loaded, rdma_ucm not loaded$/m);
  });

  it('tells programs the same as JSON, as doctor() does', async () => {
    const report = await reportOf([], NO_RDMA);
    expect(report).toMatchObject({ node: process.version, addonMissing: null, isSound: true });
    expect(report.rdma).toMatchObject({ devices: [], addresses: [], listen: [], libraries: { loaded: false } });
    Object.assign(process.env, NO_RDMA);
    try {
      const own = await doctor();
      // This process may have loaded the real libraries before.
      expect({ ...own, rdma: null, providers: null }).toEqual({ ...report, rdma: null, providers: null });
      expect(byName(own.providers, 'shm')).toEqual(byName(report.providers, 'shm'));
    } finally {
      for (const name of Object.keys(NO_RDMA)) delete process.env[name];
    }
  });

  it('without the addon still answers, and ends with 1 when a provider is demanded that will not serve', async () => {
    const environment = { ...NO_RDMA, SANSWITCH_NO_NATIVE: '1' };
    const { code, stdout, stderr } = await sanswitch(['doctor', '--providers', 'shm!'], environment);
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(/^ {2}tcp +not used: the configuration demands shm/m);
    expect(stdout).toMatch(
      /^ {2}shm +NOT USED, though demanded: .*SANSWITCH_NO_NATIVE is set\n +-> unset SANSWITCH_NO_NATIVE$/m,
    );
    expect(stdout).toMatch(/^ {2}libraries +not tried: there is no addon$/m);
    expect((await sanswitch(['doctor'], environment)).code).toBe(0);
  });

  it('shows devices, ports, GIDs and the addresses that they serve', async () => {
    const entries = Object.entries(networkInterfaces()).filter(([, list]) => list?.some(({ scopeid }) => !scopeid));
    const [name, list] = entries[0] as (typeof entries)[number];
    const gid = '0000:0000:0000:0000:0000:ffff:0a4d:0001';
    const root = rootOf({
      ...networkDevice(name, HARDWARE_ADDRESS),
      ...rdmaDevice('mlx5_0', [{ gids: { 3: [gid, 'RoCE v2', name] } }], { [`device/net/${name}/address`]: '' }),
      'class/infiniband_verbs/abi_version': '6',
    });
    const { code, stdout } = await sanswitch(['doctor'], { ...NO_RDMA, SANSWITCH_SYSFS: root });
    expect(code).toBe(0);
    expect(stdout).toContain('  device      mlx5_0: InfiniBand; GUID 5054:00ff:fe12:3456; firmware 1.2.3\n');
    expect(stdout).toContain(`    port 1    ACTIVE, Ethernet, 2.5 Gb/sec (1X SDR), ${name}\n`);
    expect(stdout).toContain(`      GID 3   ${gid}  RoCE v2  ${name}\n`);
    expect(stdout).toMatch(/^ {2}modules +ib_uverbs loaded, rdma_ucm not loaded$/m);
    for (const { cidr, scopeid } of list ?? []) {
      if (!scopeid) expect(stdout).toContain(`${cidr} by mlx5_0 port 1 (${name})`);
    }
  });

  it('takes a configuration from a file', async () => {
    const root = rootOf({
      'config.mjs': "export default { providers: [{ name: 'shm', required: true }, 'loop'] };",
      'config.json': '{ "providers": ["loop"] }',
      'none.mjs': 'export const providers = [];',
    });
    const module = await reportOf(['--config', join(root, 'config.mjs')], NO_RDMA);
    expect(byName(module.providers, 'shm')).toMatchObject({ isConfigured: true, isRequired: true, isUsed: true });
    expect(byName(module.providers, 'loop')).toMatchObject({
      isUsed: false,
      why: 'the configuration demands shm',
    });
    const json = await reportOf(['--config', join(root, 'config.json')], NO_RDMA);
    expect(byName(json.providers, 'shm')).toMatchObject({ isConfigured: false, isUsed: false });
    expect(byName(json.providers, 'shm').findings).toContainEqual({
      severity: 'note',
      text: 'the configuration does not name it',
      remedy: "createSwitch({ providers: ['loop', 'shm'] })",
    });
    const { code, stderr } = await sanswitch(['doctor', '--config', join(root, 'none.mjs')]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('it has no default export')]);
  });
});

describe('doctor()', () => {
  /** Says no to its start, or serves what it is told to. */
  class Stranger extends NullProvider {
    protected readonly info = {
      name: 'stranger',
      claimsMessageBuffers: false,
      lendsReceives: false,
      virtualPorts: true,
    };
    cleanUps = 0;
    private handle = -1;
    private readonly subnet: string | null;
    private readonly refusal: string | null;
    constructor(subnet: string | null, refusal: string | null = null) {
      super();
      this.subnet = subnet;
      this.refusal = refusal;
    }
    override WSPStartupEx(...args: Parameters<NullProvider['WSPStartupEx']>) {
      if (this.refusal !== null) throw new Error(this.refusal);
      return super.WSPStartupEx(...args);
    }
    override WSPCleanup(): void {
      this.cleanUps += 1;
    }
    override WSPSocket() {
      this.handle = this.upcalls.WPUCreateSocketHandle(1);
      return 1;
    }
    override WSPCloseSocket() {
      return this.upcalls.WPUCloseSocketHandle(this.handle);
    }
    protected override servedSubnets() {
      return this.subnet === null ? [] : [{ family: 4 as const, address: this.subnet, prefixLength: 24 }];
    }
  }

  it("says of somebody else's provider what came of its start, and ends it again", async () => {
    const sound = new Stranger('10.9.8.0');
    const { providers } = await doctor({ providers: [{ name: 'stranger', provider: sound, required: true }] });
    expect(byName(providers, 'stranger')).toMatchObject({
      isUsed: true,
      why: 'for 10.9.8.0/24, where the other end has it too',
      subnets: ['10.9.8.0/24'],
    });
    expect(sound.cleanUps).toBe(1);
    const idle = await doctor({ providers: [{ name: 'stranger', provider: new Stranger(null) }] });
    expect(byName(idle.providers, 'stranger')).toMatchObject({
      isUsed: false,
      why: 'it serves no address of this host',
    });
    const broken = await doctor({
      providers: [{ name: 'stranger', provider: new Stranger(null, 'no licence'), required: true }],
    });
    expect(byName(broken.providers, 'stranger')).toMatchObject({
      isUsed: false,
      why: 'no licence',
      findings: [{ severity: 'error', text: 'no licence', remedy: null }],
    });
    expect(broken.isSound).toBe(false);
  });

  it('leaves the thread as it is', async () => {
    const sw = await createSwitch({ providers: ['shm'], spinBudgetUs: 7 });
    await doctor({ providers: ['shm'], spinBudgetUs: 99 });
    expect(Reactor.current().spinBudgetUs).toBe(7);
    await sw.close();
  });

  it('takes no nonsense', async () => {
    await expect(doctor({ providers: ['rmda'] })).rejects.toMatchObject({ code: 'ERR_SANSWITCH_UNKNOWN_PROVIDER' });
    await expect(doctor({ spin: 1 } as never)).rejects.toMatchObject({ code: 'ERR_SANSWITCH_INVALID_OPTION' });
    await expect(doctor(null as never)).rejects.toMatchObject({ code: 'ERR_SANSWITCH_INVALID_OPTION' });
  });
});
