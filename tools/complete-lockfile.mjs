// Adds to package-lock.json the optional packages that npm left out. Tools bring their programs as one optional package
// per platform; npm leaves those out of the lockfile that it can't fetch at that moment, and then `npm ci` refuses the
// lockfile as incomplete, on every platform. Run it after `npm install`; tidy says when it is needed.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const path = join(dirname(fileURLToPath(import.meta.url)), '..', 'package-lock.json');
const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const processors = ['arm64', 'arm', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'];

/** What a platform's package is for, by its name: `{ os, cpu, libc }` as far as the name tells. */
function platformOf(name) {
  const words = name.split('/').at(-1).split('-');
  const system = systems.find((word) => words.includes(word));
  const processor = processors.find((word) => words.includes(word));
  const libc = words.includes('musl') ? 'musl' : words.includes('gnu') ? 'glibc' : undefined;
  return {
    ...(processor && { cpu: [processor] }),
    ...(libc && { libc: [libc] }),
    ...(system && { os: [system] }),
  };
}

const lockfile = JSON.parse(readFileSync(path, 'utf8'));
const added = [];
for (const [place, entry] of Object.entries(lockfile.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const own = `${place}/node_modules/${name}`;
    const top = `node_modules/${name}`;
    // Only exact versions: a range says nothing of what to install.
    if (lockfile.packages[own] || lockfile.packages[top] || !/^\d+\.\d+\.\d+/.test(version)) continue;
    const platform = platformOf(name);
    lockfile.packages[top] = {
      version,
      ...(platform.cpu && { cpu: platform.cpu }),
      ...(entry.dev && { dev: true }),
      ...(platform.libc && { libc: platform.libc }),
      ...(entry.license && { license: entry.license }),
      optional: true,
      ...(platform.os && { os: platform.os }),
      ...(entry.engines && { engines: entry.engines }),
    };
    added.push(`${name}@${version}`);
  }
}
lockfile.packages = Object.fromEntries(Object.entries(lockfile.packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
writeFileSync(path, `${JSON.stringify(lockfile, null, 2)}\n`);
process.stdout.write(`${added.length} added${added.length > 0 ? `: ${added.join(', ')}` : ''}\n`);
