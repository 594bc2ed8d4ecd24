/** Section 8 of the SPI as tests, for providers that hand sockets over: an accept to another owner, and live sockets. */
import {
  AF_INET,
  IPPROTO_TCP,
  NO_ERROR,
  NO_SOCKET,
  type OwnerKey,
  type SanProvider,
  SIO_OWNER_KEY,
  SOCK_STREAM,
  WSAECONNRESET,
  WSAEINVAL,
  WSAENOTCONN,
  WSAETIMEDOUT,
  WSAEWOULDBLOCK,
  type WsaBuffer,
  WsaError,
} from 'sanswitch/spi';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Endpoint, Harness, Operation } from './harness.js';
import { Rig, type Subject } from './rig.js';

/** A provider under test, and how to make more that reach it, as other threads of the process have them. */
export interface HandOverSubject extends Subject {
  another(): SanProvider;
}

const text = (value: string) => new TextEncoder().encode(value);

/** A socket and the switch that has it. */
interface End {
  readonly harness: Harness;
  readonly endpoint: Endpoint;
}

/** Three switches of one process: the listener's, the client's, and a third that takes sockets over. */
class Trio {
  readonly rig: Rig;
  readonly client: Rig;
  readonly third: Harness;
  private readonly options: Readonly<Record<string, unknown>>;

  constructor(subject: HandOverSubject) {
    this.rig = new Rig(subject);
    const { address, sourcePort, options } = subject;
    this.client = new Rig({
      provider: subject.another(),
      address,
      options,
      sourcePort: () => sourcePort?.() ?? 60_000,
    });
    this.options = options ?? {};
    this.third = new Harness(subject.another());
  }

  async start(): Promise<void> {
    await this.rig.start();
    await this.client.start();
    await this.third.start(this.options);
  }

  async stop(): Promise<void> {
    await this.third.closeAll();
    await this.client.stop();
    await this.rig.stop();
    for (const { breaches } of [this.rig.harness, this.client.harness, this.third]) expect(breaches).toEqual([]);
  }

  async connected(): Promise<{ near: End; far: End }> {
    const { listener, port } = await this.rig.listening();
    const endpoint = this.client.connecting(port);
    const far = { harness: this.rig.harness, endpoint: await this.rig.accepted(listener) };
    await this.client.harness.until('the connect', () => endpoint.connects.length > 0);
    expect(endpoint.connects).toEqual([NO_ERROR]);
    return { near: { harness: this.client.harness, endpoint }, far };
  }

  /** An OPEN that waits, and the context with which it goes to `owner`. */
  async redirected(owner: Harness): Promise<{ near: Endpoint; context: unknown }> {
    const { listener, port } = await this.rig.listening();
    const near = this.client.connecting(port);
    let context: unknown = null;
    await this.rig.harness.until('a caller', () => {
      try {
        const accepted = this.rig.harness.spi.WSPAccept(listener.socket, () => ({ owner: keyOf(owner) }));
        expect(accepted).toMatchObject({ socket: NO_SOCKET, remote: { family: 4 }, local: { port } });
        context = accepted.context;
      } catch (error) {
        if ((error as WsaError).wsaCode !== WSAEWOULDBLOCK) throw error;
      }
      return context !== null;
    });
    return { near, context: structuredClone(context) };
  }
}

function keyOf({ spi }: Harness): OwnerKey {
  const socket = spi.WSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
  try {
    return structuredClone(spi.WSPIoctl(socket, SIO_OWNER_KEY));
  } finally {
    spi.WSPCloseSocket(socket);
  }
}

function thrownCode(call: () => unknown): number {
  try {
    call();
  } catch (error) {
    if (error instanceof WsaError) return error.wsaCode;
    throw error;
  }
  return NO_ERROR;
}

/** Hands a socket over and closes it here, as the switch does. @returns its context */
function duplicate({ harness, endpoint }: End, target: Harness): unknown {
  const context = harness.spi.WSPDuplicateSocket(endpoint.socket, keyOf(target));
  harness.close(endpoint.socket);
  return structuredClone(context);
}

/** The new owner's socket; it connects by itself. */
function takeOver(harness: Harness, context: unknown): End {
  const endpoint = harness.socket(4, context);
  harness.watch(endpoint);
  return { harness, endpoint };
}

async function outcome({ harness, endpoint }: End): Promise<number> {
  await harness.until('FD_CONNECT', () => endpoint.connects.length > 0);
  expect(endpoint.connects).toHaveLength(1);
  return endpoint.connects[0] as number;
}

/** Hands over, and waits until the connection stands again. */
async function move(end: End, target: Harness): Promise<End> {
  const moved = takeOver(target, duplicate(end, target));
  expect(await outcome(moved)).toBe(NO_ERROR);
  return moved;
}

async function arrival(end: End, receive: Operation): Promise<string> {
  await end.harness.until('a message', () => receive.completions > 0);
  expect(receive).toMatchObject({ error: NO_ERROR, completions: 1 });
  return receive.data.toString();
}

async function exchange(one: End, other: End, word = 'word'): Promise<void> {
  for (const [from, to] of [[one, other] as const, [other, one] as const]) {
    const receive = to.harness.receive(to.endpoint);
    const send = from.harness.send(from.endpoint, text(word)) as Operation;
    expect(send).toBeInstanceOf(Operation);
    expect(await arrival(to, receive)).toBe(word);
    // Where the outcome comes back over the wire, the connection is not quiet before.
    await from.harness.done(send);
  }
}

/** Declares the suite for one provider; `make` is called for every test. */
export function handOverConformance(name: string, make: () => HandOverSubject): void {
  describe(`hand-over by ${name}`, () => {
    let trio: Trio;

    beforeEach(async () => {
      trio = new Trio(make());
      await trio.start();
    });

    afterEach(() => trio.stop());

    acceptConformance(() => trio);
    liveConformance(() => trio);
    failureConformance(() => trio);
  });
}

type Get<T> = () => T;

function acceptConformance(getTrio: Get<Trio>): void {
  it('[WSD-4.3] a caller is accepted by the owner that the condition function names', async () => {
    const trio = getTrio();
    const { near, context } = await trio.redirected(trio.third);
    const far = takeOver(trio.third, context);
    expect(await outcome(far)).toBe(NO_ERROR);
    await trio.client.harness.until('the connect', () => near.connects.length > 0);
    expect(near.connects).toEqual([NO_ERROR]);
    await exchange({ harness: trio.client.harness, endpoint: near }, far);
    trio.client.harness.close(near.socket);
    await trio.third.until('FD_CLOSE', () => far.endpoint.closes.length > 0);
  });

  it('[WSD-4.3] the owner may be the caller, or the listener itself', async () => {
    const trio = getTrio();
    for (const owner of [trio.client.harness, trio.rig.harness]) {
      const { near, context } = await trio.redirected(owner);
      const far = takeOver(owner, context);
      expect(await outcome(far)).toBe(NO_ERROR);
      await exchange({ harness: trio.client.harness, endpoint: near }, far);
    }
  });

  it('[WSD-4.3] the owner may hear of the caller long after the caller has come to it', async () => {
    const trio = getTrio();
    const { near, context } = await trio.redirected(trio.third);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(near.connects).toEqual([]);
    const far = takeOver(trio.third, context);
    expect(await outcome(far)).toBe(NO_ERROR);
    await trio.client.harness.until('the connect', () => near.connects.length > 0);
    await exchange({ harness: trio.client.harness, endpoint: near }, far);
  });

  it('[WSD-3.4] an owner that does nothing: the connect fails within 2 s, and TCP/IP may try', async () => {
    const trio = getTrio();
    const { near, context } = await trio.redirected(trio.third);
    await trio.client.harness.until('the connect', () => near.connects.length > 0);
    expect(near.connects).toEqual([WSAETIMEDOUT]);
    // Too late now.
    expect([WSAETIMEDOUT, WSAECONNRESET]).toContain(await outcome(takeOver(trio.third, context)));
  });

  it('[WSD-3.8] a caller that cancels leaves an owner that is told so within 2 s', async () => {
    const trio = getTrio();
    const { near, context } = await trio.redirected(trio.third);
    trio.client.harness.close(near.socket);
    expect([WSAETIMEDOUT, WSAECONNRESET]).toContain(await outcome(takeOver(trio.third, context)));
  });

  it('[WSD-4.3] a key of nobody is refused, and the caller hears of it', async () => {
    const { rig, client } = getTrio();
    const { listener, port } = await rig.listening();
    const near = client.connecting(port);
    await rig.harness.until('FD_ACCEPT', () => listener.acceptable > 0);
    const code = thrownCode(() => rig.harness.spi.WSPAccept(listener.socket, () => ({ owner: { nobody: true } })));
    expect(code).toBe(WSAEINVAL);
    await client.harness.until('the connect', () => near.connects.length > 0);
    expect(near.connects).toEqual([WSAETIMEDOUT]);
  });
}

function liveConformance(getTrio: Get<Trio>): void {
  for (const which of ['far', 'near'] as const) {
    const name = which === 'far' ? 'accepting' : 'connecting';
    it(`[WSD-8.1] the ${name} side moves; what the other has posted stays posted`, async () => {
      const trio = getTrio();
      const ends = await trio.connected();
      await exchange(ends.near, ends.far);
      const { [which]: mover } = ends;
      const stayer = which === 'far' ? ends.near : ends.far;
      const waiting = stayer.harness.receive(stayer.endpoint);
      const moverWaits = mover.harness.receive(mover.endpoint);
      const moved = await move(mover, trio.third);
      // Pending receives of the mover complete with success and zero bytes.
      expect(moverWaits).toMatchObject({ completions: 1, error: NO_ERROR, bytesMoved: 0 });
      expect(waiting.completions).toBe(0);
      expect(moved.harness.send(moved.endpoint, text('from the new owner'))).toBeInstanceOf(Operation);
      expect(await arrival(stayer, waiting)).toBe('from the new owner');
      await exchange(stayer, moved);
      expect(stayer.endpoint.closes).toEqual([]);
      moved.harness.close(moved.endpoint.socket);
      await stayer.harness.until('FD_CLOSE', () => stayer.endpoint.closes.length > 0);
    });
  }

  it('[WSD-8.1] a stayer that wants to send is told when it can, or its sends wait for the new owner', async () => {
    const trio = getTrio();
    const { near, far } = await trio.connected();
    const moving = duplicate(far, trio.third);
    if (!trio.rig.harness.info.claimsMessageBuffers) return sendsWait(near, trio.third, moving);
    const out: WsaBuffer = { bytes: text(''), offset: 0, length: 0 };
    const claim = () => near.harness.spi.WSPClaimMessageBuffer?.(near.endpoint.socket, 1, 64, out);
    const noRoom = (): boolean => claim() === WSAEWOULDBLOCK;
    await near.harness.until('the move is known', noRoom);
    const before = near.endpoint.writable;
    const receive = near.harness.receive(near.endpoint);
    const moved = takeOver(trio.third, moving);
    expect(await outcome(moved)).toBe(NO_ERROR);
    await near.harness.until('FD_WRITE', () => near.endpoint.writable > before);
    expect(claim()).toBe(NO_ERROR);
    expect(moved.harness.send(moved.endpoint, text('parked'))).toBeInstanceOf(Operation);
    expect(await arrival(near, receive)).toBe('parked');
  });

  it('[WSD-8.1] both ends move, back and forth, 20 times', async () => {
    const trio = getTrio();
    const owners = [trio.rig.harness, trio.third, trio.client.harness];
    let { near, far } = await trio.connected();
    for (let i = 0; i < 20; i++) {
      far = await move(far, owners[(i + 1) % 3] as Harness);
      await exchange(near, far, `far ${i}`);
      near = await move(near, owners[i % 3] as Harness);
      await exchange(near, far, `near ${i}`);
    }
    near.harness.close(near.endpoint.socket);
    await far.harness.until('FD_CLOSE', () => far.endpoint.closes.length > 0);
  });

  it('[WSD-8.1] connections that move leave nothing behind', async () => {
    const trio = getTrio();
    for (let i = 0; i < 30; i++) {
      const { near, far } = await trio.connected();
      const moved = i % 2 === 0 ? await move(far, trio.third) : await move(near, trio.third);
      moved.harness.close(moved.endpoint.socket);
      const stayer = i % 2 === 0 ? near : far;
      await stayer.harness.until('FD_CLOSE', () => stayer.endpoint.closes.length > 0);
      stayer.harness.close(stayer.endpoint.socket);
    }
    await trio.third.until('the end of all sockets', () => trio.third.openHandles === 0);
  });
}

/** What a stayer sends while the other end belongs to nobody comes to its new owner, in order. */
async function sendsWait(near: End, third: Harness, moving: unknown): Promise<void> {
  const sends = ['one', 'two'].map((word) => near.harness.send(near.endpoint, text(word)) as Operation);
  const moved = takeOver(third, moving);
  expect(await outcome(moved)).toBe(NO_ERROR);
  for (const word of ['one', 'two']) expect(await arrival(moved, third.receive(moved.endpoint))).toBe(word);
  for (const sent of sends) {
    await near.harness.done(sent);
    expect(sent).toMatchObject({ error: NO_ERROR, completions: 1 });
  }
  await exchange(near, moved);
}

function failureConformance(getTrio: Get<Trio>): void {
  it('[WSD-8.1] a socket that is not quiet stays as it is', async () => {
    const trio = getTrio();
    const { near, far } = await trio.connected();
    await near.harness.done(near.harness.send(near.endpoint, text('unread')) as Operation);
    await far.harness.settle();
    const refused = (): number =>
      thrownCode(() => far.harness.spi.WSPDuplicateSocket(far.endpoint.socket, keyOf(trio.third)));
    expect(refused()).toBe(WSAEINVAL);
    expect(await arrival(far, far.harness.receive(far.endpoint))).toBe('unread');
    await exchange(near, far);
  });

  it('[WSD-8.1] a socket in whose message buffer somebody writes stays as it is', async () => {
    const trio = getTrio();
    const { near, far } = await trio.connected();
    const { spi, info } = far.harness;
    const out: WsaBuffer = { bytes: text(''), offset: 0, length: 0 };
    const lend = info.claimsMessageBuffers
      ? spi.WSPClaimMessageBuffer?.(far.endpoint.socket, 4, 4, out)
      : spi.WSPAllocateMessageBuffer?.(far.endpoint.socket, 4, out);
    expect(lend).toBe(NO_ERROR);
    expect(thrownCode(() => spi.WSPDuplicateSocket(far.endpoint.socket, keyOf(trio.third)))).toBe(WSAEINVAL);
    await exchange(near, far);
  });

  it('[WSD-8.1] nothing happens any more at a socket that was handed over, closed late or not', async () => {
    const trio = getTrio();
    const { near, far } = await trio.connected();
    const context = structuredClone(far.harness.spi.WSPDuplicateSocket(far.endpoint.socket, keyOf(trio.third)));
    const moved = takeOver(trio.third, context);
    expect(await outcome(moved)).toBe(NO_ERROR);
    await exchange(near, moved);
    await far.harness.settle();
    expect(far.endpoint.closes).toEqual([]);
    far.harness.close(far.endpoint.socket);
    await exchange(near, moved);
  });

  it('[WSD-8.1] a key of nobody, and a socket without a connection: refused, and nothing has happened', async () => {
    const trio = getTrio();
    const { near, far } = await trio.connected();
    const { spi } = far.harness;
    for (const key of [null, undefined, 7, 'key', {}, { pid: 1, reactorId: 'ff'.repeat(16) }]) {
      expect(thrownCode(() => spi.WSPDuplicateSocket(far.endpoint.socket, key))).toBe(WSAEINVAL);
    }
    const unconnected = far.harness.socket();
    expect(thrownCode(() => spi.WSPDuplicateSocket(unconnected.socket, keyOf(trio.third)))).toBe(WSAENOTCONN);
    await exchange(near, far);
  });

  it('[WSD-8.1] what is no context makes no socket', () => {
    const { spi } = getTrio().third;
    const { openHandles } = getTrio().third;
    for (const context of [null, 7, 'context', {}, { token: 1n, pid: 0, reactorId: null }]) {
      expect(thrownCode(() => spi.WSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, context))).toBe(WSAEINVAL);
    }
    expect(getTrio().third.openHandles).toBe(openHandles);
  });

  for (const which of ['far', 'near'] as const) {
    it(`[WSD-8.2] the new owner of the ${which} side never comes: a reset after 2 s, at both ends`, async () => {
      const trio = getTrio();
      const ends = await trio.connected();
      const stayer = which === 'far' ? ends.near : ends.far;
      const receive = stayer.harness.receive(stayer.endpoint);
      const beganMs = performance.now();
      const context = duplicate(ends[which], trio.third);
      await stayer.harness.until('the reset', () => receive.completions > 0);
      expect(performance.now() - beganMs).toBeGreaterThan(1_500);
      expect(receive).toMatchObject({ error: WSAECONNRESET, completions: 1 });
      await stayer.harness.until('FD_CLOSE', () => stayer.endpoint.closes.length > 0);
      expect(stayer.harness.send(stayer.endpoint, text('x'))).toBe(WSAECONNRESET);
      expect([WSAETIMEDOUT, WSAECONNRESET]).toContain(await outcome(takeOver(trio.third, context)));
    });

    it(`[WSD-8.2] who stays closes while the ${which} side moves`, async () => {
      const trio = getTrio();
      const ends = await trio.connected();
      const stayer = which === 'far' ? ends.near : ends.far;
      const receive = stayer.harness.receive(stayer.endpoint);
      const context = duplicate(ends[which], trio.third);
      stayer.harness.close(stayer.endpoint.socket);
      const moved = takeOver(trio.third, context);
      await stayer.harness.done(receive);
      const code = await outcome(moved);
      // It may have followed before it closed.
      if (code === NO_ERROR) await moved.harness.until('FD_CLOSE', () => moved.endpoint.closes.length > 0);
      else expect([WSAETIMEDOUT, WSAECONNRESET]).toContain(code);
    });
  }

  it('[WSD-8.2] a context is good for one socket', async () => {
    const trio = getTrio();
    const { near, far } = await trio.connected();
    const context = duplicate(far, trio.third);
    const first = takeOver(trio.third, context);
    expect(await outcome(first)).toBe(NO_ERROR);
    const second = takeOver(trio.third, context);
    expect([WSAETIMEDOUT, WSAECONNRESET]).toContain(await outcome(second));
    await exchange(near, first);
  });

  it('[WSD-7.2] closing the new socket before it is connected ends the move', async () => {
    const trio = getTrio();
    const { near, far } = await trio.connected();
    const receive = near.harness.receive(near.endpoint);
    const moved = takeOver(trio.third, duplicate(far, trio.third));
    trio.third.close(moved.endpoint.socket);
    await near.harness.until('the reset', () => receive.completions > 0);
    expect(receive.error).toBe(WSAECONNRESET);
  });
}
