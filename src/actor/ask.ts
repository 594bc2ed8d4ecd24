/** Asking: a message with a temporary reply address, and a promise of the first message that comes there. */

import { onAbort, throwIfAborted } from '../abort.js';
import { AskRefusedError, AskTimeoutError, RuntimeClosedError, WorkerDiedError } from '../errors.js';
import type { ActorAddress } from './address.js';
import type { HostCore } from './core.js';
import { packMark } from './depth-table.js';
import { checkDelay } from './options.js';
import { Reference } from './reference.js';
import type { Signal } from './remote.js';
import type { ActorRef, AskOptions, TellResult } from './types.js';
import { announceEnd, forgetWatchers, heedWatcher, type Watched } from './watch.js';

const DEFAULT_TIMEOUT_MS = 5_000;
/** An ask takes one reply; the bound is for those of other threads who send more. */
const ASK_MARK = packMark(2, 'refuse');

/** Asks an actor: see `ActorRef.ask`. */
export function ask<M, R>(
  core: HostCore,
  target: ActorRef<M>,
  make: (replyTo: ActorRef<R>) => M,
  options: AskOptions = {},
): Promise<R> {
  let pending: PendingAsk | null = null;
  try {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
    if (timeoutMs !== Number.POSITIVE_INFINITY) checkDelay('timeoutMs', timeoutMs, 1);
    throwIfAborted(signal);
    if (core.isClosed) throw new RuntimeClosedError();
    pending = new PendingAsk(core, target.address);
    const answered = pending.answered();
    if (target.tell(make(pending)) === 'refused') {
      throw new AskRefusedError(`${target.address} did not take the message: it has ended, or its mailbox is full`);
    }
    pending.expect(timeoutMs, signal);
    return answered as Promise<R>;
  } catch (error) {
    pending?.close();
    return Promise.reject(error);
  }
}

/** The reply address of one ask; a slot and little more. Also the reference that the asked actor replies to. */
export class PendingAsk extends Reference implements ActorRef<unknown>, Watched {
  readonly address: ActorAddress;
  /** Whom was asked, for the words of an error. */
  readonly asked: ActorAddress;
  /** Of the list of asks with the same time-out: neighbours, and when this one is over. */
  previous: PendingAsk | null = null;
  next: PendingAsk | null = null;
  list: AskList | null = null;
  deadlineUs = 0;
  watchers: Map<string, ActorAddress> | null = null;
  readonly core: HostCore;
  private resolve: ((reply: unknown) => void) | null = null;
  private reject: ((error: unknown) => void) | null = null;
  private forgetSignal: (() => void) | null = null;
  private isOpen = true;

  /** @throws TooManyActorsError */
  constructor(core: HostCore, asked: ActorAddress) {
    super();
    this.core = core;
    this.asked = asked;
    this.address = core.slots.open(1, ASK_MARK);
    core.slots.fill(this.address, this);
    core.pendingAsks++;
  }

  get ref(): ActorRef<never> {
    return this;
  }

  /** The promise of the reply. */
  answered(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** The message is told: from now on the reply may be late, or not wanted any more. */
  expect(timeoutMs: number, signal: AbortSignal | undefined): void {
    // Whoever was told may be no actor, and have replied at once.
    if (!this.isOpen) return;
    if (timeoutMs !== Number.POSITIVE_INFINITY) this.core.askTimers.add(this, timeoutMs);
    if (this.asked.host !== this.address.host) this.core.abroad.add(this);
    if (signal !== undefined) this.forgetSignal = onAbort(signal, (error) => this.fail(error));
  }

  tell(reply: unknown): TellResult {
    const { current } = this.core.dispatcher;
    return this.tellFrom(reply, current === null ? null : current.address);
  }

  ask<R>(make: (replyTo: ActorRef<R>) => unknown, options?: AskOptions): Promise<R> {
    return ask(this.core, this, make, options);
  }

  tellFrom(reply: unknown, sender: ActorAddress | null): TellResult {
    if (!this.isOpen) {
      this.core.deadLetter(reply, this.address, sender, 'no-actor');
      return 'refused';
    }
    this.close();
    this.resolve?.(reply);
    return 'sent';
  }

  accept(reply: unknown, sender: ActorAddress | null): void {
    this.core.slots.depths.release(this.address.slot);
    this.tellFrom(reply, sender);
  }

  signal(signal: Signal): void {
    if (signal.kind === 'watch' || signal.kind === 'unwatch') heedWatcher(this, signal.from, signal.kind === 'watch');
  }

  hostDied(host: number): void {
    forgetWatchers(this, host);
    if (host === this.asked.host) this.fail(new WorkerDiedError(`the worker of ${this.asked} died before it answered`));
  }

  hostClosed(): void {
    this.fail(new RuntimeClosedError());
  }

  fail(error: unknown): void {
    this.close();
    this.reject?.(error);
  }

  /** Gives the slot back: later replies are dead letters. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.list?.remove(this);
    if (this.asked.host !== this.address.host) this.core.abroad.delete(this);
    this.forgetSignal?.();
    this.core.slots.close(this.address);
    this.core.pendingAsks--;
    if (this.watchers !== null) announceEnd(this, 'stopped');
  }
}

/** Asks of one time-out, in the order of their deadlines, which is that of their beginning. */
class AskList {
  private readonly core: HostCore;
  private readonly timeoutMs: number;
  private first: PendingAsk | null = null;
  private last: PendingAsk | null = null;
  private timerId: number | null = null;

  constructor(core: HostCore, timeoutMs: number) {
    this.core = core;
    this.timeoutMs = timeoutMs;
  }

  get isEmpty(): boolean {
    return this.first === null && this.timerId === null;
  }

  add(one: PendingAsk): void {
    one.list = this;
    one.deadlineUs = this.core.clock.nowUs() + this.timeoutMs * 1_000;
    one.previous = this.last;
    if (this.last === null) this.first = one;
    else this.last.next = one;
    this.last = one;
    // One timer for all of them: answered asks leave it alone, and it is set again when it has fired.
    this.timerId ??= this.core.clock.setTimer(this.timeoutMs, this.expire);
  }

  remove(one: PendingAsk): void {
    if (one.previous === null) this.first = one.next;
    else one.previous.next = one.next;
    if (one.next === null) this.last = one.previous;
    else one.next.previous = one.previous;
    one.list = one.previous = one.next = null;
  }

  /** Takes the timer back. The list is empty. */
  close(): void {
    if (this.timerId !== null) this.core.clock.clearTimer(this.timerId);
    this.timerId = null;
  }

  private readonly expire = (): void => {
    this.timerId = null;
    const nowUs = this.core.clock.nowUs();
    while (this.first !== null && this.first.deadlineUs <= nowUs) {
      const { asked } = this.first;
      this.first.fail(new AskTimeoutError(`no reply from ${asked} within ${this.timeoutMs} ms`));
    }
    if (this.first !== null) {
      const leftMs = Math.ceil((this.first.deadlineUs - nowUs) / 1_000);
      this.timerId = this.core.clock.setTimer(Math.max(1, leftMs), this.expire);
    }
  };
}

/** Distinct time-outs whose empty lists are kept. */
const LISTS_MAX = 64;

/** The time-outs of a host's asks. */
export class AskTimers {
  private readonly core: HostCore;
  private readonly lists = new Map<number, AskList>();

  constructor(core: HostCore) {
    this.core = core;
  }

  /** The host closes, all asks have failed. */
  close(): void {
    for (const list of this.lists.values()) list.close();
    this.lists.clear();
  }

  add(one: PendingAsk, timeoutMs: number): void {
    let list = this.lists.get(timeoutMs);
    if (list === undefined) {
      this.sweep();
      list = new AskList(this.core, timeoutMs);
      this.lists.set(timeoutMs, list);
    }
    list.add(one);
  }

  /** An application that computes its time-outs must not leave a list behind for each. */
  private sweep(): void {
    if (this.lists.size < LISTS_MAX) return;
    for (const [timeoutMs, list] of this.lists) if (list.isEmpty) this.lists.delete(timeoutMs);
  }
}
