import { describe, expect, it } from 'vitest';
import { defineActor } from '#src/actor/define.js';
import { Topic } from '#src/actor/events.js';
import type { Routing } from '#src/actor/router.js';
import type { ActorRef } from '#src/actor/types.js';
import { ActorWorld } from './world.js';

/** Some actors that count what they get, and a router in front of them. */
function withRouter(routing: Routing<number>, count = 3) {
  const world = new ActorWorld(1);
  const host = world.host();
  const got: number[][] = [];
  const worker = defineActor<number, number[]>((list) => (message) => void list.push(message));
  const routees: ActorRef<number>[] = [];
  for (let i = 0; i < count; i++) {
    got[i] = [];
    routees.push(host.spawn(worker, got[i] as number[], { mailbox: { capacity: 100 } }));
  }
  const router = host.router(routing, routees);
  return { world, host, got, routees, router };
}

describe('a router', () => {
  it('round-robin: one after the other', () => {
    const { world, got, router } = withRouter('round-robin');
    for (let i = 0; i < 7; i++) expect(router.tell(i)).toBe('sent');
    world.run();
    expect(got).toEqual([
      [0, 3, 6],
      [1, 4],
      [2, 5],
    ]);
  });

  it('random: everyone some time', () => {
    const { world, got, router } = withRouter('random');
    for (let i = 0; i < 90; i++) router.tell(i);
    world.run();
    expect(got.flat()).toHaveLength(90);
    for (const list of got) expect(list.length).toBeGreaterThan(10);
  });

  it('least-mailbox: who has the least before it', () => {
    const { world, got, router, routees } = withRouter('least-mailbox');
    for (let i = 0; i < 10; i++) routees[0]?.tell(-1);
    for (let i = 0; i < 4; i++) routees[1]?.tell(-1);
    for (let i = 0; i < 8; i++) router.tell(i);
    world.run();
    expect(got.map((list) => list.filter((one) => one >= 0).length)).toEqual([0, 2, 6]);
  });

  it('hash: the same one for the same key, and only the keys of a routee that ends move', () => {
    const { world, host, got, router, routees } = withRouter({ hashKey: (message) => `key ${message % 100}` });
    for (let i = 0; i < 200; i++) router.tell(i);
    world.run();
    const before = got.map((list) => new Set(list.splice(0).map((one) => one % 100)));
    expect(before.reduce((sum, keys) => sum + keys.size, 0)).toBe(100);
    for (const keys of before) expect(keys.size).toBeGreaterThan(15);
    host.stop(routees[1] as ActorRef<number>);
    world.run();
    expect(router.routees).toHaveLength(2);
    for (let i = 0; i < 100; i++) router.tell(i);
    world.run();
    for (const index of [0, 2]) for (const key of before[index] ?? []) expect(got[index]).toContain(key);
  });

  it('broadcast: everyone; the answer says whether all took it', () => {
    const { world, host, got, router, routees } = withRouter('broadcast');
    expect(router.tell(1)).toBe('sent');
    world.run();
    expect(got).toEqual([[1], [1], [1]]);
    for (let i = 0; i < 100; i++) routees[0]?.tell(0);
    expect(router.tell(2)).toBe('queued');
    for (const routee of routees) host.stop(routee);
    world.run();
    expect(router.tell(3)).toBe('refused');
  });

  it('has an address: it can be reached from another host, and asked', async () => {
    const { world, host, got, router } = withRouter('round-robin');
    const away = world.host(1);
    const remote = away.ref<number>(router.address);
    for (let i = 0; i < 6; i++) expect(remote.tell(i)).toBe('sent');
    world.run();
    expect(got.flat().sort()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(host.depths.depth(router.address.slot)).toBe(0);
    router.close();
    expect(remote.tell(7)).toBe('refused');
    expect(router.tell(7)).toBe('refused');
  });

  it('forgets routees of a host that died', () => {
    const { world, router } = withRouter('round-robin', 1);
    const away = world.host(1);
    router.add(
      away.spawn(
        defineActor<number>(() => () => {}),
        undefined,
      ),
    );
    world.run();
    expect(router.routees).toHaveLength(2);
    world.kill(1);
    world.run();
    expect(router.routees).toHaveLength(1);
  });

  it('that an actor made ends with it', () => {
    const world = new ActorWorld(1);
    const host = world.host();
    let router: ActorRef<number> | undefined;
    const owner = host.spawn(
      defineActor<number>((_, context) => {
        router = context.router<number>('broadcast', [context.self]);
        return () => {};
      }),
      undefined,
    );
    expect(router?.tell(1)).toBe('sent');
    host.stop(owner);
    world.run();
    expect(router?.tell(1)).toBe('refused');
  });

  it.each(['fastest', {}, null])('of kind %s is refused', (routing) => {
    const host = new ActorWorld(1).host();
    expect(() => host.router(routing as never, [])).toThrow(/is no way to route/);
  });
});

describe('the event stream', () => {
  const news = new Topic<string>('news');

  it('reaches actors of any host and listeners, until they end or want no more', () => {
    const world = new ActorWorld(1);
    const [home, away] = [world.host(0), world.host(1)];
    const got: string[] = [];
    const reader = defineActor<string, string>((name) => (text) => void got.push(`${name} ${text}`));
    const near = home.spawn(reader, 'near');
    const far = away.spawn(reader, 'far');
    home.events.subscribe(news, near);
    home.events.subscribe(news, near);
    home.events.subscribe(news, home.ref<string>(far.address));
    const end = home.events.listen(news, (text) => got.push(`listener ${text}`));
    home.events.publish(news, '1');
    world.run();
    expect(got.splice(0).sort()).toEqual(['far 1', 'listener 1', 'near 1']);
    away.stop(far);
    end();
    world.run();
    home.events.publish(news, '2');
    world.run();
    expect(got.splice(0)).toEqual(['near 2']);
    home.events.unsubscribe(news, near);
    expect(home.events.hasAudience(news)).toBe(false);
    home.events.publish(news, '3');
    world.run();
    expect(got).toEqual([]);
    expect(home.stats().deadLetters).toBe(0);
  });

  it('counts dead letters of a subscriber to dead letters, and does not go round in circles', async () => {
    const { deadLetters } = await import('#src/actor/topics.js');
    const world = new ActorWorld(1);
    const host = world.host();
    const slow = host.spawn(
      defineActor<unknown>(() => () => {}),
      undefined,
      { mailbox: { capacity: 1 } },
    );
    host.events.subscribe(deadLetters, slow);
    for (let i = 0; i < 5; i++) slow.tell('x');
    expect(host.stats().deadLetters).toBeGreaterThan(4);
  });
});
