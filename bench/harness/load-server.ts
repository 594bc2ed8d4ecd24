/**
 * A process that is put under load by the questions `load-*`. Tells its parent the port that it listens on, and ends with it.
 *   http: node:http, 64 bytes to each GET; shm: socket actors that echo; stall: echo that stands still for 100 ms each second
 */
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { actorServer } from '#src/load/server/servers.js';

const BODY = Buffer.alloc(64, 46);
/** How long the server stands still, and how often. */
export const STALL = { length_ms: 100, every_ms: 1_000 } as const;

function standStill(): void {
  const end_ms = performance.now() + STALL.length_ms;
  while (performance.now() < end_ms);
}

async function listen(kind: string | undefined): Promise<number> {
  if (kind === 'shm') {
    const plan = { host: '127.0.0.1', port: 0, service: 'echo', workers: 1, providers: ['shm!'] } as const;
    return (await actorServer(plan)).port;
  }
  const server =
    kind === 'http'
      ? createServer((_request, response) => void response.end(BODY))
      : createNetServer((socket) => {
          socket.setNoDelay(true).pipe(socket);
          socket.on('error', () => {});
        });
  if (kind === 'stall') {
    // By the clock, so that the stalls neither drift nor add up.
    let next_ms = performance.now() + STALL.every_ms;
    const stall = (): void => {
      standStill();
      next_ms += STALL.every_ms;
      setTimeout(stall, next_ms - performance.now());
    };
    setTimeout(stall, STALL.every_ms);
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

if (process.send !== undefined) {
  process.once('disconnect', () => process.exit(0));
  process.send({ port: await listen(process.argv[2]) });
}
