// The guest's kernel: Debian's own, unpacked once into a cache outside of the checkout.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';

/** What the guest loads, beside what these depend on. The first ones bring it its output and its files. */
const MODULES = [
  'virtio_pci',
  'virtio_rng',
  'virtio_console',
  '9pnet_virtio',
  '9p',
  'overlay',
  'crc32_generic',
  'crc32_pclmul',
  'ib_uverbs',
  'rdma_rxe',
  'rdma_ucm',
  'dummy',
  'veth',
  'sch_netem',
];

/** The folder where the machine keeps what takes long to make. */
export function cacheFolder(env = process.env) {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sanswitch', 'vm');
}

/** Runs a program to its end. @throws Error with what it said, if it failed */
function runProgram(command, args, options = {}) {
  const result = spawnSync(command, args, { maxBuffer: 256 * 2 ** 20, ...options });
  if (result.status === 0) return result.stdout;
  throw new Error(`${command} ${args.join(' ')}: ${result.error?.message ?? result.stderr}`);
}

/**
 * The kernel proper out of a bootable image: QEMU starts it at once, without a boot loader's detour through unpacking it.
 * The image's header says where it lies (Linux, Documentation/arch/x86/boot.rst).
 *
 * @param {Buffer} image a `vmlinuz`, compressed with xz as Debian's are
 */
function unpackImage(image) {
  const setupBytes = (image[0x1f1] + 1) * 512;
  const start = setupBytes + image.readUInt32LE(0x248);
  const payload = image.subarray(start, start + image.readUInt32LE(0x24c));
  // After the compressed data stands its length, which is nothing for xz.
  return runProgram('xz', ['--decompress', '--stdout', '--single-stream'], { input: payload });
}

/** Every module below `folder`: its name, with `_` for `-`, to its path. */
function listModules(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ko'));
  return new Map(files.map((path) => [basename(path, '.ko').replaceAll('-', '_'), join(folder, path)]));
}

/** The modules that `path` names in its `.modinfo` section as needed. */
function dependenciesOf(path) {
  const text = /\0depends=([^\0]*)\0/.exec(readFileSync(path, 'latin1'))?.[1] ?? '';
  return text.split(',').filter(Boolean);
}

/** The paths of `names` and of what they depend on, in the order in which they must be loaded. */
function loadOrder(names, modules) {
  const ordered = new Set();
  const add = (name) => {
    const path = modules.get(name.replaceAll('-', '_'));
    if (path === undefined) throw new Error(`the kernel has no module ${name}`);
    if (ordered.has(path)) return;
    for (const other of dependenciesOf(path)) add(other);
    ordered.add(path);
  };
  for (const name of names) add(name);
  return [...ordered];
}

/** Makes in `folder` what the machine needs of a kernel package: `vmlinux`, and `modules/` in their order. */
function unpackPackage(file, folder) {
  const work = mkdtempSync(`${folder}.`);
  try {
    runProgram('dpkg-deb', ['--extract', file, join(work, 'package')]);
    const boot = join(work, 'package', 'boot');
    const image = readdirSync(boot).find((name) => name.startsWith('vmlinuz-'));
    if (image === undefined) throw new Error(`${file} holds no kernel`);
    mkdirSync(join(work, 'kernel', 'modules'), { recursive: true });
    writeFileSync(join(work, 'kernel', 'vmlinux'), unpackImage(readFileSync(join(boot, image))));
    const paths = loadOrder(MODULES, listModules(join(work, 'package', 'lib', 'modules')));
    for (const [index, path] of paths.entries())
      copyFileSync(path, join(work, 'kernel', 'modules', `${String(index).padStart(3, '0')}-${basename(path)}`));
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(work, 'kernel'), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The name of the package that Debian has for this machine's kind now; null: apt-get knows of none. */
function packageName() {
  const { stdout } = spawnSync('apt-cache', ['depends', 'linux-image-amd64'], { encoding: 'utf8' });
  return /Depends: (linux-image-\S+)/.exec(stdout ?? '')?.[1] ?? null;
}

/** Fetches the kernel package into `folder`. @returns its path, or null when it can't be had */
function download(folder) {
  if (packageName() === null) spawnSync('apt-get', ['-qq', 'update'], { stdio: 'ignore' });
  const fetch = () => {
    const name = packageName();
    if (name === null) return null;
    spawnSync('apt-get', ['-qq', 'download', name], { cwd: folder, stdio: 'ignore' });
    const file = readdirSync(folder).find((entry) => entry.startsWith(`${name}_`) && entry.endsWith('.deb'));
    return file === undefined ? null : join(folder, file);
  };
  const file = fetch();
  if (file !== null) return file;
  // The lists are older than what the mirror still has.
  spawnSync('apt-get', ['-qq', 'update'], { stdio: 'ignore' });
  return fetch();
}

/** The unpacked kernel that was used last; null: none. What other modules were chosen for is of no use. */
function findUnpacked(cache, suffix) {
  if (!existsSync(cache)) return null;
  const folders = readdirSync(cache)
    .filter((name) => name.endsWith(suffix) && existsSync(join(cache, name, 'vmlinux')))
    .map((name) => join(cache, name));
  const age = (folder) => statSync(folder).mtimeMs;
  return folders.sort((a, b) => age(b) - age(a))[0] ?? null;
}

/**
 * Finds the guest's kernel: of the package that SANSWITCH_VM_KERNEL names, else in the cache, else of a package that it
 * fetches where it may.
 *
 * @param {{ mayFetch: boolean, env?: NodeJS.ProcessEnv }} options
 * @returns {{ folder: string | null, message: string }} `folder` holds `vmlinux` and `modules/`; null: `message` says what
 *   is missing. @throws Error if the package is not what it should be
 */
export function prepareKernel({ mayFetch, env = process.env }) {
  const cache = cacheFolder(env);
  const suffix = `-${createHash('sha256').update(MODULES.join()).digest('hex').slice(0, 8)}`;
  const given = env.SANSWITCH_VM_KERNEL;
  if (given && !existsSync(given)) return { folder: null, message: `SANSWITCH_VM_KERNEL: there is no ${given}` };
  const unpacked = given ? null : findUnpacked(cache, suffix);
  if (unpacked !== null) return { folder: unpacked, message: '' };
  if (given || mayFetch) mkdirSync(cache, { recursive: true });
  const file = given || (mayFetch ? download(cache) : null);
  if (file === null) {
    const command = 'apt-get download "$(apt-cache depends linux-image-amd64 | sed -n \'s/.*Depends: //p\')"';
    const how = `${command}\nand name the file: export SANSWITCH_VM_KERNEL=$PWD/linux-image-...deb`;
    return { folder: null, message: `the test machine needs a kernel of Debian 12 or newer. On Debian: ${how}` };
  }
  const folder = join(cache, `${basename(file, '.deb')}${suffix}`);
  if (!existsSync(join(folder, 'vmlinux'))) unpackPackage(file, folder);
  if (!given) rmSync(file, { force: true });
  return { folder, message: '' };
}
