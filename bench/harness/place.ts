/** Where connections of a transport are made, over which providers; and how patient a run is. */
import type { SwitchOptions } from 'sanswitch';
import { BenchFailure } from './failure.js';
import type { TransportName } from './messages.js';

/** Environment variable: an address that an RDMA device serves. The RDMA questions are asked there. */
export const HOST_VARIABLE = 'SANSWITCH_BENCH_HOST';
/** Environment variable: how many times slower than usual the machine is; an emulated one is very slow. */
const SLOWNESS_VARIABLE = 'SANSWITCH_BENCH_SLOWNESS';

/** Environment variable: 1, and both ends of an RDMA connection live in one process, which a fake library can't leave. */
const ONE_PROCESS_VARIABLE = 'SANSWITCH_BENCH_ONE_PROCESS';

const LOOPBACK = '127.0.0.1';

/** A time limit on this machine. */
export function patient(limit: number): number {
  return limit * Math.max(1, Number(process.env[SLOWNESS_VARIABLE] ?? 1) || 1);
}

/** Do both ends of such a connection live in one process? */
export function isInOneProcess(transport: TransportName): boolean {
  return transport === 'verbs' && process.env[ONE_PROCESS_VARIABLE] === '1';
}

/** The address that the RDMA questions are asked on. @throws BenchFailure if nobody has said */
export function rdmaHost(): string {
  const host = process.env[HOST_VARIABLE];
  if (host !== undefined && host !== '') return host;
  throw new BenchFailure('the RDMA questions want --host ADDRESS, an address that an RDMA device serves', 2);
}

/** The address on which a transport's connections are made. */
export function hostOf(transport: TransportName): string {
  return transport === 'verbs' ? rdmaHost() : LOOPBACK;
}

/** The RDMA provider's entry in a configuration. */
export function verbsEntry(required: boolean): Exclude<SwitchOptions['providers'], undefined>[number] {
  return { name: 'verbs', required, options: { listen: 'all', addresses: [`${rdmaHost()}/32`] } };
}

/** Who may serve a transport's connections: never a silent fallback. */
export function providersOf(transport: TransportName): SwitchOptions['providers'] {
  if (transport === 'verbs') return [verbsEntry(true)];
  return transport === 'shm' ? ['shm!'] : ['tcp!'];
}
