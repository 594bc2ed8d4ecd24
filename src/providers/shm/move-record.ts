/** The MOVE and ATTACH records of a link: an end of a connection that goes on elsewhere, and the peer that follows it there. */
import { randomFillSync } from 'node:crypto';
import {
  LINK_ATTACH_BYTES,
  LINK_ATTACH_ID,
  LINK_ATTACH_TOKEN_HIGH,
  LINK_ATTACH_TOKEN_LOW,
  LINK_MOVE_BYTES,
  LINK_MOVE_ID,
  LINK_MOVE_REACTOR_ID,
  LINK_MOVE_TOKEN_HIGH,
  LINK_MOVE_TOKEN_LOW,
} from '../../layout/layout.gen.js';
import { REACTOR_ID_BYTES } from './handshake.js';

/** What a MOVE says. */
export interface Move {
  readonly token: bigint;
  /** Hex. Means nothing if the opener moves. */
  readonly reactorId: string;
}

/** Words of a MOVE. */
export const MOVE_WORDS = LINK_MOVE_BYTES / 4;
/** Words of an ATTACH. */
export const ATTACH_WORDS = LINK_ATTACH_BYTES / 4;
/** Of a MOVE of the opener. */
const NO_REACTOR = '00'.repeat(REACTOR_ID_BYTES);
/** Tokens whose random bytes are fetched at once. */
const TOKENS = 128;

const tokens = new BigUint64Array(TOKENS);
let tokensLeft = 0;

/** A token that nobody can guess. */
export function newToken(): bigint {
  if (tokensLeft === 0) {
    randomFillSync(tokens);
    tokensLeft = TOKENS;
  }
  return tokens[--tokensLeft] as bigint;
}

const moveView = new DataView(new ArrayBuffer(LINK_MOVE_BYTES));
const moveWords = new Int32Array(moveView.buffer);
const moveReactor = Buffer.from(moveView.buffer, LINK_MOVE_REACTOR_ID, REACTOR_ID_BYTES);
const attachView = new DataView(new ArrayBuffer(LINK_ATTACH_BYTES));
const attachWords = new Int32Array(attachView.buffer);

/** @returns the record's words, until the next one is encoded or decoded */
export function encodeMove(id: number, token: bigint, reactorId = NO_REACTOR): Int32Array {
  moveView.setUint32(LINK_MOVE_ID, id, true);
  moveView.setUint32(LINK_MOVE_TOKEN_LOW, Number(token & 0xffffffffn), true);
  moveView.setUint32(LINK_MOVE_TOKEN_HIGH, Number(token >> 32n), true);
  moveReactor.write(reactorId, 'hex');
  return moveWords;
}

/** Reads the record that starts at `words[at]`, each word once. */
export function decodeMove(words: Int32Array, at: number): Move {
  for (let i = 0; i < MOVE_WORDS; i++) moveWords[i] = words[at + i];
  return {
    token: tokenOf(moveView, LINK_MOVE_TOKEN_LOW, LINK_MOVE_TOKEN_HIGH),
    reactorId: moveReactor.toString('hex'),
  };
}

/** @returns the record's words, until the next one is encoded or decoded */
export function encodeAttach(id: number, token: bigint): Int32Array {
  attachView.setUint32(LINK_ATTACH_ID, id, true);
  attachView.setUint32(LINK_ATTACH_TOKEN_LOW, Number(token & 0xffffffffn), true);
  attachView.setUint32(LINK_ATTACH_TOKEN_HIGH, Number(token >> 32n), true);
  return attachWords;
}

/** Reads the token of the record that starts at `words[at]`, each word once. */
export function decodeAttach(words: Int32Array, at: number): bigint {
  for (let i = 0; i < ATTACH_WORDS; i++) attachWords[i] = words[at + i];
  return tokenOf(attachView, LINK_ATTACH_TOKEN_LOW, LINK_ATTACH_TOKEN_HIGH);
}

function tokenOf(view: DataView, low: number, high: number): bigint {
  return (BigInt(view.getUint32(high, true)) << 32n) | BigInt(view.getUint32(low, true));
}
