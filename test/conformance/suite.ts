/** The SPI contract as tests, for any provider: `conformance(name, make)` declares them. */
import {
  AF_INET,
  CF_REJECT,
  IPPROTO_TCP,
  NO_ERROR,
  OPTIONAL_EXTENSIONS,
  REQUIRED_EXTENSIONS,
  type ServedSubnet,
  SIO_ADDRESS_LIST_QUERY,
  SIO_GET_QOS,
  SO_MAX_RDMA_SIZE,
  SO_RDMA_THRESHOLD_SIZE,
  SOCK_STREAM,
  SOL_SOCKET,
  WSA_IO_INCOMPLETE,
  WSA_OPERATION_ABORTED,
  WSAECONNREFUSED,
  WSAECONNRESET,
  WSAEMSGSIZE,
  WSAEOPNOTSUPP,
  WSAETIMEDOUT,
  WSAEWOULDBLOCK,
  type WsaCode,
  WsaError,
} from 'sanswitch/spi';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Harness, Operation } from './harness.js';
import { lendingConformance } from './lending-suite.js';
import { rdmaConformance } from './rdma-suite.js';
import { Rig, type Subject } from './rig.js';

function thrownCode(call: () => unknown): WsaCode {
  try {
    call();
  } catch (error) {
    if (error instanceof WsaError) return error.wsaCode;
    throw error;
  }
  return NO_ERROR;
}

const text = (value: string) => new TextEncoder().encode(value);

/** Declares the suite for one provider; `make` is called for every test. */
export function conformance(name: string, make: () => Promise<Subject> | Subject): void {
  describe(`SPI conformance of ${name}`, () => {
    let rig: Rig;
    let harness: Harness;

    beforeEach(async () => {
      rig = new Rig(await make());
      harness = rig.harness;
      await rig.start();
    });

    afterEach(async () => {
      await rig.stop();
      expect(harness.breaches).toEqual([]);
    });

    startConformance(
      () => rig,
      () => harness,
    );
    connectConformance(
      () => rig,
      () => harness,
    );
    transferConformance(
      () => rig,
      () => harness,
    );
    closeConformance(
      () => rig,
      () => harness,
    );
    rdmaConformance(
      () => rig,
      () => harness,
    );
    lendingConformance(
      () => rig,
      () => harness,
    );
  });
}

type Get<T> = () => T;

function startConformance(getRig: Get<Rig>, getHarness: Get<Harness>): void {
  it('[WSD-1.2] answers the subnets that it serves', async () => {
    const answer = getHarness().spi.WSPIoctl(getHarness().socket().socket, SIO_ADDRESS_LIST_QUERY);
    const subnets = (await answer) as ServedSubnet[];
    expect(subnets.length).toBeGreaterThan(0);
    for (const { family, address, prefixLength } of subnets) {
      expect([4, 6]).toContain(family);
      expect(address).toMatch(family === 4 ? /^[\d.]+$/ : /^[\da-f:]+$/);
      expect(prefixLength).toBeGreaterThanOrEqual(0);
      expect(prefixLength).toBeLessThanOrEqual(family === 4 ? 32 : 128);
    }
  });

  it('[WSD-1.4] has every required extension, and answers what it lacks with WSAEOPNOTSUPP', () => {
    const harness = getHarness();
    const { socket } = harness.socket();
    for (const extension of REQUIRED_EXTENSIONS) expect(harness.extension(socket, extension)).toBeTypeOf('function');
    for (const extension of [...OPTIONAL_EXTENSIONS, 'WSPNoSuchThing']) {
      const code = thrownCode(() => harness.spi.WSPIoctl(socket, 0xc8000006, extension));
      expect([NO_ERROR, WSAEOPNOTSUPP]).toContain(code);
    }
  });

  it('[WSD-9.1] answers quality of service, or says WSAEOPNOTSUPP', () => {
    const { socket } = getHarness().socket();
    expect([NO_ERROR, WSAEOPNOTSUPP]).toContain(thrownCode(() => getHarness().spi.WSPIoctl(socket, SIO_GET_QOS)));
  });

  it('[WSD-2.2] refuses sockets that are no stream sockets, and makes no handle for them', async () => {
    const { spi } = getHarness();
    await getHarness().until('the end of the first socket', () => getHarness().openHandles === 0);
    expect(thrownCode(() => spi.WSPSocket(AF_INET, SOCK_STREAM + 1, 17))).not.toBe(NO_ERROR);
    expect(getHarness().openHandles).toBe(0);
  });

  it('[WSD-2.4] calls WPUCreateSocketHandle with the descriptor that WSPSocket returns', () => {
    const socket = getHarness().spi.WSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    expect(getHarness().WPUQuerySocketHandleContext(getHarness().handleOf(socket))).toBe(socket);
    getHarness().close(socket);
  });

  it('[WSD-2.5] binds to an address that it serves, and to the wildcard', async () => {
    getRig().bound();
    const { socket } = getHarness().socket();
    expect(getHarness().spi.WSPBind(socket, { family: 4, address: '0.0.0.0', port: 61_900 })).toBe(NO_ERROR);
  });

  it('[WSD-5.5] states its sizes', () => {
    const harness = getHarness();
    const endpoint = harness.socket();
    expect(harness.messageBytesMax(endpoint)).toBeGreaterThanOrEqual(64);
    for (const option of [SO_MAX_RDMA_SIZE, SO_RDMA_THRESHOLD_SIZE]) {
      expect(harness.spi.WSPGetSockOpt(endpoint.socket, SOL_SOCKET, option)).toBeTypeOf('number');
    }
    expect(thrownCode(() => harness.spi.WSPGetSockOpt(endpoint.socket, SOL_SOCKET, 0x7fff))).not.toBe(NO_ERROR);
    if (harness.info.claimsMessageBuffers) expect(harness.spi.WSPClaimMessageBuffer).toBeTypeOf('function');
  });
}

function connectConformance(getRig: Get<Rig>, getHarness: Get<Harness>): void {
  it('[WSD-3.2] [WSD-4.3] connects without blocking; both sides know both addresses', async () => {
    const rig = getRig();
    const { listener, port } = await rig.listening();
    const near = rig.connecting(port);
    await getHarness().until('FD_ACCEPT', () => listener.acceptable > 0);
    const far = await rig.accepted(listener);
    await getHarness().until('FD_CONNECT', () => near.connects.length > 0);
    expect(near.connects).toEqual([NO_ERROR]);
    expect(far.local).toMatchObject({ address: rig.address, port });
    expect(far.remote).toMatchObject({ address: rig.address });
    expect(far.remote!.port).toBeGreaterThan(0);
    expect(getHarness().spi.WSPEnumNetworkEvents(near.socket).events).toBe(0);
  });

  it('[WSD-4.5] gives an accepted socket a handle of its own', async () => {
    const { far, listener } = await getRig().connected();
    expect(far.handle).not.toBe(listener.handle);
    expect(getHarness().WPUQuerySocketHandleContext(far.handle)).toBe(far.socket);
  });

  it('[WSD-3.3] [WSD-3.4] [WSD-3.5] where nobody listens the connect fails soon, with a code that means it', async () => {
    const rig = getRig();
    const port = await rig.listenerPort();
    const near = rig.connecting(port);
    const begunMs = Date.now();
    await getHarness().until('the refusal', () => near.connects.length > 0);
    expect([WSAETIMEDOUT, WSAECONNRESET]).toContain(near.connects[0]);
    expect(Date.now() - begunMs).toBeLessThan(1_000);
  });

  it('[WSD-4.4] CF_REJECT reaches the caller as WSAECONNREFUSED', async () => {
    const rig = getRig();
    const { listener, port } = await rig.listening();
    const near = rig.connecting(port);
    await getHarness().until('a caller', () => listener.acceptable > 0);
    const handlesBefore = getHarness().openHandles;
    expect(thrownCode(() => getHarness().accept(listener, () => CF_REJECT))).toBe(WSAECONNREFUSED);
    expect(getHarness().openHandles).toBe(handlesBefore);
    await getHarness().until('the refusal', () => near.connects.length > 0);
    expect(near.connects).toEqual([WSAECONNREFUSED]);
  });

  it('[WSD-4.4] a full backlog refuses at once, without the listener doing anything', async () => {
    const rig = getRig();
    const { listener, port } = await rig.listening(2);
    const callers = [rig.connecting(port), rig.connecting(port)];
    await getHarness().until('two callers', () => listener.acceptable > 0);
    await getHarness().settle();
    const third = rig.connecting(port);
    await getHarness().until('the refusal', () => third.connects.length > 0);
    expect(third.connects).toEqual([WSAECONNREFUSED]);
    for (const _ of callers) await rig.accepted(listener);
    await getHarness().until('both connects', () => callers.every(({ connects }) => connects.length > 0));
    expect(callers.map(({ connects }) => connects)).toEqual([[NO_ERROR], [NO_ERROR]]);
  });

  it('[WSD-4.2] accepts callers in the order in which they came, and says WSAEWOULDBLOCK when none is left', async () => {
    const rig = getRig();
    const { listener, port } = await rig.listening();
    const callers = [];
    for (let i = 0; i < 3; i++) {
      callers.push(rig.connecting(port));
      await getHarness().settle();
    }
    for (const [i, caller] of callers.entries()) {
      await rig.accepted(listener);
      await getHarness().until('its connect', () => caller.connects.length > 0);
      expect(callers.map(({ connects }) => connects.length)).toEqual(callers.map((_, k) => (k <= i ? 1 : 0)));
    }
    expect(callers.map(({ connects }) => connects)).toEqual([[NO_ERROR], [NO_ERROR], [NO_ERROR]]);
    expect(getHarness().tryAccept(listener)).toBeNull();
  });

  it('[WSD-3.8] a cancelled connect frees everything, whatever the listener does', async () => {
    const rig = getRig();
    const { listener, port } = await rig.listening();
    const near = rig.connecting(port);
    getHarness().close(near.socket);
    await getHarness().until('the last upcall', () => getHarness().closedHandles.includes(near.handle));
    const late = rig.connecting(port);
    await getHarness().settle();
    getHarness().close(late.socket);
    await getHarness().settle();
    const accepted = getHarness().tryAccept(listener);
    if (accepted !== null) {
      // It was under way already: then its receives fail like those of any connection whose peer has gone.
      const receive = getHarness().receive(accepted);
      await getHarness().done(receive);
      expect(receive.error).toBe(WSAECONNRESET);
    }
    expect(near.connects).toEqual([]);
    expect(late.connects).toEqual([]);
  });

  it('[WSD-7.2] a listener that closes leaves no caller waiting', async () => {
    const rig = getRig();
    const { listener, port } = await rig.listening();
    const near = rig.connecting(port);
    await getHarness().until('a caller', () => listener.acceptable > 0);
    getHarness().close(listener.socket);
    await getHarness().until('the end of the wait', () => near.connects.length > 0);
    expect(near.connects[0]).not.toBe(NO_ERROR);
  });
}

function transferConformance(getRig: Get<Rig>, getHarness: Get<Harness>): void {
  it('[WSD-5.1] [WSD-5.2] messages arrive whole and in order, each told once', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    const messages = Array.from({ length: 20 }, (_, i) => `message ${i} ${'x'.repeat(i)}`);
    const sends: Operation[] = [];
    for (const message of messages) {
      const received = harness.receive(far);
      const send = harness.send(near, text(message)) as Operation;
      expect(send).toBeInstanceOf(Operation);
      sends.push(send);
      await harness.done(send, received);
      expect(received.data.toString()).toBe(message);
    }
    expect(sends.map(({ error, completions }) => [error, completions])).toEqual(sends.map(() => [NO_ERROR, 1]));
    expect(sends[3]!.bytesMoved).toBe(messages[3]!.length);
  });

  it('[WSD-5.1] both directions at once', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    const receives = [harness.receive(near), harness.receive(far)];
    const sends = [harness.send(near, text('ping')), harness.send(far, text('pong'))] as Operation[];
    await harness.done(...sends, ...receives);
    expect(receives.map(({ data }) => data.toString())).toEqual(['pong', 'ping']);
  });

  it('[WSD-3.7] messages that arrive before a receive stands are held, in order', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    const held = ['first', 'second', 'third'].map((message) => harness.send(near, text(message)) as Operation);
    await harness.settle();
    for (const message of ['first', 'second', 'third']) {
      const receive = harness.receive(far);
      await harness.done(receive);
      expect(receive.data.toString()).toBe(message);
    }
    await harness.done(...held);
    expect(held.every(({ error }) => error === NO_ERROR)).toBe(true);
  });

  it('[WSD-5.5] the largest message goes, a larger one does not', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    const bytes = harness.messageBytesMax(near);
    const message = new Uint8Array(bytes).map((_, i) => i * 7);
    const receive = harness.receive(far);
    const send = harness.send(near, message);
    expect(send).toBeInstanceOf(Operation);
    await harness.done(send as Operation, receive);
    expect(receive.data.equals(Buffer.from(message))).toBe(true);
    expect(harness.send(near, new Uint8Array(bytes + 1))).toBe(WSAEMSGSIZE);
  });

  it('[WSD-5.2] polled operations are not notified', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    const receive = harness.receive(far);
    const send = harness.send(near, text('polled'), { polled: true }) as Operation;
    const result = () => harness.spi.WSPGetOverlappedResult(near.socket, send);
    const first = thrownCode(result);
    expect([NO_ERROR, WSA_IO_INCOMPLETE]).toContain(first);
    await harness.done(receive);
    await harness.until('the result', () => thrownCode(result) === NO_ERROR);
    expect(result()).toBe('polled'.length);
    expect(send.completions).toBe(0);
  });

  it('[WSD-5.4] flow control of its own: no room is WSAEWOULDBLOCK, and FD_WRITE tells of room', async () => {
    const harness = getHarness();
    if (!harness.info.claimsMessageBuffers) return;
    const { near, far } = await getRig().connected();
    const message = new Uint8Array(Math.min(harness.messageBytesMax(near), 4096));
    const sends: Operation[] = [];
    for (;;) {
      message[0] = sends.length;
      const sent = harness.send(near, message.slice());
      if (sent === WSAEWOULDBLOCK) break;
      expect(sent).toBeInstanceOf(Operation);
      sends.push(sent as Operation);
      if (sends.length % 64 === 0) await harness.settle();
      expect(sends.length).toBeLessThan(10_000);
    }
    await harness.settle();
    for (let i = 0; i < sends.length; i++) {
      const receive = harness.receive(far);
      await harness.done(receive);
      expect(receive.data[0]).toBe(i & 0xff);
    }
    await harness.done(...sends);
    await harness.until('FD_WRITE', () => near.writable > 0);
    expect(harness.send(near, message)).toBeInstanceOf(Operation);
  });

  it('[WSD-5.5] a claim may be given up for another, and sent shorter than it was', async () => {
    const harness = getHarness();
    if (!harness.info.claimsMessageBuffers) return;
    const { near, far } = await getRig().connected();
    const out = { bytes: new Uint8Array(0), offset: 0, length: 0 };
    expect(harness.spi.WSPClaimMessageBuffer!(near.socket, 10, 40, out)).toBe(NO_ERROR);
    out.bytes.fill(1, out.offset, out.offset + out.length);
    expect(harness.spi.WSPClaimMessageBuffer!(near.socket, 1, 40, out)).toBe(NO_ERROR);
    expect(out.length).toBeGreaterThanOrEqual(1);
    expect(out.length).toBeLessThanOrEqual(40);
    out.bytes[out.offset] = 42;
    const operation = new Operation(harness);
    const receive = harness.receive(far);
    harness.begin(near, operation, () =>
      harness.spi.WSPSend(near.socket, [{ bytes: out.bytes, offset: out.offset, length: 1 }], 1, operation),
    );
    await harness.done(operation, receive);
    expect([...receive.data]).toEqual([42]);
  });
}

function closeConformance(getRig: Get<Rig>, getHarness: Get<Harness>): void {
  it('[WSD-7.2] closing aborts what is pending, and WPUCloseSocketHandle is the last upcall', async () => {
    const harness = getHarness();
    const { near } = await getRig().connected();
    const receive = harness.receive(near);
    harness.close(near.socket);
    await harness.until('the last upcall', () => harness.closedHandles.includes(near.handle));
    expect(receive.completions).toBe(1);
    expect(receive.error).toBe(WSA_OPERATION_ABORTED);
  });

  it("[WSD-7.3] the peer's receives fail with WSAECONNRESET, and FD_CLOSE says so", async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    const receive = harness.receive(far);
    harness.close(near.socket);
    await harness.done(receive);
    expect(receive.error).toBe(WSAECONNRESET);
    await harness.until('FD_CLOSE', () => far.closes.length > 0);
  });

  it('[WSD-7.3] what was sent before the close arrives before the receives fail', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    const sends = ['one', 'two', 'three'].map((message) => harness.send(near, text(message)) as Operation);
    await harness.done(...sends);
    harness.close(near.socket);
    await harness.settle();
    const outcomes = [];
    for (let i = 0; i < 4; i++) {
      const receive = harness.receive(far);
      await harness.done(receive);
      outcomes.push(receive.error === NO_ERROR ? receive.data.toString() : receive.error);
    }
    expect(outcomes).toEqual(['one', 'two', 'three', WSAECONNRESET]);
  });

  it('[WSD-7.3] sends to a peer that has gone fail, now or later', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    harness.close(near.socket);
    await harness.until('FD_CLOSE', () => far.closes.length > 0);
    const sent = harness.send(far, text('too late'));
    if (sent instanceof Operation) {
      await harness.done(sent);
      expect(sent.error).toBe(WSAECONNRESET);
    } else expect(sent).toBe(WSAECONNRESET);
  });

  it('[WSD-7.4] a descriptor is not used again before it is closed, whatever happens on the wire', async () => {
    const harness = getHarness();
    const { near, far } = await getRig().connected();
    harness.close(near.socket);
    await harness.until('FD_CLOSE', () => far.closes.length > 0);
    // The harness would note a descriptor that is given out twice.
    for (let i = 0; i < 20; i++) expect(harness.socket().socket).not.toBe(far.socket);
    expect(harness.spi.WSPEnumNetworkEvents(far.socket).events).toBe(0);
  });

  it('[WSD-1.5] [WSD-6.3] fifty connections, closed from either side, leave nothing behind', async () => {
    const harness = getHarness();
    const rig = getRig();
    const { listener, port } = await rig.listening(64);
    for (let i = 0; i < 50; i++) {
      const near = rig.connecting(port);
      const far = await rig.accepted(listener);
      await harness.until('the connect', () => near.connects.length > 0);
      harness.receive(near);
      harness.receive(far);
      harness.send(near, text('hello'));
      if (i % 3 === 0) await harness.settle();
      harness.close((i % 2 === 0 ? near : far).socket);
      harness.close((i % 2 === 0 ? far : near).socket);
    }
    await harness.until('the last upcalls', () => harness.openHandles === 1);
  });
}
