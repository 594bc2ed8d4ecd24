/** Who listens by RDMA on this host now: no tool for sockets knows that, but `rdma` of iproute2 does. */
import { execFileSync } from 'node:child_process';
import type { RdmaListenerReport } from './report.js';

/** One connection identifier, as `rdma -j resource show cm_id` has it. */
interface Identifier {
  readonly ifname?: string;
  readonly state?: string;
  readonly pid?: number;
  readonly comm?: string;
  readonly 'src-addr'?: string;
}

/** Reads what the tool says. @throws SyntaxError: that is no JSON */
export function parseListeners(text: string): RdmaListenerReport[] {
  return (JSON.parse(text) as Identifier[]).flatMap(({ ifname, state, pid, comm, 'src-addr': source = '' }) => {
    const colon = source.lastIndexOf(':');
    if (state !== 'LISTEN' || colon < 0 || ifname === undefined) return [];
    const [address, port] = [source.slice(0, colon), Number(source.slice(colon + 1))];
    return [{ address, port, device: ifname, pid: pid ?? null, program: comm ?? null }];
  });
}

/** The open listeners; null: there is no such tool, or it can't tell. */
export function readListeners(): RdmaListenerReport[] | null {
  // Whoever is not root often does not look there.
  const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
  try {
    const text = execFileSync('rdma', ['-j', 'resource', 'show', 'cm_id'], {
      encoding: 'utf8',
      env: { ...process.env, PATH },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 5_000,
    });
    return parseListeners(text);
  } catch {
    return null;
  }
}
