// What a checkout needs of the machine it is built on, and the messages for when that is missing.
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findNodedir } from '../../native/headers.mjs';

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** True if `command` is a program on the `PATH` in `env`, or the path of one. */
export function isOnPath(command, env = process.env) {
  if (command.includes('/')) return isExecutable(command);
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.some((folder) => isExecutable(join(folder, command)));
}

// A compiler may be given with its arguments ("ccache g++").
function firstWord(text) {
  return text.trim().split(/\s+/)[0];
}

/** Which of the tools that compile C++ are missing: a list of `{ what, debian }`, empty if all are there. */
export function missingTools(env = process.env, has = isOnPath) {
  const pythons = [env.npm_config_python, env.NODE_GYP_FORCE_PYTHON, env.PYTHON, 'python3', 'python'];
  const missing = [];
  if (!pythons.some((name) => name && has(name, env))) missing.push({ what: 'python3', debian: 'python3' });
  if (!has(firstWord(env.MAKE || 'make'), env)) missing.push({ what: 'make', debian: 'make' });
  if (!has(firstWord(env.CXX || 'g++'), env)) missing.push({ what: 'a C++ compiler (g++)', debian: 'g++' });
  return missing;
}

/** The message for missing tools. `needed`: whether the command that the user gave can't go on without them. */
export function toolsMessage(missing, needed) {
  const names = missing.map((tool) => tool.what).join(', ');
  const packages = missing.map((tool) => tool.debian).join(' ');
  return (
    `The native part can't be built: missing ${names}.\n` +
    `On Debian or Ubuntu: sudo apt-get install -y ${packages}\n` +
    'Without it everything still runs, over TCP/IP alone; ' +
    (needed ? 'this command (like the tests) needs it.' : 'going on without it.')
  );
}

/** The message for when node-gyp got no headers: neither found on the machine nor downloaded. */
export function headersMessage(version, needed) {
  const major = version.split('.')[0];
  return (
    `The native part can't be built: the C headers of Node ${version} are not on this machine and could not be downloaded.\n` +
    "With Debian's or Ubuntu's own Node: sudo apt-get install -y libnode-dev\n" +
    `With another: unpack the headers of Node ${major} (its release archive holds them under include/node) and name the\n` +
    'folder above include/: export npm_config_nodedir=FOLDER\n' +
    'Without it everything still runs, over TCP/IP alone; ' +
    (needed ? 'this command (like the tests) needs it.' : 'going on without it.')
  );
}

/** Can the native part be built here? `{ tools: missing tools, nodedir: headers' folder or null }`. */
export function inspectToolchain(env = process.env) {
  return { tools: missingTools(env), nodedir: findNodedir({ env }) };
}
