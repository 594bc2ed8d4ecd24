import { once } from 'node:events';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Ledger, socketConnection } from '#src/actor/intake/ledger.js';
import { startListening } from '#src/actor/intake/listening.js';
import type { AcceptedSocket, NativeTcpAcceptor } from '#src/native/addon.js';
import { requireNative } from '#src/native/load.js';
import { closeDescriptor, localPort, socketCookie } from '#src/native/os.js';
import { closeSocket } from '#src/native/tcp.js';
import { eventually } from './intake-rig.js';

let ledger: Ledger;
let listening: number;
let acceptor: NativeTcpAcceptor;
const accepted: AcceptedSocket[] = [];
const clients: Socket[] = [];
const resets = new Set<Socket>();
const left = vi.fn();

/** A client whose connection waits to be accepted. Its own descriptor stays open until the test's end. */
async function greet(): Promise<Socket> {
  const client = connect({ port: localPort(listening), host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', ({ code }: NodeJS.ErrnoException) => code === 'ECONNRESET' && resets.add(client));
  client.resume();
  clients.push(client);
  await once(client, 'connect');
  return client;
}

async function next(): Promise<AcceptedSocket> {
  await eventually('it is accepted', () => accepted.length > 0);
  return accepted.shift() as AcceptedSocket;
}

/** A real connection, and the client at its other end. */
async function accept(): Promise<{ socket: AcceptedSocket; client: Socket }> {
  const client = await greet();
  return { socket: await next(), client };
}

const isOpen = ({ fd, cookie }: AcceptedSocket) => socketCookie(fd) === cookie;

beforeEach(async () => {
  left.mockReset();
  ledger = new Ledger();
  ledger.join(1);
  ledger.join(2);
  listening = await startListening({ host: '127.0.0.1' });
  acceptor = new (requireNative().TcpAcceptor)(
    listening,
    (batch) => accepted.push(...batch),
    () => {},
  );
});

afterEach(() => {
  acceptor.close();
  closeDescriptor(listening);
  for (const client of clients.splice(0)) client.destroy();
});

/** All orders of so many ones and so many twos. */
function interleavings(ones: number, twos: number): (1 | 2)[][] {
  if (ones + twos === 0) return [[]];
  const first = ones > 0 ? interleavings(ones - 1, twos).map((rest) => [1 as const, ...rest]) : [];
  const second = twos > 0 ? interleavings(ones, twos - 1).map((rest) => [2 as const, ...rest]) : [];
  return [...first, ...second];
}

describe('the ledger', () => {
  it('counts each worker, and forgets what has ended', async () => {
    const one = await accept();
    const two = await accept();
    const first = ledger.enter(socketConnection(one.socket), 1, left);
    const second = ledger.enter(socketConnection(two.socket), 2, left);
    expect(ledger.workers).toEqual([
      { worker: 1, unconfirmed: 1, open: 0 },
      { worker: 2, unconfirmed: 1, open: 0 },
    ]);
    expect(ledger.confirm(1, first)).toBe(true);
    expect(ledger.workers[0]).toEqual({ worker: 1, unconfirmed: 0, open: 1 });
    // It is the worker's now: nothing here closes it.
    expect(closeSocket(one.socket)).toBe(false);
    closeSync(one.socket.fd);
    expect(ledger.ended(1, first)).toBe(true);
    expect(ledger.giveBack(2, second)).toBe(true);
    await eventually('its client sees a reset', () => resets.has(two.client));
    expect(left).toHaveBeenCalledTimes(2);
    expect(ledger.workers.every(({ open, unconfirmed }) => open + unconfirmed === 0)).toBe(true);
  });

  it("closes a dead worker's unconfirmed connections, and none of the others", async () => {
    const [mine, theirs, confirmed] = [await accept(), await accept(), await accept()];
    ledger.enter(socketConnection(mine.socket), 1, left);
    ledger.enter(socketConnection(theirs.socket), 2, left);
    ledger.confirm(1, ledger.enter(socketConnection(confirmed.socket), 1, left));
    ledger.lost(1);
    await eventually('its client sees a reset', () => resets.has(mine.client));
    expect(isOpen(theirs.socket)).toBe(true);
    // Its own end would have closed this one; no such worker is here.
    expect(isOpen(confirmed.socket)).toBe(true);
    closeSync(confirmed.socket.fd);
    expect(left).toHaveBeenCalledTimes(2);
    expect(ledger.counters).toMatchObject({ orphaned: 1, lost: 1 });
    expect(ledger.workers).toEqual([{ worker: 2, unconfirmed: 1, open: 0 }]);
    ledger.lost(2);
  });

  it('never closes a stranger that has the number of a connection which its worker opened and closed', async () => {
    const { socket } = await accept();
    ledger.enter(socketConnection(socket), 1, left);
    closeSync(socket.fd);
    const stranger = openSync('/dev/null', 'r');
    expect(stranger).toBe(socket.fd);
    ledger.lost(1);
    expect(fstatSync(stranger).isCharacterDevice()).toBe(true);
    expect(ledger.counters).toMatchObject({ orphaned: 0, lost: 1 });
    closeSync(stranger);
  });

  it('tells two connections that have had the same number', async () => {
    const first = await accept();
    const early = ledger.enter(socketConnection(first.socket), 1, left);
    acceptor.pause();
    const client = await greet();
    // The worker has opened it, closed it, and its confirmation is still on the way.
    closeSync(first.socket.fd);
    acceptor.resume();
    const second = { socket: await next(), client };
    expect(second.socket.fd).toBe(first.socket.fd);
    const late = ledger.enter(socketConnection(second.socket), 2, left);
    expect(ledger.confirm(1, early)).toBe(true);
    expect(ledger.ended(1, early)).toBe(true);
    expect(isOpen(second.socket)).toBe(true);
    // The confirmation of the first has not given up the second.
    expect(ledger.giveBack(2, late)).toBe(true);
    await eventually('its client sees a reset', () => resets.has(second.client));
  });

  it('counts messages that make no sense, and obeys none', async () => {
    const { socket } = await accept();
    const ticket = ledger.enter(socketConnection(socket), 1, left);
    expect(ledger.confirm(2, ticket)).toBe(false);
    expect(ledger.confirm(1, ticket + 1)).toBe(false);
    expect(ledger.ended(1, ticket)).toBe(false);
    expect(ledger.giveBack(7, ticket)).toBe(false);
    expect(isOpen(socket)).toBe(true);
    ledger.lost(1);
    expect(ledger.confirm(1, ticket)).toBe(false);
    // The worker that comes back under the same number has nothing of the old one's.
    ledger.join(1);
    expect(ledger.ended(1, ticket)).toBe(false);
    expect(ledger.counters.strays).toBe(6);
    expect(left).toHaveBeenCalledTimes(1);
  });

  it('knows where a connection is that moves, whichever worker is heard first', () => {
    // Three moves between two workers, each of them told by both, then its end; in every order that keeps each worker's own.
    const ofOne = ['opened', 1, 2, 3] as const;
    const ofTwo = [1, 2, 3, 'ended'] as const;
    for (const order of interleavings(ofOne.length, ofTwo.length)) {
      const ticket = ledger.enter({ close: () => true, release: () => {} }, 1, left);
      const heard = { 1: 0, 2: 0 };
      for (const worker of order) {
        const what = (worker === 1 ? ofOne : ofTwo)[heard[worker]++];
        if (what === 'opened') ledger.confirm(1, ticket);
        else if (what === 'ended') ledger.ended(2, ticket);
        else ledger.moved(ticket, what === 2 ? 1 : 2, what as number);
      }
      expect(ledger.workers, order.join()).toEqual([
        { worker: 1, unconfirmed: 0, open: 0 },
        { worker: 2, unconfirmed: 0, open: 0 },
      ]);
    }
    expect(left).toHaveBeenCalledTimes(70);
    expect(ledger.moved(ledger.enter({ close: () => true, release: () => {} }, 1, left), 9, 1)).toBe(false);
  });

  it('knows each worker once, and says when they change', () => {
    const changed = vi.fn();
    const unwatch = ledger.watch(changed);
    const before = ledger.workers;
    ledger.join(3);
    ledger.lost(2);
    unwatch();
    ledger.lost(3);
    expect(changed).toHaveBeenCalledTimes(2);
    expect(before.map(({ worker }) => worker)).toEqual([1, 2]);
    expect(() => ledger.join(1)).toThrow('worker 1 is in the ledger already');
    expect(() => ledger.lost(9)).toThrow('worker 9 is not in the ledger');
  });
});
