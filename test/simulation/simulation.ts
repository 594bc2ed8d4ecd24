/** Runs one seed and says what was wrong with it: two sessions over loop providers, in virtual time. */

import { NO_ERROR, type Socket, type WsaCode, wsaName } from 'sanswitch/spi';
import type { Concern } from '#src/providers/interpose/provider.js';
import { Trace, traceLine } from '#src/providers/interpose/trace.js';
import { LoopFabric } from '#src/providers/loop/fabric.js';
import { Session } from '#src/switch/session/session.js';
import type { MovedSession, SessionState } from '#src/switch/session/session-state.js';
import { MiniSwitch } from './mini-switch.js';
import { Random } from './random.js';
import { type Disturbance, type Scenario, type SideProvider, scenarioOf, sideProvider } from './scenario.js';
import { isStreamOf, Side } from './side.js';
import { World } from './world.js';

const PORT = 5000;
const CLIENT_PORT = 40_000;
const NEGOTIATION_TIMEOUT_MS = 10_000;
const RESUME_TIMEOUT_MS = 10_000;
const MOVE_TIMEOUT_MS = 1_000;
const STEPS_MAX = 400_000;
/** Virtual time that a run may take when nothing was made to fail: no timer has a reason to fire. */
const VIRTUAL_TIME_MAX_MS = 0;

/** What came of a seed. */
export interface Outcome {
  readonly scenario: Scenario;
  readonly problems: readonly string[];
  readonly steps: number;
  readonly bytesReceived: number;
  /** Both sides closed without an error. */
  readonly orderly: boolean;
  /** Changes of owner that succeeded. */
  readonly moves: number;
}

export interface SimulateOptions {
  /** Overrides what the seed says. */
  readonly disturbance?: Disturbance;
  /** Is told everything that crosses the SPI, a line each. */
  readonly log?: (line: string) => void;
}

/** A trace that speaks at once instead of remembering. */
function logged(name: string, log: SimulateOptions['log']): Concern[] {
  if (log === undefined) return [];
  const trace = new Trace(0);
  trace.listener = (entry) => log(`${name} ${traceLine(entry)}`);
  return [trace];
}

class Run {
  readonly problems: string[] = [];
  readonly scenario: Scenario;
  readonly world: World;
  readonly fabric: LoopFabric;
  /** Of each side, for its first owner, its second, and then in turn. */
  readonly providers: readonly [readonly SideProvider[], readonly SideProvider[]];
  readonly sides: readonly [Side, Side];
  /** Those of `providers`. */
  switches: readonly (readonly MiniSwitch[])[] = [];
  readonly #owners = [0, 0];
  /** Changes of owner that are over. */
  moves = 0;
  #random: Random;
  #listener: Socket = -1;
  #connectCode: WsaCode = NO_ERROR;

  constructor(seed: number, { disturbance, log }: SimulateOptions) {
    const random = new Random(seed);
    this.#random = random;
    this.scenario = { ...scenarioOf(seed, random), ...(disturbance === undefined ? {} : { disturbance }) };
    this.world = new World(random, this.scenario.order, STEPS_MAX);
    this.fabric = new LoopFabric(this.world.schedule);
    const owners = (side: 0 | 1, name: string) =>
      ['', "'"].map((which) => sideProvider(this.scenario, side, this.fabric, random, ...logged(name + which, log)));
    this.providers = [owners(0, 'client'), owners(1, 'server')];
    const [client, server] = this.scenario.traits;
    this.sides = [
      new Side('client', client, random, this.world.schedule),
      new Side('server', server, random, this.world.schedule),
    ];
    for (const index of [0, 1] as const) this.sides[index].move = () => this.#move(index);
  }

  begin(): void {
    this.switches = this.providers.map((owners) => owners.map(({ spi }) => new MiniSwitch(spi)));
    // What fails while the switch makes and connects sockets is the switch's business, not the session's.
    this.#arm(false, this.providers.flat());
    const [[clientSwitch], [serverSwitch]] = this.switches as [[MiniSwitch], [MiniSwitch]];
    this.#listener = serverSwitch.listen(PORT, ({ socket }) => this.#open(1, serverSwitch, socket));
    const cancelConnect = clientSwitch.connect(CLIENT_PORT, PORT, (socket, code) => {
      if (code === NO_ERROR) return this.#open(0, clientSwitch, socket);
      clientSwitch.spi.WSPCloseSocket(socket);
      this.#connectCode = code;
    });
    this.#strike(cancelConnect);
  }

  /** Arms what is to happen after a number of steps. */
  #strike(cancelConnect: () => void): void {
    const { disturbance, strikesAfter, struck } = this.scenario;
    if (disturbance !== 'abort-any-step' && disturbance !== 'cut' && disturbance !== 'cancel-connect') return;
    let left = disturbance === 'cancel-connect' ? this.#random.below(6) : this.#random.below(strikesAfter);
    const wait = () => {
      if (left-- > 0) this.world.schedule(wait);
      else if (disturbance === 'abort-any-step')
        this.sides[struck].abort(this.#random.chance(50) ? new Error('enough') : null);
      else if (disturbance === 'cut') for (const { loop } of this.providers[struck]) loop.cutAll();
      else cancelConnect();
    };
    wait();
  }

  #arm(armed: boolean, providers: readonly SideProvider[]): void {
    for (const { failure } of providers) if (failure !== null) failure.armed = armed;
  }

  /** A side moves to its other provider: what the switch does in `handOver` and `adopt`. */
  #move(index: 0 | 1): void {
    const side = this.sides[index];
    const session = side.session as Session;
    const next = 1 - (this.#owners[index] as number);
    const host = (this.switches[index] as readonly MiniSwitch[])[next] as MiniSwitch;
    session.suspend(MOVE_TIMEOUT_MS, (error) => {
      if (error !== null) return side.moved();
      let moved: MovedSession;
      try {
        moved = session.handOver(host.ownerKey);
      } catch {
        session.keep();
        return side.moved();
      }
      this.#owners[index] = next;
      this.#adopt(index, host, moved);
    });
  }

  #adopt(index: 0 | 1, host: MiniSwitch, { context, state, unsent, unsentUrgent }: MovedSession): void {
    const side = this.sides[index];
    side.session = null;
    const lost = this.scenario.disturbance === 'lost-owner' && this.scenario.struck === index;
    const fails = () => side.closed(new Error('the new owner failed'));
    if (lost && this.#random.chance(50)) return fails();
    this.#arm(false, this.providers[index]);
    const giveUp = host.attach(context, (socket, code) => {
      if (code !== NO_ERROR) {
        host.spi.WSPCloseSocket(socket);
        return fails();
      }
      this.moves += 1;
      this.#open(index, host, socket, state, (session) => {
        side.moved();
        for (const bytes of unsentUrgent) session.urgent(bytes);
        // Their senders believe that they have left: there is no other way to tell that they have not.
        for (const bytes of unsent) session.send(bytes, (error) => error && session.abort(error));
        if (side.ended) session.end();
      });
      if (lost) side.abort(null);
    });
    if (!lost || this.#random.chance(50)) return;
    giveUp();
    fails();
  }

  #open(
    index: 0 | 1,
    host: MiniSwitch,
    socket: Socket,
    state: SessionState | null = null,
    stands: (session: Session) => void = () => this.sides[index].begin(),
  ): void {
    const side = this.sides[index];
    this.#arm(true, this.providers[index]);
    const handle = host.handleOf(socket);
    let session: Session;
    try {
      session = new Session({
        provider: host.started,
        socket,
        handle,
        role: index === 0 ? 'connecting' : 'accepting',
        state,
        events: side.events,
        highWaterMarkBytes: this.scenario.highWaterMarkBytes,
        lend: this.scenario.lend[index],
        peer: { address: '127.0.0.1', port: index === 0 ? PORT : CLIENT_PORT },
        negotiationTimeoutMs: NEGOTIATION_TIMEOUT_MS,
        resumeTimeoutMs: RESUME_TIMEOUT_MS,
        receiveBuffers: this.scenario.receiveBuffers,
        negotiated: (error) => {
          if (state === null) side.negotiations.push(error);
          else if (error !== null) side.closed(error);
          if (error === null) stands(session);
        },
      });
    } catch (error) {
      // What the switch does when a session can't even be made.
      if (state === null) side.negotiations.push(error as Error);
      else side.closed(error as Error);
      host.spi.WSPCloseSocket(socket);
      return;
    }
    side.session = session;
    host.own(handle, session);
    session.start();
  }

  /** Everything that can happen has happened. */
  end(): void {
    this.switches[1]?.[0]?.spi.WSPCloseSocket(this.#listener);
  }

  get finished(): boolean {
    return this.sides.every(({ session, closedWith, negotiations }) =>
      session === null && closedWith === undefined
        ? negotiations[0] !== null
        : negotiations.length > 0 && (negotiations[0] !== null || closedWith !== undefined),
    );
  }

  check(): void {
    const { scenario } = this;
    if (!this.finished) {
      const states = this.sides.map((side) => side.describe());
      this.problems.push(`a hang: nothing is left to do, and a side is not closed: ${states.join('; ')}`);
    }
    const injected = this.providers.flat().some(({ failure }) => failure !== null && failure.failed > 0);
    const harmless =
      scenario.disturbance === 'nothing' ||
      scenario.disturbance === 'no-memory' ||
      (scenario.disturbance === 'failure' && !injected);
    if (harmless && this.#connectCode !== NO_ERROR) this.problems.push(`connect failed: ${wsaName(this.#connectCode)}`);
    const torn = this.sides.some((side) => side.torn);
    for (const [index, side] of this.sides.entries())
      this.#checkSide(side, this.sides[1 - index] as Side, harmless && !torn);
    this.#checkLeaks(harmless && !torn);
  }

  #checkSide(side: Side, peer: Side, harmless: boolean): void {
    const say = (problem: string) => this.problems.push(`${side.name}: ${problem}`);
    for (const problem of side.problems) say(problem);
    if (side.negotiations.length > 1) say('negotiated twice');
    if (side.chunks.some(({ outcomes }) => outcomes.length !== 1)) say('a send whose callback was not called once');
    const orderly = side.closedWith === null && !side.aborted && !side.torn;
    const complete = orderly || harmless;
    if (!isStreamOf(side.received, peer.chunks, complete))
      say(complete ? 'bytes are missing or wrong' : 'bytes are wrong');
    if (complete && side.session !== null && side.endedCount !== 1)
      say('closed in order without the end of the stream');
    if (!harmless) {
      if (side.negotiations[0] === null && peer.closedWith instanceof Error && side.closedWith === undefined)
        say('not closed');
      return;
    }
    if (side.negotiations[0] !== null) say(`negotiated: ${side.negotiations[0]}`);
    if (side.closedWith !== null) say(`closed with ${side.closedWith}`);
    if (side.owedDrained) say('drained is owed');
    if (side.chunks.some(({ outcomes, cancelled }) => !cancelled && outcomes[0] !== null)) say('a send failed');
    if (!Buffer.concat(side.urgentReceived).equals(Buffer.concat(peer.urgentSent)))
      say('urgent data are missing or wrong');
  }

  #checkLeaks(harmless: boolean): void {
    const { fabric, world } = this;
    if (fabric.faultCount > 0) this.problems.push(`the SPI was misused: ${fabric.faults.join('; ')}`);
    for (const { loop } of this.providers.flat()) {
      const name = this.sides[loop === this.providers[0][0]?.loop || loop === this.providers[0][1]?.loop ? 0 : 1].name;
      for (const counter of [
        'openSockets',
        'pendingOverlapped',
        'registrations',
        'registeredBytes',
        'overruns',
      ] as const) {
        if (loop.counters[counter] !== 0) this.problems.push(`${name}: ${loop.counters[counter]} ${counter} are left`);
      }
      if (harmless && loop.counters.registrationsReleasedAtClose !== 0)
        this.problems.push(`${name}: memory left to the close`);
    }
    for (const host of this.switches.flat()) {
      this.problems.push(...host.faults);
      if (host.openHandles > 0) this.problems.push(`${host.openHandles} handles are left`);
    }
    if (world.pendingTimers > 0) this.problems.push(`${world.pendingTimers} timers are left`);
    if (world.pendingIntervals > 0) this.problems.push('the event loop is kept alive');
    if (harmless && world.nowMs > VIRTUAL_TIME_MAX_MS) this.problems.push(`it took ${world.nowMs} ms`);
  }
}

/** Runs one seed. */
export function simulate(seed: number, options: SimulateOptions = {}): Outcome {
  const run = new Run(seed, options);
  try {
    run.world.run(
      () => run.begin(),
      () => run.finished,
    );
    run.world.run(
      () => run.end(),
      () => true,
    );
    run.check();
  } catch (error) {
    run.problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  const { scenario, problems, world, sides } = run;
  return {
    scenario,
    problems,
    steps: world.steps,
    bytesReceived: sides[0].received.length + sides[1].received.length,
    orderly: sides[0].closedWith === null && sides[1].closedWith === null,
    moves: run.moves,
  };
}

/** What a person needs to look at a failed seed. */
export function report({ scenario, problems }: Outcome): string {
  const { seed, ...rest } = scenario;
  return `seed ${seed}: ${problems.join('\n  ')}\n  ${JSON.stringify(rest)}\n  again: npm run simulate -- --seed ${seed}`;
}
