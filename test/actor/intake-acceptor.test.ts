import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startListening } from '#src/actor/intake/listening.js';
import type { AcceptedSocket, NativeTcpAcceptor } from '#src/native/addon.js';
import { requireNative } from '#src/native/load.js';
import { closeDescriptor, localPort } from '#src/native/os.js';
import { closeSocket, releaseSocket } from '#src/native/tcp.js';
import { eventually, openSockets } from './intake-rig.js';

let listening: number;
let port: number;
let acceptor: NativeTcpAcceptor;
let batches: AcceptedSocket[][];
let onBatch: () => void;
const clients: Socket[] = [];

const accepted = () => batches.flat();

async function greet(count: number): Promise<Socket[]> {
  const made = Array.from({ length: count }, () =>
    connect({ port, host: '127.0.0.1' })
      .on('error', () => {})
      .resume(),
  );
  clients.push(...made);
  await Promise.all(made.map((client) => once(client, 'connect')));
  return made;
}

beforeEach(async () => {
  listening = await startListening({ host: '127.0.0.1', backlog: 512 });
  port = localPort(listening);
  batches = [];
  onBatch = () => {};
  const take = (batch: AcceptedSocket[]) => {
    batches.push(batch);
    onBatch();
  };
  acceptor = new (requireNative().TcpAcceptor)(listening, take, () => {});
});

afterEach(() => {
  acceptor.close();
  closeDescriptor(listening);
  for (const socket of accepted()) closeSocket(socket);
  for (const client of clients.splice(0)) client.destroy();
});

describe('the native acceptor', () => {
  it('hands over at most 64 a turn, with both addresses', async () => {
    acceptor.pause();
    const made = await greet(150);
    acceptor.resume();
    await eventually('all are in', () => accepted().length === 150);
    expect(batches.map(({ length }) => length)).toEqual([64, 64, 22]);
    const ports = new Set(made.map(({ localPort }) => localPort));
    expect(new Set(accepted().map(({ remotePort }) => remotePort))).toEqual(ports);
    expect(accepted()[0]).toEqual({
      fd: expect.any(Number),
      cookie: expect.any(BigInt),
      family: 4,
      remoteAddress: '127.0.0.1',
      remotePort: expect.any(Number),
      localAddress: '127.0.0.1',
      localPort: port,
    });
    expect(new Set(accepted().map(({ cookie }) => cookie)).size).toBe(150);
    expect(acceptor.counters()).toEqual({ accepted: 150, aborted: 0, shed: 0, pauses: 0 });
  });

  it('accepts nothing while it is paused', async () => {
    acceptor.pause();
    acceptor.pause();
    await greet(3);
    await delay(30);
    expect(batches).toEqual([]);
    acceptor.resume();
    await eventually('all are in', () => accepted().length === 3);
  });

  it('hands over a connection whose client has reset it meanwhile, as one that ends', async () => {
    acceptor.pause();
    const [client] = (await greet(1)) as [Socket];
    client.resetAndDestroy();
    await delay(20);
    acceptor.resume();
    await greet(1);
    await eventually('both are in', () => accepted().length === 2);
  });

  it('may be paused or closed in its callback, and closed again', async () => {
    onBatch = () => {
      acceptor.pause();
      acceptor.close();
      acceptor.close();
    };
    await greet(2);
    await eventually('one is in', () => batches.length === 1);
    acceptor.resume();
    acceptor.ref();
    acceptor.unref();
    await greet(2);
    await delay(30);
    expect(batches.length).toBe(1);
    expect(acceptor.counters().accepted).toBe(accepted().length);
  });

  it('has its sockets closed or released once, and by their cookie only', async () => {
    const [client] = (await greet(1)) as [Socket];
    await eventually('it is in', () => accepted().length === 1);
    const [socket] = accepted() as [AcceptedSocket];
    const before = openSockets();
    expect(closeSocket({ fd: socket.fd, cookie: socket.cookie + 1n })).toBe(false);
    expect(releaseSocket({ fd: socket.fd, cookie: 0n })).toBe(false);
    expect(closeSocket({ fd: listening, cookie: 0n })).toBe(false);
    expect(openSockets()).toBe(before);
    expect(closeSocket(socket)).toBe(true);
    expect(closeSocket(socket)).toBe(false);
    expect(releaseSocket(socket)).toBe(false);
    await eventually('its client sees the end', () => client.closed);
  });

  it('refuses what is no argument', () => {
    const { TcpAcceptor, closeSocket: close, listenTcp, localAddress } = requireNative();
    const nothing = () => {};
    expect(() => new TcpAcceptor(-1, nothing, nothing)).toThrow(TypeError);
    expect(() => new TcpAcceptor(0, nothing, undefined as never)).toThrow(
      'TcpAcceptor takes (fd, onBatch, onShortage)',
    );
    expect(() => new TcpAcceptor(9_999, nothing, nothing)).toThrow(
      expect.objectContaining({ code: 'EBADF', syscall: 'poll' }),
    );
    expect(() => close(5, 1 as never)).toThrow(TypeError);
    expect(() => close(5, -1n)).toThrow(TypeError);
    expect(() => close(5, 2n ** 64n)).toThrow(TypeError);
    expect(() => listenTcp('127.0.0.1', 65_536, 4, 1, 0)).toThrow(TypeError);
    expect(listenTcp('::1', 0, 4, 1, 0)).toBe(-22);
    expect(localAddress(9_999)).toBe(-9);
  });
});
