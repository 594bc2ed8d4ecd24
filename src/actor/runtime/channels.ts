/** What the runtime publishes on `node:diagnostics_channel`, on the thread that made it. For actors see `topics.ts`. */
import { channel } from 'node:diagnostics_channel';
import type { AddressInfo } from 'node:net';
import type { DecisionRecord } from '../../switch/decisions.js';
import type { Caller } from '../../switch/requests.js';

/** `sanswitch.worker-started`, `sanswitch.worker-died`, `sanswitch.worker-given-up`. */
export interface WorkerEvent {
  readonly worker: number;
  /** That life's part of addresses. */
  readonly host: number;
  /** What it died of. */
  readonly error?: Error | null;
}

/** `sanswitch.actor-lost`: a supervised actor could not be started again after the death of its worker. */
export interface ActorLostEvent {
  readonly worker: number;
  readonly url: string;
  readonly name: string | null;
  readonly error: unknown;
}

const lostChannel = channel('sanswitch.actor-lost');

/** Publishes that. */
export function publishLost(event: ActorLostEvent): void {
  lostChannel.publish(event);
}

const workerChannels = {
  start: channel('sanswitch.worker-started'),
  death: channel('sanswitch.worker-died'),
  'give-up': channel('sanswitch.worker-given-up'),
};

/** Publishes what happened to a worker. */
export function publishWorker(what: keyof typeof workerChannels, event: WorkerEvent): void {
  workerChannels[what].publish(event);
}

/** `sanswitch.listener-opened`, `sanswitch.listener-closed`: it gets no more connections. */
export interface ListenerEvent {
  readonly address: AddressInfo;
  readonly decision: DecisionRecord;
}

/** `sanswitch.connection-placed`: a connection goes to a worker. */
export interface PlacedEvent {
  readonly caller: Caller;
  /** -1: its actor lives on the calling thread. */
  readonly worker: number;
}

/** `sanswitch.connection-refused`: a caller was turned away, or its worker could not open the connection. */
export interface RefusedEvent {
  /** Null: it was not turned away, its worker could not open the connection. */
  readonly caller: Caller | null;
  readonly reason:
    | 'max-connections'
    | 'not-admitted'
    | 'provider-required'
    | 'closed'
    | 'no-worker'
    | 'bad-placement'
    | 'failed';
}

const listenerChannels = {
  open: channel('sanswitch.listener-opened'),
  close: channel('sanswitch.listener-closed'),
};
const placedChannel = channel('sanswitch.connection-placed');
const refusedChannel = channel('sanswitch.connection-refused');

/** Publishes what happened to a listener. */
export function publishListener(what: keyof typeof listenerChannels, event: ListenerEvent): void {
  listenerChannels[what].publish(event);
}

/** Publishes where a connection goes. */
export function publishPlaced(caller: Caller, worker: number): void {
  if (placedChannel.hasSubscribers) placedChannel.publish({ caller, worker } satisfies PlacedEvent);
}

/** Publishes that a caller does not come in. */
export function publishRefused(caller: Caller | null, reason: RefusedEvent['reason']): void {
  if (refusedChannel.hasSubscribers) refusedChannel.publish({ caller, reason } satisfies RefusedEvent);
}
