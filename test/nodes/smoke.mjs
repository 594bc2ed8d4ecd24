// A small program for run.mjs to run with each Node: loads the addon and the package, and prints what runs it.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

process.stdout.write(`node ${process.versions.node}\n`);
const addon = require('node-gyp-build')(join(root, 'native'));
assert.equal(typeof addon, 'object');
assert.deepEqual(Object.keys(require('sanswitch')).sort(), Object.keys(await import('sanswitch')).sort());
