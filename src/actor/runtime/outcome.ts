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
}

type ErrorClass = new (message: string, details?: errors.ErrorDetails) => errors.SanswitchError;

/** The errors that a host throws at the runtime, by code. */
const CLASSES: readonly ErrorClass[] = [
  errors.InvalidOptionError,
  errors.NameTakenError,
  errors.NoBehaviourError,
  errors.NotSerializableError,
  errors.RuntimeClosedError,
  errors.TooManyActorsError,
];
const byCode = new Map(CLASSES.map((one) => [new one('').code, one]));

function cloneable(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return errors.showValue(value);
  }
}

/** What `run` comes to. Never throws. */
export async function outcomeOf<T>(run: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await run() };
  } catch (error) {
    const isOurs = error instanceof errors.SanswitchError;
    const { message, stack } = types.isNativeError(error)
      ? error
      : { message: errors.showValue(error), stack: undefined };
    return {
      thrown: { code: isOurs ? error.code : undefined, message, stack, inner: cloneable(isOurs ? error.cause : error) },
    };
  }
}

/** The value. @throws what was thrown on the other thread: an error of the same class and code */
export function resultOf<T>(outcome: Outcome<T>): T {
  if ('value' in outcome) return outcome.value;
  const { code, message, stack, inner } = outcome.thrown;
  if (code === undefined) throw inner;
  const error =
    byCode.get(code) === undefined
      ? new errors.SanswitchError(code, message, { cause: inner })
      : new (byCode.get(code) as ErrorClass)(message, { cause: inner });
  if (stack !== undefined) error.stack = stack;
  throw error;
}
