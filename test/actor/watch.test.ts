import { describe, expect, it } from 'vitest';
import type { ActorAddress } from '#src/actor/address.js';
import { defineActor } from '#src/actor/define.js';
import type { ActorHost } from '#src/actor/host.js';
import { ActorWorld, forSeeds } from './world.js';

type Command = { readonly watch?: ActorAddress; readonly unwatch?: ActorAddress; readonly fail?: true };

/** Spawns an actor that watches whom it is told to, and notes what it learns. */
function spawnWatcher(host: ActorHost, log: string[], name = 'w') {
  const watcher = defineActor<Command>(() => ({
    receive({ watch, unwatch, fail }, context) {
      if (watch) context.watch(watch);
      if (unwatch) context.unwatch(unwatch);
      if (fail) throw new Error('told to');
    },
    terminated: (address, reason) => void log.push(`${name}: ${address.host}.${address.slot} ${reason}`),
  }));
  return host.spawn(watcher, undefined);
}

const victim = defineActor<'fail'>(() => () => {
  throw new Error('told to');
});

describe('death watch', () => {
  it.each([0, 1])('tells the watcher once why an actor of host %i has ended', (home) => {
    forSeeds(30, (world) => {
      const hosts = [world.host(0), world.host(1)];
      const log: string[] = [];
      const host = hosts[home] as ActorHost;
      const ref = host.spawn(victim, undefined);
      const watcher = spawnWatcher(hosts[0] as ActorHost, log);
      watcher.tell({ watch: ref.address });
      watcher.tell({ watch: ref.address });
      world.run();
      host.stop(ref);
      world.run();
      expect(log).toEqual([`w: ${home}.${ref.address.slot} stopped`]);
    });
  });

  it('says nothing of a restart, and `failed` of a failure', () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const log: string[] = [];
    const ref = host.spawn(victim, undefined, { supervision: { maxRestarts: 1 } });
    spawnWatcher(host, log).tell({ watch: ref.address });
    ref.tell('fail');
    world.run();
    expect(log).toEqual([]);
    ref.tell('fail');
    world.run();
    expect(log).toEqual([`w: 0.${ref.address.slot} failed`]);
  });

  it('says nothing any more after unwatch, whatever is on its way', () => {
    forSeeds(100, (world) => {
      const [home, away] = [world.host(0), world.host(1)];
      const log: string[] = [];
      const ref = away.spawn(victim, undefined);
      const watcher = spawnWatcher(home, log);
      watcher.tell({ watch: ref.address });
      world.run();
      away.stop(ref);
      for (let i = 0; i < 10 && log.length === 0; i++) world.run(0.001);
      const before = log.length;
      watcher.tell({ unwatch: ref.address });
      home.run();
      const after = log.length;
      world.run();
      expect(log.length).toBe(after);
      expect(after - before).toBeLessThanOrEqual(1);
    });
  });

  it('of an actor that has ended already answers at once, on any host', () => {
    forSeeds(20, (world) => {
      const hosts = [world.host(0), world.host(1)] as const;
      const log: string[] = [];
      const dead = hosts.map((host) => {
        const ref = host.spawn(victim, undefined);
        host.stop(ref);
        return ref.address;
      });
      world.run();
      const watcher = spawnWatcher(hosts[0], log);
      for (const watch of dead) watcher.tell({ watch });
      world.run();
      expect(log.sort()).toEqual(dead.map(({ host, slot }) => `w: ${host}.${slot} unknown`));
    });
  });

  it('tells of all actors of a host that died, and knows no such host afterwards', () => {
    forSeeds(50, (world) => {
      const [home, away, third] = [world.host(0), world.host(1), world.host(2)];
      const log: string[] = [];
      const refs = [away.spawn(victim, undefined), away.spawn(victim, undefined)];
      const safe = third.spawn(victim, undefined);
      const watcher = spawnWatcher(home, log);
      for (const { address } of [...refs, safe]) watcher.tell({ watch: address });
      world.run();
      world.kill(1);
      world.run();
      expect(log.sort()).toEqual(refs.map(({ address }) => `w: 1.${address.slot} worker-died`));
      watcher.tell({ watch: refs[0]?.address as ActorAddress });
      world.run();
      expect(log.at(-1)).toContain('worker-died');
      expect(home.ref<'fail'>(refs[0]?.address as ActorAddress).tell('fail')).toBe('refused');
    });
  });

  it('is forgotten when the host of the watcher dies', () => {
    const world = new ActorWorld(1);
    const [home, away] = [world.host(0), world.host(1)];
    const ref = home.spawn(victim, undefined);
    spawnWatcher(away, []).tell({ watch: ref.address });
    world.run();
    world.kill(1);
    world.run();
    home.stop(ref);
    world.run();
    expect(world.signalsToNobody).toBe(0);
  });

  it('does not outlive a restart of the watcher', () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const log: string[] = [];
    const ref = host.spawn(victim, undefined);
    const watcher = spawnWatcher(host, log);
    watcher.tell({ watch: ref.address });
    watcher.tell({ fail: true });
    world.run();
    host.stop(ref);
    world.run();
    expect(log).toEqual([]);
  });

  it('works for routers and pending asks, which have addresses too', () => {
    forSeeds(20, (world) => {
      const [home, away] = [world.host(0), world.host(1)];
      const log: string[] = [];
      const watcher = spawnWatcher(away, log);
      const router = home.router('random', [home.spawn(victim, undefined)]);
      const addresses = [router.address];
      const target = home.spawn(
        defineActor<ActorAddress>(() => () => {}),
        undefined,
      );
      void target
        .ask((replyTo) => {
          addresses.push(replyTo.address);
          return replyTo.address;
        }, {})
        .catch(() => {});
      for (const watch of addresses) watcher.tell({ watch });
      world.run(1_000);
      expect(log).toEqual([]);
      router.close();
      world.run(10_000);
      expect(log.sort()).toEqual(addresses.map(({ slot }) => `w: 0.${slot} stopped`).sort());
    });
  });

  it('can be taken back by code that is no actor', () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const ref = host.spawn(victim, undefined);
    const log: string[] = [];
    const [one, other] = [() => void log.push('one'), () => void log.push('other')];
    host.watch(ref.address, one);
    host.watch(ref.address, other);
    host.unwatch(ref.address, one);
    host.registry.register('name', ref);
    expect(host.registry.unregister('name')).toBe(true);
    expect(host.registry.unregister('name')).toBe(false);
    host.stop(ref);
    world.run();
    expect(log).toEqual(['other']);
  });

  it('works for code that is no actor, and in a circle', () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const log: string[] = [];
    const a = spawnWatcher(host, log, 'a');
    const b = spawnWatcher(host, log, 'b');
    a.tell({ watch: b.address });
    b.tell({ watch: a.address });
    host.watch(a.address, () => log.push('a has ended'));
    world.run();
    host.stop(a);
    world.run();
    expect(log).toEqual(['a has ended', `b: 0.${a.address.slot} stopped`]);
  });
});
