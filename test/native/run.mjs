// Builds every *_test.cc of this folder under the sanitizers and runs it: node test/native/run.mjs [PART OF A NAME...]
// Prints `ok NAME` or `not ok NAME` for each test; exit code 1 if one failed.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ensurePrograms } from '../../tools/lib/debian.mjs';
import { buildLibrary, buildProgram } from './build.mjs';

const folder = dirname(fileURLToPath(import.meta.url));
const limit_ms = 120_000;
/** What the test of our declarations compares them with, and the packages that bring it. */
const abiTest = 'verbs_abi_test.cc';
const abiHeaders = {
  '/usr/include/infiniband/verbs.h': 'libibverbs-dev',
  '/usr/include/rdma/rdma_cma.h': 'librdmacm-dev',
};
const environment = {
  ...process.env,
  ASAN_OPTIONS: 'detect_leaks=1:abort_on_error=0',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=0:exitcode=66',
};

/**
 * Runs a test program; resolves to whether all was well. Its lines come out under the variant's name. What loads the
 * libraries of RDMA gets the fake ones.
 */
function runProgram(program, label, fakeVerbs, parts) {
  return new Promise((resolve) => {
    const env = { ...environment, SANSWITCH_LIBIBVERBS: fakeVerbs, SANSWITCH_LIBRDMACM: fakeVerbs };
    const child = spawn(program, parts, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), limit_ms);
    createInterface({ input: child.stdout }).on('line', (line) =>
      console.log(line.replace(/^(not ok|ok) /, `$1 ${label}: `)),
    );
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      // A sanitizer's report is a failure that no test has counted.
      if (code !== 0 && code !== 1) console.log(`not ok ${label}: the program ended with ${signal ?? code}`);
      resolve(code === 0);
    });
  });
}

let isBad = false;
const headers = ensurePrograms(basename(abiTest, '.cc'), abiHeaders, { isThere: existsSync });
if (headers.missing.length > 0) {
  isBad = Boolean(process.env.CI);
  console.log(`${isBad ? 'not ok' : 'skip'} ${basename(abiTest, '.cc')}: ${headers.message}`);
}
// For the test of the loader: one that is too old for some functions. Nothing of it runs.
await buildLibrary('fake-verbs', 'plain', ['FAKE_WITHOUT_OPTIONAL']);
for (const name of readdirSync(folder)
  .filter((file) => file.endsWith('_test.cc') && (file !== abiTest || headers.missing.length === 0))
  .sort()) {
  for (const variant of /** @type {const} */ (['asan', 'tsan'])) {
    const label = `${basename(name, '.cc')} (${variant})`;
    try {
      const program = await buildProgram(name, variant);
      const fakeVerbs = await buildLibrary('fake-verbs', variant);
      isBad = !(await runProgram(program, label, fakeVerbs, process.argv.slice(2))) || isBad;
    } catch (error) {
      console.log(`not ok ${label}: it can't be built`);
      console.error(error.message);
      isBad = true;
    }
  }
}
process.exitCode = isBad ? 1 : 0;
