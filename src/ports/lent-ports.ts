/**
 * Virtual ports of connections that have changed their thread (rules 2.5, 8.1). A block stays with the thread that has it; who
 * closes the connection tells that thread, over a channel that all threads of the process share.
 */
import { BroadcastChannel } from 'node:worker_threads';
import { releaseVirtualPort } from './virtual-ports.js';

/** Ports of this thread whose connections are on others. */
const lent = new Set<number>();
let channel: BroadcastChannel | null = null;

function open(): BroadcastChannel {
  if (channel === null) {
    channel = new BroadcastChannel('sanswitch/ports');
    channel.onmessage = ({ data }: MessageEvent) => takeBack(data);
    channel.unref();
  }
  return channel;
}

function takeBack(port: unknown): boolean {
  if (!lent.delete(port as number)) return false;
  releaseVirtualPort('', port as number);
  return true;
}

/** A port of this thread goes with its connection to another one. */
export function lendVirtualPort(port: number): void {
  lent.add(port);
  open();
}

/** The connection is closed: whoever has lent the port has it again. */
export function returnVirtualPort(port: number): void {
  if (!takeBack(port)) open().postMessage(port);
}
