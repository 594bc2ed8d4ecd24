/** What a session that is handed over takes along (rule 8.1): enough for the next owner to go on where it was. */
import type { MovedTransport } from '../transport.js';
import type { ChannelState } from './channel.js';
import type { SessionLimits } from './limits.js';
import type { Hello } from './messages.js';
import type { SuspensionState } from './suspension.js';

/** Structured-cloneable. */
export interface SessionState {
  readonly role: 'connecting' | 'accepting';
  /** What our HELLO said, and the peer's (3.6): both hold as long as the connection. */
  readonly limits: SessionLimits;
  readonly peerHello: Hello;
  readonly channel: ChannelState;
  /** `send` has said stop, and `drained` is owed. */
  readonly stopped: boolean;
  readonly finSent: boolean;
  readonly finReceived: boolean;
  readonly suspension: SuspensionState;
}

/** A session that is on its way. */
export interface MovedSession extends MovedTransport {
  readonly state: SessionState;
}
