/** How an actor's life begins and ends: step by step, one step a turn, so that hooks run where handlers run. */

import type { ActorCell } from './cell.js';
import { createBehaviour } from './define.js';
import { canAdvance, type Ending, PHASE, stopFor } from './ending.js';
import type { MessageQueue } from './message-queue.js';
import type { Remains } from './migration/forwarder.js';
import { announceEnd, unwatchAll } from './watch.js';

/** Makes the first behaviour of an actor. @throws whatever `create` throws; the actor ends then */
export function beginLife(cell: ActorCell): void {
  try {
    make(cell);
  } catch (error) {
    cell.transit?.failed(error);
    cell.phase = PHASE.running;
    beginEnding(cell, stopFor('failed'));
    throw error;
  }
}

/** Has an actor stop or restart: after the handler that runs, before the next message. A stop overtakes a restart. */
export function beginEnding(cell: ActorCell, ending: Ending): void {
  if (cell.phase === PHASE.stopped) return;
  if (cell.ending !== null) {
    if (ending.goal === 'restart' || cell.ending.goal === 'stop') return;
    disarm(cell);
    // The last life is over already: there is nobody left to call.
    if (cell.phase === PHASE.paused || cell.phase === PHASE.reborn) cell.phase = PHASE.over;
  } else {
    cell.transit?.callOff();
    cell.phase = PHASE.ending;
  }
  cell.ending = ending;
  if (cell.pending !== null) boundWait(cell, ending);
  else cell.core.dispatcher.ready(cell);
}

/** Takes an actor one step further through its phases. @returns false if it waits for something, or has stopped */
export function advance(cell: ActorCell): boolean {
  if (!canAdvance(cell.phase)) return false;
  disarm(cell);
  switch (cell.phase) {
    case PHASE.starting:
      cell.phase = PHASE.running;
      cell.call((one, context) => one.started?.(context));
      return true;
    case PHASE.ending:
      stopChildren(cell, cell.ending as Ending);
      return true;
    case PHASE.hook:
      callLastHook(cell, cell.ending as Ending);
      return true;
    case PHASE.over:
      endLife(cell);
      if (cell.ending?.goal === 'stop') finish(cell, cell.ending);
      else pause(cell, cell.ending as Ending);
      return true;
    case PHASE.reborn:
      beginAnew(cell);
      return true;
    case PHASE.transit:
      cell.transit?.advance();
      return true;
    default:
      return false;
  }
}

function make(cell: ActorCell): void {
  const { definition, args, context } = cell;
  cell.behaviour = createBehaviour(definition as NonNullable<typeof definition>, args, context);
  cell.lives++;
  // Its `create` may have had it stop.
  if (cell.phase !== PHASE.starting) return;
  if (cell.transit !== null) {
    cell.phase = PHASE.transit;
    cell.wake();
    return;
  }
  // An actor without the hook needs no turn to start.
  if (cell.behaviour.started === undefined) cell.phase = PHASE.running;
  else cell.core.dispatcher.ready(cell);
}

function stopChildren(cell: ActorCell, ending: Ending): void {
  if (cell.children === null) {
    cell.phase = PHASE.hook;
    return;
  }
  cell.phase = PHASE.children;
  for (const child of cell.children) beginEnding(child, stopFor(ending.reason === 'closed' ? 'closed' : 'stopped'));
}

function childEnded(parent: ActorCell, child: ActorCell): void {
  parent.children?.delete(child);
  if (parent.children?.size !== 0) return;
  parent.children = null;
  if (parent.phase !== PHASE.children) return;
  parent.phase = PHASE.hook;
  parent.core.dispatcher.ready(parent);
}

function callLastHook(cell: ActorCell, ending: Ending): void {
  cell.phase = PHASE.over;
  if (ending.goal === 'stop') cell.call((one, context) => one.stopping?.(context, ending.reason));
  else cell.call((one, context) => one.restarting?.(context, ending.error));
  if (cell.pending !== null) boundWait(cell, ending);
}

/** Ends what belongs to one life: all but address, mailbox, watchers and name. */
function endLife(cell: ActorCell): void {
  cell.context.detach();
  cell.behaviour = null;
  cell.covered = null;
  cell.timers?.close();
  cell.timers = null;
  cell.receiveTimer?.cancel();
  cell.receiveTimer = null;
  for (const one of cell.attached ?? []) one.close();
  cell.attached = null;
  cell.connections?.lifeEnds();
  unwatchAll(cell);
}

function pause(cell: ActorCell, ending: Ending): void {
  cell.phase = PHASE.reborn;
  if (ending.delayMs === 0) return;
  cell.phase = PHASE.paused;
  ending.timerId = cell.core.clock.setTimer(ending.delayMs, () => {
    ending.timerId = null;
    cell.phase = PHASE.reborn;
    cell.core.dispatcher.ready(cell);
  });
}

function beginAnew(cell: ActorCell): void {
  cell.ending = null;
  cell.phase = PHASE.starting;
  cell.renewContext();
  cell.unstashAll();
  cell.core.restarts++;
  try {
    make(cell);
    cell.connections?.lifeBegins();
  } catch (error) {
    cell.fail(error);
  }
}

function finish(cell: ActorCell, ending: Ending): void {
  const { core, address, mailbox, stashed, signals, blocked } = cell;
  cell.phase = PHASE.stopped;
  cell.ending = null;
  cell.mailbox = cell.stashed = cell.signals = cell.blocked = null;
  cell.definition = null;
  cell.args = undefined;
  cell.connections?.actorEnded(ending.reason === 'failed');
  cell.connections = null;
  core.slots.close(address);
  if (signals !== null) while (signals.length > 0) signals.shift();
  for (const queue of [mailbox, stashed]) bury(cell, queue, queue === mailbox);
  for (const queue of [mailbox, stashed, signals]) if (queue !== null) core.queues.give(queue);
  // Nobody shall wait for room in a mailbox that is gone.
  for (const teller of blocked?.values() ?? []) core.sendSignal(teller, { kind: 'drained', from: address });
  announceEnd(cell, ending.reason);
  if (cell.parent !== null) childEnded(cell.parent, cell);
  core.cellEnded(cell, ending.reason);
}

/**
 * Ends an actor's last life on this host without a word to anybody, for it lives on elsewhere. Its address stays open.
 * @returns what its forwarder is to take care of
 */
export function depart(cell: ActorCell): Pick<Remains, 'watchers' | 'waiting'> {
  // Set aside or not: all of it goes along.
  cell.unstashAll();
  const { core, watchers, mailbox: waiting, signals } = cell;
  endLife(cell);
  cell.phase = PHASE.stopped;
  cell.watchers = cell.blocked = cell.mailbox = cell.signals = cell.definition = null;
  cell.args = undefined;
  if (signals !== null) core.queues.give(signals);
  core.abroad.delete(cell);
  core.cellLeft();
  return { watchers, waiting };
}

/** Makes dead letters of all messages of a queue. */
function bury(cell: ActorCell, queue: MessageQueue | null, hasPlaces: boolean): void {
  while (queue !== null && queue.length > 0) {
    const sender = queue.headSender();
    const message = queue.shift();
    if (hasPlaces) cell.core.slots.depths.release(cell.address.slot);
    cell.core.deadLetter(message, cell.address, sender, 'no-actor');
  }
}

/** Gives the handler or hook that has not returned a bounded time. */
function boundWait(cell: ActorCell, ending: Ending): void {
  const { pending, core } = cell;
  ending.timerId = core.clock.setTimer(core.limits.stopTimeoutMs, () => {
    ending.timerId = null;
    if (cell.pending !== pending) return;
    cell.abandon();
    core.dispatcher.ready(cell);
  });
}

function disarm(cell: ActorCell): void {
  const timerId = cell.ending?.timerId ?? null;
  if (timerId === null) return;
  cell.core.clock.clearTimer(timerId);
  (cell.ending as Ending).timerId = null;
}
