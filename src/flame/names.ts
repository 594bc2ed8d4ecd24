/** How threads are called in a profile. */

/** A thread as whoever took the profile knows it. */
export interface KnownThread {
  readonly pid: number;
  /** The system's number. */
  readonly tid: number;
  /** The system's name. */
  readonly comm: string;
  /** Whether JavaScript runs on it. */
  readonly isScript: boolean;
}

/** Names that the system gives to a thread that nobody named: its program's, or that of the thread that made it. */
const NAMELESS = /^(node|main|MainThread|)$/;

/** Whether a name says nothing. */
export function isNameless(comm: string): boolean {
  return NAMELESS.test(comm);
}

function ownName({ pid, tid, comm, isScript }: KnownThread): string {
  if (pid === tid) return 'main';
  if (!isNameless(comm)) return comm;
  return isScript ? 'worker' : 'native';
}

/** The first of these that is free, and then taken: `name`, `name 2`, `name 3`, ... */
function claim(name: string, taken: Set<string>): string {
  let free = name;
  for (let i = 2; taken.has(free); i++) free = `${name} ${i}`;
  taken.add(free);
  return free;
}

/**
 * A name for each thread, no two alike, and the same in another run of the same program: its process's before it where there are
 * several, and a number where several have one name.
 * @param titleOf what a process runs
 */
export function nameThreads(threads: readonly KnownThread[], titleOf: (pid: number) => string): Map<number, string> {
  const pids = [...new Set(threads.map(({ pid }) => pid))].sort((a, b) => a - b);
  const titles = new Set<string>();
  const processes = new Map(pids.map((pid) => [pid, pids.length > 1 ? `${claim(titleOf(pid), titles)}: ` : '']));
  const taken = new Set<string>();
  // Threads are numbered in the order in which they were made.
  const inOrder = [...threads].sort((a, b) => a.tid - b.tid);
  return new Map(inOrder.map((thread) => [thread.tid, claim(`${processes.get(thread.pid)}${ownName(thread)}`, taken)]));
}
