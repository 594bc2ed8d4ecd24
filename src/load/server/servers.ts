/** What `sanswitch echo` runs: a listener of socket actors, or, for comparison, a server of `node:net`. */
import { createServer, type Socket } from 'node:net';
import { createRuntime } from '../../actor/runtime/create.js';
import { RequestReader, type Service } from './service.js';

/** What is to listen. */
export interface ServerPlan {
  readonly host: string;
  readonly port: number;
  readonly service: Service;
  /** Of the actors; `node:net` has one thread. */
  readonly workers: number;
  readonly providers: readonly string[];
}

/** One that listens. */
export interface EchoServer {
  readonly port: number;
  /** Who listens, in words. */
  readonly how: string;
  close(): Promise<void>;
}

/** Actors, over whatever provider serves. @throws as `runtime.listen` */
export async function actorServer(plan: ServerPlan): Promise<EchoServer> {
  const { host, port, service, workers, providers } = plan;
  const runtime = await createRuntime({ workers, providers });
  try {
    const actor = new URL('./service.js', import.meta.url);
    const listener = await runtime.listen<typeof import('./service.js').default>({
      host,
      port,
      actor,
      args: { service },
    });
    return {
      port: listener.address()?.port ?? port,
      how: `actors on ${workers} ${workers === 1 ? 'worker' : 'workers'}, providers ${providers.join(', ')}`,
      close: () => runtime.close(),
    };
  } catch (error) {
    await runtime.close();
    throw error;
  }
}

function serve(socket: Socket, service: Service): void {
  const reader = service === 'request' ? new RequestReader() : null;
  const sink = { send: (bytes: Uint8Array) => socket.write(bytes) };
  socket.setNoDelay(true);
  socket.on('data', (bytes) => {
    if (service === 'echo' && !socket.write(bytes)) socket.pause();
    if (reader === null) return;
    if (!reader.push(bytes)) socket.destroy();
    else if (!reader.flush(sink)) socket.pause();
  });
  socket.on('drain', () => {
    if (reader === null || reader.flush(sink)) socket.resume();
  });
  // A client that is gone is no news here.
  socket.on('error', () => {});
}

/** `node:net` alone. @throws as `net.Server.listen` */
export function netServer({ host, port, service }: ServerPlan): Promise<EchoServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    serve(socket, service);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : port,
        how: 'node:net, one thread',
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            for (const socket of sockets) socket.destroy();
          }),
      });
    });
  });
}
