/** Scenes for actors that move between hosts, in virtual time. */
import type { ActorAddress } from '#src/actor/address.js';
import { defineActor } from '#src/actor/define.js';
import type { ActorHost } from '#src/actor/host.js';
import { SharedNames } from '#src/actor/shared-names.js';
import type { ActorContext, ActorRef, Behaviour } from '#src/actor/types.js';
import { type ActorWorld, Deferred } from './world.js';

export const NOMAD = 'file:///nomad.js';
const INTERVAL_US = 30;
export const WORKERS = [1, 2, 3];

interface Numbered {
  readonly teller: number;
  readonly number: number;
}

export type Order =
  | Numbered
  | { readonly migrate: number }
  | { readonly ask: ActorRef<number> }
  | { readonly watch: ActorAddress }
  | { readonly do: 'fail' | 'stop' | 'stash' | 'unstash' | 'spawn' | 'dawdle' };

/** What nomads of one world have seen, wherever they lived. */
export class Diary {
  /** Each teller's numbers, in the order in which they were handled. */
  readonly heard = new Map<number, number[]>();
  readonly homes: number[] = [];
  readonly words: string[] = [];
  /** What the hooks do beside their duty. */
  onMigrating: (context: ActorContext<Order>) => unknown = () => undefined;
  onMigrated: (context: ActorContext<Order>) => void | Promise<void> = () => undefined;
  onCreate: (context: ActorContext<Order>) => void = () => undefined;

  hear({ teller, number }: Numbered): void {
    const numbers = this.heard.get(teller) ?? [];
    numbers.push(number);
    this.heard.set(teller, numbers);
  }

  nomad() {
    return defineActor<Order, string>((label, context): Behaviour<Order> => {
      let handled = 0;
      this.onCreate(context);
      return {
        receive: (order, inner) => {
          if ('teller' in order) {
            handled++;
            return this.hear(order);
          }
          if ('migrate' in order) return inner.migrate(order.migrate);
          if ('ask' in order) return void order.ask.tell(handled);
          if ('watch' in order) return inner.watch(order.watch);
          return this.obey(order.do, inner);
        },
        migrating: (inner) => {
          const extra = this.onMigrating(inner);
          return extra instanceof Deferred ? (extra as unknown as Promise<void>) : { handled };
        },
        migrated: (state, inner) => {
          handled = (state as { handled: number } | undefined)?.handled ?? 0;
          this.homes.push(inner.self.address.host);
          this.words.push(label);
          return this.onMigrated(inner);
        },
        started: () => void this.words.push('started'),
        stopping: (_, reason) => void this.words.push(`stopping ${reason}`),
        terminated: (address, reason) => void this.words.push(`${address.host} ${reason}`),
      };
    });
  }

  private obey(what: string, context: ActorContext<Order>): void | Promise<void> {
    if (what === 'fail') throw new Error('as told');
    if (what === 'stop') context.stop();
    if (what === 'stash') context.stash();
    if (what === 'unstash') context.unstashAll();
    if (what === 'spawn')
      context.spawn(
        defineActor(() => () => {}),
        undefined,
      );
    if (what === 'dawdle') return new Deferred().promise;
  }
}

export interface Scene {
  readonly world: ActorWorld;
  readonly diary: Diary;
  readonly main: ActorHost;
  readonly ref: ActorRef<Order>;
}

/** A world of a main host and three workers, with a nomad on the first, held by the main host. */
export function scene(world: ActorWorld, options: object = {}): Scene {
  const diary = new Diary();
  const definition = diary.nomad();
  world.modules.set(NOMAD, definition as never);
  const names = new SharedNames(0);
  const [main] = [0, ...WORKERS].map((id) => world.host(id, { names: new SharedNames(id, names.memory) }));
  const home = world.hosts.get(1) as ActorHost;
  const local = home.spawn(definition, 'label', { module: NOMAD, ...options } as never);
  world.run();
  return { world, diary, main: main as ActorHost, ref: (main as ActorHost).ref(local.address) };
}

/** Has it moved, and runs until that is done. @returns its new address, or the error */
export function migrate({ world, main }: Scene, ref: ActorRef<Order>, to: number): ActorAddress | Error {
  let outcome: unknown = null;
  main.migrate(ref.address, to, (home, error) => {
    outcome = home ?? error;
  });
  world.run();
  return outcome as ActorAddress | Error;
}

/** Has an actor of that host tell numbers, a few at a time, at intervals no longer than mail takes. */
export function spawnTeller(host: ActorHost, { world, ref }: Scene, teller: number, count: number): void {
  const definition = defineActor<'next'>((_, context) => {
    const target = context.ref<Order>(ref.address);
    let number = 0;
    return (_next, { timers }) => {
      for (let i = world.random.below(4); i > 0 && number < count; i--) target.tell({ teller, number: ++number });
      if (number < count) timers.once('next', world.random.below(INTERVAL_US) / 1_000, 'next');
    };
  });
  host.spawn(definition, undefined).tell('next');
}
