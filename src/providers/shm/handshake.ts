/** The messages of a link's handshake, as `layout/schema.ts` defines them. What a peer sends is checked to the last byte. */
import {
  HANDSHAKE_HEADER_LAYOUT_HASH,
  HANDSHAKE_HEADER_MAGIC,
  HANDSHAKE_HEADER_TYPE,
  HANDSHAKE_HEADER_VERSION,
  HANDSHAKE_IDENT,
  HANDSHAKE_IDENT_BYTES,
  HANDSHAKE_IDENT_COOKIE_HIGH,
  HANDSHAKE_IDENT_COOKIE_LOW,
  HANDSHAKE_IDENT_LISTENER_FD,
  HANDSHAKE_IDENT_PID,
  HANDSHAKE_IDENT_REACTOR_ID,
  HANDSHAKE_JOIN,
  HANDSHAKE_JOIN_BYTES,
  HANDSHAKE_JOIN_REACTOR_ID,
  HANDSHAKE_JOIN_SEGMENT_BYTES,
  HANDSHAKE_MAGIC,
  HANDSHAKE_VERSION,
  HANDSHAKE_WELCOME,
  HANDSHAKE_WELCOME_BYTES,
  HANDSHAKE_WELCOME_SEGMENT_BYTES,
  HANDSHAKE_WELCOME_STATUS,
  LAYOUT_HASH,
  SEGMENT_BYTES,
} from '../../layout/layout.gen.js';

/** Bytes of the longest handshake message, and one more, so that a longer one is noticed. */
export const HANDSHAKE_BYTES_MAX = 64;

/** Bytes of a reactor's random name. */
export const REACTOR_ID_BYTES = 16;

/** The server's first word: who it is, for which listening socket. */
export interface Ident {
  readonly pid: number;
  /** Hex. */
  readonly reactorId: string;
  readonly cookie: bigint;
  readonly listenerFd: number;
}

function message(type: number, bytes: number): DataView {
  const view = new DataView(new ArrayBuffer(bytes));
  view.setUint32(HANDSHAKE_HEADER_MAGIC, HANDSHAKE_MAGIC, true);
  view.setUint16(HANDSHAKE_HEADER_VERSION, HANDSHAKE_VERSION, true);
  view.setUint16(HANDSHAKE_HEADER_TYPE, type, true);
  view.setUint32(HANDSHAKE_HEADER_LAYOUT_HASH, LAYOUT_HASH, true);
  return view;
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer);
}

/** @returns a view of the message if it is of this type and length, and from a switch with our layout; null otherwise */
function expect(bytes: Uint8Array, length: number, type: number, typeBytes: number): DataView | null {
  if (length !== typeBytes) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const isOurs =
    view.getUint32(HANDSHAKE_HEADER_MAGIC, true) === HANDSHAKE_MAGIC &&
    view.getUint16(HANDSHAKE_HEADER_VERSION, true) === HANDSHAKE_VERSION &&
    view.getUint16(HANDSHAKE_HEADER_TYPE, true) === type &&
    view.getUint32(HANDSHAKE_HEADER_LAYOUT_HASH, true) === LAYOUT_HASH;
  return isOurs ? view : null;
}

function readName(view: DataView, offset: number): string {
  return Buffer.from(view.buffer, view.byteOffset + offset, REACTOR_ID_BYTES).toString('hex');
}

/** The server's first message. */
export function encodeIdent(ident: Ident): Uint8Array {
  const view = message(HANDSHAKE_IDENT, HANDSHAKE_IDENT_BYTES);
  view.setUint32(HANDSHAKE_IDENT_PID, ident.pid, true);
  view.setUint32(HANDSHAKE_IDENT_COOKIE_LOW, Number(ident.cookie & 0xffffffffn), true);
  view.setUint32(HANDSHAKE_IDENT_COOKIE_HIGH, Number(ident.cookie >> 32n), true);
  view.setInt32(HANDSHAKE_IDENT_LISTENER_FD, ident.listenerFd, true);
  bytesOf(view).set(Buffer.from(ident.reactorId, 'hex'), HANDSHAKE_IDENT_REACTOR_ID);
  return bytesOf(view);
}

/** @returns null for anything that is no IDENT of our layout */
export function decodeIdent(bytes: Uint8Array, length: number): Ident | null {
  const view = expect(bytes, length, HANDSHAKE_IDENT, HANDSHAKE_IDENT_BYTES);
  if (view === null) return null;
  const low = BigInt(view.getUint32(HANDSHAKE_IDENT_COOKIE_LOW, true));
  return {
    pid: view.getUint32(HANDSHAKE_IDENT_PID, true),
    reactorId: readName(view, HANDSHAKE_IDENT_REACTOR_ID),
    cookie: (BigInt(view.getUint32(HANDSHAKE_IDENT_COOKIE_HIGH, true)) << 32n) | low,
    listenerFd: view.getInt32(HANDSHAKE_IDENT_LISTENER_FD, true),
  };
}

/** The client's message; its segment travels with it. */
export function encodeJoin(reactorId: string): Uint8Array {
  const view = message(HANDSHAKE_JOIN, HANDSHAKE_JOIN_BYTES);
  view.setUint32(HANDSHAKE_JOIN_SEGMENT_BYTES, SEGMENT_BYTES, true);
  bytesOf(view).set(Buffer.from(reactorId, 'hex'), HANDSHAKE_JOIN_REACTOR_ID);
  return bytesOf(view);
}

/** @returns the client reactor's name; null for anything that is no JOIN with a segment of our size */
export function decodeJoin(bytes: Uint8Array, length: number): string | null {
  const view = expect(bytes, length, HANDSHAKE_JOIN, HANDSHAKE_JOIN_BYTES);
  if (view === null || view.getUint32(HANDSHAKE_JOIN_SEGMENT_BYTES, true) !== SEGMENT_BYTES) return null;
  return readName(view, HANDSHAKE_JOIN_REACTOR_ID);
}

/** The server's answer, WELCOME_*; its segment travels with WELCOME_OK. */
export function encodeWelcome(status: number): Uint8Array {
  const view = message(HANDSHAKE_WELCOME, HANDSHAKE_WELCOME_BYTES);
  view.setUint32(HANDSHAKE_WELCOME_STATUS, status, true);
  view.setUint32(HANDSHAKE_WELCOME_SEGMENT_BYTES, SEGMENT_BYTES, true);
  return bytesOf(view);
}

/** @returns the status; -1 for anything that is no WELCOME with a segment of our size */
export function decodeWelcome(bytes: Uint8Array, length: number): number {
  const view = expect(bytes, length, HANDSHAKE_WELCOME, HANDSHAKE_WELCOME_BYTES);
  if (view === null || view.getUint32(HANDSHAKE_WELCOME_SEGMENT_BYTES, true) !== SEGMENT_BYTES) return -1;
  return view.getUint32(HANDSHAKE_WELCOME_STATUS, true);
}
