/** Servers that speak the protocols of a link by hand, and so can break them. They live in the test's own process. */
import { createServer, type Server } from 'node:net';
import { SEGMENT_BYTES, WELCOME_OK } from '#src/layout/layout.gen.js';
import { closeDescriptor, sendMessage, socketCookie, unixListen } from '#src/native/os.js';
import { encodeIdent, encodeWelcome } from '#src/providers/shm/handshake.js';
import { rendezvousName } from '#src/providers/shm/host.js';
import { initialiseSegment } from '#src/providers/shm/segment.js';
import { Acceptor } from '#src/reactor/acceptor.js';
import { type OwnSegment, threadWindows } from '#src/reactor/window.js';
import { nextMessage, RawLink } from './raw.js';

/** What a server does with each client that comes to its rendezvous. */
export type Behaviour = (fd: number, cookie: bigint, listenerFd: number) => unknown;

const cleanups: (() => void)[] = [];

/** Runs when the servers are closed. */
export function afterwards(cleanup: () => void): void {
  cleanups.push(cleanup);
}

/** For `afterEach`. */
export function closeServers(): void {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
}

/** Does what `behave` does with whoever comes to this name. */
export function rendezvous(name: string, behave: (fd: number) => unknown): void {
  const fd = unixListen(name, 8);
  const acceptor = new Acceptor(fd, (client) => {
    afterwards(() => closeQuietly(client));
    // A client that has hung up, or a test that is over, is no failure of the server's.
    void (async () => behave(client))().catch(() => {});
  });
  afterwards(() => {
    acceptor.close();
    closeDescriptor(fd);
  });
}

/** A TCP server that answers, with a rendezvous that does what `behave` does. @returns its port */
export async function serve(behave: Behaviour): Promise<number> {
  const server: Server = createServer((socket) => socket.on('error', () => {}).resume());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const cookie = socketCookie(fd);
  rendezvous(rendezvousName(cookie), (client) => behave(client, cookie, fd));
  afterwards(() => server.close());
  return (server.address() as { port: number }).port;
}

/** Closes what the behaviour may have closed. */
export function closeQuietly(fd: number): void {
  try {
    closeDescriptor(fd);
  } catch {
    // The behaviour has closed it.
  }
}

/** Says who it is. The reactor's name is made of the cookie, unless it is given. */
export function ident(fd: number, cookie: bigint, listenerFd: number, name?: string): void {
  const reactorId = name ?? cookie.toString(16).padStart(32, '0').slice(-32);
  sendMessage(fd, encodeIdent({ pid: process.pid, reactorId, cookie, listenerFd }));
}

/** Goes through the handshake honestly, but for what `prepare` does to the segment. */
export async function welcome(
  fd: number,
  cookie: bigint,
  listenerFd: number,
  prepare: (own: OwnSegment) => void = () => {},
  name?: string,
): Promise<RawLink> {
  ident(fd, cookie, listenerFd, name);
  const join = await nextMessage(fd);
  const peerRegion = threadWindows().mapPeer(SEGMENT_BYTES, join.descriptor);
  closeDescriptor(join.descriptor);
  const own = threadWindows().mapOwn(SEGMENT_BYTES);
  initialiseSegment(own.region);
  prepare(own);
  sendMessage(fd, encodeWelcome(WELCOME_OK), own.descriptor);
  closeDescriptor(own.descriptor);
  const link = new RawLink(fd, own.region, peerRegion, cookie);
  afterwards(() => link.unmap());
  return link;
}
