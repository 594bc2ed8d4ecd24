/** What the runtime publishes on `node:diagnostics_channel`, on the thread that made it. For actors see `topics.ts`. */
import { channel } from 'node:diagnostics_channel';

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
