/**
 * One round of a connection's life, between a switch of this thread and one of another: start, listen, connect, transfer,
 * close. In one of these phases a call of the addon fails; whatever comes of it must be one of few things, and nothing may
 * be left of it afterwards.
 */
import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createSwitch, type DecisionRecord, type ProviderStatus, type Switch, type SwitchOptions } from 'sanswitch';
import { bindTcp, closeDescriptor, listeningSockets, localPort } from '#src/native/os.js';
import { acquireVirtualPort, releaseVirtualPort } from '#src/ports/virtual-ports.js';
import { eventually, Party } from '../shm/party.js';
import { Peer } from '../shm/peer.js';
import { resources } from '../shm/resources.js';
import type { FailCalls, Fault } from './fail-calls.js';

/** `load` is the addon's own beginning in a thread; see `loadRound`. */
export type Phase = 'load' | 'start' | 'listen' | 'connect' | 'transfer' | 'close';

/** A fault and the configuration in which it is tried. */
export interface Plan {
  readonly fault: Fault;
  readonly providers: readonly ('shm' | 'shm!')[];
  /** The client asks for a port of the host instead of a virtual one. */
  readonly realPort: boolean;
}

/** What became of a round. */
export interface Outcome {
  /** Calls that failed. */
  readonly failed: number;
  /** What the application saw, for people. */
  readonly seen: string;
}

const LOOPBACK = '127.0.0.1';
/** More than one of the library's buffers, so that both rings wrap and block. */
const LARGE_BYTES = 9 * 1024 * 1024;
/** A virtual port's block; with all of them taken the next connect needs another block. */
const BLOCK_PORTS = 64;
const STEP_TIMEOUT_MS = 10_000;

class Misbehaviour extends Error {}

function demand(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Misbehaviour(what);
}

/** An error that an application can act on. */
function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  demand(typeof code === 'string' && /^E[A-Z_]+$/.test(code), `an error without a code: ${message}`);
  return code;
}

/** Why shm has no part in a decision; it must say so. */
function reasonIn({ candidates }: DecisionRecord): string {
  const candidate = candidates.find(({ provider }) => provider === 'shm');
  demand(candidate !== undefined && candidate.outcome !== 'chosen', `no reason in ${JSON.stringify(candidates)}`);
  return `${candidate.reason}${candidate.detail === undefined ? '' : `: ${candidate.detail}`}`;
}

/** A port of the host that nobody has right now. */
function freePort(): number {
  const fd = bindTcp(LOOPBACK, 0, 4);
  try {
    return localPort(fd);
  } finally {
    closeDescriptor(fd);
  }
}

async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = delay(STEP_TIMEOUT_MS, undefined, { ref: false }).then(() => {
    throw new Misbehaviour(`${what} takes longer than ${STEP_TIMEOUT_MS} ms`);
  });
  return Promise.race([promise, late]);
}

/** The rounds of one plan. The other switch lives in `peer`'s thread. */
export class Rounds {
  private readonly failCalls: FailCalls;
  private readonly peer: Peer;
  private readonly plan: Plan;
  private baseline: Held | null = null;

  constructor(failCalls: FailCalls, peer: Peer, plan: Plan) {
    this.failCalls = failCalls;
    this.peer = peer;
    this.plan = plan;
  }

  /**
   * A round in which the `at`-th call of a phase fails; 0: none does.
   * @throws Error that says what is wrong
   */
  async run(phase: Phase, at: number): Promise<Outcome> {
    const round = new Round(this.failCalls, this.peer, this.plan, phase, at);
    await round.run();
    // What is made once per thread stays: windows, a block of ports.
    if (this.baseline === null) await eventually('the first round is over', () => resources().segments === 0);
    this.baseline ??= held();
    await settled(this.baseline);
    return { failed: round.failed, seen: round.seen };
  }
}

/** A thread in which the `at`-th call fails while the addon loads and a switch starts. */
export async function loadRound(failCalls: FailCalls, { fault, providers }: Plan, at: number): Promise<Outcome> {
  const before = held();
  failCalls.arm(fault, at);
  const peer = await within('load', Peer.thread({ providers: [...providers] })).finally(() => failCalls.disarm());
  const { failed } = failCalls.disarm();
  const shm = ((await peer.do.providers()) as ProviderStatus[]).find(({ name }) => name === 'shm');
  const isStarted = shm?.state === 'started';
  demand(isStarted || (failed > 0 && Boolean(shm?.reason && shm.detail)), `left out: ${JSON.stringify(shm)}`);
  await peer.kill();
  await settled(before);
  return { failed, seen: isStarted ? 'as ever' : `left out (${shm?.reason}: ${shm?.detail})` };
}

/** What this process holds. An abstract name is held by a descriptor. */
interface Held {
  readonly descriptors: number;
  readonly segments: number;
  readonly threads: number;
}

function held(): Held {
  const { descriptors, segments } = resources();
  return { descriptors, segments, threads: readdirSync('/proc/self/task').length };
}

async function settled(baseline: Held): Promise<void> {
  let now = held();
  const met = (): boolean => {
    now = held();
    return (
      now.descriptors <= baseline.descriptors && now.segments <= baseline.segments && now.threads <= baseline.threads
    );
  };
  await eventually('everything is given back', met, STEP_TIMEOUT_MS).catch(() => {
    demand(false, `left behind: ${JSON.stringify(now)}, before: ${JSON.stringify(baseline)}`);
  });
}

class Round {
  failed = 0;
  seen = 'as ever';
  private readonly failCalls: FailCalls;
  private readonly peer: Peer;
  private readonly plan: Plan;
  private readonly phase: Phase;
  private readonly at: number;
  private readonly isStrict: boolean;
  private client!: Switch;
  /** Why shm does not listen; null: it does. */
  private companion: string | null = null;

  constructor(failCalls: FailCalls, peer: Peer, plan: Plan, phase: Phase, at: number) {
    this.failCalls = failCalls;
    this.peer = peer;
    this.plan = plan;
    this.phase = phase;
    this.at = at;
    this.isStrict = plan.providers.includes('shm!');
  }

  async run(): Promise<void> {
    // Both ends sleep as soon as they can, so that each message wakes the other.
    const options: SwitchOptions = { providers: [...this.plan.providers], spinBudgetUs: 0 };
    this.client = await this.step('start', async () => {
      await this.peer.do.start(options);
      return createSwitch(options);
    });
    const isStarted = this.isStarted('here', this.client.providers());
    const isPeerStarted = this.isStarted('there', (await this.peer.do.providers()) as ProviderStatus[]);
    const port = await this.listen();
    const party = port === 0 ? null : await this.connect(port);
    if (party !== null) await this.transfer(party);
    if (isStarted && isPeerStarted) await this.verify();
    await this.step('close', async () => {
      if (party !== null && !party.closed) await party.socket.close().catch(codeOf);
      await this.client.close();
      await this.peer.do.shutDown();
    });
  }

  /** A phase; in the one that this round is about, the call fails. */
  private async step<T>(phase: Phase, run: () => Promise<T>): Promise<T> {
    const isArmed = this.at > 0 && phase === this.phase;
    if (isArmed) this.failCalls.arm(this.plan.fault, this.at);
    try {
      return await within(phase, run());
    } finally {
      if (isArmed) this.failed = this.failCalls.disarm().failed;
    }
  }

  /** Rule 1.1: it runs, or there is a reason. */
  private isStarted(where: string, providers: readonly ProviderStatus[]): boolean {
    const shm = providers.find(({ name }) => name === 'shm');
    if (shm?.state === 'started') {
      // It may do without the notifications of address changes (rule 1.3), and says so.
      if (shm.lastFault !== undefined) this.seen = shm.lastFault;
      return true;
    }
    demand(this.phase === 'start' && Boolean(shm?.reason && shm.detail), `left out: ${JSON.stringify(shm)}`);
    this.seen = `left out ${where} (${shm?.reason}: ${shm?.detail})`;
    return false;
  }

  /** @returns the port; 0: nobody listens */
  private async listen(): Promise<number> {
    return this.step('listen', async () => {
      try {
        const { port } = await this.peer.do.listen('echo');
        if (this.phase === 'listen') this.noteCompanion((await this.peer.do.decision()) as DecisionRecord);
        return port;
      } catch (error) {
        const code = codeOf(error);
        demand(this.isStrict && code === 'ERR_SANSWITCH_PROVIDER_REQUIRED', `listen fails: ${error}`);
        demand(this.phase === 'start' || this.phase === 'listen', `nothing failed, but listen does: ${error}`);
        if (this.phase === 'listen') this.seen = `listen: ${code}`;
        return 0;
      }
    });
  }

  /** Rule 2.7: without a companion TCP/IP listens alone, and it stands there why. A lack of resources is no fault of shm's. */
  private noteCompanion(decision: DecisionRecord): void {
    const isListening = decision.candidates.some(({ provider, outcome }) => provider === 'shm' && outcome === 'chosen');
    if (isListening) return;
    const reason = reasonIn(decision);
    demand(/^listen-failed: .*E[A-Z]+|bad_alloc/.test(reason), `the listener's decision says: ${reason}`);
    this.companion = reason;
  }

  /** @returns null: it failed, as it may where a provider is demanded */
  private async connect(port: number): Promise<Party | null> {
    const party = new Party('sink');
    const held = Array.from({ length: BLOCK_PORTS }, () => acquireVirtualPort(LOOPBACK));
    if (this.phase === 'connect' && this.at > 0) this.closeDiagSocket();
    const { handlers } = party;
    const request = { port, host: LOOPBACK, handlers, ...(this.plan.realPort && { localPort: freePort() }) };
    try {
      party.socket = await this.step('connect', () => this.client.connect(request));
      if (party.socket.provider !== 'shm') this.fallenBack(party.socket.decision);
      return party;
    } catch (error) {
      if (error instanceof Misbehaviour) throw error;
      const code = codeOf(error);
      demand(this.isStrict && code === 'ERR_SANSWITCH_PROVIDER_REQUIRED', `connect fails: ${error}`);
      this.fallenBack((error as { decision?: DecisionRecord }).decision as DecisionRecord);
      this.seen = `connect: ${code} (${this.seen})`;
      return null;
    } finally {
      for (const one of held) releaseVirtualPort(LOOPBACK, one as number);
    }
  }

  private fallenBack(decision: DecisionRecord): void {
    const reason = reasonIn(decision);
    const isExpected = this.failed > 0 || this.phase === 'start' || this.phase === 'listen';
    demand(isExpected, `nothing failed, but shm does: ${reason}`);
    // Somebody does listen, whatever became of the link.
    demand(!/ECONNREFUSED|\(\d+\)/.test(reason), `a misleading or unreadable reason: ${reason}`);
    this.seen = this.companion ?? reason;
  }

  /** So that the connect opens it anew. */
  private closeDiagSocket(): void {
    this.failCalls.arm({ kind: 'recvfrom', error: 'ENOMEM', lasting: false }, 1);
    try {
      listeningSockets(1);
    } catch {
      // That was the purpose.
    }
    demand(this.failCalls.disarm().failed === 1, 'the sock_diag socket can not be closed');
  }

  /** A request and its answer with both sides asleep before it, then much at once. */
  private async transfer(party: Party): Promise<void> {
    await this.step('transfer', async () => {
      await this.exchange(party, 64);
      // Time for both threads to fall asleep.
      await delay(1);
      await this.exchange(party, this.phase === 'transfer' ? LARGE_BYTES : 64);
    });
    if (!party.closed) return;
    const { error } = party;
    demand(error !== null, 'a connection ended as if all were well');
    demand(this.failed > 0, `nothing failed, but the connection does: ${error}`);
    this.seen = `socket: ${codeOf(error)}`;
  }

  private async exchange(party: Party, bytes: number): Promise<void> {
    const wanted = party.received + bytes;
    if (party.closed) return;
    party.socket.send(Buffer.alloc(bytes, 7));
    await party.got(wanted, STEP_TIMEOUT_MS);
  }

  /** Once nothing fails any more everything works as ever. */
  private async verify(): Promise<void> {
    const { port } = await this.peer.do.listen('echo');
    const party = new Party('sink');
    party.socket = await within(
      'a further connect',
      this.client.connect({ port, host: LOOPBACK, handlers: party.handlers }),
    );
    demand(party.socket.provider === 'shm', `shm does not recover: ${JSON.stringify(party.socket.decision)}`);
    await this.exchange(party, 64);
    demand(!party.closed, `a further connection fails: ${party.error}`);
    await within('closing it', party.socket.close());
  }
}
