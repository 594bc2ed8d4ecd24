/** What the sockets of all built-in providers have in common: their states, and their network events. */
import { NO_ERROR, type WsaCode } from '../../spi/codes.js';
import { FD_CLOSE, type NetworkEvents, type WsaEvent } from '../../spi/types.js';

/**
 * `failed`: the connect did not succeed. `broken`: the connection has ended on the wire; the structures stay until the
 * switch closes the socket (rule 7.4). `moved`: the connection is another owner's. `closed`: `WSPCloseSocket` was called.
 */
export type SocketState =
  | 'created'
  | 'bound'
  | 'listening'
  | 'connecting'
  | 'connected'
  | 'failed'
  | 'broken'
  | 'moved'
  | 'closed';

/** `WSPEventSelect` and `WSPEnumNetworkEvents` of one socket. */
export abstract class EventSocket {
  /** How the connect went, for FD_CONNECT. */
  protected connectError: WsaCode = NO_ERROR;
  /** Why, for the decision record. */
  protected connectReason = '';
  private event: WsaEvent | null = null;
  private mask = 0;
  private happened = 0;

  /** Why the connection has ended, for FD_CLOSE. */
  protected abstract get closeError(): WsaCode;

  /** What has happened already is signalled at once. @param mask FD_* bits; 0: nothing is signalled any more */
  select(event: WsaEvent | null, mask: number): void {
    this.event = mask === 0 ? null : event;
    this.mask = mask;
    if ((this.happened & mask) !== 0) this.event?.set();
  }

  /** What has happened of what is selected, which is over then. */
  enumerate(): NetworkEvents {
    const events = this.happened & this.mask;
    this.happened &= ~events;
    const closeError = (events & FD_CLOSE) === 0 ? NO_ERROR : this.closeError;
    return { events, connectError: this.connectError, connectReason: this.connectReason, closeError };
  }

  /** Something has happened. @param event one of FD_* */
  signal(event: number): void {
    this.happened |= event;
    if ((this.mask & event) !== 0) this.event?.set();
  }
}
