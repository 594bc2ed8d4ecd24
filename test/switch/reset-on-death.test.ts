/** `resetOnDeath`: how the peer of a TCP connection sees the death of its other end. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { createSwitch } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import { Peer } from '../shm/peer.js';
import { afterwards } from './helpers.js';

/** What an accepted connection's end looks like: `end`, or the code of an error. */
async function endOf(socket: Socket): Promise<string> {
  socket.resume();
  try {
    await once(socket, 'end');
    return 'end';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code as string;
  }
}

async function listening(): Promise<{ port: number; next(): Promise<Socket> }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterwards(async () => void server.close());
  const { port } = server.address() as AddressInfo;
  return { port, next: async () => (await once(server, 'connection'))[0] as Socket };
}

describe('a connection by TCP/IP whose thread dies', () => {
  it.each([
    [true, 'ECONNRESET'],
    [false, 'end'],
  ])('resetOnDeath %s: the peer sees %s', async (resetOnDeath, seen) => {
    const { port, next } = await listening();
    const peer = await Peer.thread({ providers: ['tcp'] });
    const arrival = next();
    await peer.do.connect('hold', { port, resetOnDeath });
    const socket = await arrival;
    const ended = endOf(socket);
    await peer.worker?.terminate();
    expect(await ended).toBe(seen);
  });

  it('and that is ended, ends in order all the same', async () => {
    const { port, next } = await listening();
    const sw = await createSwitch({ providers: ['tcp'] });
    afterwards(() => sw.close());
    const arrival = next();
    const socket = await sw.connect({ port, host: '127.0.0.1', resetOnDeath: true });
    const far = await arrival;
    let text = '';
    far.on('data', (bytes) => {
      text += bytes;
    });
    const ended = endOf(far);
    socket.send(Buffer.from('last words'));
    await socket.close();
    expect([await ended, text]).toEqual(['end', 'last words']);
  });

  it('needs the native part, and says so', async () => {
    const { port } = await listening();
    const script = `
      const { createSwitch } = await import('sanswitch');
      const sw = await createSwitch({ providers: ['tcp'] });
      const socket = await sw.connect({ port: ${port}, host: '127.0.0.1', resetOnDeath: true }).catch((error) => error);
      console.log(socket.code);
      await sw.close();`;
    const env = { ...process.env, SANSWITCH_NO_NATIVE: '1' };
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env });
    expect(stdout.trim()).toBe('ERR_SANSWITCH_NATIVE_UNAVAILABLE');
  });
});

describe('a reset by TCP/IP', () => {
  it('is one, also when libuv takes it for an end because last bytes come with it', async () => {
    const { port, next } = await listening();
    const sw = await createSwitch({ providers: ['tcp'] });
    afterwards(() => sw.close());
    for (let round = 0; round < 5; round++) {
      const arrival = next();
      const told: string[] = [];
      const socket = await sw.connect({ port, host: '127.0.0.1' });
      const closed = new Promise<void>((resolve) => {
        socket.handlers = {
          received: (_, bytes) => void told.push(Buffer.from(bytes).toString()),
          ended: () => void told.push('end'),
          closed: (_, error) => {
            told.push((error as NodeJS.ErrnoException | null)?.code ?? 'in order');
            resolve();
          },
        };
      });
      const far = await arrival;
      // Both are there when this thread looks at the other end.
      far.write('last words');
      far.resetAndDestroy();
      await closed;
      expect(told).toEqual(['last words', 'ECONNRESET']);
    }
  });
});
