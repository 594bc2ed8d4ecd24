/** A switch over a scripted provider: `loop`, with every call recorded and any of them replaced by the test. */
import { type AddressInfo, createServer, type Socket as NetSocket, type Server } from 'node:net';
import type { Listener, StreamSocket, Switch, SwitchOptions } from 'sanswitch';
import type { UpcallTable } from 'sanswitch/spi';
import { afterEach } from 'vitest';
import { interpose } from '#src/providers/interpose/provider.js';
import { Trace } from '#src/providers/interpose/trace.js';
import { LoopFabric } from '#src/providers/loop/fabric.js';
import type { LoopOptions } from '#src/providers/loop/options.js';
import { LoopProvider } from '#src/providers/loop/provider.js';
import type { AddressWatch } from '#src/switch/address-changes.js';
import { createSwitchWith } from '#src/switch/switch.js';

/** What a test does in place of a downcall or an upcall. */
export type Script = Record<string, (proceed: () => unknown, args: readonly unknown[]) => unknown>;

/** A switch whose one SAN provider is scripted, and all that a test wants to look at. */
export interface Rig {
  readonly sw: Switch;
  readonly script: Script;
  readonly trace: Trace;
  readonly loop: LoopProvider;
  readonly fabric: LoopFabric;
  /** The upcall table that the provider was given. */
  readonly upcalls: UpcallTable;
  /** As the system would: the host's addresses have changed. */
  addressesChanged(): void;
}

const cleanUps: (() => unknown)[] = [];

/** Runs after the test. */
export function afterwards(cleanUp: () => unknown): void {
  cleanUps.push(cleanUp);
}

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Makes a rig; it is closed after the test. `strict` demands the provider. */
export async function makeRig(
  options: { script?: Script; loop?: LoopOptions; strict?: boolean; sw?: SwitchOptions } = {},
): Promise<Rig> {
  const script = options.script ?? {};
  const trace = new Trace();
  const fabric = new LoopFabric();
  const loop = new LoopProvider({ fabric, ...options.loop });
  let upcalls: UpcallTable | null = null;
  const scripted = interpose(loop, trace, {
    downcall(name, args, proceed) {
      if (name === 'WSPStartupEx') upcalls = args[2] as UpcallTable;
      return script[name] === undefined ? proceed() : script[name](proceed, args);
    },
    upcall: (name, args, proceed) => (script[name] === undefined ? proceed() : script[name](proceed, args)),
  });
  let changed = (): void => {};
  const watch: AddressWatch = { close() {} };
  const sw = await createSwitchWith(
    { providers: [{ name: 'san', provider: scripted, required: options.strict ?? false }], ...options.sw },
    (callback) => {
      changed = callback;
      return watch;
    },
  );
  afterwards(() => sw.close());
  return {
    sw,
    script,
    trace,
    loop,
    fabric,
    get upcalls() {
      return upcalls as unknown as UpcallTable;
    },
    addressesChanged: () => changed(),
  };
}

/** Calls and events since the start, without what merely returns; `from` cuts off what was before. */
export function order(trace: Trace, from = 0): string[] {
  return trace.entries
    .slice(from)
    .filter(({ kind }) => kind !== 'return')
    .map(({ kind, name }) => (kind === 'event' ? 'event' : name));
}

/** A listener on 127.0.0.1 that gathers its sockets. */
export async function listening(
  sw: Switch,
  options: Parameters<Switch['listen']>[0] = {},
): Promise<{ listener: Listener; port: number; sockets: StreamSocket[]; next(): Promise<StreamSocket> }> {
  const sockets: StreamSocket[] = [];
  const waiting: ((socket: StreamSocket) => void)[] = [];
  const listener = await sw.listen({ host: '127.0.0.1', ...(options as object) }, (socket: StreamSocket) => {
    sockets.push(socket);
    waiting.shift()?.(socket);
  });
  let taken = 0;
  return {
    listener,
    port: listener.address().port,
    sockets,
    next() {
      const index = taken++;
      const there = sockets[index];
      return there === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(there);
    },
  };
}

/** A plain `node:net` server that knows nothing of the switch; it echoes. */
export async function plainServer(host = '127.0.0.1'): Promise<{ server: Server; port: number; sockets: NetSocket[] }> {
  const sockets: NetSocket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  afterwards(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port, sockets };
}

/** A port on which nothing listens. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The error with which a promise rejects. */
export async function failure(promise: Promise<unknown>): Promise<NodeJS.ErrnoException & Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as NodeJS.ErrnoException & Record<string, unknown>;
  }
  throw new Error('it did not fail');
}

/** Waits until something holds. */
export async function until(holds: () => boolean, what = 'the condition'): Promise<void> {
  const end = performance.now() + 5_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`${what} never came to hold`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Everything that this socket receives until its end. */
export async function readAll(socket: StreamSocket): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks);
}
