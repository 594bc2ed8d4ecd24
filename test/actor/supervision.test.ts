import { describe, expect, it } from 'vitest';
import { defineActor } from '#src/actor/define.js';
import { actorEnds, actorFailures, handlersAbandoned } from '#src/actor/topics.js';
import type { ActorContext, ActorRef, Behaviour, SupervisionOptions } from '#src/actor/types.js';
import { ActorWorld, Deferred } from './world.js';

type Command = 'fail' | 'ping' | { readonly spawn: string; readonly supervision: SupervisionOptions };

/** A host whose actors note everything that happens to them, and fail when they are told to. */
function setUp() {
  const world = new ActorWorld(1);
  const host = world.host(0, { stopTimeoutMs: 1_000 });
  const log: string[] = [];
  const refs = new Map<string, ActorRef<Command>>();
  const worker = defineActor<Command, string>((name, context): Behaviour<Command> => {
    log.push(`${name} made`);
    refs.set(name, context.self);
    return {
      receive(command, inner) {
        if (command === 'fail') throw new Error(`${name} fails`);
        if (command === 'ping') log.push(`${name} ping`);
        else inner.spawn(worker, command.spawn, { supervision: command.supervision });
      },
      started: () => void log.push(`${name} started`),
      stopping: (_, reason) => void log.push(`${name} stopping: ${reason}`),
      restarting: (_, error) => void log.push(`${name} restarting: ${(error as Error).message}`),
    };
  });
  const outcomes: string[] = [];
  host.events.listen(actorFailures, ({ outcome, error }) => outcomes.push(`${(error as Error).message}: ${outcome}`));
  const ends: string[] = [];
  host.events.listen(actorEnds, ({ reason }) => ends.push(reason));
  const tell = (name: string, command: Command) => {
    refs.get(name)?.tell(command);
    world.run(100);
  };
  const spawn = (name: string, supervision?: SupervisionOptions) => {
    const ref = host.spawn(worker, name, { supervision });
    world.run(100);
    return ref;
  };
  /** What was noted since the last call. */
  const news = () => log.splice(0);
  return { world, host, log, refs, outcomes, ends, tell, spawn, news };
}

describe('an actor that fails', () => {
  it('is restarted by default: a fresh behaviour at the same address, and the mailbox kept', () => {
    const { world, host, spawn, news, outcomes } = setUp();
    const ref = spawn('a');
    news();
    ref.tell('ping');
    ref.tell('fail');
    ref.tell('ping');
    world.run(100);
    expect(news()).toEqual(['a ping', 'a restarting: a fails', 'a made', 'a started', 'a ping']);
    expect(outcomes).toEqual(['a fails: restarted']);
    expect(host.stats()).toMatchObject({ restarts: 1, failures: 1, actors: 1 });
  });

  it.each([
    ['resume', ['a ping'], 'resumed'],
    ['stop', ['a stopping: failed'], 'stopped'],
    ['escalate', ['a stopping: failed'], 'stopped'],
  ] as const)('is treated as its supervision decides: %s', (directive, expected, outcome) => {
    const { world, spawn, news, outcomes } = setUp();
    const ref = spawn('a', { decide: () => directive });
    news();
    ref.tell('fail');
    ref.tell('ping');
    world.run(100);
    expect(news()).toEqual(expected);
    expect(outcomes).toEqual([`a fails: ${outcome}`]);
  });

  it('escalates when it was restarted too often lately, but not when that was long ago', () => {
    const { world, tell, spawn, ends } = setUp();
    spawn('a', { maxRestarts: 2, withinMs: 1_000 });
    for (let i = 0; i < 5; i++) {
      tell('a', 'fail');
      world.run(900);
    }
    expect(ends).toEqual([]);
    for (let i = 0; i < 3; i++) tell('a', 'fail');
    expect(ends).toEqual(['failed']);
  });

  it('waits longer before each restart, up to a limit', () => {
    const { world, refs, spawn, news } = setUp();
    spawn('a', { backOff: { minMs: 100, maxMs: 300, factor: 2, jitter: 0 } });
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      news();
      const before = world.nowUs;
      refs.get('a')?.tell('fail');
      world.run();
      expect(news().at(-1)).toBe('a started');
      waits.push(Math.round((world.nowUs - before) / 1_000));
    }
    expect(waits).toEqual([100, 200, 300, 300]);
  });

  it('can be stopped while it waits for its restart', () => {
    const { world, host, spawn, ends, news } = setUp();
    const ref = spawn('a', { backOff: { minMs: 10_000, maxMs: 10_000 } });
    ref.tell('fail');
    world.run(100);
    news();
    host.stop(ref);
    world.run(100);
    expect(ends).toEqual(['stopped']);
    expect(news()).toEqual([]);
    expect(world.pendingTimers).toBe(0);
  });

  it('by a decision that throws or is none has its failure escalated', () => {
    const { world, spawn, outcomes } = setUp();
    const broken = () => {
      throw new Error('no idea');
    };
    spawn('a', { decide: broken }).tell('fail');
    spawn('b', { decide: () => 'ignore' as never }).tell('fail');
    world.run(100);
    expect(outcomes).toEqual(['no idea: stopped', "supervision.decide answered 'ignore': stopped"]);
  });
});

describe('a family', () => {
  function family(strategy: SupervisionOptions['strategy'], parent?: SupervisionOptions) {
    const all = setUp();
    all.spawn('p', parent);
    for (const name of ['a', 'b', 'c']) all.tell('p', { spawn: name, supervision: { strategy } });
    all.news();
    return all;
  }
  const restarted = (log: string[]) => log.filter((line) => line.endsWith('started')).sort();

  it.each([
    ['one-for-one', ['b started']],
    ['one-for-all', ['a started', 'b started', 'c started']],
    ['rest-for-one', ['b started', 'c started']],
  ] as const)('with %s', (strategy, expected) => {
    const { tell, news } = family(strategy);
    tell('b', 'fail');
    expect(restarted(news())).toEqual(expected);
  });

  it('ends with its parent, children first', () => {
    const { world, host, refs, news, ends } = family('one-for-one');
    host.stop(refs.get('p') as ActorRef<Command>);
    world.run(100);
    expect(news()).toEqual([
      'a stopping: stopped',
      'b stopping: stopped',
      'c stopping: stopped',
      'p stopping: stopped',
    ]);
    expect(ends).toHaveLength(4);
    expect(host.stats().actors).toBe(0);
  });

  it('loses its children when the parent restarts', () => {
    const { tell, news, host } = family('one-for-one');
    tell('p', 'fail');
    expect(news().slice(-3)).toEqual(['p restarting: p fails', 'p made', 'p started']);
    expect(host.stats().actors).toBe(1);
  });

  it('fails in the place of a child that can not be helped', () => {
    const { tell, spawn, news, outcomes } = setUp();
    spawn('p');
    tell('p', { spawn: 'a', supervision: { maxRestarts: 0 } });
    news();
    tell('a', 'fail');
    expect(outcomes).toEqual(['a fails: escalated', 'a fails: restarted']);
    expect(news()).toEqual(['a stopping: failed', 'p restarting: a fails', 'p made', 'p started']);
  });

  it('is closed with the host, and nothing of it is left', async () => {
    const { world, host, ends } = family('one-for-one');
    const closed = host.close();
    world.run();
    await closed;
    expect(ends).toEqual(['closed', 'closed', 'closed', 'closed']);
    expect(host.stats()).toMatchObject({ actors: 0, stopped: 4 });
    expect(world.pendingTimers).toBe(0);
  });
});

describe('what may fail besides handlers', () => {
  it('a rejected promise is a failure of that actor alone', () => {
    const { world, host, outcomes } = setUp();
    const wait = new Deferred();
    const got: number[] = [];
    const ref = host.spawn(
      defineActor<number>(() => (message) => (message === 0 ? wait.promise : void got.push(message))),
      undefined,
    );
    ref.tell(0);
    ref.tell(1);
    world.run(10);
    wait.reject(new Error('late'));
    world.run(10);
    expect(outcomes).toEqual(['late: restarted']);
    expect(got).toEqual([1]);
  });

  it('`started` that fails is supervised; `create` that fails in a restart too', () => {
    const { world, host, outcomes, ends } = setUp();
    let lives = 0;
    const flaky = defineActor<number>(() => {
      if (++lives === 2) throw new Error('no second life');
      return {
        receive: () => {},
        started() {
          if (lives === 1) throw new Error('no start');
        },
      };
    });
    host.spawn(flaky, undefined);
    world.run(10);
    expect(outcomes).toEqual(['no start: restarted', 'no second life: restarted']);
    expect(lives).toBe(3);
    expect(ends).toEqual([]);
    // There is no behaviour to resume with.
    lives = 1;
    let failures = 0;
    host
      .spawn(
        defineActor<number>(() => {
          if (failures > 0) throw new Error('never again');
          return {
            receive() {
              failures++;
              throw new Error('first');
            },
          };
        }),
        undefined,
        { supervision: { decide: (error) => ((error as Error).message === 'first' ? 'restart' : 'resume') } },
      )
      .tell(1);
    world.run(10);
    expect(outcomes.slice(2)).toEqual(['first: restarted', 'never again: stopped']);
  });

  it('hooks that fail at the end do not keep the actor', () => {
    const { world, host, outcomes, ends } = setUp();
    const fail = () => {
      throw new Error('hook');
    };
    const ref = host.spawn(
      defineActor<number>(() => ({ receive: fail, restarting: fail, stopping: fail })),
      undefined,
    );
    ref.tell(1);
    world.run(10);
    expect(outcomes).toEqual(['hook: restarted', 'hook: stopped']);
    host.stop(ref);
    world.run(10);
    expect(outcomes.at(-1)).toBe('hook: stopped');
    expect(ends).toEqual(['stopped']);
  });

  it('an actor that never returns is left behind when it is to stop, and its late words do no harm', () => {
    const { world, host, ends, outcomes } = setUp();
    const left: number[] = [];
    host.events.listen(handlersAbandoned, ({ afterMs }) => left.push(afterMs));
    const wait = new Deferred();
    const contexts: ActorContext<number>[] = [];
    const ref = host.spawn(
      defineActor<number>((_, context) => {
        contexts.push(context);
        return () => wait.promise;
      }),
      undefined,
    );
    ref.tell(1);
    world.run(10_000);
    expect(ends).toEqual([]);
    host.stop(ref);
    world.run(900);
    expect(ends).toEqual([]);
    world.run(200);
    expect(ends).toEqual(['stopped']);
    expect(left).toEqual([1_000]);
    expect(() => contexts[0]?.become(() => {})).toThrow(/a life of the actor that is over/);
    wait.reject(new Error('too late'));
    world.run(10);
    expect(outcomes).toEqual(['too late: stopped']);
  });

  it('a handler that is at work when its actor is to stop comes to its end first', () => {
    const { world, host, ends } = setUp();
    const wait = new Deferred();
    const ref = host.spawn(
      defineActor<number>(() => () => wait.promise),
      undefined,
    );
    ref.tell(1);
    ref.tell(2);
    world.run(10);
    host.stop(ref);
    world.run(500);
    expect(ends).toEqual([]);
    wait.resolve();
    world.run(10);
    expect(ends).toEqual(['stopped']);
    expect(host.stats()).toMatchObject({ handled: 1, deadLetters: 1 });
    expect(world.pendingTimers).toBe(0);
  });

  it('hooks may take their time', () => {
    const { world, host, ends, log } = setUp();
    const waits = [new Deferred(), new Deferred(), new Deferred()] as const;
    const ref = host.spawn(
      defineActor<number>(() => ({
        started: () => waits[0].promise,
        receive() {
          log.push('received');
          throw new Error('x');
        },
        restarting: () => waits[1].promise,
        stopping: () => waits[2].promise,
      })),
      undefined,
      { supervision: { maxRestarts: 1 } },
    );
    ref.tell(1);
    ref.tell(2);
    world.run(10);
    expect(log).toEqual([]);
    waits[0].resolve();
    world.run(10);
    expect(log).toEqual(['received']);
    waits[1].resolve();
    world.run(10);
    expect(log).toEqual(['received', 'received']);
    expect(ends).toEqual([]);
    waits[2].resolve();
    world.run(10);
    expect(ends).toEqual(['failed']);
  });
});
