/** Shapes: what a parsed JSON value must look like, and where it does not. */
import { UnusableError } from '../unusable.js';

/**
 * Checks a value.
 * @param value what `JSON.parse` gave; undefined: the field is missing
 * @param at its place: `runs[0].name`
 * @throws UnusableError
 */
export type Shape = (value: unknown, at: string) => void;

function nameOf(value: unknown): string {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return `${value}`;
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  return Array.isArray(value) ? 'a list' : 'an object';
}

/** Always throws. @param wanted what should be there: `a list` */
export function misfit(value: unknown, at: string, wanted: string): never {
  if (value === undefined) throw new UnusableError(`${at} is missing`);
  throw new UnusableError(`${at} must be ${wanted}, not ${nameOf(value)}`);
}

/** A string. */
export const text: Shape = (value, at) => {
  if (typeof value !== 'string') misfit(value, at, 'text');
};

/** `true` or `false`. */
export const flag: Shape = (value, at) => {
  if (typeof value !== 'boolean') misfit(value, at, 'true or false');
};

/** A number from 0. `JSON` knows no other than finite ones. */
export const amount: Shape = (value, at) => {
  if (typeof value !== 'number' || value < 0) misfit(value, at, 'a number from 0');
};

/** A whole number from 0, exact. */
export const count: Shape = (value, at) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0) misfit(value, at, 'a whole number from 0');
};

/** A point in time, ISO 8601. */
export const time: Shape = (value, at) => {
  if (typeof value !== 'string' || Number.isNaN(Date.parse(value))) misfit(value, at, 'a time in ISO 8601');
};

/** One of some strings. */
export function oneOf(...values: readonly string[]): Shape {
  return (value, at) => {
    if (!values.includes(value as string)) misfit(value, at, `one of ${values.join(', ')}`);
  };
}

/** Null, or what `shape` wants. */
export function nullOr(shape: Shape): Shape {
  return (value, at) => {
    if (value !== null) shape(value, at);
  };
}

/** A list of at least `least` elements. */
export function listOf(shape: Shape, least = 0): Shape {
  return (value, at) => {
    if (!Array.isArray(value)) misfit(value, at, 'a list');
    if (value.length < least) throw new UnusableError(`${at} must have at least ${least} element`);
    for (const [index, element] of value.entries()) shape(element, `${at}[${index}]`);
  };
}

function fieldsOf(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) misfit(value, at, 'an object');
  return value as Record<string, unknown>;
}

/** An object with any fields, each of one shape. */
export function dictionaryOf(shape: Shape): Shape {
  return (value, at) => {
    for (const [key, field] of Object.entries(fieldsOf(value, at))) shape(field, `${at}[${JSON.stringify(key)}]`);
  };
}

/** An object with the fields of `T`; it may have others, which a later sanswitch has added. */
export function object<T>(fields: { readonly [K in keyof Required<T>]: Shape }): Shape {
  return (value, at) => {
    const given = fieldsOf(value, at);
    for (const [key, shape] of Object.entries<Shape>(fields)) {
      shape(Object.hasOwn(given, key) ? given[key] : undefined, at === '' ? key : `${at}.${key}`);
    }
  };
}
