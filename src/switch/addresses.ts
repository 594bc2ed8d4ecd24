/** IP addresses as text and as bits: parsing, IPv4-mapped addresses, prefixes (rule 1.2). */
import { isIP } from 'node:net';
import type { SocketAddress } from '../spi/types.js';

/** An address as the routes compare it: IPv4-mapped ones are IPv4. */
export interface ParsedAddress {
  readonly family: 4 | 6;
  /** Canonical text: lower case, shortest form, no zone. */
  readonly address: string;
  /** 32 or 128 bits. */
  readonly bits: bigint;
}

function parse4(text: string): bigint {
  let bits = 0n;
  for (const part of text.split('.')) bits = (bits << 8n) | BigInt(Number(part));
  return bits;
}

function groups6(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const bits = parse4(group);
    return [Number(bits >> 16n), Number(bits & 0xffffn)];
  });
}

function parse6(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const front = groups6(head);
  const back = tail === undefined ? [] : groups6(tail);
  const zeroes = new Array<number>(8 - front.length - back.length).fill(0);
  let bits = 0n;
  for (const group of [...front, ...zeroes, ...back]) bits = (bits << 16n) | BigInt(group);
  return bits;
}

function text4(bits: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => Number((bits >> shift) & 0xffn)).join('.');
}

/** RFC 5952: the longest run of at least two zero groups is shortened, the first of equals. */
function text6(bits: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => Number((bits >> BigInt(112 - 16 * i)) & 0xffffn));
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.start < 0) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
}

const MAPPED = 0xffffn;

let lastText = '';
let lastParsed: ParsedAddress | null = null;

/** Parses an IP address in text form, zone allowed and dropped; null if it is none. */
export function parseAddress(text: string): ParsedAddress | null {
  // Most clients connect to the same address again and again.
  if (text !== lastText) {
    lastParsed = parse(text);
    lastText = text;
  }
  return lastParsed;
}

function parse(text: string): ParsedAddress | null {
  const family = isIP(text);
  if (family === 0) return null;
  if (family === 4) return { family: 4, address: text, bits: parse4(text) };
  const bits = parse6(text.split('%')[0] as string);
  if (bits >> 32n === MAPPED) {
    const low = bits & 0xffffffffn;
    return { family: 4, address: text4(low), bits: low };
  }
  return { family: 6, address: text6(bits), bits };
}

/** Whether an address stands for all interfaces of its family. */
export function isWildcard(address: ParsedAddress): boolean {
  return address.bits === 0n;
}

/** Whether the first `prefixLength` bits of two addresses of one family are the same. */
export function samePrefix(family: 4 | 6, a: bigint, b: bigint, prefixLength: number): boolean {
  const rest = BigInt((family === 4 ? 32 : 128) - prefixLength);
  return a >> rest === b >> rest;
}

/** An IPv4 address as a dual-stack socket shows it. */
export function mapped(address: string): string {
  return `::ffff:${address}`;
}

/** A socket address for the SPI. */
export function socketAddress(address: ParsedAddress, port: number): SocketAddress {
  return { family: address.family, address: address.address, port };
}
