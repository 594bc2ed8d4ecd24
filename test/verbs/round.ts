/**
 * One round of a connection's life over the fake RDMA libraries, both ends in this process: start, listen, connect,
 * transfer, close. In one of these phases the n-th call of some kind fails. Whatever comes of it must be one of few
 * things: TCP/IP with a reason, one error with a code, or nothing at all.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { createSwitch, type DecisionRecord, type ProviderStatus, type Switch } from 'sanswitch';
import type { FakeVerbs } from '../fixtures/fake-verbs-control.js';
import { Party } from '../shm/party.js';

/** Where the call fails. */
export type Phase = 'start' | 'listen' | 'connect' | 'transfer' | 'close';

/** All of them, in their order. */
export const PHASES: readonly Phase[] = ['start', 'listen', 'connect', 'transfer', 'close'];

/** Makes calls fail. */
export interface Injector {
  /** The `at`-th call from now on fails (1: the next one). */
  arm(at: number): void;
  /** Nothing fails any more. @returns whether that call came */
  disarm(): boolean;
}

/** A function of the libraries that fails: once, or from then on. */
export class LibraryFault implements Injector {
  private readonly verbs: FakeVerbs;
  private readonly name: string;
  private readonly errno: number;
  private readonly isLasting: boolean;
  private at = 0;

  constructor(verbs: FakeVerbs, name: string, errno: number, isLasting = false) {
    this.verbs = verbs;
    this.name = name;
    this.errno = errno;
    this.isLasting = isLasting;
  }

  arm(at: number): void {
    this.at = at;
    this.verbs.control(`fail ${this.name} ${at} ${this.errno}${this.isLasting ? ' always' : ''}`);
  }

  disarm(): boolean {
    return this.verbs.control(`calls ${this.name}`) >= this.at;
  }
}

/** What fails. */
export interface Fault {
  /** Null: nothing does. */
  readonly injector: Injector | null;
  readonly phase: Phase;
  /** Which call of the phase, from 1. */
  readonly at: number;
  /** RDMA is demanded. */
  readonly isStrict: boolean;
}

/** What became of a round. */
export interface Outcome {
  /** The phase came as far as that call. */
  readonly isReached: boolean;
  /** What the application saw, for people. */
  readonly seen: string;
}

const LOOPBACK = '127.0.0.1';
const STEP_TIMEOUT_MS = 5_000;
const SMALL = payload(64);
/** Goes by RDMA read. */
const LARGE = payload(300_000);

/** Short waits: nothing here takes long. */
const OPTIONS = {
  listen: 'all',
  addresses: ['127.0.0.0/8'],
  connectTimeoutMs: 3_000,
  ackTimeout: 8,
  retryCount: 1,
};

function payload(bytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, index) => (index * 31) % 251));
}

function demand(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** An error that an application can act on. */
function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  demand(typeof code === 'string' && /^E[A-Z_]+$/.test(code), `an error without a code: ${message}`);
  return code;
}

async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = delay(STEP_TIMEOUT_MS, undefined, { ref: false }).then(() => {
    throw new Error(`${what} takes longer than ${STEP_TIMEOUT_MS} ms`);
  });
  return Promise.race([promise, late]);
}

/** Why RDMA has no part in a decision; it must say so. */
function reasonIn({ candidates }: DecisionRecord): string {
  const candidate = candidates.find(({ provider }) => provider === 'verbs');
  demand(candidate !== undefined && candidate.outcome !== 'chosen', `no reason in ${JSON.stringify(candidates)}`);
  demand(Boolean(candidate.reason), `no reason in ${JSON.stringify(candidates)}`);
  return `${candidate.reason}${candidate.detail === undefined ? '' : `: ${candidate.detail}`}`;
}

/** Sends `bytes` and waits until they have come back. */
async function exchange(party: Party, bytes: Buffer): Promise<void> {
  if (party.closed) return;
  const wanted = party.received + bytes.length;
  const crc = crc32(bytes, party.crc);
  party.socket.send(bytes);
  await party.got(wanted, STEP_TIMEOUT_MS);
  demand(party.closed || party.crc === crc, 'what comes back is not what was sent');
}

/** See the top of this file. */
export class Round {
  private readonly verbs: FakeVerbs;
  private readonly fault: Fault;
  private readonly commands: readonly string[];
  private readonly options: object;
  private isReached = false;
  private seen = 'as ever';
  private readonly served: Party[] = [];

  /** @param commands what the fake libraries are told at the start of each phase @param options more for the provider */
  constructor(verbs: FakeVerbs, fault: Fault, commands: readonly string[] = [], options: object = {}) {
    this.verbs = verbs;
    this.fault = fault;
    this.commands = commands;
    this.options = { ...OPTIONS, ...options };
  }

  /** @throws Error that says what is wrong */
  async run(): Promise<Outcome> {
    const { isStrict } = this.fault;
    const provider = { name: 'verbs', required: isStrict, options: this.options } as const;
    const sw = await this.step('start', () => this.start(provider));
    if (sw === null) return this.outcome();
    try {
      await this.live(sw);
    } catch (error) {
      // So that the next round finds nothing of this one.
      this.verbs.control('reset');
      await sw.close();
      throw error;
    }
    return this.outcome();
  }

  private async live(sw: Switch): Promise<void> {
    const isStarted = this.isStarted(sw.providers());
    const port = await this.step('listen', () => this.listen(sw));
    const party = port === 0 ? null : await this.step('connect', () => this.connect(sw, port, isStarted));
    if (party !== null) await this.transfer(party);
    await this.step('close', async () => {
      if (party !== null && !party.closed) await party.socket.close().catch(codeOf);
      await sw.close();
    });
    for (const { closed } of this.served) demand(closed, 'a socket is open after its switch');
  }

  private outcome(): Outcome {
    return { isReached: this.isReached, seen: this.seen };
  }

  /** A phase; in the one that this round is about, the call fails. */
  private async step<T>(phase: Phase, run: () => Promise<T>): Promise<T> {
    const { injector, at } = this.fault;
    const armed = phase === this.fault.phase ? injector : null;
    this.verbs.control('reset');
    for (const command of this.commands) this.verbs.control(command);
    armed?.arm(at);
    try {
      return await within(phase, run());
    } finally {
      if (armed !== null) this.isReached = armed.disarm();
      this.verbs.control('reset');
    }
  }

  private async start(provider: object): Promise<Switch | null> {
    try {
      return await createSwitch({ providers: [provider as never], spinBudgetUs: 0 });
    } catch (error) {
      demand(this.fault.phase === 'start' && this.fault.isStrict, `the switch does not start: ${error}`);
      this.seen = `start: ${codeOf(error)}`;
      return null;
    }
  }

  /** Rule 1.1: it runs, or there is a reason. */
  private isStarted(providers: readonly ProviderStatus[]): boolean {
    const status = providers.find(({ name }) => name === 'verbs');
    if (status?.state === 'started') return true;
    demand(this.fault.phase === 'start' && Boolean(status?.reason && status.detail), JSON.stringify(status));
    this.seen = `left out: ${status?.reason}: ${status?.detail}`;
    return false;
  }

  /** @returns the port; 0: nobody listens, as may be where RDMA is demanded */
  private async listen(sw: Switch): Promise<number> {
    try {
      const listener = await sw.listen({ host: LOOPBACK }, (socket) => {
        const party = new Party('echo');
        party.socket = socket;
        socket.handlers = party.handlers;
        this.served.push(party);
      });
      return listener.address().port;
    } catch (error) {
      const { phase, isStrict } = this.fault;
      demand(isStrict && (phase === 'start' || phase === 'listen'), `listen fails: ${error}`);
      this.seen = `listen: ${codeOf(error)} (${this.seen})`;
      return 0;
    }
  }

  /** @returns null: it failed, as may be where RDMA is demanded */
  private async connect(sw: Switch, port: number, isStarted: boolean): Promise<Party | null> {
    const party = new Party('sink');
    const { handlers } = party;
    try {
      party.socket = await sw.connect({ port, host: LOOPBACK, handlers });
      if (party.socket.provider !== 'verbs') this.fallenBack(party.socket.decision, isStarted);
      return party;
    } catch (error) {
      const code = codeOf(error);
      demand(this.fault.isStrict, `connect fails: ${error}`);
      this.fallenBack((error as { decision?: DecisionRecord }).decision as DecisionRecord, isStarted);
      this.seen = `connect: ${code} (${this.seen})`;
      return null;
    }
  }

  private fallenBack(decision: DecisionRecord, isStarted: boolean): void {
    const { phase, injector } = this.fault;
    const isExpected = injector !== null && (phase === 'listen' || phase === 'connect' || !isStarted);
    demand(isExpected, `nothing failed, but RDMA does: ${JSON.stringify(decision)}`);
    this.seen = reasonIn(decision);
  }

  /** With both sides asleep, with much at once, and from memory that is registered already. */
  private async transfer(party: Party): Promise<void> {
    await this.step('transfer', async () => {
      await exchange(party, SMALL);
      await delay(1);
      await exchange(party, LARGE);
      await exchange(party, LARGE);
    });
    if (!party.closed) return;
    demand(party.error !== null, 'a connection ended as if all were well');
    demand(this.fault.phase === 'transfer' || this.fault.phase === 'connect', `the connection fails: ${party.error}`);
    this.seen = `socket: ${codeOf(party.error)}`;
  }
}
