/** Both halves of a session's RDMA (rules 5.5 to 5.8), made only where the provider has any: most connections have none. */
import { SESSION_OFFER, SESSION_TARGET } from '../../layout/layout.gen.js';
import type { Overlapped } from '../../spi/types.js';
import type { StartedProvider } from '../started-provider.js';
import { Fetch, RdmaReceiver } from './rdma-receiver.js';
import { Offer, RdmaSender } from './rdma-sender.js';
import type { Session } from './session.js';

/** One session's large transfers, both ways. */
export class Rdma {
  readonly sender: RdmaSender;
  readonly receiver: RdmaReceiver;

  constructor(provider: StartedProvider, session: Session, role: 'connecting' | 'accepting') {
    this.sender = new RdmaSender(provider, session, role);
    this.receiver = new RdmaReceiver(provider, session);
  }

  /** A transfer waits for a word of the peer. */
  get awaitsControl(): boolean {
    return this.sender.busy || this.receiver.fetching;
  }

  /** OFFER, TARGET or DONE. @returns false: not now; keep the message */
  message(kind: number, bytes: Uint8Array, offset: number, length: number): boolean {
    if (kind === SESSION_OFFER) return this.receiver.offered(bytes, offset, length);
    if (kind === SESSION_TARGET) this.sender.targeted(bytes, offset, length);
    else if (!this.sender.done(bytes, offset, length)) this.receiver.done(bytes, offset, length);
    return true;
  }

  /** @returns false: the operation is none of ours */
  completed(overlapped: Overlapped): boolean {
    if (overlapped instanceof Offer) this.sender.completed(overlapped);
    else if (overlapped instanceof Fetch) this.receiver.completed(overlapped);
    else return false;
    return true;
  }

  /** The connection ends (6.3). */
  stop(): void {
    this.sender.stop();
    this.receiver.stop();
  }
}
