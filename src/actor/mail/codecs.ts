/** Compiled codecs: one for each declaration that this thread meets. */
import type { MessageFields } from '../types.js';
import { FixedCodec } from './fixed-codec.js';

const byObject = new WeakMap<MessageFields, FixedCodec>();
/** A declaration that comes from another thread is another object each time. */
const byText = new Map<string, FixedCodec>();

/** The codec of a declaration; null where there is none. @throws InvalidOptionError */
export function codecOfFields(fields: MessageFields | undefined): FixedCodec | null {
  if (fields === undefined) return null;
  const known = byObject.get(fields);
  if (known !== undefined) return known;
  const text = JSON.stringify(Object.entries(fields));
  const codec = byText.get(text) ?? new FixedCodec(fields);
  byText.set(text, codec);
  byObject.set(fields, codec);
  return codec;
}
