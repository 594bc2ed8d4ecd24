// Builds every *_test.cc of this folder under the sanitizers and runs it: node test/native/run.mjs [PART OF A NAME...]
// Prints `ok NAME` or `not ok NAME` for each test; exit code 1 if one failed.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { buildProgram } from './build.mjs';

const folder = dirname(fileURLToPath(import.meta.url));
const limit_ms = 120_000;
const environment = {
  ...process.env,
  ASAN_OPTIONS: 'detect_leaks=1:abort_on_error=0',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=0:exitcode=66',
};

/** Runs a test program; resolves to whether all was well. Its lines come out under the variant's name. */
function runProgram(program, label, parts) {
  return new Promise((resolve) => {
    const child = spawn(program, parts, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
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
for (const name of readdirSync(folder)
  .filter((file) => file.endsWith('_test.cc'))
  .sort()) {
  for (const variant of /** @type {const} */ (['asan', 'tsan'])) {
    const label = `${basename(name, '.cc')} (${variant})`;
    try {
      const program = await buildProgram(name, variant);
      isBad = !(await runProgram(program, label, process.argv.slice(2))) || isBad;
    } catch (error) {
      console.log(`not ok ${label}: it can't be built`);
      console.error(error.message);
      isBad = true;
    }
  }
}
process.exitCode = isBad ? 1 : 0;
