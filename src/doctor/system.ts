/** What the system says of itself, by files alone. A file that can't be read is a fact that is not known. */
import { accessSync, constants, existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { sysfsRoot } from '../providers/verbs/sysfs.js';
import type { ModuleReport } from './report.js';

/** Where the files stand. */
export interface Roots {
  readonly sys: string;
  readonly proc: string;
  readonly etc: string;
  readonly dev: string;
}

/** Those of this host. */
export function systemRoots(): Roots {
  return { sys: sysfsRoot(), proc: '/proc', etc: '/etc', dev: '/dev' };
}

/** The text of a file; null: there is none, or it can't be read. */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Which tool installs packages here. */
export type PackageTool = 'apt' | 'dnf' | 'zypper' | 'pacman' | 'apk';

const TOOLS: readonly (readonly [tool: PackageTool, ids: RegExp])[] = [
  ['apt', /^(debian|ubuntu)$/],
  ['dnf', /^(fedora|rhel|centos|amzn|azurelinux)$/],
  ['zypper', /^(suse|opensuse.*|sles)$/],
  ['pacman', /^arch$/],
  ['apk', /^alpine$/],
];

/** The distribution: its name for people, and its tool for packages. */
export function readDistribution({ etc }: Roots): { name: string | null; tool: PackageTool | null } {
  const fields = new Map<string, string>();
  for (const line of (readText(join(etc, 'os-release')) ?? '').split('\n')) {
    const [, key, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) fields.set(key, value.replace(/^(["'])(.*)\1$/, '$2'));
  }
  const ids = [fields.get('ID') ?? '', ...(fields.get('ID_LIKE') ?? '').split(' ')];
  const tool = ids.flatMap((id) => TOOLS.filter(([, known]) => known.test(id)).map(([name]) => name))[0] ?? null;
  return { name: fields.get('PRETTY_NAME') ?? null, tool };
}

/** The container around this process, if it is of a known kind. */
export function readContainer(environment = process.env, root = '/'): 'kubernetes' | 'docker' | 'podman' | null {
  if (environment.KUBERNETES_SERVICE_HOST) return 'kubernetes';
  if (existsSync(join(root, 'run/.containerenv'))) return 'podman';
  return existsSync(join(root, '.dockerenv')) ? 'docker' : null;
}

/** How much memory may be locked; null: the system does not say. */
export interface LockLimits {
  /** Bytes; null: no limit. */
  readonly softBytes: number | null;
  readonly hardBytes: number | null;
  /** CAP_IPC_LOCK in the first user namespace, the only one whose word counts with the kernel here. */
  readonly isExempt: boolean;
}

const CAP_IPC_LOCK = 14n;
const FIRST_USER_NAMESPACE = /^\s*0\s+0\s+4294967295\s*$/;

function bytesOf(text: string): number | null {
  return text === 'unlimited' ? null : Number(text);
}

/** What this process may lock. */
export function readLockLimits({ proc }: Roots): LockLimits | null {
  const limits = readText(join(proc, 'self/limits')) ?? '';
  const [, soft, hard] = /^Max locked memory\s+(\d+|unlimited)\s+(\d+|unlimited)/m.exec(limits) ?? [];
  if (soft === undefined || hard === undefined) return null;
  const [, capabilities] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readText(join(proc, 'self/status')) ?? '') ?? [];
  const isHeld = capabilities !== undefined && ((BigInt(`0x${capabilities}`) >> CAP_IPC_LOCK) & 1n) === 1n;
  const isFirst = FIRST_USER_NAMESPACE.test(readText(join(proc, 'self/uid_map')) ?? '');
  return { softBytes: bytesOf(soft), hardBytes: bytesOf(hard), isExempt: isHeld && isFirst };
}

/** Drivers of network devices and what makes RDMA devices of the same hardware. */
const RDMA_DRIVERS: Readonly<Record<string, string>> = {
  mlx4_en: 'mlx4_ib',
  mlx5_core: 'mlx5_ib',
  bnxt_en: 'bnxt_re',
  ice: 'irdma',
  cxgb4: 'iw_cxgb4',
  qede: 'qedr',
  hns3: 'hns_roce_hw_v2',
  mana: 'mana_ib',
  ionic: 'ionic_rdma',
};

function driverOf(sys: string, networkDevice: string): string | null {
  try {
    return basename(readlinkSync(join(sys, 'class/net', networkDevice, 'device/driver')));
  } catch {
    return null;
  }
}

/**
 * The kernel modules that RDMA needs: those that programs talk to, and the drivers of hardware that is here. What they make
 * in sysfs tells of them, since a module may as well be part of the kernel.
 * @param served network devices of RDMA devices, whose drivers are there
 */
export function readModules({ sys }: Roots, served: ReadonlySet<string>): ModuleReport[] {
  const modules: ModuleReport[] = [
    { name: 'ib_uverbs', isLoaded: existsSync(join(sys, 'class/infiniband_verbs')) },
    { name: 'rdma_ucm', isLoaded: existsSync(join(sys, 'class/misc/rdma_cm')) },
  ];
  for (const networkDevice of list(join(sys, 'class/net'))) {
    const name = RDMA_DRIVERS[driverOf(sys, networkDevice) ?? ''];
    if (name === undefined || modules.some((module) => module.name === name)) continue;
    modules.push({ name, isLoaded: served.has(networkDevice) || existsSync(join(sys, 'module', name)) });
  }
  return modules;
}

function canUse(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Files through which programs reach the kernel's RDMA that are there for sysfs, but not for this process.
 * @param isUsable whether this process may use a file
 */
export function unusableDeviceFiles({ sys, dev }: Roots, isUsable = canUse): { path: string; isMissing: boolean }[] {
  const names = list(join(sys, 'class/infiniband_verbs')).filter((name) => /^uverbs\d+$/.test(name));
  if (existsSync(join(sys, 'class/misc/rdma_cm'))) names.unshift('rdma_cm');
  const paths = names.map((name) => join(dev, 'infiniband', name));
  return paths.filter((path) => !isUsable(path)).map((path) => ({ path, isMissing: !existsSync(path) }));
}
