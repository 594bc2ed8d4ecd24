/** A companion on its way to a session: from `WSPSocket` until its provider has said whether it connects. */

import type { WsaCode } from '../spi/codes.js';
import { FD_CONNECT } from '../spi/types.js';
import type { Companion } from './companion.js';
import type { SwitchContext } from './context.js';
import type { Operation } from './operation.js';
import type { RunningProvider } from './running-provider.js';
import type { Session } from './session/session.js';

/** One attempt. Callbacks and no promises: a process may make many thousand connections a second. */
export abstract class Attempt {
  protected readonly context: SwitchContext;
  protected readonly provider: RunningProvider;
  protected readonly operation: Operation;
  protected companion: Companion | null = null;
  protected session: Session | null = null;
  protected timer: NodeJS.Timeout | undefined;
  /** The provider has said whether it connects, or that was not waited for. */
  protected decided = false;
  protected readonly cancelled = (): void => {
    if (this.session !== null) this.session.abort(null);
    // Not from inside of whatever the application cancels with.
    else queueMicrotask(() => this.failed(this.operation.reason));
  };

  constructor(context: SwitchContext, provider: RunningProvider, operation: Operation) {
    this.context = context;
    this.provider = provider;
    this.operation = operation;
  }

  /** The provider's word: 0, or why not. */
  protected abstract outcome(code: WsaCode, reason?: string): void;
  /** Rules 2.7, 3.8: the companion goes, promptly. Nothing if it is decided already. */
  protected abstract failed(error: unknown): void;

  /** Rule 3.2: `outcome` follows, in a turn of its own. @throws StepFailure */
  protected select(companion: Companion): void {
    companion.onFault = (failure) => this.failed(failure);
    companion.select(FD_CONNECT, () => this.networkEvent(companion));
  }

  protected decide(): void {
    this.decided = true;
    clearTimeout(this.timer);
    if (this.companion !== null) this.companion.onFault = null;
  }

  private networkEvent(companion: Companion): void {
    try {
      const { events, connectError, connectReason } = companion.events();
      if ((events & FD_CONNECT) !== 0) this.outcome(connectError, connectReason);
    } catch (error) {
      this.failed(error);
    }
  }
}
