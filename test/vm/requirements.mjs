// What the test machine needs of this one.
import { existsSync } from 'node:fs';
import { delimiter } from 'node:path';
import { ensurePrograms, mayInstall } from '../../tools/lib/debian.mjs';
import { isOnPath } from '../../tools/lib/toolchain.mjs';
import { prepareKernel } from './kernel.mjs';
import { findBusybox } from './machine.mjs';

const libraries = '/usr/lib/x86_64-linux-gnu';

/** Programs and libraries, each with its package of Debian. The guest runs this machine's own. */
const NEEDS = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'busybox (static)': 'busybox-static',
  xz: 'xz-utils',
  'dpkg-deb': 'dpkg',
  'g++': 'g++',
  ip: 'iproute2',
  rdma: 'iproute2',
  tc: 'iproute2',
  [`${libraries}/libibverbs.so.1`]: 'libibverbs1',
  [`${libraries}/librdmacm.so.1`]: 'librdmacm1',
  '/etc/libibverbs.d/rxe.driver': 'ibverbs-providers',
  // What RDMA is compared with.
  rping: 'rdmacm-utils',
  rstream: 'rdmacm-utils',
  ib_read_bw: 'perftest',
  ib_send_lat: 'perftest',
};

function isThere(name, env) {
  if (name.startsWith('busybox')) return findBusybox() !== null;
  if (name.startsWith('/')) return existsSync(name);
  // An ordinary user's PATH lacks what is meant for root, which we are in the guest.
  return isOnPath(name, { ...env, PATH: [env.PATH, '/usr/sbin', '/sbin'].join(delimiter) });
}

/**
 * Makes this machine ready to run the test machine: installs and fetches what is missing where it may.
 *
 * @param {{ args?: string[], env?: NodeJS.ProcessEnv }} [options]
 * @returns {{ kernel: string, message: null } | { kernel: null, message: string }} `message` says everything that is missing
 */
export function prepareMachine({ args = process.argv.slice(2), env = process.env } = {}) {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return {
      kernel: null,
      message: `the test machine needs Linux on x64; this is ${process.platform} on ${process.arch}`,
    };
  const programs = ensurePrograms('the test machine', NEEDS, { args, env, isThere });
  if (programs.missing.includes('dpkg-deb') || programs.missing.includes('xz'))
    return { kernel: null, message: programs.message };
  const kernel = prepareKernel({ mayFetch: mayInstall(env, args), env });
  if (programs.missing.length === 0 && kernel.folder !== null) return { kernel: kernel.folder, message: null };
  const messages = [programs.missing.length > 0 ? programs.message : '', kernel.message];
  return { kernel: null, message: messages.filter(Boolean).join('\n') };
}
