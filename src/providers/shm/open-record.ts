/** The OPEN record of a link: who connects to what. Addresses travel as bytes in network order. */
import { SocketAddress as PlatformAddress } from 'node:net';
import {
  LINK_OPEN_BYTES,
  LINK_OPEN_CLAIM,
  LINK_OPEN_COOKIE_HIGH,
  LINK_OPEN_COOKIE_LOW,
  LINK_OPEN_DESTINATION_ADDRESS,
  LINK_OPEN_DESTINATION_PORT,
  LINK_OPEN_FAMILY,
  LINK_OPEN_ID,
  LINK_OPEN_SOURCE_ADDRESS,
  LINK_OPEN_SOURCE_PORT,
} from '../../layout/layout.gen.js';
import type { SocketAddress } from '../../spi/types.js';

/** What an OPEN says. */
export interface OpenRequest {
  readonly cookie: bigint;
  /** CLAIM_*. */
  readonly claim: number;
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
}

const ADDRESS_BYTES = 16;

function writeAddress(view: DataView, offset: number, address: SocketAddress): void {
  if (address.family === 4) {
    address.address.split('.').forEach((part, i) => view.setUint8(offset + i, Number(part)));
    return;
  }
  // `::` stands for as many zero groups as are missing; an IPv4 tail for two groups.
  const text = address.address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => {
    return `${((+a << 8) | +b).toString(16)}:${((+c << 8) | +d).toString(16)}`;
  });
  const [head = '', tail] = text.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after];
  groups.forEach((group, i) => view.setUint16(offset + i * 2, Number.parseInt(group, 16)));
}

function readAddress(view: DataView, offset: number, family: 4 | 6, port: number): SocketAddress {
  if (family === 4) {
    const parts = [0, 1, 2, 3].map((i) => view.getUint8(offset + i));
    return { family, address: parts.join('.'), port };
  }
  const groups = Array.from({ length: ADDRESS_BYTES / 2 }, (_, i) => view.getUint16(offset + i * 2).toString(16));
  return { family, address: new PlatformAddress({ family: 'ipv6', address: groups.join(':') }).address, port };
}

/** @returns the record's words */
export function encodeOpen(id: number, request: OpenRequest): Int32Array {
  const words = new Int32Array(LINK_OPEN_BYTES / 4);
  const view = new DataView(words.buffer);
  view.setInt32(LINK_OPEN_ID, id, true);
  view.setUint32(LINK_OPEN_COOKIE_LOW, Number(request.cookie & 0xffffffffn), true);
  view.setUint32(LINK_OPEN_COOKIE_HIGH, Number(request.cookie >> 32n), true);
  view.setInt32(LINK_OPEN_CLAIM, request.claim, true);
  view.setUint16(LINK_OPEN_FAMILY, request.source.family, true);
  view.setUint16(LINK_OPEN_SOURCE_PORT, request.source.port, true);
  view.setUint16(LINK_OPEN_DESTINATION_PORT, request.destination.port, true);
  writeAddress(view, LINK_OPEN_SOURCE_ADDRESS, request.source);
  writeAddress(view, LINK_OPEN_DESTINATION_ADDRESS, request.destination);
  return words;
}

/** Reads a private copy of a record. @returns null if its family is none */
export function decodeOpen(words: Int32Array): OpenRequest | null {
  const view = new DataView(words.buffer, words.byteOffset, words.byteLength);
  const family = view.getUint16(LINK_OPEN_FAMILY, true);
  if (family !== 4 && family !== 6) return null;
  const low = BigInt(view.getUint32(LINK_OPEN_COOKIE_LOW, true));
  return {
    cookie: (BigInt(view.getUint32(LINK_OPEN_COOKIE_HIGH, true)) << 32n) | low,
    claim: view.getInt32(LINK_OPEN_CLAIM, true),
    source: readAddress(view, LINK_OPEN_SOURCE_ADDRESS, family, view.getUint16(LINK_OPEN_SOURCE_PORT, true)),
    destination: readAddress(
      view,
      LINK_OPEN_DESTINATION_ADDRESS,
      family,
      view.getUint16(LINK_OPEN_DESTINATION_PORT, true),
    ),
  };
}
