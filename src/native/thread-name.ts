/** The name by which the system's tools (top -H, perf, gdb) know a thread. */
import { readFileSync } from 'node:fs';
import { setThreadName } from './os.js';

/**
 * Names the calling thread until that is taken back: its former name may be what the user looks for in `ps`.
 * @param name at most 15 ASCII characters
 * @returns gives it its former name back @throws NativeUnavailableError, SystemError
 */
export function nameThread(name: string): () => void {
  const former = readFileSync('/proc/thread-self/comm', 'utf8').trimEnd();
  setThreadName(name);
  return () => setThreadName(former);
}
