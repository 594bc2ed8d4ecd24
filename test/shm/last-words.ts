/** Peers that go as far as a given point and no further, so that they can be killed there. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { RECORD_LINK_NEWS, SEGMENT_BYTES, SESSION_DATA } from '#src/layout/layout.gen.js';
import { sendMessage, socketCookie, unixListen } from '#src/native/os.js';
import { encodeIdent, encodeJoin } from '#src/providers/shm/handshake.js';
import { rendezvousName } from '#src/providers/shm/host.js';
import { initialiseSegment } from '#src/providers/shm/segment.js';
import { Acceptor } from '#src/reactor/acceptor.js';
import { threadWindows } from '#src/reactor/window.js';
import { helloMessage, meet, RawLink, sessionMessage } from './raw.js';

/**
 * How far a client goes: it has read IDENT; sent JOIN; a link; sent OPEN; read ACCEPT; sent HELLO; then
 * `record`: written half of a record behind a whole one; `no-news`: published one without NEWS; `no-wake`: with NEWS, but no wake-up.
 */
export type Point = 'ident' | 'join' | 'link' | 'open' | 'accept' | 'hello' | 'record' | 'no-news' | 'no-wake';

/** What reaches the server's application of the last record: this many bytes. */
export const LAST_WORDS = Buffer.from('last words');

/** How long a thread with nothing to do takes to fall asleep, generously. */
const ASLEEP_MS = 200;

/** A client of the server on `port` that stops at `point`. */
export async function stopAt(point: Point, port: number): Promise<void> {
  if (point === 'ident' || point === 'join') {
    const { fd } = await meet(port);
    if (point === 'ident') return;
    const own = threadWindows().mapOwn(SEGMENT_BYTES);
    initialiseSegment(own.region);
    sendMessage(fd, encodeJoin('ef'.repeat(16)), own.descriptor);
    return;
  }
  const link = (await RawLink.join(port)) as RawLink;
  if (point === 'link') return;
  link.open(0, port);
  if (point === 'open') return;
  await link.next();
  if (point === 'accept') return;
  const ring = link.ring(0);
  link.write(ring, helloMessage());
  if (point === 'hello') return;
  await delay(ASLEEP_MS);
  link.publish(ring, sessionMessage(SESSION_DATA, LAST_WORDS));
  if (point === 'no-wake') link.append(RECORD_LINK_NEWS, [0]);
  if (point !== 'record') return;
  link.record(RECORD_LINK_NEWS, [0]);
  const at = ring.claim(1_000, 1_000);
  link.own.bytes.fill(0xff, at - 8, at + 500);
}

/** Listens, and says who it is to all who come, but answers no JOIN. @returns the port */
export async function listenSilently(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const listenerFd = (server as unknown as { _handle: { fd: number } })._handle.fd;
  const cookie = socketCookie(listenerFd);
  const ident = encodeIdent({ pid: process.pid, reactorId: '00'.repeat(16), cookie, listenerFd });
  new Acceptor(unixListen(rendezvousName(cookie), 8), (fd) => sendMessage(fd, ident));
  return (server.address() as { port: number }).port;
}
