/** The one order of messages and socket events, in virtual time: a seed decides what comes when, and what the actor does. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defineActor } from '#src/actor/define.js';
import type { ActorSocket } from '#src/actor/sockets/types.js';
import type { Behaviour } from '#src/actor/types.js';
import { turnClock } from '#src/reactor/turn.js';
import { FakeStream } from './fake-stream.js';
import { type ActorWorld, Deferred, forSeeds } from './world.js';

const realTurns = turnClock.atEnd;
let present: ActorWorld | undefined;

beforeEach(() => {
  turnClock.atEnd = (end) => present?.after(0, end);
});
afterEach(() => {
  turnClock.atEnd = realTurns;
});

/** A number as the stream carries it. */
function encode(id: number): Uint8Array {
  return Uint8Array.of(id & 0xff, (id >>> 8) & 0xff, 1, 2, 3);
}

function decode(bytes: Uint8Array): number {
  return (bytes[0] as number) + (bytes[1] as number) * 256;
}

/** What must come next, kept in the simplest way there is. */
class Model {
  /** Where the order was another: a throw in a hook would only restart the actor. */
  readonly wrongs: string[] = [];
  waiting: { id: number; isMessage: boolean }[] = [];
  stashed: { id: number; isMessage: boolean }[] = [];
  nextId = 1;
  handled = 0;

  arrive(isMessage: boolean): number {
    const id = this.nextId++;
    this.waiting.push({ id, isMessage });
    return id;
  }

  /** @param id null: the event carries none */
  handle(id: number | null): void {
    const first = this.waiting.shift();
    if (first === undefined || (id !== null && id !== first.id)) this.wrongs.push(`${id} in place of ${first?.id}`);
    this.handled++;
  }
}

/** An actor that takes whatever comes, now fast, now slowly, now failing. */
function taker(world: ActorWorld, model: Model, canStash: boolean) {
  const { random } = world;
  const decide = () => {
    if (random.chance(60)) return undefined;
    if (random.chance(20)) throw new Error('as the seed says');
    const deferred = new Deferred();
    world.after(random.between(0, 3), () =>
      random.chance(10) ? deferred.reject(new Error('late')) : deferred.resolve(),
    );
    return deferred.promise;
  };
  return defineActor<number>((_, context) => ({
    receive(id) {
      model.handle(id);
      if (canStash && random.chance(15)) {
        context.stash();
        model.stashed.push({ id, isMessage: true });
        return undefined;
      }
      if (canStash && random.chance(15)) {
        context.unstashAll();
        model.waiting.unshift(...model.stashed.splice(0));
      }
      return decide();
    },
    received(_socket, bytes) {
      model.handle(decode(bytes));
      return decide();
    },
    drained: () => model.handle(null),
    urgent(_socket, bytes) {
      model.handle(decode(bytes));
      return decide();
    },
    // The next life gets back what this one had set aside.
    restarting: () => void model.waiting.unshift(...model.stashed.splice(0)),
  }));
}

describe('messages and socket events', () => {
  it.each([
    ['', false],
    [', with some set aside', true],
  ])('are handled in the order in which they came%s', (_, canStash) => {
    let handled = 0;
    forSeeds(400, (world) => {
      present = world;
      const { random } = world;
      const host = world.host(0, { turnMessages: random.between(1, 6), turnUs: random.between(2, 40) });
      const model = new Model();
      const stream = new FakeStream(random.chance(50));
      const supervision = { maxRestarts: 1_000 };
      const actor = host.spawnSocket(taker(world, model, canStash), undefined, { supervision }, stream);
      for (let i = 0; i < 60; i++) {
        world.after(random.between(0, 30), () => {
          const kind = random.below(6);
          if (kind < 3) actor.tell(model.arrive(true));
          else if (stream.isPaused) return;
          else if (kind === 3) stream.deliver(encode(model.arrive(false)));
          else if (kind === 4) stream.handlers.urgent?.(stream, encode(model.arrive(false)));
          else {
            model.arrive(false);
            stream.handlers.drained?.(stream);
          }
        });
      }
      world.run();
      expect(model.wrongs).toEqual([]);
      expect(model.waiting).toEqual([]);
      handled += model.handled;
    });
    expect(handled).toBeGreaterThan(400 * 20);
  });
});

/** The stream as the actor has had it. */
class Record {
  readonly bytes: number[] = [];
  ended = 0;
  closed = 0;
  completed = 0;
  /** What should not have been: a throw in a hook would only restart the actor. */
  readonly wrongs: string[] = [];
}

/** An actor that takes a stream in every way there is. */
function reader(world: ActorWorld, record: Record) {
  const { random } = world;
  const pausedSockets = new Set<ActorSocket>();
  const act = (socket: ActorSocket) => {
    if (random.chance(20)) socket.receiveOverlapped(new Uint8Array(random.between(1, 12)));
    if (random.chance(10)) {
      socket.pause();
      pausedSockets.add(socket);
    }
    if (random.chance(60)) return undefined;
    if (random.chance(10)) throw new Error('as the seed says');
    const deferred = new Deferred();
    world.after(random.between(0, 3), () => deferred.resolve());
    return deferred.promise;
  };
  const take = (bytes: Uint8Array) => {
    if (record.ended > 0) record.wrongs.push('bytes behind the end');
    record.bytes.push(...bytes);
  };
  return defineActor<'resume' | 'deaf'>((_, context) => {
    let own: ActorSocket | undefined;
    const behaviour: Behaviour<'resume' | 'deaf'> = {
      connected(socket) {
        own = socket;
        return act(socket);
      },
      received(socket, bytes) {
        if (pausedSockets.has(socket)) record.wrongs.push('received while paused');
        take(bytes);
        return act(socket);
      },
      completed(socket, { buffer }, error, bytes) {
        record.completed++;
        if (error !== null) record.wrongs.push('a failed receive');
        if (bytes > 0) take(buffer.subarray(0, bytes));
        return act(socket);
      },
      receive(message) {
        if (message === 'deaf') {
          context.become({ ...deaf, receive: () => context.unbecome() });
        } else if (own !== undefined) {
          pausedSockets.delete(own);
          own.resume();
        }
      },
      ended: () => void record.ended++,
      closed: () => void record.closed++,
    };
    const { received: _received, ...deaf } = behaviour;
    return behaviour;
  });
}

it('every byte comes once, in order, and the end behind them, however the actor takes them', () => {
  let completed = 0;
  forSeeds(600, (world) => {
    present = world;
    const { random } = world;
    const host = world.host(0, { turnMessages: random.between(1, 6) });
    const record = new Record();
    const stream = new FakeStream(random.chance(50));
    const supervision = { maxRestarts: 1_000 };
    const actor = host.spawnSocket(reader(world, record), undefined, { supervision }, stream);
    let sent = 0;
    const whole = 1_000;
    const feed = () => {
      // Often enough so many at once that the socket is paused, and resumed from within the actor's turn.
      for (let i = random.pick([1, 1, 20]); i > 0 && stream.heldCount < 5 && sent < whole; i--) {
        const length = Math.min(random.between(1, 20), whole - sent);
        stream.deliver(Uint8Array.from({ length }, (_, i) => (sent + i) & 0xff));
        sent += length;
      }
      if (sent < whole) world.after(random.below(3), feed);
      else if (stream.heldCount > 0) world.after(1, feed);
      else stream.tellEnded();
    };
    world.after(0, feed);
    const nudge = () => {
      if (record.ended > 0) return;
      actor.tell(random.chance(30) ? 'deaf' : 'resume');
      world.after(random.between(1, 5), nudge);
    };
    nudge();
    world.run();
    expect(record.wrongs).toEqual([]);
    expect(record.bytes).toEqual(Array.from({ length: whole }, (_, i) => i & 0xff));
    expect([record.ended, record.closed]).toEqual([1, 0]);
    stream.tellClosed(null);
    world.run();
    expect(record.closed).toBe(1);
    expect(host.stats().actors).toBe(0);
    completed += record.completed;
  });
  expect(completed).toBeGreaterThan(1_000);
});
