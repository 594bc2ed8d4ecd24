/**
 * What a call of the control plane comes to, in a form that structured cloning carries whole: it would strip an error of its
 * class and its code.
 */
import { types } from 'node:util';
import * as errors from '../../errors.js';

/** A value, or what was thrown. Can be posted as long as the value can. */
export type Outcome<T> = { readonly value: T } | { readonly thrown: Thrown };

/** An error under way between threads. */
export interface Thrown {
  /** Set for this library's own errors. */
  readonly code: string | undefined;
  readonly message: string;
  readonly stack: string | undefined;
  /** For our own errors their cause, otherwise what was thrown itself; as far as it can be cloned. */
  readonly inner: unknown;
  /** An error's further properties (`errno`, `syscall`, `address`, ...). */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Of an AggregateError. */
  readonly errors: readonly Thrown[] | null;
}

type ErrorClass = new (message: string, details?: errors.ErrorDetails) => errors.SanswitchError;

/** The errors that a host throws at the runtime, by code. */
const CLASSES: readonly ErrorClass[] = [
  errors.ActorStoppedError,
  errors.HandOverError,
  errors.InvalidOptionError,
  errors.NameTakenError,
  errors.NativeUnavailableError,
  errors.NoBehaviourError,
  errors.NotMovableError,
  errors.NotSerializableError,
  errors.ProviderFaultError,
  errors.ProviderRequiredError,
  errors.RuntimeClosedError,
  errors.SessionProtocolError,
  errors.SwitchClosedError,
  errors.TooManyActorsError,
  errors.WorkerDiedError,
];
const byCode = new Map(CLASSES.map((one) => [new one('').code, one]));

function cloneable(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return errors.showValue(value);
  }
}

/** What cloning an error leaves out. */
function fieldsOf(error: Error): Record<string, unknown> {
  const own = Object.entries(error).filter(([name]) => name !== 'name');
  return Object.fromEntries(own.map(([name, value]) => [name, cloneable(value)]));
}

/** What was thrown, in a form that can be posted. */
export function thrownOf(error: unknown): Thrown {
  if (!types.isNativeError(error)) {
    const message = errors.showValue(error);
    return { code: undefined, message, stack: undefined, inner: cloneable(error), fields: {}, errors: null };
  }
  const isOurs = error instanceof errors.SanswitchError;
  const { message, stack } = error;
  return {
    code: isOurs ? error.code : undefined,
    message,
    stack,
    inner: cloneable(isOurs ? error.cause : error),
    fields: fieldsOf(error),
    errors: error instanceof AggregateError ? error.errors.map(thrownOf) : null,
  };
}

/** What was thrown on the other thread: an error of the same class, code and properties. */
export function errorOf({ code, message, stack, inner, fields, errors: parts }: Thrown): unknown {
  if (code === undefined) {
    if (!types.isNativeError(inner)) return inner;
    const error = parts === null ? inner : new AggregateError(parts.map(errorOf), message);
    return Object.assign(error, fields, stack === undefined ? {} : { stack });
  }
  const error =
    byCode.get(code) === undefined
      ? new errors.SanswitchError(code, message, { cause: inner })
      : new (byCode.get(code) as ErrorClass)(message, { cause: inner });
  return Object.assign(error, fields, stack === undefined ? {} : { stack });
}

/** What `run` comes to. Never throws. */
export async function outcomeOf<T>(run: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await run() };
  } catch (error) {
    return { thrown: thrownOf(error) };
  }
}

/** The value. @throws what was thrown on the other thread, as `errorOf` says */
export function resultOf<T>(outcome: Outcome<T>): T {
  if ('value' in outcome) return outcome.value;
  throw errorOf(outcome.thrown);
}
