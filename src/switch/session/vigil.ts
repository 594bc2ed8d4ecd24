/**
 * Waiting for the peer's word: for credits, or for the end of a large transfer. A provider like RDMA learns that its peer has
 * vanished by what is under way alone, and meanwhile there may be nothing. So a session that waits has the provider ask.
 */

/** How often, in milliseconds. With the 1.9 s after which a path counts as dead, whoever waits knows within 3 s. */
const VIGIL_MS = 500;

/** What this needs of its session. */
export interface Vigilant {
  /** Something can't leave, or has not ended, before the peer says a word. */
  readonly waitsForPeer: boolean;
  /** Has the provider ask whether the peer's side is there. */
  probePeer(): void;
}

/** The timer of one session: it runs only while there is something to wait for, and never keeps the process alive. */
export class Vigil {
  private readonly session: Vigilant;
  private timer: NodeJS.Timeout | undefined;

  constructor(session: Vigilant) {
    this.session = session;
  }

  /** Called whenever something has to wait: often, so it costs a comparison. */
  begin(): void {
    this.timer ??= setTimeout(() => this.look(), VIGIL_MS).unref();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private look(): void {
    this.timer = undefined;
    const { session } = this;
    if (session.waitsForPeer) session.probePeer();
    // A provider that fails at it ends the session.
    if (session.waitsForPeer) this.begin();
  }
}
