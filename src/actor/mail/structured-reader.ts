/** Reads what StructuredWriter wrote, straight from the ring. Every length is checked before it is believed. */
import { RingCorruptError } from '../../errors.js';
import { copyBytes } from '../../native/bytes.js';
import { ActorAddress } from '../address.js';
import type { RefMaker } from './fixed-codec.js';
import { DEPTH_MAX, ERROR_KINDS, TAG, VIEW_KINDS, type ViewKind } from './structured-tags.js';
import { readLatin1 } from './text.js';
import type { Views } from './views.js';

/** Depth of a view's buffer, a map's key and the like below the object that DEPTH_MAX allowed. */
const DEPTH_SLACK = 4;

/** Stands for "no element" while a value is read. */
const HOLE = Symbol('hole');

const NOTHING: readonly unknown[] = [];
/** Objects up to which the list of them is emptied by hand. */
const KEPT_OBJECTS = 64;

/** Reads one value at a time. */
export class StructuredReader {
  private readonly ref: RefMaker;
  private views: Views | null = null;
  private at = 0;
  private end = 0;
  private attachments: readonly unknown[] = NOTHING;
  /** By number: those that have begun. */
  private readonly objects: unknown[] = [];
  private begunCount = 0;
  private depth = 0;
  /** By depth: the last object that stood there, and its keys, once asked for. */
  private readonly lasts: (object | null)[] = [];
  private readonly keys: (readonly string[] | null)[] = [];
  private deepest = 0;

  /** @param ref makes the live references of this thread */
  constructor(ref: RefMaker) {
    this.ref = ref;
  }

  /** The value in `length` bytes at `at`, with what came by the message port. @throws RingCorruptError */
  read(views: Views, at: number, length: number, attachments: readonly unknown[]): unknown {
    this.views = views;
    this.at = at;
    this.end = at + length;
    this.attachments = attachments;
    this.depth = 0;
    try {
      const value = this.value();
      if (value === HOLE || this.at !== this.end) throw corrupt('does not end where its record ends');
      return value;
    } finally {
      this.clear();
    }
  }

  /** Lets go of the value. By hand: to set an array's length costs more than a small message. */
  private clear(): void {
    if (this.begunCount > KEPT_OBJECTS) this.objects.length = 0;
    else for (let i = this.begunCount - 1; i >= 0; i--) this.objects[i] = undefined;
    for (let i = this.deepest; i >= 0; i--) this.lasts[i] = this.keys[i] = null;
    this.begunCount = 0;
    this.deepest = 0;
    this.views = null;
    this.attachments = NOTHING;
  }

  private value(): unknown {
    const tag = (this.views as Views).u8[this.take(1)] as number;
    switch (tag) {
      case TAG.INT:
        return this.data.getInt32(this.take(4), true);
      case TAG.DOUBLE:
        return this.f64();
      case TAG.TEXT_SHORT:
      case TAG.TEXT_LATIN1:
      case TAG.TEXT_UTF16:
        return this.text(tag);
      case TAG.TRUE:
        return true;
      case TAG.FALSE:
        return false;
      case TAG.NULL:
        return null;
      case TAG.UNDEFINED:
        return undefined;
      case TAG.HOLE:
        return HOLE;
      case TAG.BIGINT:
        return this.bigint();
      case TAG.BACK:
        return this.back();
      default:
        return this.object(tag);
    }
  }

  private object(tag: number): unknown {
    if (++this.depth > DEPTH_MAX + DEPTH_SLACK) throw corrupt('is nested too deep');
    const value =
      tag === TAG.OBJECT || tag === TAG.OBJECT_ALIKE
        ? this.plain(tag)
        : tag === TAG.ARRAY
          ? this.array()
          : this.instance(tag);
    this.depth--;
    return value;
  }

  private plain(tag: number): object {
    const object: Record<string, unknown> = {};
    this.begun(object);
    const { depth } = this;
    if (tag === TAG.OBJECT) {
      for (let left = this.count(); left > 0; left--) put(object, this.string(), this.element());
      this.keys[depth] = null;
    } else {
      const keys = this.keysAt(depth);
      for (let i = 0; i < keys.length; i++) put(object, keys[i] as string, this.element());
    }
    if (depth > this.deepest) this.deepest = depth;
    this.lasts[depth] = object;
    return object;
  }

  private keysAt(depth: number): readonly string[] {
    const last = this.lasts[depth];
    if (last === null || last === undefined) throw corrupt('has an object that is alike to none');
    const keys = this.keys[depth] ?? Object.keys(last);
    this.keys[depth] = keys;
    return keys;
  }

  private array(): unknown[] {
    const length = this.count();
    const array: unknown[] = [];
    this.begun(array);
    for (let i = 0; i < length; i++) {
      const value = this.value();
      if (value === HOLE) array.length = i + 1;
      else array.push(value);
    }
    return array;
  }

  private packed(bytes: 4 | 8): number[] {
    const length = this.u32();
    let at = this.take(length * bytes);
    const { data } = this;
    const array: number[] = [];
    this.begun(array);
    if (bytes === 4) for (let i = 0; i < length; i++, at += 4) array.push(data.getInt32(at, true));
    else for (let i = 0; i < length; i++, at += 8) array.push(data.getFloat64(at, true));
    return array;
  }

  private instance(tag: number): unknown {
    switch (tag) {
      case TAG.INTS:
        return this.packed(4);
      case TAG.DOUBLES:
        return this.packed(8);
      case TAG.DATE:
        return this.begun(new Date(this.f64()));
      case TAG.MAP:
        return this.map();
      case TAG.SET:
        return this.set();
      case TAG.ERROR:
        return this.error();
      case TAG.VIEW:
        return this.view();
      case TAG.VIEW_OF:
        return this.viewOf();
      case TAG.BUFFER:
        return this.begun(this.bytes().buffer);
      case TAG.REF:
        return this.begun(this.ref(this.address()));
      case TAG.ADDRESS:
        return this.begun(this.address());
      case TAG.ATTACHMENT:
        return this.begun(this.attachment());
      default:
        return this.rare(tag);
    }
  }

  private rare(tag: number): unknown {
    if (tag === TAG.REGEXP) {
      const source = this.string();
      return this.begun(this.made(() => new RegExp(source, this.string())));
    }
    if (tag !== TAG.BOXED) throw corrupt(`has the tag ${tag}`);
    const number = this.reserveNumber();
    const value = this.element();
    if (value === null || value === undefined || typeof value === 'object') throw corrupt('boxes no primitive');
    const boxed = Object(value) as object;
    this.objects[number] = boxed;
    return boxed;
  }

  private map(): Map<unknown, unknown> {
    const map = new Map<unknown, unknown>();
    this.begun(map);
    for (let left = this.count(); left > 0; left--) {
      const key = this.element();
      map.set(key, this.element());
    }
    return map;
  }

  private set(): Set<unknown> {
    const set = new Set<unknown>();
    this.begun(set);
    for (let left = this.count(); left > 0; left--) set.add(this.element());
    return set;
  }

  private error(): Error {
    const kind = ERROR_KINDS[this.string()] ?? Error;
    const number = this.reserveNumber();
    const message = this.element();
    const stack = this.element();
    const made = new kind(String(message));
    Object.defineProperty(made, 'stack', { value: stack, writable: true, configurable: true });
    this.objects[number] = made;
    const cause = this.value();
    if (cause !== HOLE) Object.defineProperty(made, 'cause', { value: cause, writable: true, configurable: true });
    return made;
  }

  private view(): object {
    const kind = this.kind();
    const number = this.reserveNumber();
    const bytes = this.bytes();
    const view = this.made(() => (kind === Uint8Array ? bytes : new kind(bytes.buffer)));
    this.objects[number] = view;
    return view;
  }

  private viewOf(): object {
    const kind = this.kind();
    const number = this.reserveNumber();
    const offset = this.f64();
    const bytes = this.f64();
    const buffer = this.element();
    if (!(buffer instanceof ArrayBuffer || buffer instanceof SharedArrayBuffer)) throw corrupt('views no buffer');
    const size = kind.BYTES_PER_ELEMENT ?? 1;
    const view = this.made(() => new kind(buffer, offset, bytes / size));
    this.objects[number] = view;
    return view;
  }

  private kind(): ViewKind {
    const kind = VIEW_KINDS[(this.views as Views).u8[this.take(1)] as number];
    if (kind === undefined) throw corrupt('has an unknown kind of view');
    return kind;
  }

  /** A private copy. */
  private bytes(): Uint8Array<ArrayBuffer> {
    const length = this.u32();
    const at = this.take(length);
    const bytes = new Uint8Array(length);
    copyBytes(bytes, 0, (this.views as Views).u8, at, length);
    return bytes;
  }

  private address(): ActorAddress {
    const host = this.u32();
    const slot = this.u32();
    return new ActorAddress(host, slot, this.u32());
  }

  private attachment(): unknown {
    const index = this.u32();
    if (index >= this.attachments.length) throw corrupt(`has no attachment ${index}`);
    return this.attachments[index];
  }

  private bigint(): bigint {
    const isNegative = (this.views as Views).u8[this.take(1)] !== 0;
    const length = this.u32();
    const at = this.take(length);
    const digits = (this.views as Views).text.toString('latin1', at, at + length);
    const value = this.made(() => BigInt(`0x${digits}`));
    return isNegative ? -value : value;
  }

  private back(): unknown {
    const number = this.u32();
    const object = number < this.begunCount ? this.objects[number] : undefined;
    if (object === undefined) throw corrupt(`goes back to object ${number}, which has not begun`);
    return object;
  }

  /** A value where there must be one. */
  private element(): unknown {
    const value = this.value();
    if (value === HOLE) throw corrupt('has a hole outside an array');
    return value;
  }

  private string(): string {
    return this.text((this.views as Views).u8[this.take(1)] as number);
  }

  private text(tag: number): string {
    const views = this.views as Views;
    if (tag === TAG.TEXT_SHORT) {
      const length = views.u8[this.take(1)] as number;
      return readLatin1(views, this.take(length), length);
    }
    if (tag !== TAG.TEXT_LATIN1 && tag !== TAG.TEXT_UTF16) throw corrupt(`has the tag ${tag} instead of text`);
    const length = this.u32();
    const at = this.take(length);
    return views.text.toString(tag === TAG.TEXT_LATIN1 ? 'latin1' : 'utf16le', at, at + length);
  }

  private begun<T>(object: T): T {
    this.objects[this.begunCount++] = object;
    return object;
  }

  /** The number of an object that can be made only when its parts have been read. */
  private reserveNumber(): number {
    this.objects[this.begunCount] = undefined;
    return this.begunCount++;
  }

  /** What a constructor refuses was never written by StructuredWriter. */
  private made<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (error instanceof RingCorruptError) throw error;
      throw corrupt(String(error));
    }
  }

  /** How many values follow: each takes a byte at least. */
  private count(): number {
    const count = this.u32();
    if (count > this.end - this.at) throw corrupt(`can't have ${count} members`);
    return count;
  }

  private get data(): DataView {
    return (this.views as Views).data;
  }

  private u32(): number {
    return this.data.getUint32(this.take(4), true);
  }

  private f64(): number {
    return this.data.getFloat64(this.take(8), true);
  }

  /** Goes behind `bytes` bytes, which must be there. @returns where they start */
  private take(bytes: number): number {
    const { at } = this;
    if (bytes > this.end - at) throw corrupt('reaches beyond its record');
    this.at = at + bytes;
    return at;
  }
}

function put(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') object[key] = value;
  // Assigned, it would change the prototype.
  else Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

function corrupt(what: string): RingCorruptError {
  return new RingCorruptError(`a structured value in a mail ring ${what}`);
}
