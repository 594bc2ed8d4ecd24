// Programs that some tests need and that only Debian's packages bring: installs them where that is welcome.
import { spawnSync } from 'node:child_process';
import { isOnPath } from './toolchain.mjs';

/** May we install packages here: as root, and in CI or when told so by `--yes`? */
export function mayInstall(env, args) {
  return process.getuid?.() === 0 && (Boolean(env.CI) || args.includes('--yes'));
}

function aptGet(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync('apt-get', args, { env, stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;
}

/**
 * Makes sure that `programs` (a command's name or path -> its Debian package) are on this machine. Resolves the missing
 * ones by apt-get where it may (root, and CI or `--yes`). @returns the commands still missing, and what to say of it
 *
 * @param {string} purpose what needs them, for the message
 * @param {Record<string, string>} programs
 * @param {{ args?: string[], env?: NodeJS.ProcessEnv, isThere?: typeof isOnPath }} [options] `isThere`: whether one is
 *   there, for what is no program (a library)
 */
export function ensurePrograms(
  purpose,
  programs,
  { args = process.argv.slice(2), env = process.env, isThere = isOnPath } = {},
) {
  const missing = () => Object.keys(programs).filter((name) => !isThere(name, env));
  const packages = [...new Set(missing().map((name) => programs[name]))];
  if (packages.length > 0 && mayInstall(env, args) && isOnPath('apt-get', env)) {
    process.stdout.write(`${purpose}: installing ${packages.join(' ')} ...\n`);
    const install = ['install', '-y', '--no-install-recommends', ...packages];
    if (!aptGet(['-qq', ...install])) aptGet(['-qq', 'update']) && aptGet(['-qq', ...install]);
  }
  const left = missing();
  const names = left.map((name) => programs[name]).join(' ');
  const message = `${purpose} needs ${left.join(', ')}. On Debian or Ubuntu: sudo apt-get install -y ${names}`;
  return { missing: left, message };
}
