/**
 * What the two providers say to each other through the connection manager, before any message: that they are of one kind, and
 * the largest message that may be sent here, or why not. Comes from a stranger until it is checked.
 */
import {
  VERBS_GREETING_BYTES,
  VERBS_GREETING_KIND,
  VERBS_GREETING_MAGIC,
  VERBS_GREETING_MESSAGE_BYTES,
  VERBS_GREETING_REASON,
  VERBS_GREETING_VERSION,
  VERBS_MAGIC,
  VERBS_VERSION,
} from '../../layout/layout.gen.js';

/** A checked greeting. */
export interface Greeting {
  /** VERBS_REFUSED_* of a refusal, otherwise 0. */
  readonly reason: number;
  /** Bytes of the largest message that its sender takes. */
  readonly messageBytes: number;
}

/** Bytes: less than any session needs. */
const MESSAGE_BYTES_MIN = 256;

/** @param kind VERBS_SAYS_CONNECT, _ACCEPT or _REFUSE */
export function encodeGreeting(kind: number, reason: number, messageBytes: number): Uint8Array {
  const bytes = new Uint8Array(VERBS_GREETING_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(VERBS_GREETING_MAGIC, VERBS_MAGIC, true);
  view.setUint16(VERBS_GREETING_VERSION, VERBS_VERSION, true);
  view.setUint8(VERBS_GREETING_KIND, kind);
  view.setUint8(VERBS_GREETING_REASON, reason);
  view.setUint32(VERBS_GREETING_MESSAGE_BYTES, messageBytes, true);
  return bytes;
}

/** Null: it is none of that kind, or of another version. What follows it is padding. */
export function decodeGreeting(bytes: Uint8Array, kind: number): Greeting | null {
  if (bytes.length < VERBS_GREETING_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, VERBS_GREETING_BYTES);
  const isOurs =
    view.getUint32(VERBS_GREETING_MAGIC, true) === VERBS_MAGIC &&
    view.getUint16(VERBS_GREETING_VERSION, true) === VERBS_VERSION &&
    view.getUint8(VERBS_GREETING_KIND) === kind;
  if (!isOurs) return null;
  const reason = view.getUint8(VERBS_GREETING_REASON);
  const messageBytes = view.getUint32(VERBS_GREETING_MESSAGE_BYTES, true);
  return reason === 0 && messageBytes < MESSAGE_BYTES_MIN ? null : { reason, messageBytes };
}
