/** The form of a structured value: a tag byte, then what the tag says. Numbers are little-endian and not aligned. */

/** Tags. */
export const TAG = {
  UNDEFINED: 0,
  NULL: 1,
  TRUE: 2,
  FALSE: 3,
  /** i32 */
  INT: 4,
  /** f64 */
  DOUBLE: 5,
  /** u8 length, bytes: Latin-1 */
  TEXT_SHORT: 6,
  /** u32 length in bytes, Latin-1 */
  TEXT_LATIN1: 7,
  /** u32 length in bytes, UTF-16 */
  TEXT_UTF16: 8,
  /** u8 1 if negative, u32 length in bytes, hexadecimal digits */
  BIGINT: 9,
  /** u32 count, then text and value of each property */
  OBJECT: 10,
  /** The values of an object whose keys are those of the last object that stood as deep. */
  OBJECT_ALIKE: 28,
  /** u32 length, then as many values */
  ARRAY: 11,
  /** u32 length, then as many i32: an array */
  INTS: 26,
  /** u32 length, then as many f64: an array */
  DOUBLES: 27,
  /** No element: an array's hole. */
  HOLE: 12,
  /** u32: the object that was the n-th to begin */
  BACK: 13,
  /** f64 */
  DATE: 14,
  /** two texts */
  REGEXP: 15,
  /** u32 count, then key and value of each */
  MAP: 16,
  /** u32 count, then as many values */
  SET: 17,
  /** text (name), then message, stack, cause (HOLE: none) as values */
  ERROR: 18,
  /** u32 length, bytes */
  BUFFER: 19,
  /** u8 kind (VIEW_KINDS), u32 length, bytes */
  VIEW: 20,
  /** u8 kind, f64 byte offset, f64 byte length, then the buffer as a value */
  VIEW_OF: 21,
  /** the primitive as a value */
  BOXED: 22,
  /** three u32: an ActorRef */
  REF: 23,
  /** three u32: an ActorAddress */
  ADDRESS: 24,
  /** u32: the n-th of what came by the message port */
  ATTACHMENT: 25,
} as const;

/** A constructor of what views a buffer. */
export interface ViewKind {
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): NodeJS.TypedArray | DataView;
  /** Not that of a DataView, which counts bytes. */
  readonly BYTES_PER_ELEMENT?: number;
}

/** Those constructors, by their number. */
export const VIEW_KINDS: readonly ViewKind[] = [
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
];

/** Constructors of errors, by their name; another kind of error arrives as an Error. */
export const ERROR_KINDS: Readonly<Record<string, ErrorConstructor>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

/** How deep values may stand in each other. */
export const DEPTH_MAX = 1_000;
