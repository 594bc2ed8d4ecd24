/** What is done about an actor that has failed. Its parent's part, though none of the parent's code runs. */

import { InvalidOptionError, showValue } from '../errors.js';
import type { ActorCell } from './cell.js';
import { restartFor, stopFor } from './ending.js';
import { beginEnding } from './lifecycle.js';
import type { Directive } from './types.js';

/** Decides about a failure and carries the decision out. */
export function supervise(cell: ActorCell, failure: unknown): void {
  const { core, parent, address } = cell;
  const { directive, error } = decide(cell, failure);
  switch (directive) {
    case 'resume':
      return core.failed(address, error, 'resumed');
    case 'restart': {
      core.failed(address, error, 'restarted');
      const delayMs = backOffMs(cell);
      for (const one of group(cell)) beginEnding(one, restartFor(error, delayMs));
      return;
    }
    case 'stop':
      core.failed(address, error, 'stopped');
      for (const one of group(cell)) beginEnding(one, stopFor(one === cell ? 'failed' : 'stopped'));
      return;
    case 'escalate':
      core.failed(address, error, parent === null ? 'stopped' : 'escalated');
      beginEnding(cell, stopFor('failed'));
      // The parent fails in its child's place; what it is about to do goes first if it ends already.
      if (parent !== null && parent.ending === null) parent.fail(error);
  }
}

/** What shall be done; a decision that can't be made or carried out goes up. */
function decide(cell: ActorCell, error: unknown): { directive: Directive; error: unknown } {
  let directive: Directive;
  try {
    directive = cell.supervision.decide(error);
  } catch (cause) {
    return { directive: 'escalate', error: cause };
  }
  switch (directive) {
    case 'restart':
      return { directive: countRestart(cell) ? 'restart' : 'escalate', error };
    case 'resume':
      // Without a behaviour (its `create` has failed) there is nothing to go on with.
      return { directive: cell.behaviour === null ? 'stop' : 'resume', error };
    case 'stop':
    case 'escalate':
      return { directive, error };
    default: {
      const message = `supervision.decide answered ${showValue(directive)}`;
      return { directive: 'escalate', error: new InvalidOptionError(message) };
    }
  }
}

/** Counts a restart. @returns false if there were too many lately */
function countRestart(cell: ActorCell): boolean {
  const { maxRestarts, withinMs } = cell.supervision;
  const nowUs = cell.core.clock.nowUs();
  cell.restarts ??= [];
  const { restarts } = cell;
  while (restarts.length > 0 && nowUs - (restarts[0] as number) > withinMs * 1_000) restarts.shift();
  if (restarts.length >= maxRestarts) return false;
  restarts.push(nowUs);
  return true;
}

function backOffMs(cell: ActorCell): number {
  const { minMs, maxMs, factor, jitter } = cell.supervision.backOff;
  const earlier = (cell.restarts?.length ?? 1) - 1;
  const delayMs = Math.min(maxMs, minMs * factor ** earlier);
  return delayMs * (1 + jitter * cell.core.limits.random());
}

/** Who shares the fate of an actor that has failed, in the order of their spawning. */
function group(cell: ActorCell): ActorCell[] {
  const { strategy } = cell.supervision;
  if (strategy === 'one-for-one') return [cell];
  const siblings = [...(cell.parent?.children ?? [])];
  return strategy === 'one-for-all' ? siblings : siblings.slice(siblings.indexOf(cell));
}
