/** What this process holds of the system, to be compared before and after. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Resources {
  readonly descriptors: number;
  /** Mapped segments. */
  readonly segments: number;
  /** Abstract Unix sockets with a name of ours, of this whole network namespace. */
  readonly names: readonly string[];
  readonly rssBytes: number;
}

/** Abstract names that begin with this, in this network namespace. */
export function abstractNames(prefix: string): string[] {
  const lines = readFileSync('/proc/net/unix', 'latin1').split('\n').slice(1);
  return lines.flatMap((line) => {
    const name = line.trim().split(/\s+/)[7];
    return name?.startsWith(`@${prefix}`) ? [name.slice(1)] : [];
  });
}

function isOpen(fd: string): boolean {
  try {
    readlinkSync(`/proc/self/fd/${fd}`);
    return true;
  } catch {
    return false; // The descriptor of the listing itself.
  }
}

export function resources(): Resources {
  const maps = readFileSync('/proc/self/maps', 'latin1');
  return {
    descriptors: readdirSync('/proc/self/fd').filter(isOpen).length,
    segments: maps.split('\n').filter((line) => line.includes('memfd:')).length,
    names: abstractNames('sanswitch/1/'),
    rssBytes: process.memoryUsage().rss,
  };
}
