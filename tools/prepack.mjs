// Runs before `npm pack` and `npm publish`: checks that the product is compiled and lays node-addon-api's headers into
// native/vendor, so that a user who compiles the native part needs no dependency for it.
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const source = dirname(createRequire(import.meta.url).resolve('node-addon-api/napi.h'));
const target = join(root, 'native', 'vendor');

if (!existsSync(join(root, 'dist', 'index.js'))) {
  process.stderr.write('dist/ is missing: run `npm run build` first\n');
  process.exit(1);
}
rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
for (const name of ['napi.h', 'napi-inl.h', 'LICENSE.md']) copyFileSync(join(source, name), join(target, name));
