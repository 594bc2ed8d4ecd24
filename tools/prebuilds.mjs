// Builds the binary for this machine's platform into native/prebuilds, for publishing.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNodedir, nodeGypEnv } from '../native/headers.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const program = join(root, 'node_modules', 'prebuildify', 'bin.js');
const nodedir = findNodedir();
const args = ['--napi', '--strip', '--tag-libc', '--name', 'sanswitch', '--target', process.versions.node];
const result = spawnSync(process.execPath, [program, ...args, ...(nodedir ? ['--nodedir', nodedir] : [])], {
  cwd: join(root, 'native'),
  env: nodeGypEnv(nodedir),
  stdio: 'inherit',
});
// prebuildify has taken the binary out of native/build and configured it in its own way: build afresh next time.
rmSync(join(root, 'build', 'stamps', 'native-configure.stamp'), { force: true });
process.exitCode = result.status ?? 1;
