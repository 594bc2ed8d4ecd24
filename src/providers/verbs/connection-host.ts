/** What a connection needs of its provider, and whom it tells. */
import type { WsaCode } from '../../spi/codes.js';
import type { Overlapped } from '../../spi/types.js';
import type { CmEvent } from './cm-event.js';
import type { VerbsConnection } from './connection.js';
import type { Engine } from './engine.js';
import type { Refusals } from './refusals.js';

/** What connections need of their provider. */
export interface ConnectionHost {
  readonly engine: Engine;
  readonly refusals: Refusals;
  readonly sharedReceiveQueueFrom: number;
  /** Closed here, and not gone yet. */
  readonly lingering: Set<VerbsConnection>;
  /** Those that wait for a slot to send from. */
  readonly starved: Set<VerbsConnection>;
  /** The last of them is gone. */
  lingered(): void;
}

/** Whom a connection tells. */
export interface ConnectionOwner {
  /** It stands. */
  established(event: CmEvent): void;
  /** It does not, and will not. */
  refused(event: CmEvent): void;
  /** A message: `giveBack(slot)` when it has been dealt with. */
  message(slot: number, bytes: number): void;
  workDone(overlapped: Overlapped, code: WsaCode, bytes: number): void;
  /** It has ended on the wire; messages that came before may follow. */
  lost(code: WsaCode): void;
  /** Nothing follows any more. */
  drained(): void;
}

/** How a connection is left to another owner. */
export interface ConnectionState {
  /** Its queue pair takes receives from a shared queue, of whichever owner. */
  readonly usesShared: boolean;
  /** What its queue pair was granted. */
  readonly inlineBytes: number;
  /** Of its next operation. */
  readonly nextCookie: number;
}
