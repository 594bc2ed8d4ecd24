/** Socket actors, over each provider: what the hooks are told, and what the socket does. */
import { setTimeout as delay, setImmediate as nextLoop } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ActorSocket } from '#src/actor/sockets/types.js';
import { pairIn, worlds } from '../face/worlds.js';
import { acting, ended, hostOfTest, MIB, meet, pattern, receiveAll, until } from './socket-rig.js';

const echo = acting(() => ({ received: (socket, bytes) => void socket.send(bytes) }));

describe.each(worlds)('a socket actor over $name', (world) => {
  it('echoes, answers the end with its own, and stops after `closed`', async () => {
    const meeting = await meet(world, { definition: echo });
    const { near, host, failures } = meeting;
    const over = ended(meeting);
    near.send(Buffer.from('hello'));
    expect(String(await receiveAll(near, 5))).toBe('hello');
    near.end();
    expect(await near.receive()).toBeNull();
    expect(await over).toBe('stopped');
    expect(host.stats().actors).toBe(0);
    expect(failures).toEqual([]);
  });

  it('is told in order: connected, received, ended, closed', async () => {
    const log: unknown[] = [];
    const definition = acting(() => ({
      started: () => void log.push('started'),
      connected: (socket) => void log.push('connected', socket.provider, socket.remotePort, socket.state),
      received: (_, bytes) => void log.push(String(bytes)),
      ended(socket) {
        log.push('ended', socket.state);
        socket.send(Buffer.from('bye'));
        socket.end();
      },
      closed: (socket, error) => void log.push('closed', error, socket.state),
      stopping: (_, reason) => void log.push(reason),
    }));
    const meeting = await meet(world, { definition });
    const over = ended(meeting);
    await until(() => log.length === 5);
    meeting.near.send(Buffer.from('hello'));
    meeting.near.end();
    expect(String(await receiveAll(meeting.near, 3))).toBe('bye');
    await over;
    const { provider, localPort } = meeting.near;
    const first = ['started', 'connected', provider, localPort, 'open', 'hello', 'ended', 'writeOnly'];
    expect(log).toEqual([...first, 'closed', null, 'closed', 'stopped']);
  });

  it('while it pauses nothing is received, and afterwards everything is', async () => {
    const parts: Uint8Array[] = [];
    let socketHeld: ActorSocket | null = null;
    const definition = acting<'resume'>(() => ({
      connected(socket) {
        socket.pause();
        socketHeld = socket;
      },
      received: (_, bytes) => void parts.push(bytes),
      receive: () => socketHeld?.resume(),
    }));
    const { near, actor } = await meet(world, { definition });
    const whole = pattern(MIB);
    near.send(whole);
    near.end();
    await delay(30);
    expect(parts).toEqual([]);
    actor.tell('resume');
    expect(await near.receive()).toBeNull();
    expect(Buffer.concat(parts).equals(whole)).toBe(true);
    await near.close();
  });

  it('bytes wait for a behaviour that takes them, and the peer is slowed down', async () => {
    const parts: Uint8Array[] = [];
    const definition = acting<'begin'>((context) => ({
      connected() {},
      receive: () => context.become({ received: (_, bytes) => void parts.push(bytes), receive() {} }),
    }));
    const { near, far, actor } = await meet(world, { definition });
    const whole = pattern(8 * MIB);
    const sent = near.sendAsync(whole);
    near.end();
    await delay(50);
    expect(parts).toEqual([]);
    expect(far.bytesReceived).toBeLessThan(3 * MIB);
    actor.tell('begin');
    await sent;
    expect(await near.receive()).toBeNull();
    expect(Buffer.concat(parts).equals(whole)).toBe(true);
    await near.close();
  });

  it('a busy actor slows its peer down; nothing is lost', async () => {
    const hash = { length: 0, wrong: 0 };
    const whole = pattern(2 * MIB);
    let running = 0;
    const definition = acting(() => ({
      async received(_, bytes) {
        if (++running > 1) hash.wrong++;
        const kept = bytes;
        if (hash.length % 5 === 0) await nextLoop();
        const expected = whole.subarray(hash.length, hash.length + kept.length);
        if (!Buffer.from(kept).equals(expected)) hash.wrong++;
        hash.length += kept.length;
        running--;
      },
    }));
    const { near, failures } = await meet(world, { definition });
    for (let at = 0; at < whole.length; ) {
      const length = Math.min(1 + ((at * 7) % 9_000), whole.length - at);
      await near.sendAsync(whole.subarray(at, at + length));
      at += length;
    }
    near.end();
    expect(await near.receive()).toBeNull();
    expect([hash, failures]).toEqual([{ length: whole.length, wrong: 0 }, []]);
    await near.close();
  });

  it('a restart keeps the socket and what waits; what the former life holds is dead', async () => {
    const log: unknown[] = [];
    let old: ActorSocket | undefined;
    let life = 0;
    const definition = acting(() => {
      const own = ++life;
      return {
        connected(socket) {
          old ??= socket;
          log.push('connected', own, socket === old);
          socket.receiveOverlapped(new Uint8Array(4), own);
        },
        completed(socket, { token, buffer }, _error, bytes) {
          const text = String(Buffer.from(buffer.subarray(0, bytes)));
          log.push([own, token, text]);
          if (text === 'fail') throw new Error('as told');
          socket.send(Buffer.from(text));
        },
        received: (_, bytes) => void log.push([own, String(bytes)]),
      };
    });
    const meeting = await meet(world, { definition });
    meeting.near.send(Buffer.from('failmorerest'));
    expect(String(await receiveAll(meeting.near, 4))).toBe('more');
    await until(() => log.length >= 9);
    expect(log.slice(0, 4)).toEqual(['connected', 1, true, [1, 1, 'fail']]);
    expect(log.slice(4)).toEqual(['connected', 2, false, [2, 2, 'more'], [2, 'rest']]);
    const dead = old as unknown as ActorSocket;
    for (const use of [() => dead.send(pattern(1)), () => dead.end(), () => dead.reserve(1), () => dead.pause()]) {
      expect(use).toThrow(expect.objectContaining({ code: 'ERR_SANSWITCH_ACTOR_STOPPED' }));
    }
    expect(dead.remotePort).toBe(meeting.near.localPort);
    expect(meeting.failures.length).toBe(1);
    await meeting.near.close();
  });

  it('an actor that fails for good resets its connection; one that stops ends it in order', async () => {
    const definition = acting<'stop'>((context) => ({
      received() {
        throw new Error('as told');
      },
      receive: () => context.stop(),
    }));
    const failing = await meet(world, { definition, spawn: { supervision: { decide: () => 'stop' } } });
    const failed = ended(failing);
    failing.near.send(pattern(1));
    await expect(failing.near.receive()).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await failed).toBe('failed');

    let stopped: ActorSocket | undefined;
    const polite = acting<'stop'>((context) => ({
      connected(socket) {
        stopped = socket;
      },
      receive: () => context.stop(),
      stopping: () => void stopped?.send(Buffer.from('last words')),
    }));
    const stopping = await meet(world, { definition: polite });
    const over = ended(stopping);
    stopping.actor.tell('stop');
    expect(String(await receiveAll(stopping.near, 10))).toBe('last words');
    expect(await stopping.near.receive()).toBeNull();
    expect(await over).toBe('stopped');
    await stopping.near.close();
  });

  it('ends even if `closed` fails, and only when that has come to its end', async () => {
    const log: string[] = [];
    const definition = acting(() => ({
      async closed() {
        log.push('closed');
        await delay(20);
        log.push('handled');
        throw new Error('as told');
      },
      stopping: (_, reason) => void log.push(reason),
    }));
    const meeting = await meet(world, { definition });
    const over = ended(meeting);
    meeting.near.abort();
    expect(await over).toBe('stopped');
    expect(log).toEqual(['closed', 'handled', 'stopped']);
  });

  it('a socket that is gone before it is given tells so', async () => {
    const { near, far } = await pairIn(world);
    near.abort();
    await until(() => far.state === 'closed' || world.name === 'tcp');
    const { host } = hostOfTest();
    const log: unknown[] = [];
    const definition = acting(() => ({
      connected: (socket) => void log.push('connected', socket.send(pattern(1))),
      closed: (_, error) => void log.push((error as NodeJS.ErrnoException | null)?.code),
    }));
    host.spawnSocket(definition, undefined, {}, far);
    await until(() => host.stats().actors === 0);
    expect(log.filter((one) => typeof one === 'string')).toEqual(['connected', 'ECONNRESET']);
  });

  it('the actor closes, or resets, by itself', async () => {
    const log: unknown[] = [];
    const definition = acting<'close' | 'abort'>(() => {
      let own: ActorSocket | undefined;
      return {
        connected(socket) {
          own = socket;
        },
        receive(message) {
          if (message === 'close') own?.close();
          else own?.abort(new Error('by itself'));
          expect(() => own?.send(pattern(1))).toThrow(expect.objectContaining({ code: 'ERR_STREAM_DESTROYED' }));
        },
        received: () => void log.push('received'),
        closed: (_, error) => void log.push(error?.message ?? null),
      };
    });
    const closing = await meet(world, { definition });
    const over = ended(closing);
    closing.actor.tell('close');
    expect(await closing.near.receive()).toBeNull();
    closing.near.send(pattern(100));
    await closing.near.close();
    expect(await over).toBe('stopped');

    const aborting = await meet(world, { definition });
    const aborted = ended(aborting);
    aborting.actor.tell('abort');
    await expect(aborting.near.receive()).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await aborted).toBe('stopped');
    expect(log).toEqual([null, 'by itself']);
    expect([...closing.failures, ...aborting.failures]).toEqual([]);
  });

  it('[WSD-5.9] urgent data', async () => {
    const log: unknown[] = [];
    const definition = acting(() => ({
      connected(socket) {
        if (socket.provider !== 'tcp') return socket.urgent(Buffer.from('mine'));
        expect(() => socket.urgent(pattern(1))).toThrow(
          expect.objectContaining({ code: 'ERR_SANSWITCH_URGENT_UNSUPPORTED' }),
        );
      },
      received: (_, bytes) => void log.push('received', String(bytes)),
      urgent: (_, bytes) => void log.push('urgent', String(bytes)),
    }));
    const { near, failures } = await meet(world, { definition });
    if (near.provider !== 'tcp') {
      const heard = new Promise<string>((resolve) => {
        near.handlers = { received() {}, urgent: (_, bytes) => resolve(String(bytes)) };
      });
      near.send(Buffer.from('first'));
      near.urgent(Buffer.from('yours'));
      expect(await heard).toBe('mine');
      await until(() => log.length >= 4);
      expect(log).toEqual(['received', 'first', 'urgent', 'yours']);
    }
    await near.close();
    expect(failures).toEqual([]);
  });
});
