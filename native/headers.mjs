// Finds Node's C headers on this machine, so that compiling needs no download. Part of the published package
// (native/install.mjs) and of the checkout's build (tools/bootstrap.mjs) alike.
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** The major version that the headers under `nodedir` are for, or 0 if there are none with libuv's beside them. */
export function headersMajor(nodedir) {
  try {
    const folder = join(nodedir, 'include', 'node');
    readFileSync(join(folder, 'uv.h'));
    const match = /#define\s+NODE_MAJOR_VERSION\s+(\d+)/.exec(readFileSync(join(folder, 'node_version.h'), 'utf8'));
    return match ? Number(match[1]) : 0;
  } catch {
    return 0;
  }
}

/**
 * The folder to pass to node-gyp as `--nodedir`, or `null` if none fits and node-gyp must download the headers.
 * What the user configured comes first, then where this Node was installed, then where distributions put headers.
 */
export function findNodedir({ env = process.env, execPath = process.execPath, version = process.versions.node } = {}) {
  const major = Number(version.split('.')[0]);
  const configured = env.npm_config_nodedir ?? env.NPM_CONFIG_NODEDIR;
  const prefix = process.config.variables.node_prefix;
  const candidates = [configured, resolve(dirname(execPath), '..'), prefix, '/usr', '/usr/local'];
  return candidates.find((dir) => dir && headersMajor(dir) === major) ?? null;
}

/**
 * The environment for node-gyp: `env` with the folder of the headers in it. node-gyp lets `npm_config_nodedir`, even
 * an empty one, win over its own `--nodedir`, so the variable is set rather than the option.
 */
export function nodeGypEnv(nodedir, env = process.env) {
  const result = { ...env };
  for (const name of Object.keys(result)) {
    if (name.toLowerCase() === 'npm_config_nodedir') delete result[name];
  }
  if (nodedir) result.npm_config_nodedir = nodedir;
  return result;
}
