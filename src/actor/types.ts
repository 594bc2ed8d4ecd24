/** What an application sees of the actor runtime. Types only: nothing here costs anything at run time. */

import type { ActorAddress } from './address.js';
import type { EventStream } from './events.js';
import type { NameRegistry } from './registry.js';
import type { Router, Routing } from './router.js';
import type { SocketHooks } from './sockets/types.js';

/**
 * What became of a message that was told.
 * - `sent`: it is in the mailbox, or on its way with a place reserved.
 * - `queued`: accepted, but the mailbox is at or above its high-water mark (or the way there is full): slow down.
 * - `refused`: not accepted, for the mailbox is full, the actor is dead or the runtime closed. It is a dead letter.
 */
export type TellResult = 'sent' | 'queued' | 'refused';

/** How long an ask waits, and what ends it early. */
export interface AskOptions {
  /** Milliseconds until the ask fails with AskTimeoutError; `Infinity` for no limit. Default 5,000. */
  readonly timeoutMs?: number;
  /** Fails the ask with AbortError when it fires. */
  readonly signal?: AbortSignal;
}

/** A reference to an actor that takes messages of type M. May be sent inside messages; costs nothing to hold. */
export interface ActorRef<in M> {
  readonly address: ActorAddress;
  /** Puts a message into the actor's mailbox. Never waits, never throws on account of the actor's state. */
  tell(message: M): TellResult;
  /**
   * Sends the message that `make` builds around a temporary reference, and waits for the first reply that it is told.
   * @throws AskTimeoutError, AskRefusedError, AbortError, WorkerDiedError, RuntimeClosedError (all as rejections)
   */
  ask<R>(make: (replyTo: ActorRef<R>) => M, options?: AskOptions): Promise<R>;
}

/** What names an actor where its message type does not matter: any reference, or an address. */
export type AnyRef = ActorRef<never> | ActorAddress;

/**
 * Why an actor ended.
 * - `stopped`: by itself, its parent or whoever may stop it.
 * - `failed`: it failed, and its supervision said stop.
 * - `closed`: its host or the runtime was closed.
 * - `worker-died`: its thread died.
 * - `unknown`: it was dead already, or its host can't be reached.
 */
export type StopReason = 'stopped' | 'failed' | 'closed' | 'worker-died' | 'unknown';

/**
 * What every behaviour may have, besides what takes messages. A returned promise holds back this actor's next message or event
 * (nobody else's) until it is settled; a throw or a rejection is a failure, which the actor's supervision decides on.
 */
export interface BehaviourHooks<M> extends SocketHooks<M> {
  /** Before the first message, and again after each restart. */
  started?(context: ActorContext<M>): void | Promise<void>;
  /** The last call, when the actor's children have ended. Made even if it is stopped before `started` was called. */
  stopping?(context: ActorContext<M>, reason: StopReason): void | Promise<void>;
  /** The last call to this behaviour before a fresh one takes its place; the children have ended. */
  restarting?(context: ActorContext<M>, error: unknown): void | Promise<void>;
  /**
   * The last call on this worker, in place of `stopping`: the actor is about to move. What it returns is given to `migrated`
   * there; structured data, as messages are. If the move fails the behaviour goes on here: it must leave it fit for that.
   */
  migrating?(context: ActorContext<M>): unknown;
  /**
   * In place of `started`, on the worker that the actor has moved to: `create` was called there with the arguments that the
   * actor was spawned with. The actor takes part in nothing before the worker that it comes from has let go. Without this
   * hook `started` is called.
   */
  migrated?(state: unknown, context: ActorContext<M>): void | Promise<void>;
  /** An actor that this one watches has ended. May come before messages that it had told. */
  terminated?(address: ActorAddress, reason: StopReason, context: ActorContext<M>): void | Promise<void>;
  /** No message, and nothing of a socket, came for as long as `setReceiveTimeout` says. */
  receiveTimeout?(context: ActorContext<M>): void | Promise<void>;
  /** The mailbox of an actor that answered `queued` or `refused` (policy `back-pressure`) has room again. */
  mailboxDrained?(address: ActorAddress, context: ActorContext<M>): void | Promise<void>;
}

/** How an actor answers to messages. */
export interface MessageBehaviour<M> extends BehaviourHooks<M> {
  /** One message. */
  receive(message: M, context: ActorContext<M>): void | Promise<void>;
}

/** How an actor answers to its sockets alone: it has at least one of their hooks. A message to it is a dead letter. */
export interface SocketBehaviour<M = never> extends BehaviourHooks<M> {
  receive?: undefined;
}

/** Something for a behaviour without `receive`: M is never, or left open. */
type NoMessages<M> = ([M] extends [never] ? true : unknown extends M ? true : false) extends true ? unknown : never;

/**
 * How an actor answers to what happens to it. One that takes no messages needs no `receive`: say `defineActor<never>`, and
 * telling it anything is a compile error. (The form of this type lets the compiler find out the types of the hooks' parameters.)
 */
export type Behaviour<M> = MessageBehaviour<M> | (SocketBehaviour<M> & NoMessages<M>);

/** A behaviour that is only a function. */
export type Receive<M> = MessageBehaviour<M>['receive'];

/** What a mailbox does when it is full. */
export type MailboxPolicy = 'refuse' | 'drop-oldest' | 'drop-newest' | 'back-pressure';

/** The bound of a mailbox. It holds over all threads together. */
export interface MailboxOptions {
  /** Messages that it holds at most, 1 to 2^28. Default 65,536. */
  readonly capacity?: number;
  /** From this depth on tellers are answered `queued` and `high-water` is published. Default: half the capacity. */
  readonly highWaterMark?: number;
  /**
   * - `refuse` (default): the teller is told `refused`.
   * - `drop-oldest`: the new message takes the place of the oldest, which becomes a dead letter.
   * - `drop-newest`: the message counts as dropped, not as refused, in the dead letters; the teller is told `refused`.
   * - `back-pressure`: as `refuse`, and an actor that was answered anything but `sent` has its `mailboxDrained` hook called
   *   when the mailbox has fallen to half its high-water mark.
   */
  readonly policy?: MailboxPolicy;
}

/** What a supervisor does about a failure. */
export type Directive = 'restart' | 'resume' | 'stop' | 'escalate';

/** Delays before restarts: `minMs * factor^n`, at most `maxMs`, plus up to `jitter` (0 to 1) of itself. */
export interface BackOffOptions {
  readonly minMs: number;
  readonly maxMs: number;
  /** Default 2. */
  readonly factor?: number;
  /** Default 0.2. */
  readonly jitter?: number;
}

/** What happens when an actor fails. Given where it is spawned; carried out for its parent. */
export interface SupervisionOptions {
  /**
   * Who is restarted or stopped along with it: nobody (default), all its siblings, or those that were spawned after it.
   * An actor without parent has no siblings.
   */
  readonly strategy?: 'one-for-one' | 'one-for-all' | 'rest-for-one';
  /** Default: `restart`, always. */
  readonly decide?: (error: unknown) => Directive;
  /** More restarts than this within `withinMs` escalate. Default 10. */
  readonly maxRestarts?: number;
  /** Milliseconds. Default 10,000. */
  readonly withinMs?: number;
  /** Default: restart at once. */
  readonly backOff?: BackOffOptions;
}

/** What may be said where an actor is spawned. */
export interface SpawnOptions {
  /** The name that it has in the registry as long as it lives. @throws NameTakenError */
  readonly name?: string;
  /** Comes before what the definition says. */
  readonly mailbox?: MailboxOptions;
  readonly supervision?: SupervisionOptions;
}

/** How a field of a message travels between threads. `utf8:N`: a string of up to N bytes. */
export type MessageFieldType = 'u8' | 'i32' | 'u32' | 'f64' | 'bool' | 'bigint64' | 'ref' | `utf8:${number}`;

/** The declared fixed fields of a message type: messages of that form travel without general serialization. */
export type MessageFields = Readonly<Record<string, MessageFieldType>>;

/** What an actor module exports: how to make an actor, and what its messages are. Made by `defineActor`. */
export interface ActorDefinition<M, A> {
  /** Makes the first behaviour, and a fresh one for each restart. */
  readonly create: (args: A, context: ActorContext<M>) => Behaviour<M> | Receive<M>;
  readonly mailbox?: MailboxOptions;
  readonly message?: MessageFields;
}

/** The message type of a definition or a reference. */
export type MessageOf<D> = D extends ActorDefinition<infer M, never> ? M : D extends ActorRef<infer M> ? M : never;

/** What a definition's actors are made from. */
export type ArgsOf<D> = D extends { readonly create: (args: infer A, context: never) => unknown } ? A : never;

/** Timers of one actor, each with a key. They end with the actor, and with a restart. */
export interface ActorTimers<in M> {
  /** Tells the actor `message` in `ms` milliseconds. Takes the place of the timer of that key. */
  once(key: string, ms: number, message: M): void;
  /** Tells it `message` every `ms` milliseconds; ticks that it has no time for are not made up for. */
  every(key: string, ms: number, message: M): void;
  /** After this no message of that timer arrives any more. */
  cancel(key: string): void;
  cancelAll(): void;
  has(key: string): boolean;
}

/**
 * What an actor may do. Belongs to one behaviour's life: after a stop or a restart its methods throw ActorStoppedError,
 * so that a handler that was left behind can't meddle with the fresh one.
 */
export interface ActorContext<in out M> {
  readonly self: ActorRef<M>;
  /** Null for an actor that was spawned from outside. */
  readonly parent: ActorAddress | null;
  /** Who told the message that is handled now; null if no actor did, or one that told it after an `await`. */
  readonly sender: ActorAddress | null;
  readonly timers: ActorTimers<M>;
  readonly registry: NameRegistry;
  readonly events: EventStream;
  /** Milliseconds of the host's clock; never goes back. */
  now(): number;
  /** Spawns a child on this host. It ends with this actor. @throws NameTakenError, NoBehaviourError */
  spawn<N, A>(definition: ActorDefinition<N, A>, args: A, options?: SpawnOptions): ActorRef<N>;
  spawn<N>(definition: ActorDefinition<N, undefined>): ActorRef<N>;
  /** Makes a router; it ends with this life. Its routees may be anywhere. @throws InvalidOptionError */
  router<N>(routing: Routing<N>, routees: readonly ActorRef<N>[]): Router<N>;
  /** A live reference to an address that came in a message or a hook. */
  ref<N>(address: ActorAddress): ActorRef<N>;
  /** Has `terminated` called when that actor has ended; at once if it has ended already. */
  watch(ref: AnyRef): void;
  /** After this `terminated` is not called for that actor. */
  unwatch(ref: AnyRef): void;
  /** Puts a behaviour on top of the present one, from the next message on. */
  become(behaviour: Behaviour<M> | Receive<M>): void;
  /** Goes back to the behaviour below; the first one stays. */
  unbecome(): void;
  /** Sets the present message aside. @throws StashFullError */
  stash(): void;
  /** Puts what was set aside back in front of the mailbox, in order. */
  unstashAll(): void;
  /** Has `receiveTimeout` called whenever no message came for `ms` milliseconds; 0 for no more. */
  setReceiveTimeout(ms: number): void;
  /**
   * Moves this actor to another worker of the runtime, after the present message: nothing is said if it lives there already.
   * Address, name, watchers and waiting messages go on; timers, stacked behaviours and promises that are not settled end here.
   * Whether it has moved is published as `sanswitch.actor-moved`; if not, it lives on here.
   * @throws NotMovableError: it was not spawned from a module, has children, is about to end, or is being moved already;
   *   WorkerDiedError: that worker is not up; InvalidOptionError
   */
  migrate(worker: number): void;
  /** Stops this actor after the present message, or one of its children. @throws InvalidOptionError if not a child */
  stop(ref?: AnyRef): void;
}
