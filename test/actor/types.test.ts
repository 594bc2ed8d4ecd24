/** What must not compile. `npm run check` compiles this file; each @ts-expect-error that expects nothing is an error there. */

import type { LentBytes } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import type { ActorAddress } from '#src/actor/address.js';
import { defineActor } from '#src/actor/define.js';
import { Topic } from '#src/actor/events.js';
import type { ActorSocket } from '#src/actor/sockets/types.js';
import type { ActorRef, ArgsOf, MessageOf } from '#src/actor/types.js';
import { FakeStream } from './fake-stream.js';
import { ActorWorld } from './world.js';

type Message = { readonly add: number } | { readonly get: ActorRef<number> };

const counter = defineActor<Message, { start: number }>(({ start }) => {
  let sum = start;
  return (message) => {
    if ('add' in message) sum += message.add;
    else message.get.tell(sum);
  };
});

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

describe('wrong messages are compile errors', () => {
  it('told, asked, spawned, routed, published', async () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const ref = host.spawn(counter, { start: 1 });
    ref.tell({ add: 2 });
    const sum: Promise<number> = ref.ask<number>((get) => ({ get }));
    world.run(10);
    expect(await sum).toBe(3);

    const wrong = () => {
      // @ts-expect-error no such message
      ref.tell({ subtract: 1 });
      // @ts-expect-error a field of the wrong type
      ref.tell({ add: '1' });
      // @ts-expect-error the reply is a number
      void ref.ask<string>((get) => ({ get }));
      // @ts-expect-error arguments of the wrong type
      host.spawn(counter, { start: 'one' });
      // @ts-expect-error arguments are missing
      host.spawn(counter, undefined);
      // @ts-expect-error a reference takes no more than its actor does
      const wider: ActorRef<Message | string> = ref;
      const narrower: ActorRef<{ readonly add: number }> = ref;
      // @ts-expect-error routees of another message type
      host.router<string>('random', [ref]);
      // @ts-expect-error a subscriber that does not understand the event
      host.events.subscribe(new Topic<string>('text'), ref);
      // @ts-expect-error an event of another type
      host.events.publish(new Topic<string>('text'), 5);
      // @ts-expect-error no such policy
      host.spawn(counter, { start: 1 }, { mailbox: { policy: 'drop' } });
      // @ts-expect-error a behaviour for other messages
      defineActor<number>(() => (message: string) => void message);
      return [wider, narrower];
    };
    expect(wrong).toBeTypeOf('function');
  });

  it('within an actor', () => {
    const actor = defineActor<Message>((_, context) => (message) => {
      context.self.tell(message);
      // @ts-expect-error not a message of this actor
      context.self.tell(5);
      // @ts-expect-error nor for a timer
      context.timers.once('key', 1, 5);
      // @ts-expect-error nor this behaviour
      context.become((other: string) => void other);
    });
    expect(actor.create).toBeTypeOf('function');
  });

  it('names the types of a definition', () => {
    const message: Same<MessageOf<typeof counter>, Message> = true;
    const args: Same<ArgsOf<typeof counter>, { start: number }> = true;
    const none: Same<ArgsOf<ReturnType<typeof defineActor<string>>>, void> = true;
    expect([message, args, none]).toEqual([true, true, true]);
  });
});

describe('socket actors', () => {
  it('have typed hooks; one without `receive` takes no messages', () => {
    const host = new ActorWorld(1).host();
    const silent = defineActor<never, { greeting: string }>(({ greeting }) => ({
      connected(socket) {
        socket.send(Buffer.from(greeting));
      },
      received: (socket, bytes, context) => {
        const local: boolean = socket.send(bytes);
        // @ts-expect-error it takes no messages, its own included
        context.self.tell('hello');
        return void local;
      },
      completed(_, { token, kind }, error, bytes) {
        const text: string | undefined = error?.message;
        // @ts-expect-error what a token is, its owner knows
        const known: string = token;
        // @ts-expect-error no such kind
        if (kind === 'both') return;
        return void [text, known, bytes.toFixed()];
      },
    }));
    const talking = defineActor<string>(() => ({ receive() {}, ended: (socket) => socket.end() }));
    const lent = defineActor<never>(() => ({
      received(_socket, bytes: LentBytes) {
        // @ts-expect-error lent bytes are not written to
        bytes.fill(0);
        // @ts-expect-error nor is a byte of them
        bytes[0] = 1;
      },
    }));
    const open = defineActor(() => ({ received: (socket, bytes) => void socket.send(bytes) }));

    const wrong = () => {
      // @ts-expect-error no message is right
      host.spawn(silent, { greeting: 'hello' }).tell('hello');
      // @ts-expect-error arguments of the wrong type
      host.spawnSocket(silent, { greeting: 1 }, {}, new FakeStream());
      // @ts-expect-error an actor that takes messages has to say how
      defineActor<string>(() => ({ ended: (socket) => socket.end() }));
      // @ts-expect-error no such hook
      defineActor<never>(() => ({ receved() {} }));
      // @ts-expect-error a hook of the wrong form
      defineActor<never>(() => ({ received: (_: ActorSocket, bytes: string) => void bytes }));
      // @ts-expect-error the mailbox's hook has a name of its own
      defineActor<string>(() => ({ receive() {}, drained: (address: ActorAddress) => void address }));
    };
    expect([wrong, talking, lent, open].length).toBe(4);
    const message: Same<MessageOf<typeof silent>, never> = true;
    expect(message).toBe(true);
  });
});
