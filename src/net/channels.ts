/**
 * Handles that go to other processes (`child.send(message, socket)`). Only the platform's own can: native code takes ours for one
 * of those, and crashes. A server one of whose handles was to go stays on TCP/IP from then on.
 */
import { ChildProcess } from 'node:child_process';
import { Server, Socket } from 'node:net';
import { invalidHandleType } from '../misuse.js';
import type { InnerSocket } from './internals.js';
import { stayOnTcp } from './listening.js';
import { PlainHandle } from './plain-handle.js';

type Send = (message: unknown, handle?: unknown, ...rest: unknown[]) => boolean;

/** Something with a channel to another process, or none yet. */
interface Channelled {
  send?: Send;
}

/** @throws TypeError as the platform's for what can't be sent */
function check(handle: unknown): void {
  if (handle instanceof Server) stayOnTcp(handle);
  if (!(handle instanceof Socket)) return;
  const { server } = handle as { server?: Server | null };
  if (server) stayOnTcp(server);
  if ((handle as unknown as InnerSocket)._handle instanceof PlainHandle) {
    throw invalidHandleType();
  }
}

function guard(target: Channelled): void {
  const { send } = target;
  if (send === undefined) return;
  target.send = function guarded(...args) {
    check(args[1]);
    return Reflect.apply(send, this, args) as boolean;
  };
}

let areGuarded = false;

/** Watches over the channels of this process: to its parent, and to the children that it will have. */
export function guardChannels(): void {
  if (areGuarded) return;
  areGuarded = true;
  guard(process as Channelled);
  const prototype = ChildProcess.prototype as unknown as { spawn(...args: unknown[]): unknown };
  const { spawn } = prototype;
  prototype.spawn = function patched(this: Channelled, ...args: unknown[]) {
    const result = Reflect.apply(spawn, this, args) as unknown;
    guard(this);
    return result;
  };
}
