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

let knownText = '';
let knownBits = 0;

function bits4(text: string): number {
  if (text !== knownText) {
    knownText = text;
    knownBits = text.split('.').reduce((bits, part) => ((bits << 8) | Number(part)) >>> 0, 0);
  }
  return knownBits;
}

function writeAddress(view: DataView, offset: number, address: SocketAddress): void {
  if (address.family === 4) {
    view.setUint32(offset, bits4(address.address));
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

let lastBits = -1;
let lastText = '';

/** Most clients call from the same address again and again. */
function text4(bits: number): string {
  if (bits !== lastBits) {
    lastBits = bits;
    lastText = `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
  }
  return lastText;
}

function readAddress(view: DataView, offset: number, family: 4 | 6, port: number): SocketAddress {
  if (family === 4) {
    return { family, address: text4(view.getUint32(offset)), port };
  }
  const groups = Array.from({ length: ADDRESS_BYTES / 2 }, (_, i) => view.getUint16(offset + i * 2).toString(16));
  return { family, address: new PlatformAddress({ family: 'ipv6', address: groups.join(':') }).address, port };
}

/** Words of an OPEN. */
export const OPEN_WORDS = LINK_OPEN_BYTES / 4;
const encoded = new Int32Array(OPEN_WORDS);
const encodedView = new DataView(encoded.buffer);
const decoded = new Int32Array(OPEN_WORDS);
const decodedView = new DataView(decoded.buffer);

/** @returns the record's words, until the next one is encoded */
export function encodeOpen(id: number, request: OpenRequest): Int32Array {
  const words = encoded;
  const view = encodedView;
  words.fill(0);
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

/** Reads the record that starts at `words[at]`, each word once. @returns null if its family is none */
export function decodeOpen(words: Int32Array, at: number): OpenRequest | null {
  for (let i = 0; i < OPEN_WORDS; i++) decoded[i] = words[at + i];
  const view = decodedView;
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
