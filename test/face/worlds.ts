/** The providers over which the face is tested: it must behave the same on all of them. */

import { createSwitch, type ListenOptions, type StreamSocket, type Switch, type SwitchOptions } from 'sanswitch';
import { LoopFabric } from '#src/providers/loop/fabric.js';
import { LoopProvider } from '#src/providers/loop/provider.js';
import { verbsEntry, verbsHost } from '../fixtures/verbs-place.js';
import { afterwards, listening } from '../switch/helpers.js';

/** One of them. */
export interface World {
  readonly name: string;
  /** Where its switches meet; default 127.0.0.1. */
  readonly host?: string;
  options(): SwitchOptions;
}

/** Where switches meet in a world. */
export function hostOf({ host = '127.0.0.1' }: World): string {
  return host;
}

/** All of them: TCP/IP, loop in three shapes, shared memory in both ways of polling. */
export const worlds: readonly World[] = [
  { name: 'tcp', options: () => ({ providers: ['tcp!'] }) },
  {
    name: 'loop with flow control of its own',
    options: () => ({
      providers: [{ name: 'loop', required: true, provider: new LoopProvider({ fabric: new LoopFabric() }) }],
    }),
  },
  {
    name: 'loop with credits',
    options: () => ({
      providers: [
        {
          name: 'loop',
          required: true,
          provider: new LoopProvider({ fabric: new LoopFabric(), claimsMessageBuffers: false, lendsReceives: false }),
        },
      ],
    }),
  },
  { name: 'shm', options: () => ({ providers: ['shm!'] }) },
  { name: 'shm, by the dedicated poller', options: () => ({ providers: ['shm!'], poller: 'dedicated' }) },
  { name: 'verbs', host: verbsHost, options: () => ({ providers: [verbsEntry] }) },
  {
    name: 'verbs, by the dedicated poller',
    host: verbsHost,
    options: () => ({ providers: [verbsEntry], poller: 'dedicated' }),
  },
  {
    name: 'loop with memory to lend',
    options: () => ({
      providers: [
        {
          name: 'loop',
          required: true,
          provider: new LoopProvider({
            fabric: new LoopFabric(),
            claimsMessageBuffers: false,
            messageBuffers: 100,
            lentBytes: 2_000_000,
            applicationBytes: 1_000_000,
          }),
        },
      ],
    }),
  },
];

/** A switch in that world, closed after the test. */
export async function switchIn(world: World, more: SwitchOptions = {}): Promise<Switch> {
  const sw = await createSwitch({ ...world.options(), ...more });
  afterwards(() => sw.close());
  return sw;
}

/** Two connected sockets. `listen` also configures the accepted one. */
export async function pairIn(
  world: World,
  { connect = {}, listen = {}, sw: more = {} }: { connect?: object; listen?: ListenOptions; sw?: SwitchOptions } = {},
): Promise<{ sw: Switch; near: StreamSocket; far: StreamSocket; port: number }> {
  const sw = await switchIn(world, more);
  const host = hostOf(world);
  const { port, next } = await listening(sw, { host, ...listen });
  const [near, far] = await Promise.all([sw.connect({ port, host, ...connect }), next()]);
  return { sw, near, far, port };
}
