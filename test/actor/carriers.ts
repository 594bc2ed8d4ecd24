/** Runtimes whose actors carry streams from and to a process beside, and move while they do. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { ActorRef, MessageOf, Runtime, RuntimeListener, RuntimeListenOptions } from 'sanswitch';
import { afterEach } from 'vitest';
import type Carrier from '../fixtures/actors/carrier.js';
import type { CarrierArgs, CarrierReport } from '../fixtures/actors/carrier.js';
import type { PeerReport } from '../fixtures/carrier-peer.js';
import { type Place, peerOptions } from './places.js';
import { portOf } from './runtime-clients.js';
import { moduleUrl, until } from './runtimes.js';

const PEER = new URL('../../build/test/fixtures/carrier-peer.js', import.meta.url).pathname;

export type CarrierRef = ActorRef<MessageOf<typeof Carrier>>;

const peers: ChildProcess[] = [];
afterEach(() => {
  for (const peer of peers.splice(0)) peer.kill('SIGKILL');
});

/** A process with connections to a listener. */
export interface Peer {
  readonly pid: number;
  /** It ends its streams. */
  stop(): void;
  kill(): void;
  /** What it has seen on each, when all are over. */
  readonly reports: Promise<PeerReport[]>;
}

/** Starts one, and waits until it is connected. @param bytes that it sends on each; 0: until it is stopped */
export async function startPeer(
  listener: RuntimeListener,
  place: Place,
  connections: number,
  bytes: number,
): Promise<Peer> {
  const args = [PEER, portOf(listener), place.host, JSON.stringify(peerOptions(place)), connections, bytes].map(String);
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  peers.push(child);
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const exited = once(child, 'close');
  await until('the peer is connected', () => lines.length > 0 || child.exitCode !== null);
  const reports = exited.then(() => JSON.parse(lines[1] ?? 'null') as PeerReport[]);
  return {
    pid: child.pid as number,
    stop: () => child.stdin.end(),
    kill: () => void child.kill('SIGKILL'),
    reports,
  };
}

/** A listener of carriers. */
export function listenToCarriers(
  runtime: Runtime,
  { host }: Place,
  args: CarrierArgs,
  options: RuntimeListenOptions = {},
): Promise<RuntimeListener> {
  return runtime.listen<typeof Carrier>({ host, actor: moduleUrl('carrier'), args, ...options });
}

/** The carrier of that name, when it is there. */
export async function carrierOf(runtime: Runtime, name: string): Promise<CarrierRef> {
  await until(`${name} is there`, () => runtime.lookup(name) !== undefined);
  return runtime.lookup(name) as CarrierRef;
}

/** What it has seen so far. */
export function reportOf(ref: CarrierRef): Promise<CarrierReport> {
  return ref.ask<CarrierReport>((replyTo) => ({ do: 'report', replyTo }), { timeoutMs: 20_000 });
}

/** Which worker an actor lives on. */
export function workerOf({ address }: Pick<CarrierRef, 'address'>): number {
  return (address.host & 0xff) - 1;
}

/** Collects the last reports of carriers. */
export async function collector(runtime: Runtime): Promise<{ reports: CarrierReport[]; ref: ActorRef<CarrierReport> }> {
  const reports: CarrierReport[] = [];
  const ref = await runtime.spawn<CarrierReport, undefined>(() => (report) => void reports.push(report), undefined);
  return { reports, ref };
}
