import { createSwitch, type StreamSocket } from 'sanswitch';
import { afterAll, describe, expect, it } from 'vitest';
import { LINK_CONNECTION_LIMIT } from '#src/layout/layout.gen.js';
import { killPeers, Peer, STRICT } from './peer.js';

const AT_ONCE = 64;
/** More than a link has ids. */
const CONNECTIONS = LINK_CONNECTION_LIMIT + 2_000;
const MESSAGE = Buffer.alloc(64, 'churn');

afterAll(killPeers);

/** Resolves with the first bytes that come. */
function echo(socket: StreamSocket): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    socket.handlers = {
      received: (_, bytes) => resolve(bytes),
      closed: (_, error) => reject(error ?? new Error('closed before the echo')),
    };
    socket.send(MESSAGE);
  });
}

describe('connections that come and go', () => {
  it('are not limited by the ids of a link, many at a time', { timeout: 120_000 }, async () => {
    const peer = await Peer.process();
    const { port } = await peer.do.listen('echo');
    const sw = await createSwitch(STRICT);
    try {
      let left = CONNECTIONS;
      const churn = async (): Promise<void> => {
        while (left-- > 0) {
          const socket = await sw.connect({ host: '127.0.0.1', port });
          expect(Buffer.compare(await echo(socket), MESSAGE)).toBe(0);
          await socket.close();
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, churn));
      expect(sw.stats().providers.shm).toMatchObject({ connects: CONNECTIONS, connectFailures: 0, open: 0 });
    } finally {
      await sw.close();
      await peer.kill();
    }
  });
});
