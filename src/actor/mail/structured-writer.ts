/**
 * Writes any value that structured clone takes, and references to actors in it, as bytes. In JavaScript, for a call into
 * V8's own serializer costs more than a small message. What has no bytes (shared memory, memory handed over, message ports,
 * objects of Node's own) is collected for the link's message port.
 */
import { MessagePort, type Transferable } from 'node:worker_threads';
import { NotSerializableError, showValue } from '../../errors.js';
import { COLD_COPY_MIN_BYTES, copyBytes, copyOut } from '../../native/bytes.js';
import { ActorAddress } from '../address.js';
import { DEPTH_MAX, ERROR_KINDS, TAG, VIEW_KINDS } from './structured-tags.js';
import { isTransferable } from './transfer.js';
import { Views } from './views.js';

const INITIAL_BYTES = 4_096;
/** What is kept for the next message. */
const KEPT_BYTES = 1 << 20;
/** Beyond, Node's own coder is faster. */
const LOOP_MAX_CHARS = 64;
/** A character that takes two bytes. */
const WIDE = /[^\0-\xff]/;
/** Objects up to which looking through all of them is faster than a Map. */
const LISTED_MAX = 48;
/** Elements from which an array is looked through for being packed. */
const PACKED_MIN = 4;
/** Bytes of a tag and the longest fixed part behind it. */
const HEAD_BYTES = 24;

type View = NodeJS.TypedArray | DataView;

/** One value at a time: `write`, then `views`, `length`, `attachments` and `transfers` say what came out. */
export class StructuredWriter {
  /** What was written starts at 0. */
  views = new Views(new ArrayBuffer(INITIAL_BYTES));
  length = 0;
  /** What must go by the message port, in the order of its numbers. */
  readonly attachments: unknown[] = [];
  /** Those of them that are handed over. */
  readonly transfers: Transferable[] = [];
  /** Objects that have begun, `begun` of them; more than LISTED_MAX are in `known` alone. */
  private readonly listed: (object | null)[] = [];
  private begun = 0;
  private known: Map<object, number> | null = null;
  private depth = 0;
  /** By depth: the keys of the last object that stood there. */
  private readonly keys: (readonly string[] | null)[] = [];
  private deepest = 0;

  /** @throws NotSerializableError, and whatever a getter of the value throws */
  write(value: unknown): void {
    this.clear();
    this.value(value);
  }

  /** Lets go of the value that was written last. */
  clear(): void {
    this.length = 0;
    this.depth = 0;
    // By hand: to set an array's length costs more than a small message.
    for (let i = Math.min(this.begun, LISTED_MAX) - 1; i >= 0; i--) this.listed[i] = null;
    for (let i = this.deepest; i >= 0; i--) this.keys[i] = null;
    this.begun = 0;
    this.deepest = 0;
    this.known = null;
    if (this.attachments.length > 0) {
      this.attachments.length = 0;
      this.transfers.length = 0;
    }
    if (this.views.buffer.byteLength > KEPT_BYTES) this.views = new Views(new ArrayBuffer(INITIAL_BYTES));
  }

  private value(value: unknown): void {
    if (this.length + HEAD_BYTES > this.views.buffer.byteLength) this.grow(HEAD_BYTES);
    switch (typeof value) {
      case 'number':
        return this.number(value);
      case 'string':
        return this.string(value);
      case 'boolean':
        return this.tag(value ? TAG.TRUE : TAG.FALSE);
      case 'undefined':
        return this.tag(TAG.UNDEFINED);
      case 'bigint':
        return this.bigint(value);
      case 'object':
        return value === null ? this.tag(TAG.NULL) : this.object(value);
      default:
        throw new NotSerializableError(`a message can't hold ${showValue(value)}`);
    }
  }

  private tag(tag: number): void {
    this.views.u8[this.length++] = tag;
  }

  private u32(value: number): void {
    this.views.data.setUint32(this.length, value, true);
    this.length += 4;
  }

  private f64(value: number): void {
    this.views.data.setFloat64(this.length, value, true);
    this.length += 8;
  }

  private number(value: number): void {
    if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
      this.tag(TAG.INT);
      this.u32(value);
    } else {
      this.tag(TAG.DOUBLE);
      this.f64(value);
    }
  }

  /** Text with its tag; also the keys of objects. */
  private string(text: string): void {
    const { length } = text;
    if (length <= LOOP_MAX_CHARS) {
      this.reserve(2 + LOOP_MAX_CHARS);
      const at = this.length + 2;
      const bytes = this.views.u8;
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0xff) break;
        bytes[at + i] = code;
      }
      if (i === length) {
        bytes[at - 2] = TAG.TEXT_SHORT;
        bytes[at - 1] = length;
        this.length = at + length;
        return;
      }
    }
    this.longText(text);
  }

  /** As wide as V8 has it, mostly: both sides then only copy. */
  private longText(text: string): void {
    const isWide = WIDE.test(text);
    const bytes = isWide ? text.length * 2 : text.length;
    this.reserve(5 + bytes);
    this.tag(isWide ? TAG.TEXT_UTF16 : TAG.TEXT_LATIN1);
    this.u32(bytes);
    this.length += this.views.text.write(text, this.length, bytes, isWide ? 'utf16le' : 'latin1');
  }

  private bigint(value: bigint): void {
    const digits = (value < 0n ? -value : value).toString(16);
    this.reserve(6 + digits.length);
    this.tag(TAG.BIGINT);
    this.tag(value < 0n ? 1 : 0);
    this.u32(digits.length);
    this.length += this.views.text.write(digits, this.length, 'latin1');
  }

  private object(value: object): void {
    if (this.isBack(value)) return;
    if (++this.depth > DEPTH_MAX) throw new NotSerializableError(`a message can't be nested deeper than ${DEPTH_MAX}`);
    const prototype = Object.getPrototypeOf(value) as unknown;
    if (prototype === Object.prototype) this.plain(value);
    else if (Array.isArray(value)) this.array(value);
    else this.instance(value);
    this.depth--;
  }

  /** Writes a BACK if the value has begun before; otherwise gives it the next number. */
  private isBack(value: object): boolean {
    const number = this.known === null ? this.find(value) : this.known.get(value);
    if (number !== undefined) {
      this.tag(TAG.BACK);
      this.u32(number);
      return true;
    }
    if (this.begun < LISTED_MAX) this.listed[this.begun] = value;
    else {
      this.known ??= new Map(this.listed.map((one, i) => [one as object, i]));
      this.known.set(value, this.begun);
    }
    this.begun++;
    return false;
  }

  private find(value: object): number | undefined {
    const { listed, begun } = this;
    for (let i = 0; i < begun; i++) if (listed[i] === value) return i;
    return undefined;
  }

  private plain(value: object): void {
    const keys = Object.keys(value);
    if (this.isAlike(keys)) {
      this.tag(TAG.OBJECT_ALIKE);
      for (let i = 0; i < keys.length; i++) this.value((value as Record<string, unknown>)[keys[i] as string]);
      return;
    }
    this.tag(TAG.OBJECT);
    this.u32(keys.length);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      this.string(key);
      this.value((value as Record<string, unknown>)[key]);
    }
  }

  /** Whether the last object at this depth had the same keys. From now on these are compared with. */
  private isAlike(keys: readonly string[]): boolean {
    const { depth } = this;
    if (depth > this.deepest) this.deepest = depth;
    const last = this.keys[depth];
    this.keys[depth] = keys;
    if (last === null || last === undefined || keys.length !== last.length || keys.length === 0) return false;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      // The reader's object has numbers first, wherever a Proxy may have had them.
      if (key !== last[i] || isDigit(key.charCodeAt(0))) return false;
    }
    return true;
  }

  private array(value: readonly unknown[]): void {
    const { length } = value;
    if (length >= PACKED_MIN && this.packed(value)) return;
    this.tag(TAG.ARRAY);
    this.u32(length);
    for (let i = 0; i < length; i++) {
      const element = value[i];
      if (element === undefined && !(i in value)) {
        this.reserve(1);
        this.tag(TAG.HOLE);
      } else this.value(element);
    }
  }

  /** An array of nothing but numbers. @returns false: it is not, and nothing is written */
  private packed(value: readonly unknown[]): boolean {
    const { length } = value;
    let isInt = true;
    for (let i = 0; i < length; i++) {
      const element = value[i];
      if (typeof element !== 'number') return false;
      if ((element | 0) !== element || Object.is(element, -0)) isInt = false;
    }
    this.reserve(HEAD_BYTES + length * 8);
    this.tag(isInt ? TAG.INTS : TAG.DOUBLES);
    this.u32(length);
    const { data } = this.views;
    let at = this.length;
    if (isInt) for (let i = 0; i < length; i++, at += 4) data.setInt32(at, value[i] as number, true);
    else for (let i = 0; i < length; i++, at += 8) data.setFloat64(at, value[i] as number, true);
    this.length = at;
    return true;
  }

  private instance(value: object): void {
    if (value instanceof ActorAddress) this.address(TAG.ADDRESS, value);
    else if (ArrayBuffer.isView(value)) this.view(value as View);
    else if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) this.buffer(value);
    else if (value instanceof Date) {
      this.tag(TAG.DATE);
      this.f64(value.getTime());
    } else if (value instanceof Map) this.map(value);
    else if (value instanceof Set) {
      const members = [...value];
      this.tag(TAG.SET);
      this.u32(members.length);
      for (const member of members) this.value(member);
    } else if (value instanceof Error) this.error(value);
    else if (value instanceof RegExp) {
      this.tag(TAG.REGEXP);
      this.string(value.source);
      this.string(value.flags);
    } else if (isBoxed(value)) {
      this.tag(TAG.BOXED);
      this.value(value.valueOf());
    } else this.other(value);
  }

  /** A reference, an object of Node's own, or an instance of the application's: its properties, as in structured clone. */
  private other(value: object): void {
    const { address, tell } = value as { address?: unknown; tell?: unknown };
    if (address instanceof ActorAddress && typeof tell === 'function') this.address(TAG.REF, address);
    else if (value instanceof MessagePort) this.attach(value, value);
    // Whatever has none keeps its state where only Node finds it, which clones it or says that it can't.
    else if (Object.keys(value).length === 0 && Object.getPrototypeOf(value) !== null) this.attach(value);
    else this.plain(value);
  }

  private address(tag: number, { host, slot, generation }: ActorAddress): void {
    this.tag(tag);
    this.u32(host);
    this.u32(slot);
    this.u32(generation);
  }

  private map(value: Map<unknown, unknown>): void {
    const entries = [...value];
    this.tag(TAG.MAP);
    this.u32(entries.length);
    for (const [key, member] of entries) {
      this.value(key);
      this.value(member);
    }
  }

  private error(value: Error): void {
    const { name, message, stack } = value;
    this.tag(TAG.ERROR);
    this.string(typeof name === 'string' && Object.hasOwn(ERROR_KINDS, name) ? name : 'Error');
    this.value(String(message));
    this.value(stack === undefined ? undefined : String(stack));
    this.reserve(1);
    if (Object.hasOwn(value, 'cause')) this.value(value.cause);
    else this.tag(TAG.HOLE);
  }

  private view(value: View): void {
    const kind = VIEW_KINDS.findIndex((one) => value instanceof one);
    if (kind < 0) throw new NotSerializableError(`a message can't hold ${showValue(value)}`);
    const { buffer, byteOffset, byteLength } = value;
    if (buffer instanceof SharedArrayBuffer || isTransferable(buffer)) {
      this.tag(TAG.VIEW_OF);
      this.tag(kind);
      this.f64(byteOffset);
      this.f64(byteLength);
      this.value(buffer);
      return;
    }
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    if (byteLength >= COLD_COPY_MIN_BYTES) {
      const copy = copyOf(bytes);
      this.tag(TAG.VIEW_OF);
      this.tag(kind);
      this.f64(0);
      this.f64(byteLength);
      // The reader counts it as an object.
      this.isBack(copy);
      this.attach(copy, copy);
      return;
    }
    this.reserve(6 + byteLength);
    this.tag(TAG.VIEW);
    this.tag(kind);
    this.bytes(bytes);
  }

  private buffer(value: ArrayBuffer | SharedArrayBuffer): void {
    if (value instanceof SharedArrayBuffer) return this.attach(value);
    if (isTransferable(value)) return this.attach(value, value);
    const bytes = new Uint8Array(value);
    if (bytes.length >= COLD_COPY_MIN_BYTES) {
      const copy = copyOf(bytes);
      return this.attach(copy, copy);
    }
    this.reserve(5 + bytes.length);
    this.tag(TAG.BUFFER);
    this.bytes(bytes);
  }

  private bytes(bytes: Uint8Array): void {
    const { length } = bytes;
    this.u32(length);
    copyBytes(this.views.u8, this.length, bytes, 0, length);
    this.length += length;
  }

  private attach(value: unknown, transfer?: Transferable): void {
    this.tag(TAG.ATTACHMENT);
    this.u32(this.attachments.push(value) - 1);
    if (transfer !== undefined) this.transfers.push(transfer);
  }

  private reserve(bytes: number): void {
    if (this.length + bytes > this.views.buffer.byteLength) this.grow(bytes);
  }

  private grow(bytes: number): void {
    const before = this.views;
    const size = 2 ** Math.ceil(Math.log2(Math.max(this.length + bytes, before.buffer.byteLength * 2)));
    this.views = new Views(new ArrayBuffer(size));
    copyBytes(this.views.u8, 0, before.u8, 0, this.length);
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** A copy that is handed over: what is large is copied once, not into the record and out of it. */
function copyOf(bytes: Uint8Array): ArrayBuffer {
  return copyOut(bytes, 0, bytes.length).buffer as ArrayBuffer;
}

// biome-ignore lint/complexity/noBannedTypes: the objects themselves are meant
function isBoxed(value: object): value is Number | String | Boolean | BigInt {
  return value instanceof Number || value instanceof String || value instanceof Boolean || value instanceof BigInt;
}
