/** Connections that change their owner, over every provider that hands over: the rig of the hand-over tests. */
import { createSwitch, type ListenOptions, type StreamSocket, type Switch, type SwitchOptions } from 'sanswitch';
import { LoopFabric } from '#src/providers/loop/fabric.js';
import type { LoopOptions } from '#src/providers/loop/options.js';
import { LoopProvider } from '#src/providers/loop/provider.js';
import { verbsEntry, verbsHost } from '../fixtures/verbs-place.js';
import { afterwards, listening } from './helpers.js';

/** A provider by which switches reach each other. */
export interface Carrier {
  readonly name: string;
  /** Where they meet; default 127.0.0.1. */
  readonly host?: string;
  /** The options of one more switch. */
  options(): SwitchOptions;
}

function loop(options: LoopOptions): () => SwitchOptions {
  const fabric = new LoopFabric();
  return () => ({
    providers: [{ name: 'loop', required: true, provider: new LoopProvider({ fabric, ...options }) }],
  });
}

/** Those that hand over. */
export function carriers(): readonly Carrier[] {
  return [
    { name: 'tcp', options: () => ({ providers: ['tcp!'] }) },
    { name: 'shm', options: () => ({ providers: ['shm!'] }) },
    { name: 'verbs', host: verbsHost, options: () => ({ providers: [verbsEntry] }) },
    { name: 'loop with flow control of its own', options: loop({}) },
    {
      name: 'loop with credits and RDMA',
      options: loop({ claimsMessageBuffers: false, lendsReceives: false, rdmaThresholdBytes: 20_000 }),
    },
  ];
}

/** Two connected sockets, their switches, and a third switch to which they can go. */
export interface Trio {
  readonly client: Switch;
  readonly server: Switch;
  readonly third: Switch;
  readonly near: StreamSocket;
  readonly far: StreamSocket;
}

/** A connection over a carrier; everything is closed after the test. */
export async function trioOver(
  carrier: Carrier,
  { connect = {}, listen = {}, sw = {} }: { connect?: object; listen?: ListenOptions; sw?: SwitchOptions } = {},
): Promise<Trio> {
  const made: Switch[] = [];
  for (let i = 0; i < 3; i++) {
    const one = await createSwitch({ ...carrier.options(), ...sw });
    afterwards(() => one.close());
    made.push(one);
  }
  const [client, server, third] = made as [Switch, Switch, Switch];
  const { host = '127.0.0.1' } = carrier;
  const { port, next } = await listening(server, { host, ...listen });
  const [near, far] = await Promise.all([client.connect({ port, host, ...connect }), next()]);
  return { client, server, third, near, far };
}

/** Moves a socket from one switch to another, through a structured clone as between threads. */
export async function move(
  socket: StreamSocket,
  from: Switch,
  to: Switch,
  options: object = {},
): Promise<StreamSocket> {
  const owner = structuredClone(to.owner);
  const connection = structuredClone(await from.handOver(socket, owner));
  return (await to.adopt(connection, options)) as unknown as StreamSocket;
}
