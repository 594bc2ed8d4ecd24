/** Socket actors over real connections of one thread: an actor at one end, a plain socket or another actor at the other. */
import type { AnyBytes, ListenOptions, StreamSocket, SwitchOptions } from 'sanswitch';
import { defineActor } from '#src/actor/define.js';
import { ActorHost } from '#src/actor/host.js';
import { actorFailures } from '#src/actor/topics.js';
import type { ActorContext, ActorDefinition, ActorRef, Behaviour, SpawnOptions } from '#src/actor/types.js';
import { pairIn, type World } from '../face/worlds.js';
import { afterwards } from '../switch/helpers.js';
import { patience } from './places.js';

export const MIB = 1024 * 1024;

/** An actor whose behaviour a test makes where it stands. */
export function acting<M = never>(make: (context: ActorContext<M>) => Behaviour<M>): ActorDefinition<M, void> {
  return defineActor<M>((_, context) => make(context));
}

/** A host that ends with the test. Failures are counted instead of being warnings of the process. */
export function hostOfTest(): { host: ActorHost; failures: unknown[] } {
  const host = new ActorHost();
  const failures: unknown[] = [];
  host.events.listen(actorFailures, ({ error }) => failures.push(error));
  afterwards(() => host.close());
  return { host, failures };
}

/** What an actor at the accepting end is made from. */
export interface ActorEnd<M, A> {
  readonly definition: ActorDefinition<M, A>;
  readonly args?: A;
  readonly spawn?: SpawnOptions;
  readonly listen?: ListenOptions;
  readonly connect?: object;
  readonly sw?: SwitchOptions;
}

/** A plain socket, connected with an actor. */
export interface Meeting<M> {
  readonly near: StreamSocket;
  /** The actor's, for looking at only. */
  readonly far: StreamSocket<AnyBytes>;
  readonly actor: ActorRef<M>;
  readonly host: ActorHost;
  readonly failures: unknown[];
}

/** Connects a plain socket with an actor in that world. */
export async function meet<M, A>(world: World, end: ActorEnd<M, A>): Promise<Meeting<M>> {
  const { host, failures } = hostOfTest();
  const { listen = {}, connect = {}, sw = {} } = end;
  const { near, far } = await pairIn(world, { listen, connect, sw });
  const actor = host.spawnSocket(end.definition, end.args as A, end.spawn ?? {}, far);
  return { near, far, actor, host, failures };
}

/** Resolves with why the actor ended. */
export function ended<M>({ host, actor }: Meeting<M>): Promise<string> {
  return new Promise((resolve) => host.watch(actor.address, (_, reason) => resolve(reason)));
}

/** So many bytes from a plain socket. */
export async function receiveAll(socket: StreamSocket, length: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (let got = 0; got < length; ) {
    const bytes = await socket.receive();
    if (bytes === null) throw new Error(`the stream ended after ${got} of ${length} bytes`);
    parts.push(bytes);
    got += bytes.length;
  }
  return Buffer.concat(parts);
}

/** Bytes that differ from their neighbours, the same for each length. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) * 17 + length) & 0xff;
  return bytes;
}

/** Waits until something is so. @throws after 5 s, or longer where that is slow */
export async function until(isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + patience(5_000);
  while (!isSo()) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
