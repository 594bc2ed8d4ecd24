import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { loadNative } from '#src/native/load.js';
import { nameThread } from '#src/native/thread-name.js';

const { addon } = loadNative();

/** As the kernel tells it. */
const systemName = () => readFileSync('/proc/thread-self/comm', 'utf8').trim();

it.skipIf(addon === null)('a thread is named, and gets its former name back', () => {
  const former = systemName();
  const restore = nameThread('worker-17');
  expect(systemName()).toBe('worker-17');
  restore();
  expect(systemName()).toBe(former);
});

it.skipIf(addon === null)('a name that the kernel would not keep whole is a TypeError', () => {
  expect(() => addon?.setThreadName('sixteen letters!')).toThrow(TypeError);
  expect(() => addon?.setThreadName(5 as unknown as string)).toThrow(TypeError);
});
