/**
 * Every error that sanswitch makes itself, defined once. Errors of the system keep Node's own shape and codes
 * (`ECONNREFUSED`, `EADDRINUSE`, ...); what only this library can say is an `ERR_SANSWITCH_*` with a class of its own.
 */

import { inspect } from 'node:util';

/** The fields that Node adds to system errors, and that ours carry too where they apply. */
export interface ErrorDetails {
  readonly errno?: number;
  readonly syscall?: string;
  readonly address?: string;
  readonly port?: number;
  readonly cause?: unknown;
}

/** The longest text that an error quotes, in characters. */
const SHOWN_MAX = 128;

/** Any value as an error quotes it, cut short. Never throws, which `String` does for some objects. */
export function showValue(value: unknown): string {
  return inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY, customInspect: false }).slice(0, SHOWN_MAX);
}

/** Base of all errors made by this library; `code` says which one it is. */
export class SanswitchError extends Error {
  readonly code: string;
  readonly errno?: number;
  readonly syscall?: string;
  readonly address?: string;
  readonly port?: number;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    if (details.errno !== undefined) this.errno = details.errno;
    if (details.syscall !== undefined) this.syscall = details.syscall;
    if (details.address !== undefined) this.address = details.address;
    if (details.port !== undefined) this.port = details.port;
  }

  override get name(): string {
    return this.constructor.name;
  }

  /** Node prints `Name [CODE]: message` for its own errors; so do we. */
  override toString(): string {
    return `${this.name} [${this.code}]: ${this.message}`;
  }
}

/** A forbidden fallback: the configuration demands a provider (`shm!`) that did not serve the connection. */
export class ProviderRequiredError extends SanswitchError {
  /** The decision record: every provider that was considered, and why it did not serve. */
  decision: unknown = null;

  constructor(message: string, details?: ErrorDetails) {
    super('ERR_SANSWITCH_PROVIDER_REQUIRED', message, details);
  }
}

/** `providers` names a provider that nobody registered. */
export class UnknownProviderError extends SanswitchError {
  constructor(message: string) {
    super('ERR_SANSWITCH_UNKNOWN_PROVIDER', message);
  }
}

/** A line of the rules file (`SANSWITCH_RULES`) can't be meant, or the file can't be read. The message begins with the file and the line. */
export class InvalidRuleError extends SanswitchError {
  constructor(message: string, details?: ErrorDetails) {
    super('ERR_SANSWITCH_INVALID_RULE', message, details);
  }
}

/** An option has a value that it cannot have (out of range, of the wrong type, contradictory). */
export class InvalidOptionError extends SanswitchError {
  constructor(message: string) {
    super('ERR_SANSWITCH_INVALID_OPTION', message);
  }
}

/** A provider breaks the SPI: it threw, lacks a required function, or answered what no provider may answer. */
export class ProviderFaultError extends SanswitchError {
  constructor(message: string, details?: ErrorDetails) {
    super('ERR_SANSWITCH_PROVIDER_FAULT', message, details);
  }
}

/** The peer's switch spoke nonsense on an established session; the connection ends. */
export class SessionProtocolError extends SanswitchError {
  constructor(message: string, details?: ErrorDetails) {
    super('ERR_SANSWITCH_SESSION_PROTOCOL', message, details);
  }
}

/** A shared ring holds what no honest writer writes (positions that jump, lengths out of range). */
export class RingCorruptError extends SanswitchError {
  constructor(message: string) {
    super('ERR_SANSWITCH_RING_CORRUPT', message);
  }
}

/** Urgent data on a connection that TCP/IP serves: Node's TCP has none (rule 5.9). */
export class UrgentUnsupportedError extends SanswitchError {
  constructor(message: string) {
    super('ERR_SANSWITCH_URGENT_UNSUPPORTED', message);
  }
}

/** The native addon could not be loaded; the message lists what was tried. */
export class NativeUnavailableError extends SanswitchError {
  constructor(message: string, details?: ErrorDetails) {
    super('ERR_SANSWITCH_NATIVE_UNAVAILABLE', message, details);
  }
}

/** The address space for shared memory can't be had; the message says what is in the way. */
export class NoWindowError extends SanswitchError {
  constructor(message: string, details?: ErrorDetails) {
    super('ERR_SANSWITCH_NO_WINDOW', message, details);
  }
}

/** The switch (or the runtime) was closed; nothing can be opened through it any more. */
export class SwitchClosedError extends SanswitchError {
  constructor(message = 'the switch is closed') {
    super('ERR_SANSWITCH_CLOSED', message);
  }
}

/** A connection could not be handed to another owner. The message says why, and whether it stays where it is or has ended. */
export class HandOverError extends SanswitchError {
  constructor(message: string, details?: ErrorDetails) {
    super('ERR_SANSWITCH_HAND_OVER', message, details);
  }
}

/** A lock is given back by a thread that does not hold it. */
export class NotOwnerError extends SanswitchError {
  constructor(message: string) {
    super('ERR_SANSWITCH_NOT_OWNER', message);
  }
}

/** A thread would wait for itself: it holds the lock that it wants to block for. */
export class DeadlockError extends SanswitchError {
  constructor(message: string) {
    super('ERR_SANSWITCH_DEADLOCK', message);
  }
}

/** The actor has ended, or the context belongs to a life of it that has. */
export class ActorStoppedError extends SanswitchError {
  constructor(message: string, details?: ErrorDetails) {
    super('ERR_SANSWITCH_ACTOR_STOPPED', message, details);
  }
}

/** The actor can't be moved to another worker, now or ever; it lives on where it is. */
export class NotMovableError extends SanswitchError {
  constructor(message: string, details?: ErrorDetails) {
    super('ERR_SANSWITCH_NOT_MOVABLE', message, details);
  }
}

/** No reply came to an `ask` in time. */
export class AskTimeoutError extends SanswitchError {
  constructor(message: string) {
    super('ERR_SANSWITCH_ASK_TIMEOUT', message);
  }
}

/** The message of an `ask` was refused: the actor is dead, or its mailbox full. */
export class AskRefusedError extends SanswitchError {
  constructor(message: string) {
    super('ERR_SANSWITCH_ASK_REFUSED', message);
  }
}

/** The registry has another actor of that name. */
export class NameTakenError extends SanswitchError {
  constructor(message: string) {
    super('ERR_SANSWITCH_NAME_TAKEN', message);
  }
}

/** A definition or its `create` gave nothing that can receive messages. */
export class NoBehaviourError extends SanswitchError {
  constructor(message: string, details?: ErrorDetails) {
    super('ERR_SANSWITCH_NO_BEHAVIOUR', message, details);
  }
}

/** An actor wants to set more messages aside than its stash holds. */
export class StashFullError extends SanswitchError {
  constructor(message: string) {
    super('ERR_SANSWITCH_STASH_FULL', message);
  }
}

/** A host has as many actors as its slot table has room for. */
export class TooManyActorsError extends SanswitchError {
  constructor(message: string) {
    super('ERR_SANSWITCH_TOO_MANY_ACTORS', message);
  }
}

/** A message can't be sent to another thread: it holds something that no serialization takes. */
export class NotSerializableError extends SanswitchError {
  constructor(message: string, details?: ErrorDetails) {
    super('ERR_SANSWITCH_NOT_SERIALIZABLE', message, details);
  }
}

/** The actor runtime, or this thread's part of it, is closed. */
export class RuntimeClosedError extends SanswitchError {
  constructor(message = 'the actor runtime is closed') {
    super('ERR_SANSWITCH_RUNTIME_CLOSED', message);
  }
}

/** A worker of the actor runtime has died, or could not be started; its actors are gone. `cause` is what it died of. */
export class WorkerDiedError extends SanswitchError {
  constructor(message: string, details?: ErrorDetails) {
    super('ERR_SANSWITCH_WORKER_DIED', message, details);
  }
}
