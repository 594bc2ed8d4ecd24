/**
 * Messages of declared fields: each field has its place, so that a message is written straight into a ring and read
 * straight out of it, by two functions compiled from the declaration. No general serialization, and no object but the
 * message itself.
 */
import { InvalidOptionError, NotSerializableError, RingCorruptError, showValue } from '../../errors.js';
import { ActorAddress } from '../address.js';
import type { ActorRef, MessageFields } from '../types.js';
import { readUtf8, writeUtf8 } from './text.js';
import type { Views } from './views.js';

/** Makes a live reference of this thread. */
export type RefMaker = (address: ActorAddress) => ActorRef<never>;

/** Where an encoder finds room. */
export interface MailRoom {
  /** The memory of the last claim. */
  readonly views: Views;
  /** @returns the byte offset of room for a body of exactly `bytes`, a multiple of 8 */
  claim(bytes: number): number;
}

/** Bytes that the fields of a message may take. */
const FIXED_BYTES_MAX = 16_384;
/** Before the bytes of a text field. */
const TEXT_LENGTH_BYTES = 2;
const FORM = /^utf8:([1-9]\d{0,4})$/;

interface Placed {
  readonly name: string;
  readonly type: string;
  readonly bytes: number;
  readonly align: number;
  offset: number;
}

/** Bytes and alignment of each type but text. */
const SIZES = new Map<string, readonly [bytes: number, align: number]>([
  ['f64', [8, 8]],
  ['bigint64', [8, 8]],
  ['i32', [4, 4]],
  ['u32', [4, 4]],
  ['ref', [12, 4]],
  ['u8', [1, 1]],
  ['bool', [1, 1]],
]);

function sizeOf(name: string, type: string): readonly [number, number] {
  const size = SIZES.get(type);
  if (size !== undefined) return size;
  const limit = Number(FORM.exec(type)?.[1]);
  if (limit <= FIXED_BYTES_MAX) return [TEXT_LENGTH_BYTES + limit, 1];
  throw new InvalidOptionError(`the message field ${showValue(name)} can't have the type ${showValue(type)}`);
}

/** Gives each field its place: the largest alignment first, so that nothing is lost between them. */
function placeFields(fields: MessageFields): { placed: Placed[]; bytes: number } {
  if (typeof fields !== 'object' || fields === null) {
    throw new InvalidOptionError(`message fields are declared by an object, not by ${showValue(fields)}`);
  }
  const placed = Object.entries(fields).map(([name, type]): Placed => {
    if (name === '__proto__') throw new InvalidOptionError("a message field can't be named __proto__");
    const [bytes, align] = sizeOf(name, type);
    return { name, type, bytes, align, offset: 0 };
  });
  let end = 0;
  for (const field of [...placed].sort((a, b) => b.align - a.align)) {
    field.offset = end;
    end += field.bytes;
  }
  if (end > FIXED_BYTES_MAX) {
    throw new InvalidOptionError(`the message fields take ${end} bytes, more than ${FIXED_BYTES_MAX}`);
  }
  return { placed, bytes: end };
}

/** FNV-1a over the declaration, 32 bits. */
function hashOf(placed: readonly Placed[]): number {
  let hash = 0x811c9dc5;
  for (const char of placed.map(({ name, type }) => `${JSON.stringify(name)}:${type};`).join('')) {
    hash = Math.imul(hash ^ (char.codePointAt(0) as number), 0x01000193);
  }
  return hash | 0;
}

/** What must hold for the value `v`, and how it is stored `o` bytes from the body's start, `at`. */
function writerOf({ type, bytes, offset: o }: Placed, v: string): { test: string; store: string } {
  const limit = bytes - TEXT_LENGTH_BYTES;
  switch (type) {
    case 'f64':
      return { test: `typeof ${v} === 'number'`, store: `views.f64[(at + ${o}) >>> 3] = ${v};` };
    case 'bigint64':
      return {
        test: `typeof ${v} === 'bigint' && BigInt.asIntN(64, ${v}) === ${v}`,
        store: `views.i64[(at + ${o}) >>> 3] = ${v};`,
      };
    case 'i32':
      return { test: `typeof ${v} === 'number' && (${v} | 0) === ${v}`, store: `i32[(at + ${o}) >>> 2] = ${v};` };
    case 'u32':
      return { test: `typeof ${v} === 'number' && (${v} >>> 0) === ${v}`, store: `i32[(at + ${o}) >>> 2] = ${v};` };
    case 'u8':
      return { test: `typeof ${v} === 'number' && (${v} & 255) === ${v}`, store: `views.u8[at + ${o}] = ${v};` };
    case 'bool':
      return { test: `typeof ${v} === 'boolean'`, store: `views.u8[at + ${o}] = ${v} ? 1 : 0;` };
    case 'ref':
      return { test: `${v} !== null`, store: `helpers.writeAddress(i32, (at + ${o}) >>> 2, ${v});` };
    default:
      return {
        test: `typeof ${v} === 'string'`,
        store: `if (helpers.writeText(views, at + ${o}, ${limit}, ${v}) < 0) fail(FIELD, ${v});`,
      };
  }
}

function readerOf({ type, bytes, offset: o }: Placed): string {
  switch (type) {
    case 'f64':
      return `views.f64[(at + ${o}) >>> 3]`;
    case 'bigint64':
      return `views.i64[(at + ${o}) >>> 3]`;
    case 'i32':
      return `i32[(at + ${o}) >>> 2]`;
    case 'u32':
      return `i32[(at + ${o}) >>> 2] >>> 0`;
    case 'u8':
      return `views.u8[at + ${o}]`;
    case 'bool':
      return `views.u8[at + ${o}] !== 0`;
    case 'ref':
      return `ref(helpers.readAddress(i32, (at + ${o}) >>> 2))`;
    default:
      return `helpers.readText(views, at + ${o}, ${bytes - TEXT_LENGTH_BYTES})`;
  }
}

/** What the compiled functions call. */
const helpers = {
  /** The address of a reference, read once; null if it is none. */
  addressOf(ref: unknown): ActorAddress | null {
    const address = (ref as ActorRef<never> | null | undefined)?.address;
    return address instanceof ActorAddress ? address : null;
  },
  writeAddress(i32: Int32Array, word: number, address: ActorAddress): void {
    i32[word] = address.host;
    i32[word + 1] = address.slot;
    i32[word + 2] = address.generation;
  },
  readAddress(i32: Int32Array, word: number): ActorAddress {
    return new ActorAddress(
      (i32[word] as number) >>> 0,
      (i32[word + 1] as number) >>> 0,
      (i32[word + 2] as number) >>> 0,
    );
  },
  writeText(views: Views, at: number, limit: number, text: string): number {
    const bytes = writeUtf8(views, at + TEXT_LENGTH_BYTES, limit, text);
    views.u8[at] = bytes;
    views.u8[at + 1] = bytes >>> 8;
    return bytes;
  },
  readText(views: Views, at: number, limit: number): string {
    const { u8 } = views;
    const bytes = (u8[at] as number) | ((u8[at + 1] as number) << 8);
    if (bytes > limit) throw new RingCorruptError(`a text of ${bytes} bytes in a message field of ${limit}`);
    return readUtf8(views, at + TEXT_LENGTH_BYTES, bytes);
  },
};

type Encode = (room: MailRoom, message: unknown) => void;
type Decode = (views: Views, at: number, ref: RefMaker) => unknown;

/**
 * The source of both functions. All that may run the application's code (getters) comes before the claim: a message that is
 * told meanwhile must not find a half-written one.
 */
function sourceOf(placed: readonly Placed[], bytes: number): string {
  const reads = placed.map(({ name, type }, i) => {
    const read = `message[${JSON.stringify(name)}]`;
    return `const v${i} = ${type === 'ref' ? `helpers.addressOf(${read})` : read};`;
  });
  const writers = placed.map((field, i) => writerOf(field, `v${i}`));
  const tests = writers.map(({ test }, i) => `if (!(${test})) fail(${i}, v${i});`);
  const stores = writers.map(({ store }, i) => store.replace('FIELD', String(i)));
  const values = placed.map((field) => `${JSON.stringify(field.name)}: ${readerOf(field)}`);
  return `'use strict';
    return {
      encode(room, message) {
        if (typeof message !== 'object' || message === null) fail(-1, message);
        ${reads.join('\n')}
        ${tests.join('\n')}
        const at = room.claim(${bytes});
        const { views } = room;
        const { i32 } = views;
        ${stores.join('\n')}
      },
      decode(views, at, ref) {
        const { i32 } = views;
        return { ${values.join(', ')} };
      },
    };`;
}

/** Writes and reads messages of one declaration. Both threads make it from the same one: the actor's module declares it. */
export class FixedCodec {
  /** Tells declarations apart; travels with each message. */
  readonly shape: number;
  /** Bytes of every message. */
  readonly bytes: number;
  /**
   * Claims room and writes a message there. What the declaration does not name is left out. @throws NotSerializableError
   * where a value is not of its field's type; nothing is sent then
   */
  readonly encode: Encode;
  /** Reads the message at `at`, of which `bytes` bytes are there. @throws RingCorruptError */
  readonly decode: Decode;

  /**
   * @throws InvalidOptionError: a type that there is not; a declaration too large; or a process that may not compile
   * (`--disallow-code-generation-from-strings`)
   */
  constructor(fields: MessageFields) {
    const { placed, bytes } = placeFields(fields);
    this.shape = hashOf(placed);
    this.bytes = bytes;
    const fail = (index: number, value: unknown): never => {
      const field = placed[index];
      const what = field === undefined ? 'a message' : `the message field ${showValue(field.name)} (${field.type})`;
      throw new NotSerializableError(`${what} can't be ${showValue(value)}`);
    };
    let compiled: { encode: Encode; decode: Decode };
    try {
      compiled = new Function('helpers', 'fail', sourceOf(placed, bytes))(helpers, fail);
    } catch (error) {
      if (!(error instanceof EvalError)) throw error;
      throw new InvalidOptionError(`message fields are compiled, which this process forbids: ${error.message}`);
    }
    this.encode = compiled.encode;
    this.decode = compiled.decode;
  }
}
