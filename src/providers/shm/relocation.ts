/** A connection that changes its reactor: what its owners tell each other, and what the socket knows meanwhile. */
import { WSAEINVAL, WsaError } from '../../spi/codes.js';
import type { Overlapped } from '../../spi/types.js';
import type { ShmConnection } from './connection.js';
import { REACTOR_ID_BYTES } from './handshake.js';

/** What SIO_OWNER_KEY answers: a reactor of this process. */
export interface ShmOwnerKey {
  readonly pid: number;
  /** Hex. */
  readonly reactorId: string;
}

/** What `WSPSocket` is called with by the new owner. */
export interface ShmContext {
  readonly token: bigint;
  /** The peer's process. */
  readonly pid: number;
  /** The peer's reactor, which the opener's new owner is to meet; null: the peer is the opener, and comes. */
  readonly reactorId: string | null;
  /** Our reactor that has sent the peer, a caller; null: the connection stands. */
  readonly from: string | null;
}

function isPid(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0;
}

function isReactorId(value: unknown): value is string {
  return typeof value === 'string' && value.length === 2 * REACTOR_ID_BYTES && /^[0-9a-f]+$/.test(value);
}

/** @throws WsaError WSAEINVAL: it names no reactor of this process; peers would not follow to another one's */
export function checkOwnerKey(key: unknown): ShmOwnerKey {
  const { pid, reactorId } = (key ?? {}) as Partial<ShmOwnerKey>;
  if (pid === process.pid && isReactorId(reactorId)) return { pid, reactorId };
  throw new WsaError(WSAEINVAL, 'not an owner key of this process');
}

/** @throws WsaError WSAEINVAL */
export function checkContext(context: unknown): ShmContext {
  const { token, pid, reactorId, from } = (context ?? {}) as Partial<ShmContext>;
  const isKnown = [reactorId, from].every((name) => name === null || isReactorId(name));
  if (typeof token === 'bigint' && isPid(pid) && isKnown) return { token, pid, reactorId, from } as ShmContext;
  throw new WsaError(WSAEINVAL, 'not the context of a socket');
}

/** Who changes reactors: a caller that is redirected, a socket that its new owner has made, or one that stands and stays. */
export type RelocationKind = 'caller' | 'taker' | 'stayer';

/** One, while it is under way. */
export class Relocation {
  readonly token: bigint;
  readonly kind: RelocationKind;
  /** The receive that is posted meanwhile. */
  posted: Overlapped | null;
  /** A claim was made meanwhile. */
  wantsSpace = false;
  /** The reactor that has sent the peer, a caller, to us. */
  from: string | null = null;
  /** Its ATTACH waits for an answer. */
  attaching: ShmConnection | null = null;
  private timer: NodeJS.Timeout | undefined;

  constructor(token: bigint, kind: RelocationKind, posted: Overlapped | null = null) {
    this.token = token;
    this.kind = kind;
    this.posted = posted;
  }

  /** If it was this thread that had no time, the answer may be there and unseen: two turns of the loop show it. */
  limit(timeoutMs: number, expired: () => void): void {
    const expire = (): void => {
      if (this.timer !== undefined) expired();
    };
    this.timer = setTimeout(() => setImmediate(() => setImmediate(expire)), timeoutMs).unref();
  }

  /** It is over. A connection that attaches in vain is closed. */
  end(isDone: boolean): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (!isDone && this.attaching !== null) this.attaching.close();
    this.attaching = null;
  }
}
