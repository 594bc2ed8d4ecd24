/**
 * The file that a thread's counters stand in: in memory, without a name in any folder, so that nothing of it is left when the
 * process ends. Observers find it among the process's descriptors.
 */
import { closeSync, constants, fchmodSync, ftruncateSync, openSync } from 'node:fs';
import { COUNTERS_FILE_BYTES } from '../layout/layout.gen.js';
import { loadNative } from '../native/load.js';

/** Its name, where the addon makes it. */
const NAME = 'sanswitch-counters';

/** What a link in /proc/PID/fd to such a file says. Anybody may say the same: only the content tells. */
export const COUNTERS_FILE_LINK = `/memfd:${NAME} (deleted)`;
/** The same where the addon is not in use; other programs have such files, too. */
export const UNNAMED_FILE_LINK = /^\/dev\/shm\/#\d+ \(deleted\)$/;

/** O_TMPFILE of Linux, which Node does not name. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

/** A descriptor, and what closes it. */
export interface CountersFile {
  readonly fd: number;
  close(): void;
  /** Somebody else has closed the descriptor: its number may mean something else by now. */
  forget(): void;
}

/** Makes the file. @returns null: there can be none here, and no observer will see this thread */
export function openCountersFile(): CountersFile | null {
  if (process.platform !== 'linux') return null;
  const { addon } = loadNative();
  if (addon === null) return openUnnamed();
  const fd = addon.createMemoryFile(NAME, COUNTERS_FILE_BYTES);
  if (fd < 0) return null;
  return { fd, close: () => void addon.closeDescriptor(fd), forget: () => void addon.releaseDescriptor(fd) };
}

/** The same without the addon. */
function openUnnamed(): CountersFile | null {
  let fd = -1;
  try {
    fd = openSync('/dev/shm', constants.O_RDWR | constants.O_EXCL | O_TMPFILE, 0o600);
    ftruncateSync(fd, COUNTERS_FILE_BYTES);
    fchmodSync(fd, 0o400);
    return { fd, close: () => closeSync(fd), forget() {} };
  } catch {
    // No /dev/shm, or one that is full: a thread that no observer sees works as well as any other.
    if (fd >= 0) closeSync(fd);
    return null;
  }
}
