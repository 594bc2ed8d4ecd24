/** Clients of a runtime's listeners: plain TCP sockets of this process. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Runtime, RuntimeListener, RuntimeListenOptions } from 'sanswitch';
import { afterEach } from 'vitest';
import type server from '../fixtures/actors/server.js';
import type { ServerArgs } from '../fixtures/actors/server.js';
import { moduleUrl } from './runtimes.js';

const clients: Socket[] = [];
/** What clients have seen: the code of an error, or `end` where the connection ended in order. */
const ends = new Map<Socket, string>();

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  ends.clear();
});

/** A listener whose actors are those of test/fixtures/actors/server.ts. */
export function serve(
  runtime: Runtime,
  options: RuntimeListenOptions & { readonly args?: ServerArgs } = {},
): Promise<RuntimeListener> {
  return runtime.listen<typeof server>({ host: '127.0.0.1', actor: moduleUrl('server'), ...options });
}

/** Where it listens. */
export function portOf(listener: RuntimeListener): number {
  return (listener.address() as { port: number }).port;
}

/** A client that may not be connected yet. */
export function call(listener: RuntimeListener): Socket {
  const client = connect({ port: portOf(listener), host: '127.0.0.1' });
  clients.push(client);
  client.on('end', () => ends.set(client, 'end'));
  client.on('error', ({ code }: NodeJS.ErrnoException) => ends.set(client, code ?? ''));
  return client;
}

/** Clients whose connection has come to stand; one that was reset at once may never have heard of it. */
export async function dial(listener: RuntimeListener, count: number): Promise<Socket[]> {
  const made = Array.from({ length: count }, () => call(listener));
  await Promise.allSettled(made.map((client) => once(client, 'connect')));
  return made;
}

/** How a client's connection has ended; undefined: it has not. */
export function endOf(client: Socket): string | undefined {
  return ends.get(client);
}

/** Sends an order and waits for the answer. */
export async function answer(client: Socket, order: string): Promise<string> {
  client.write(order);
  const [bytes] = (await once(client, 'data', { signal: AbortSignal.timeout(5_000) })) as [Buffer];
  return bytes.toString();
}

/** The numbers of the threads that serve them, in their order. */
export function threadsOf(all: readonly Socket[]): Promise<string[]> {
  return Promise.all(all.map((client) => answer(client, '!who')));
}
