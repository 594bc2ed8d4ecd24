import { describe, expect, it } from 'vitest';
import { ActorAddress } from '#src/actor/address.js';
import { defineActor } from '#src/actor/define.js';
import { DepthTable } from '#src/actor/depth-table.js';
import { ActorHost, type HostOptions } from '#src/actor/host.js';
import type { ActorDefinition, MailboxOptions, SupervisionOptions } from '#src/actor/types.js';
import * as layout from '#src/layout/layout.gen.js';
import { ActorWorld } from './world.js';

const idle = defineActor<number>(() => () => {});
const codeOf = (work: () => unknown): string | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

describe('bad input is one clear error', () => {
  it.each<MailboxOptions>([
    { capacity: 0 },
    { capacity: 1.5 },
    { capacity: 2 ** 28 + 1 },
    { capacity: '8' as never },
    { capacity: 4, highWaterMark: 5 },
    { highWaterMark: 0 },
    { policy: 'drop' as never },
    { size: 5 } as never,
    0 as never,
  ])('a mailbox with %j', (mailbox) => {
    const host = new ActorWorld(1).host();
    expect(codeOf(() => host.spawn(idle, undefined, { mailbox }))).toBe('ERR_SANSWITCH_INVALID_OPTION');
    expect(host.stats().actors).toBe(0);
  });

  it.each<SupervisionOptions>([
    { strategy: 'all' as never },
    { strategy: 'one-for-all' },
    { decide: 'restart' as never },
    { maxRestarts: -1 },
    { restarts: 3 } as never,
    'restart' as never,
    { backOff: 10 as never },
    { withinMs: 0 },
    { backOff: { minMs: 10, maxMs: 5 } },
    { backOff: { minMs: 1, maxMs: 5, jitter: 2 } },
  ])('supervision of an actor without parent with %j', (supervision) => {
    const host = new ActorWorld(1).host();
    expect(codeOf(() => host.spawn(idle, undefined, { supervision }))).toBe('ERR_SANSWITCH_INVALID_OPTION');
  });

  it.each<HostOptions>([{ id: -1 }, { id: 2 ** 32 }, { turnMessages: 0 }, { turnUs: 0 }, { random: 4 as never }])(
    'a host with %j',
    (options) => expect(codeOf(() => new ActorHost(options))).toBe('ERR_SANSWITCH_INVALID_OPTION'),
  );

  it.each([undefined, null, {}, 'echo', { create: 1 }])('a definition that is %j', (definition) => {
    const host = new ActorWorld(1).host();
    expect(codeOf(() => host.spawn(definition as never, undefined))).toBe('ERR_SANSWITCH_NO_BEHAVIOUR');
    if (definition !== null) expect(codeOf(() => host.spawn(definition as never, undefined))).toBeDefined();
  });

  it.each([undefined, null, {}, 5])('a `create` that gives %j; the name is free again', (made) => {
    const world = new ActorWorld(1);
    const host = world.host();
    const definition: ActorDefinition<number, void> = { create: () => made as never };
    expect(codeOf(() => host.spawn(definition, undefined, { name: 'x' }))).toBe('ERR_SANSWITCH_NO_BEHAVIOUR');
    expect(codeOf(() => host.spawn(idle, undefined, { name: 'x' }))).toBeUndefined();
    world.run();
    expect(host.stats().actors).toBe(1);
  });

  it('a `create` that throws is the error of spawn, and its children end', () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const broken = defineActor<number>((_, context) => {
      context.spawn(idle, undefined);
      throw new Error('no');
    });
    expect(() => host.spawn(broken, undefined)).toThrow('no');
    world.run();
    expect(host.stats()).toMatchObject({ actors: 0, spawned: 2 });
  });

  it('a name taken twice, until its actor has ended', () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const first = host.spawn(idle, undefined, { name: 'echo' });
    expect(host.registry.lookup('echo')).toBe(first);
    expect(codeOf(() => host.spawn(idle, undefined, { name: 'echo' }))).toBe('ERR_SANSWITCH_NAME_TAKEN');
    expect(codeOf(() => host.registry.register('echo', first))).toBe('ERR_SANSWITCH_NAME_TAKEN');
    expect(codeOf(() => host.spawn(idle, undefined, { name: '' }))).toBe('ERR_INVALID_ARG_TYPE');
    host.stop(first);
    world.run();
    expect(host.registry.lookup('echo')).toBeUndefined();
    host.spawn(idle, undefined, { name: 'echo' });
    expect(host.registry.entries().map(([name]) => name)).toEqual(['echo']);
  });

  it('a name that `create` takes for something else', () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const thief = defineActor<number>((_, context) => {
      context.registry.register('x', context.self);
      return () => {};
    });
    expect(codeOf(() => host.spawn(thief, undefined, { name: 'x' }))).toBe('ERR_SANSWITCH_NAME_TAKEN');
    world.run();
    expect(host.stats().actors).toBe(0);
  });

  it('spawn on a closed host', async () => {
    const host = new ActorWorld(1).host();
    await host.close();
    expect(codeOf(() => host.spawn(idle, undefined))).toBe('ERR_SANSWITCH_RUNTIME_CLOSED');
    await host.close();
  });

  it('more actors than the table has room for; one that ends makes room', () => {
    const world = new ActorWorld(1);
    const host = world.host(0, { depths: new DepthTable(new SharedArrayBuffer(4 * layout.ACTOR_SLOT_BYTES)) });
    const refs = [1, 2, 3].map(() => host.spawn(idle, undefined));
    expect(codeOf(() => host.spawn(idle, undefined))).toBe('ERR_SANSWITCH_TOO_MANY_ACTORS');
    host.stop(refs[0] as (typeof refs)[0]);
    world.run();
    host.spawn(idle, undefined);
    expect(codeOf(() => new DepthTable(new SharedArrayBuffer(8)))).toBe('ERR_SANSWITCH_INVALID_OPTION');
  });

  it('what only children may be told', () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const stranger = host.spawn(idle, undefined);
    const codes: unknown[] = [];
    const actor = defineActor<number>((_, context) => {
      codes.push(codeOf(() => context.stop(stranger)));
      codes.push(codeOf(() => context.become(() => {})));
      const child = context.spawn(idle, undefined);
      context.stop(child);
      return (message) => {
        context.stop(child);
        if (message === 0) context.stop();
        codes.push(codeOf(() => context.spawn(idle, undefined)));
        codes.push(codeOf(() => context.become(undefined as never)));
      };
    });
    host.spawn(actor, undefined).tell(0);
    world.run();
    const invalid = 'ERR_SANSWITCH_INVALID_OPTION';
    expect(codes).toEqual([invalid, invalid, 'ERR_SANSWITCH_ACTOR_STOPPED', 'ERR_SANSWITCH_NO_BEHAVIOUR']);
  });
});

describe('a ref to a dead actor', () => {
  it('refuses, and what it was told is a dead letter, wherever the ref came from', () => {
    const world = new ActorWorld(1);
    const [host, away] = [world.host(0), world.host(1)];
    const ref = host.spawn(idle, undefined);
    host.stop(ref);
    ref.tell(0);
    world.run();
    const copies = [ref, host.ref<number>(ref.address), host.ref<number>(ActorAddress.parse(`${ref.address}`))];
    for (const copy of copies) expect(copy.tell(1)).toBe('refused');
    expect(away.ref<number>(ref.address).tell(1)).toBe('refused');
    expect(host.stats().deadLetters).toBe(4);
    expect(away.stats().deadLetters).toBe(1);
  });

  it('to an address that nobody ever had refuses too', () => {
    const world = new ActorWorld(1);
    const [host] = [world.host(0), world.host(1)];
    const addresses = [
      [0, 4_000_000_000, 1],
      [1, 4_000_000_000, 1],
      [1, 5, 7],
      [9, 1, 1],
      [0, 0, 0],
      [1, 1, 0],
    ] as const;
    for (const [id, slot, generation] of addresses) {
      expect(host.ref<number>(new ActorAddress(id, slot, generation)).tell(1)).toBe('refused');
    }
    host.deliver(4_000_000_000, 1, 'x', null);
    host.signalled(77, 1, { kind: 'stop' });
    expect(host.stats().deadLetters).toBe(addresses.length + 1);
  });
});

describe('an address as text', () => {
  it('is read as it was written', () => {
    const address = new ActorAddress(513, 77, 1_001);
    expect(`${address}`).toBe('sanswitch-actor:513.77.1001');
    expect(ActorAddress.parse(`${address}`).equals(address)).toBe(true);
  });

  it.each([
    '',
    'sanswitch-actor:1.2',
    'sanswitch-actor:1.2.-3',
    'sanswitch-actor:1.2.4294967296',
    ' sanswitch-actor:1.2.3',
  ])('is not %j', (text) => expect(codeOf(() => ActorAddress.parse(text))).toBe('ERR_SANSWITCH_INVALID_OPTION'));
});
