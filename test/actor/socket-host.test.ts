/** Socket actors and what their host does for them: turns, supervision, timers, counting, closing. */
import { setTimeout as delay, setImmediate as nextLoop } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { defineActor } from '#src/actor/define.js';
import { ActorHost } from '#src/actor/host.js';
import type { ActorSocket } from '#src/actor/sockets/types.js';
import { deadLetters } from '#src/actor/topics.js';
import type { ActorRef } from '#src/actor/types.js';
import { worlds } from '../face/worlds.js';
import { FakeStream } from './fake-stream.js';
import { acting, ended, hostOfTest, meet, pattern, receiveAll, until } from './socket-rig.js';
import { ActorWorld } from './world.js';

const [tcp, , , shm] = worlds as [(typeof worlds)[0], unknown, unknown, (typeof worlds)[0]];

const echo = acting(() => ({ received: (socket, bytes) => void socket.send(bytes) }));

describe('messages of a socket actor', () => {
  it('one for an actor without `receive` is a dead letter', async () => {
    const { near, actor, host } = await meet(tcp, { definition: echo });
    const letters: unknown[] = [];
    host.events.listen(deadLetters, ({ reason, message }) => letters.push(reason, message));
    (actor as ActorRef<string>).tell('hello');
    await until(() => letters.length > 0);
    expect(letters).toEqual(['unhandled', 'hello']);
    expect(host.stats().actors).toBe(1);
    await near.close();
  });

  it('what a hook tells has the actor as its sender, and arrives within the same batch', async () => {
    const { host } = hostOfTest();
    const senders: unknown[] = [];
    const other = host.spawn(
      defineActor<string>((_, context) => (text) => void senders.push(text, context.sender)),
      undefined,
    );
    const telling = acting((context) => ({
      received(_, bytes) {
        senders.push(context.sender);
        other.tell(String(bytes));
      },
    }));
    const stream = new FakeStream();
    const actor = host.spawnSocket(telling, undefined, {}, stream);
    await nextLoop();
    stream.deliver(Buffer.from('hello'));
    await Promise.resolve();
    expect(senders).toEqual([null, 'hello', actor.address]);
  });

  it('socket events do not count against the mailbox’s bound', async () => {
    const { host } = hostOfTest();
    let release: (() => void) | undefined;
    const slow = acting<number>(() => ({
      receive: () => new Promise<void>((resolve) => (release = resolve)),
      received() {},
    }));
    const stream = new FakeStream();
    const actor = host.spawnSocket(slow, undefined, { mailbox: { capacity: 2, policy: 'drop-oldest' } }, stream);
    await nextLoop();
    actor.tell(0);
    await nextLoop();
    for (let i = 0; i < 10; i++) stream.deliver(pattern(1));
    expect([actor.tell(1), actor.tell(2), actor.tell(3)]).toEqual(['queued', 'queued', 'queued']);
    expect(host.stats().deadLetters).toBe(1);
    expect(host.countPending()).toBe(13);
    await until(() => {
      release?.();
      return host.countPending() === 0;
    });
    expect(host.stats()).toMatchObject({ handled: 3, socketEvents: 11 });
  });

  it('a socket of which much waits is paused, by count and by bytes, and goes on afterwards', async () => {
    const { host } = hostOfTest();
    let release: (() => void) | undefined;
    let events = 0;
    const slow = acting<number>(() => ({
      receive: () => new Promise<void>((resolve) => (release = resolve)),
      received: () => void events++,
    }));
    const stream = new FakeStream();
    const actor = host.spawnSocket(slow, undefined, {}, stream);
    const pausedAfter = async (length: number) => {
      await nextLoop();
      actor.tell(0);
      await nextLoop();
      let count = 0;
      for (; !stream.isPaused && count < 100; count++) stream.deliver(pattern(length));
      release?.();
      await until(() => events === count);
      expect(stream.isPaused).toBe(false);
      events = 0;
      return count;
    };
    expect([await pausedAfter(1), await pausedAfter(16_384), await pausedAfter(100_000)]).toEqual([16, 4, 1]);
  });

  it('bytes keep the receive time-out from coming', () => {
    const world = new ActorWorld(1);
    const log: string[] = [];
    const definition = acting((context) => ({
      connected: () => context.setReceiveTimeout(60),
      received: () => void log.push('received'),
      receiveTimeout: () => void log.push('silence'),
    }));
    const stream = new FakeStream();
    world.host().spawnSocket(definition, undefined, {}, stream);
    for (let i = 0; i < 6; i++) world.after(50 * i, () => stream.deliver(pattern(1)));
    world.run(309);
    expect(log).toEqual(Array.from({ length: 6 }, () => 'received'));
    world.run(2);
    expect(log.at(-1)).toBe('silence');
  });
});

describe('turns', () => {
  it('a flood for one actor does not keep its neighbours waiting', async () => {
    const host = new ActorHost({ turnMessages: 8 });
    const log: string[] = [];
    const busy = acting(() => ({ received: () => void log.push('busy') }));
    const stream = new FakeStream();
    host.spawnSocket(busy, undefined, {}, stream);
    const other = host.spawn(
      defineActor<string>(() => (text) => void log.push(text)),
      undefined,
    );
    await nextLoop();
    other.tell('other');
    for (let i = 0; i < 20; i++) stream.deliver(pattern(1));
    expect(log).toEqual(Array.from({ length: 8 }, () => 'busy'));
    await nextLoop();
    await nextLoop();
    expect(log.indexOf('other')).toBe(8);
    expect(log.length).toBe(21);
    expect(host.stats().preemptions).toBeGreaterThan(0);
    await host.close();
  });

  it('an actor whose promise is settled is called at once again', async () => {
    // Whatever else the machine does meanwhile, its turn is not over.
    const host = new ActorHost({ turnUs: 1_000_000 });
    let handled = 0;
    const waiting = acting(() => ({
      async received() {
        handled++;
        await Promise.resolve();
      },
    }));
    const stream = new FakeStream();
    host.spawnSocket(waiting, undefined, {}, stream);
    await nextLoop();
    for (let i = 1; i <= 5; i++) {
      stream.deliver(pattern(1));
      expect(handled).toBe(i);
      for (let ticks = 0; ticks < 5; ticks++) await Promise.resolve();
    }
    await host.close();
  });

  it('slow hooks have the same share', async () => {
    const host = new ActorHost({ turnUs: 1_000 });
    let handled = 0;
    const slow = acting(() => ({
      received() {
        handled++;
        const endMs = performance.now() + 0.6;
        while (performance.now() < endMs);
      },
    }));
    const stream = new FakeStream();
    host.spawnSocket(slow, undefined, {}, stream);
    await nextLoop();
    for (let i = 0; i < 15; i++) stream.deliver(pattern(1));
    expect(handled).toBeLessThan(6);
    await until(() => handled === 15);
    await host.close();
  });
});

describe('lives', () => {
  it('while a restart waits, so do the socket’s events; nothing is lost', async () => {
    const { host } = hostOfTest();
    const log: string[] = [];
    const definition = acting(() => ({
      connected: () => void log.push('connected'),
      received(_, bytes) {
        log.push(String(bytes));
        if (String(bytes) === 'fail') throw new Error('as told');
      },
    }));
    const stream = new FakeStream();
    const supervision = { backOff: { minMs: 30, maxMs: 30, jitter: 0 } };
    host.spawnSocket(definition, undefined, { supervision }, stream);
    await nextLoop();
    stream.deliver(Buffer.from('fail'));
    for (const text of ['a', 'b']) stream.deliver(Buffer.from(text));
    await delay(10);
    expect(log).toEqual(['connected', 'fail']);
    await until(() => log.length >= 5);
    expect(log).toEqual(['connected', 'fail', 'connected', 'a', 'b']);
  });

  it('a fresh life has a socket that flows, whatever the last one did', async () => {
    const { host } = hostOfTest();
    const log: string[] = [];
    const taken = new Uint8Array(10);
    let life = 0;
    const definition = acting<'fail'>(() => {
      life++;
      return {
        connected(socket) {
          if (life > 1) return;
          socket.receiveOverlapped(taken);
          socket.pause();
        },
        completed: () => void log.push('completed'),
        receive() {
          throw new Error('as told');
        },
        received: (_, bytes) => void log.push(String(bytes)),
      };
    });
    const stream = new FakeStream();
    const actor = host.spawnSocket(definition, undefined, {}, stream);
    await nextLoop();
    stream.deliver(Buffer.from('held'));
    expect(stream.isPaused).toBe(true);
    actor.tell('fail');
    await until(() => log.length > 0);
    stream.deliver(Buffer.from('next'));
    expect([log, stream.isPaused]).toEqual([['held', 'next'], false]);
    expect(taken.every((byte) => byte === 0)).toBe(true);
  });

  it('too many restarts end the actor and reset the connection', async () => {
    const definition = acting(() => ({
      connected() {
        throw new Error('as told');
      },
    }));
    const meeting = await meet(shm, { definition, spawn: { supervision: { maxRestarts: 3 } } });
    const over = ended(meeting);
    await expect(meeting.near.receive()).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await over).toBe('failed');
    expect(meeting.failures.length).toBe(4);
  });

  it('a life that follows a close hears nothing but `closed`', async () => {
    const { host } = hostOfTest();
    const log: string[] = [];
    const definition = acting(() => ({
      connected: () => void log.push('connected'),
      received(socket) {
        socket.close();
        throw new Error('as told');
      },
      closed: () => void log.push('closed'),
    }));
    const stream = new FakeStream();
    host.spawnSocket(definition, undefined, {}, stream);
    await nextLoop();
    stream.deliver(pattern(1));
    stream.deliver(pattern(1));
    await delay(5);
    stream.tellClosed(null);
    await until(() => host.stats().actors === 0);
    expect([log, stream.ends]).toEqual([['connected', 'closed'], ['close']]);
  });

  it('an actor that never returns is left behind when it is stopped, and its connection ends', async () => {
    const host = new ActorHost({ stopTimeoutMs: 30 });
    const stream = new FakeStream();
    let held: ActorSocket | undefined;
    const definition = acting(() => ({
      connected(socket) {
        held = socket;
        return new Promise<void>(() => {});
      },
    }));
    const ref = host.spawnSocket(definition, undefined, {}, stream);
    await nextLoop();
    host.stop(ref);
    await until(() => host.stats().actors === 0);
    expect(stream.ends).toEqual(['close']);
    expect(() => held?.send(pattern(1))).toThrow(expect.objectContaining({ code: 'ERR_SANSWITCH_ACTOR_STOPPED' }));
    // Whatever comes now reaches nobody.
    stream.deliver(pattern(1));
    stream.tellEnded();
    stream.tellClosed(null);
    await host.close();
  });
});

describe('the host', () => {
  it('shows its sockets', async () => {
    const { near, actor, host } = await meet(shm, { definition: echo });
    near.send(pattern(100));
    await receiveAll(near, 100);
    const {
      localAddress: remoteAddress,
      localPort: remotePort,
      remoteAddress: localAddress,
      remotePort: localPort,
    } = near;
    const ends = { localAddress, localPort, remoteAddress, remotePort };
    expect(host.actors()).toMatchObject([
      { address: actor.address, sockets: [{ provider: 'shm', ...ends, bytesSent: 100, bytesReceived: 100 }] },
    ]);
    await near.close();
  });

  it('closes all sockets in order; their actors hear it and end', async () => {
    const closed: unknown[] = [];
    const definition = acting(() => ({
      connected: (socket) => void socket.send(pattern(50_000)),
      closed: (_, error) => void closed.push(error),
    }));
    const { near, host } = await meet(shm, { definition });
    await until(() => host.stats().socketEvents > 0);
    const received = receiveAll(near, 50_000).then(() => near.receive());
    const closing = host.closeSockets();
    expect(await received).toBeNull();
    near.end();
    await closing;
    await until(() => host.stats().actors === 0);
    expect(closed).toEqual([null]);
    await host.closeSockets();
  });

  it('an actor whose socket is closed before it has heard of it hears `closed` alone', async () => {
    const { host } = hostOfTest();
    const log: string[] = [];
    const definition = acting(() => ({
      connected: () => void log.push('connected'),
      closed: () => void log.push('closed'),
    }));
    const stream = new FakeStream();
    host.spawnSocket(definition, undefined, {}, stream);
    await host.closeSockets();
    stream.tellClosed(null);
    await until(() => host.stats().actors === 0);
    expect(log).toEqual(['closed']);
  });

  it('an actor that can’t be given a socket: the peer is reset, the name is free', async () => {
    const deaf = defineActor<string>(() => () => {});
    const broken = defineActor<never>(() => {
      throw new Error('as told');
    });
    const options = { spawn: { name: 'one' } };
    await expect(meet(tcp, { definition: deaf, ...options })).rejects.toMatchObject({
      code: 'ERR_SANSWITCH_NO_BEHAVIOUR',
    });
    await expect(meet(tcp, { definition: broken, ...options })).rejects.toThrow('as told');
    const { near } = await meet(tcp, { definition: echo, ...options });
    await near.close();
    const { host } = hostOfTest();
    await host.close();
    const stream = new FakeStream();
    expect(() => host.spawnSocket(echo, undefined, {}, stream)).toThrow(
      expect.objectContaining({ code: 'ERR_SANSWITCH_RUNTIME_CLOSED' }),
    );
    expect(stream.ends).toEqual(['abort']);
  });

  it('misuse of a socket is one clear error each, and a failure of that actor alone', async () => {
    const codes: unknown[] = [];
    const definition = defineActor<never>(() => ({
      connected(socket) {
        const nonsense = 'bytes' as unknown as Uint8Array;
        const uses = [
          () => socket.send(nonsense),
          () => socket.sendOverlapped(nonsense),
          () => socket.receiveOverlapped(nonsense),
          () => socket.receiveOverlapped(new Uint8Array(0)),
          () => socket.receiveOverlapped(new Uint8Array(1)),
          () => socket.urgent(nonsense),
          () => socket.reserve(1.5),
          () => socket.commit(1),
          () => socket.setOption('nonsense' as 'noDelay', 1),
        ];
        for (const use of uses) {
          try {
            use();
            codes.push('nothing');
          } catch (error) {
            codes.push((error as NodeJS.ErrnoException).code);
          }
        }
      },
    }));
    const { near, failures } = await meet(shm, { definition });
    await until(() => codes.length === 9);
    const type = 'ERR_INVALID_ARG_TYPE';
    const range = 'ERR_OUT_OF_RANGE';
    const option = 'ERR_SANSWITCH_INVALID_OPTION';
    expect(codes).toEqual([type, type, type, range, option, type, range, option, 'ENOPROTOOPT']);
    expect(failures).toEqual([]);
    await near.close();
  });
});
