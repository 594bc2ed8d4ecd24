/**
 * Changes of owner (rules 8.1, 8.2). Whoever moves says SUSPEND; the other side ends what it has begun, says SUSPENDED as
 * its last word and waits, for a bounded time; RESUME comes from the new owner, or from the old one that gave the move up.
 * A move that was given up in time is over for its own side when SUSPENDED has come late and the peer has had its RESUME.
 *
 * Both sides may want to move at once. Then the connecting side goes first: it answers the other's SUSPEND when it has
 * resumed, and the other answers at once and goes on with its own move afterwards.
 */
import { HandOverError } from '../../errors.js';
import { SESSION_RESUME, SESSION_SUSPEND, SESSION_SUSPENDED } from '../../layout/layout.gen.js';

/** Bytes that may wait to be sent when a move begins: they travel with the session. More is sent first. */
const UNSENT_BYTES_MAX = 4 * 1024 * 1024;

/** What this needs of its session. */
export interface Suspendable {
  readonly role: 'connecting' | 'accepting';
  /** How long the peer's new owner may take. */
  readonly resumeTimeoutMs: number;
  /** Bytes that wait to be sent. */
  readonly queuedBytes: number;
  /** Sends that the provider has not completed. */
  readonly inFlight: number;
  /** Sends a message without a body. @returns false: there is no room now; `Suspension.pump` is called again */
  say(kind: number): boolean;
  /** Sends what can be sent. */
  wake(): void;
  /** The peer's next word must come through, whether or not the application reads. */
  expectControl(): void;
  /** The peer's new owner has not come in time. */
  resumeTimedOut(): void;
}

/** What travels of it. */
export interface SuspensionState {
  /** The peer's SUSPEND has not been answered; `given-up`: and its RESUME has come already. */
  readonly asked: 'no' | 'yes' | 'given-up';
}

/** The changes of owner of one session, its own and its peer's. Made with the first. */
export class Suspension {
  /** Our SUSPEND has been answered, and our RESUME is not said. */
  quiet = false;
  /** We have said SUSPENDED, and the peer has not said RESUME. */
  awaitsResume = false;
  /** We have said SUSPEND, and not RESUME. */
  private open = false;
  private suspendDue = false;
  private resumeDue = false;
  private awaitsSuspended = false;
  private answerDue = false;
  /** The peer has given its move up before we have answered. */
  private resumedEarly = false;
  /** Waits for the session to be quiet. */
  private done: ((error: Error | null) => void) | null = null;
  private moveTimer: NodeJS.Timeout | undefined;
  private resumeTimer: NodeJS.Timeout | undefined;
  private readonly session: Suspendable;

  /** @param state of a session that has moved: RESUME is due */
  constructor(session: Suspendable, state: SuspensionState | null) {
    this.session = session;
    if (state === null) return;
    this.open = true;
    this.resumeDue = true;
    this.answerDue = state.asked !== 'no';
    this.resumedEarly = state.asked === 'given-up';
  }

  /** Nothing at all may be sent. */
  get halted(): boolean {
    return this.quiet || this.awaitsResume;
  }

  /** A change of owner waits for what is under way, or goes on. */
  get pends(): boolean {
    return this.suspendDue || this.answerDue || this.resumeDue || this.open;
  }

  /** Our move has begun and is not over. */
  get moves(): boolean {
    return this.suspendDue || this.done !== null || this.quiet;
  }

  /** What travels, of a session that is quiet. */
  get state(): SuspensionState {
    return { asked: this.answerDue ? (this.resumedEarly ? 'given-up' : 'yes') : 'no' };
  }

  /** Begins our move: `done(null)` when the session is quiet, or with the reason why it goes on as before. */
  begin(timeoutMs: number, done: (error: Error | null) => void): void {
    this.done = done;
    this.suspendDue = true;
    this.moveTimer = setTimeout(() => {
      this.keep();
      const what = this.halted ? 'the peer moves too' : 'the peer has not answered';
      done(new HandOverError(`the connection stays: ${what} within ${timeoutMs} ms`));
    }, timeoutMs);
    this.session.wake();
  }

  /** Our move is over, and the session goes on here. */
  keep(): void {
    this.forgetMove();
    this.suspendDue = false;
    this.quiet = false;
    this.resumeDue ||= this.open;
    this.session.wake();
  }

  /** Says what is due; not while a large send is under way (5.6, 5.7). @returns whether the stream may go on */
  pump(): boolean {
    const { session } = this;
    if (this.resumeDue) {
      if (!session.say(SESSION_RESUME)) return false;
      this.resumeDue = false;
      this.open = false;
    }
    const defers = this.open && session.role === 'connecting';
    if (this.answerDue && !defers) {
      if (!session.say(SESSION_SUSPENDED)) return false;
      this.answered();
      if (this.awaitsResume) return false;
    }
    if (this.suspendDue && !this.awaitsSuspended && session.queuedBytes <= UNSENT_BYTES_MAX) {
      if (!session.say(SESSION_SUSPEND)) return false;
      this.suspendDue = false;
      this.awaitsSuspended = true;
      this.open = true;
    }
    return !this.open;
  }

  private answered(): void {
    this.answerDue = false;
    if (this.resumedEarly) {
      this.resumedEarly = false;
      return;
    }
    this.awaitsResume = true;
    this.resumeTimer = setTimeout(() => this.session.resumeTimedOut(), this.session.resumeTimeoutMs);
    this.session.expectControl();
  }

  /** SUSPEND has come. @returns false: it may not */
  suspend(): boolean {
    if (this.answerDue || this.awaitsResume) return false;
    this.answerDue = true;
    this.session.wake();
    return true;
  }

  /** SUSPENDED has come. @returns false: it may not */
  suspended(): boolean {
    if (!this.awaitsSuspended) return false;
    this.awaitsSuspended = false;
    // Otherwise this move was given up; another may begin now.
    this.quiet = this.open && !this.resumeDue;
    if (this.quiet) this.sendCompleted();
    else this.session.wake();
    return true;
  }

  /** RESUME has come. @returns false: it may not */
  resume(): boolean {
    if (this.awaitsResume) {
      this.awaitsResume = false;
      clearTimeout(this.resumeTimer);
      this.session.wake();
      return true;
    }
    if (!this.answerDue || this.resumedEarly) return false;
    this.resumedEarly = true;
    return true;
  }

  /** The provider has completed a send: a session whose last one that was is quiet. */
  sendCompleted(): void {
    const { done } = this;
    if (!this.quiet || done === null || this.session.inFlight > 0) return;
    this.forgetMove();
    process.nextTick(done, null);
  }

  /** The connection is over. */
  stop(error: Error | null): void {
    const { done } = this;
    this.forgetMove();
    clearTimeout(this.resumeTimer);
    if (done === null) return;
    const details = error === null ? {} : { cause: error };
    process.nextTick(done, new HandOverError('the connection has ended meanwhile', details));
  }

  private forgetMove(): void {
    clearTimeout(this.moveTimer);
    this.done = null;
  }
}
