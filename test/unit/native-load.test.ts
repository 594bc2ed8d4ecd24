import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import Module from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LAYOUT_HASH } from '#src/layout/layout.gen.js';
import { loadNative, loadNativeFrom } from '#src/native/load.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sanswitch-load-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function placeBinary(contents: string): string {
  const release = join(folder, 'build', 'Release');
  mkdirSync(release, { recursive: true });
  const file = join(release, 'sanswitch.node');
  writeFileSync(file, contents);
  return file;
}

it('loads the addon, built for the same layout', () => {
  const { addon, reason } = loadNative();
  expect(reason).toBeNull();
  expect(addon).toMatchObject({ napiVersion: 8, layoutHash: LAYOUT_HASH });
  expect(loadNative().addon).toBe(addon);
});

it('says when there is no binary, where it looked and what helps', () => {
  const { addon, reason } = loadNativeFrom(folder);
  expect(addon).toBeNull();
  expect(reason).toContain(`there is no binary for this platform in ${folder}`);
  expect(reason).toContain('npm rebuild sanswitch');
});

it('says which binary does not load, and why', () => {
  const file = placeBinary('this is no shared object');
  const { addon, reason } = loadNativeFrom(folder);
  expect(addon).toBeNull();
  expect(reason).toMatch(new RegExp(`^the native addon is not in use: ${file} does not load \\(.+\\)$`));
});

it('refuses a binary with another layout', () => {
  placeBinary('');
  const extensions = (Module as unknown as { _extensions: Record<string, unknown> })._extensions;
  const original = extensions['.node'];
  extensions['.node'] = (loaded: object) => Reflect.set(loaded, 'exports', { layoutHash: LAYOUT_HASH ^ 1 });
  try {
    const { addon, reason } = loadNativeFrom(folder);
    expect(addon).toBeNull();
    expect(reason).toContain(`its layout hash is ${LAYOUT_HASH ^ 1}, ours ${LAYOUT_HASH}`);
  } finally {
    extensions['.node'] = original;
  }
});

it('can be told to do without', () => {
  const script = `import('#src/native/load.js').then(({ loadNative, requireNative }) => {
    console.log(loadNative().reason);
    try { requireNative(); } catch (error) { console.log(error.code); }
  })`;
  const env = { ...process.env, SANSWITCH_NO_NATIVE: '1' };
  const output = execFileSync(process.execPath, ['-e', script], { env, encoding: 'utf8' });
  expect(output.split('\n').slice(0, 2)).toEqual([
    'the native addon is not in use: SANSWITCH_NO_NATIVE is set',
    'ERR_SANSWITCH_NATIVE_UNAVAILABLE',
  ]);
});
