/**
 * Loads the native addon, or says in one readable sentence why it can't: everything that needs it then stays off and
 * connections go by TCP/IP.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { NativeUnavailableError } from '../errors.js';
import { LAYOUT_HASH } from '../layout/layout.gen.js';
import type { NativeAddon } from './addon.js';

/** The outcome of loading: exactly one of the two is not null. */
export interface NativeLoad {
  readonly addon: NativeAddon | null;
  /** What was tried and how it failed; null if it did not. */
  readonly reason: string | null;
}

/** What the loader needs of `node-gyp-build`. */
interface GypBuild {
  resolve(directory: string): string;
}

const require = createRequire(import.meta.url);

/** The package's folder `native`, seen from dist/native. */
const nativeDirectory = fileURLToPath(new URL('../../native', import.meta.url));

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] as string;
}

/** The file to load: what was compiled here, otherwise what was shipped. Throws when there is neither. */
function findBinary(directory: string): string {
  return (require('node-gyp-build') as GypBuild).resolve(directory);
}

/** What is wrong with this platform, or null. */
function platformReason(): string | null {
  if (process.platform !== 'linux') return `it needs Linux, and this is ${process.platform}`;
  if (process.arch !== 'x64' && process.arch !== 'arm64') return `it needs x64 or arm64, and this is ${process.arch}`;
  return null;
}

/**
 * Loads the addon from the folder `directory` (`build/Release` or `prebuilds` in it). Never throws, and keeps nothing:
 * loadNative() does.
 */
export function loadNativeFrom(directory: string): NativeLoad {
  const failed = (why: string): NativeLoad => ({ addon: null, reason: `the native addon is not in use: ${why}` });
  if (process.env.SANSWITCH_NO_NATIVE) return failed('SANSWITCH_NO_NATIVE is set');
  const platform = platformReason();
  if (platform !== null) return failed(platform);
  let file: string;
  try {
    file = findBinary(directory);
  } catch (error) {
    return failed(
      `there is no binary for this platform in ${directory}, compiled or shipped (${firstLine(error)}); ` +
        `"npm rebuild sanswitch" compiles one where there are a C++ compiler, make and python3`,
    );
  }
  let addon: NativeAddon;
  try {
    addon = require(file) as NativeAddon;
  } catch (error) {
    return failed(`${file} does not load (${firstLine(error)})`);
  }
  if (addon.layoutHash !== LAYOUT_HASH) {
    const hashes = `its layout hash is ${addon.layoutHash}, ours ${LAYOUT_HASH}`;
    return failed(`${file} was compiled from other sources than this JavaScript (${hashes}); rebuild it`);
  }
  return { addon, reason: null };
}

let loaded: NativeLoad | undefined;

/** The addon of this thread, or the reason why there is none. The first call loads it; later ones are free. */
export function loadNative(): NativeLoad {
  loaded ??= loadNativeFrom(nativeDirectory);
  return loaded;
}

/** The addon of this thread. @throws NativeUnavailableError with the reason */
export function requireNative(): NativeAddon {
  const { addon, reason } = loadNative();
  if (addon === null) throw new NativeUnavailableError(reason as string);
  return addon;
}
