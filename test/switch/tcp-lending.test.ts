/** Connections by TCP/IP whose application is content with lent bytes, or has a buffer of its own: they are read into one that all share. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createSwitch, type LentBytes, type StreamSocket, type Switch } from 'sanswitch';
import { beforeEach, describe, expect, it } from 'vitest';
import { afterwards, until } from './helpers.js';

let sw: Switch;
let port: number;
/** The far ends, as the platform has them. */
let far: Socket[];

beforeEach(async () => {
  sw = await createSwitch({ providers: ['tcp!'] });
  far = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => void far.push(socket.on('error', () => {})));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  port = (server.address() as AddressInfo).port;
  afterwards(async () => {
    await sw.close();
    for (const socket of far) socket.destroy();
    server.close();
  });
});

/** A connection, and its far end. */
async function pair(more: object = {}): Promise<[StreamSocket<LentBytes>, Socket]> {
  const near = await sw.connect({ host: '127.0.0.1', port, lend: true, ...more });
  const peer = () => far.find((socket) => socket.remotePort === near.localPort);
  await until(() => peer() !== undefined);
  return [near, peer() as Socket];
}

describe('lent bytes by TCP/IP', () => {
  it('are views of one buffer, whoever they come from', async () => {
    const views: LentBytes[] = [];
    const texts: string[] = [];
    for (const text of ['one', 'two']) {
      const [near, peer] = await pair();
      near.handlers = {
        received(_, bytes) {
          views.push(bytes);
          texts.push(String(Buffer.from(bytes.slice())));
        },
      };
      expect(near.lends).toBe(true);
      peer.write(text);
      await until(() => texts.at(-1) === text);
    }
    const [first, second] = views as unknown as [Uint8Array, Uint8Array];
    expect([first.buffer === second.buffer, String(Buffer.from(first))]).toEqual([true, 'two']);
  });

  it('that wait for a reader are copies', async () => {
    const [slow, slowPeer] = await pair();
    slowPeer.write('waits');
    await delay(20);
    const [quick, quickPeer] = await pair();
    quick.handlers = { received: (_, bytes) => quick.send(bytes.slice()) };
    quickPeer.write('overwrites');
    await once(quickPeer, 'data');
    expect(String(Buffer.from((await slow.receive()) as Uint8Array))).toBe('waits');
  });

  it.each([
    ['lent', {}],
    ['in memory of the application', { lend: undefined, receiveBuffer: new Uint8Array(1_000) }],
    ['in memory that is asked for', { lend: undefined, receiveBuffer: () => new Uint8Array(70_000) }],
  ])('are all there, %s, with others between and pauses amid them, and the end behind them', async (_, how) => {
    const sent = Array.from({ length: 3 }, () => randomBytes(3_000_000));
    const ends = await Promise.all(
      sent.map(async (bytes) => {
        const [near, peer] = await pair(how);
        const got: Buffer[] = [];
        let isPaused = false;
        let whilePaused = 0;
        const ended = new Promise<void>((resolve) => {
          near.handlers = {
            received(socket, view) {
              if (isPaused) whilePaused += 1;
              got.push(Buffer.from(view.slice()));
              if (got.length % 7 !== 0) return;
              isPaused = true;
              socket.pause();
              setTimeout(() => {
                isPaused = false;
                socket.resume();
              }, 1);
            },
            ended: () => resolve(),
          };
        });
        peer.end(bytes);
        await ended;
        near.end();
        return { isWhole: Buffer.concat(got).equals(bytes), whilePaused, received: near.bytesReceived };
      }),
    );
    // A pause keeps back the rest of what has been read with it: whatever is told was read before.
    for (const end of ends) expect(end).toEqual({ isWhole: true, whilePaused: 0, received: 3_000_000 });
  });

  it('end with a reset, as others do', async () => {
    const [near, peer] = await pair();
    const closed = new Promise<Error | null>((resolve) => {
      near.handlers = { received() {}, closed: (_, error) => resolve(error) };
    });
    peer.resetAndDestroy();
    expect(await closed).toMatchObject({ code: 'ECONNRESET' });
  });
});
