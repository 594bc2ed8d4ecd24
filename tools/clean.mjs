// Deletes everything that was built; `--all` also what was installed.
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const built = ['build', 'dist', 'native/build', 'native/prebuilds', 'native/vendor'];
const folders = process.argv.includes('--all') ? [...built, 'node_modules'] : built;
for (const folder of folders) rmSync(join(root, folder), { recursive: true, force: true });
