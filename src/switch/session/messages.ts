/** The bytes of session messages: the header and the bodies, little-endian, as `layout/schema.ts` defines them. */
import {
  SESSION_HEADER_BYTES,
  SESSION_HEADER_CREDITS,
  SESSION_HEADER_FLAGS,
  SESSION_HEADER_KIND,
  SESSION_HEADER_VALUE,
  SESSION_HELLO_BYTES,
  SESSION_HELLO_CAPABILITIES,
  SESSION_HELLO_MAX_RDMA_BYTES,
  SESSION_HELLO_MESSAGE_BYTES,
  SESSION_HELLO_RDMA_THRESHOLD_BYTES,
  SESSION_HELLO_RECEIVE_BUFFERS,
  SESSION_HELLO_VERSION,
  SESSION_VERSION,
} from '../../layout/layout.gen.js';

/** What one side tells the other when a session is negotiated (rule 3.6). */
export interface Hello {
  /** Messages that the peer may send before it gets credits back. */
  readonly receiveBuffers: number;
  /** Largest message, header included, in bytes. */
  readonly messageBytes: number;
  /** CAPABILITY_* bits. */
  readonly capabilities: number;
  readonly rdmaThresholdBytes: number;
  readonly maxRdmaBytes: number;
}

/** Writes a little-endian u32. */
export function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}

/** Reads a little-endian u32. */
export function readU32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] | (bytes[offset + 1] << 8) | (bytes[offset + 2] << 16) | (bytes[offset + 3] << 24)) >>> 0;
}

/** Reads a little-endian u16. */
export function readU16(bytes: Uint8Array, offset: number): number {
  return bytes[offset] | (bytes[offset + 1] << 8);
}

/** Writes the header of a message at `offset`; `credits` at most 65,535. */
export function writeHeader(bytes: Uint8Array, offset: number, kind: number, credits: number, value: number): void {
  bytes[offset + SESSION_HEADER_KIND] = kind;
  bytes[offset + SESSION_HEADER_FLAGS] = 0;
  bytes[offset + SESSION_HEADER_CREDITS] = credits;
  bytes[offset + SESSION_HEADER_CREDITS + 1] = credits >>> 8;
  writeU32(bytes, offset + SESSION_HEADER_VALUE, value);
}

/** The body of a HELLO message. */
export function encodeHello(hello: Hello): Uint8Array {
  const body = new Uint8Array(SESSION_HELLO_BYTES);
  body[SESSION_HELLO_VERSION] = SESSION_VERSION;
  body[SESSION_HELLO_RECEIVE_BUFFERS] = hello.receiveBuffers;
  body[SESSION_HELLO_RECEIVE_BUFFERS + 1] = hello.receiveBuffers >>> 8;
  writeU32(body, SESSION_HELLO_MESSAGE_BYTES, hello.messageBytes);
  writeU32(body, SESSION_HELLO_CAPABILITIES, hello.capabilities);
  writeU32(body, SESSION_HELLO_RDMA_THRESHOLD_BYTES, hello.rdmaThresholdBytes);
  writeU32(body, SESSION_HELLO_MAX_RDMA_BYTES, hello.maxRdmaBytes);
  return body;
}

/** Reads a HELLO message, header included; null if it is none that this version can work with. */
export function decodeHello(bytes: Uint8Array, offset: number, length: number): Hello | null {
  const body = offset + SESSION_HEADER_BYTES;
  if (length < SESSION_HEADER_BYTES + SESSION_HELLO_BYTES || length > HELLO_BYTES_MAX) return null;
  if (readU16(bytes, body + SESSION_HELLO_VERSION) !== SESSION_VERSION) return null;
  const hello = {
    receiveBuffers: readU16(bytes, body + SESSION_HELLO_RECEIVE_BUFFERS),
    messageBytes: readU32(bytes, body + SESSION_HELLO_MESSAGE_BYTES),
    capabilities: readU32(bytes, body + SESSION_HELLO_CAPABILITIES),
    rdmaThresholdBytes: readU32(bytes, body + SESSION_HELLO_RDMA_THRESHOLD_BYTES),
    maxRdmaBytes: readU32(bytes, body + SESSION_HELLO_MAX_RDMA_BYTES),
  };
  return hello.messageBytes < MESSAGE_BYTES_MIN || hello.receiveBuffers < RECEIVE_BUFFERS_MIN ? null : hello;
}

/** Bytes of a negotiation message at most (rule 3.6); what a later version adds behind ours must fit too. */
const HELLO_BYTES_MAX = 256;

/** Bytes: every message but DATA, OFFER and URGENT fits into this, so no smaller message size is accepted. */
export const MESSAGE_BYTES_MIN = 64;

/** Fewer receive buffers could not carry data and the control messages kept in reserve. */
export const RECEIVE_BUFFERS_MIN = 4;
