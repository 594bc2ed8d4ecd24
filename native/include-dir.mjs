// Prints the folder with node-addon-api's headers, for binding.gyp. A published package carries its own copy
// (native/vendor, made by tools/prepack.mjs), so that users who compile need no further dependency.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const vendored = join(dirname(fileURLToPath(import.meta.url)), 'vendor');
const found = existsSync(join(vendored, 'napi.h'))
  ? vendored
  : dirname(createRequire(import.meta.url).resolve('node-addon-api/napi.h'));
process.stdout.write(found);
