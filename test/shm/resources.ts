/** What this process holds of the system, to be compared before and after. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Resources {
  readonly descriptors: number;
  readonly threads: number;
  /** Mapped segments. */
  readonly segments: number;
  /** Abstract Unix sockets with a name of ours, of this whole network namespace. */
  readonly names: readonly string[];
  /** How many such sockets of all kinds this process has open. */
  readonly namedSockets: number;
  readonly rssBytes: number;
  /** Address space: a window that is not given back shows here. */
  readonly virtualBytes: number;
}

/** Abstract names that begin with this, in this network namespace. */
export function abstractNames(prefix: string): string[] {
  const lines = readFileSync('/proc/net/unix', 'latin1').split('\n').slice(1);
  return lines.flatMap((line) => {
    const name = line.trim().split(/\s+/)[7];
    return name?.startsWith(`@${prefix}`) ? [name.slice(1)] : [];
  });
}

/** Inodes of the abstract Unix sockets with a name of ours that this process has open. */
export function namedSocketsOf(pid: number): Set<string> {
  const own = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => targetOf(`/proc/${pid}/fd/${fd}`)));
  return new Set([...namedSockets()].filter((inode) => own.has(`socket:[${inode}]`)));
}

/** The same of every process in this network namespace. */
export function namedSockets(): Set<string> {
  const lines = readFileSync('/proc/net/unix', 'latin1').split('\n').slice(1);
  const fields = lines.map((line) => line.trim().split(/\s+/));
  return new Set(
    fields
      .filter(([, , , , , , , name]) => name?.startsWith('@sanswitch/'))
      .map(([, , , , , , inode]) => inode as string),
  );
}

/** Files of ours in the one folder where shared memory with names would stand. */
export function namedMemory(): string[] {
  return readdirSync('/dev/shm').filter((name) => name.includes('sanswitch'));
}

/** Where a link leads; '' if it is gone, as the descriptor of the listing itself is. */
function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

export function resources(): Resources {
  const maps = readFileSync('/proc/self/maps', 'latin1');
  return {
    descriptors: readdirSync('/proc/self/fd').filter((fd) => targetOf(`/proc/self/fd/${fd}`) !== '').length,
    threads: readdirSync('/proc/self/task').length,
    segments: maps.split('\n').filter((line) => line.includes('memfd:')).length,
    names: abstractNames('sanswitch/1/'),
    namedSockets: namedSocketsOf(process.pid).size,
    rssBytes: process.memoryUsage().rss,
    virtualBytes: 1024 * Number(/^VmSize:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]),
  };
}
