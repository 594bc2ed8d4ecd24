/**
 * One worker's share of a run: its connections, and when which of them begins a request. In an open loop requests have intended
 * start times, and one that finds every connection busy waits for the first that is free: its wait counts (wrk2). In a closed
 * loop each answer is followed by the next request.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Arrivals } from './arrivals.js';
import { Berths } from './berths.js';
import type { Client, ClientEvents } from './clients/client.js';
import type { Connector } from './connector.js';
import { Pacer } from './pacer.js';
import type { RunPlan } from './plan.js';
import { type LatencyNote, Recorder, type SecondNote } from './recorder.js';
import type { ServedBy } from './report.js';
import { Roster } from './roster.js';
import { Sizes } from './sizes.js';

/** No more of one turn are begun before what has come is looked at. */
const BURST = 64;
const DELAY_RESOLUTION_MS = 10;
const NS_PER_MS = 1e6;
const BEAT_MS = 1_000;
const REHEARSED_SECONDS = 100;
/** So long before a request is due the generator stops sleeping: about what a wake-up takes. It bounds the spinning, too. */
const SPIN_MS = 0.05;
/** Workers begin at different phases of their rate, by their seeds. */
const PHASES = 1_000;

/** What a worker has to say when its share is done. */
export interface CrewNote extends LatencyNote {
  readonly started: number;
  readonly completed: number;
  readonly failed: number;
  /** Due in the measured time, and never begun for want of a free connection. */
  readonly neverBegun: number;
  /** Begun later than the plan tolerates though a connection was free. */
  readonly late: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly reconnects: number;
  readonly served: readonly ServedBy[];
  readonly longestStall_ms: number;
  /** How long was really measured. */
  readonly measured_ms: number;
  /** No connection could be had any more; why, and nothing came after that. */
  readonly lost: string | null;
}

/** What is noted down of one part of a run: of the warm-up or of what is begun behind the end, which nobody is told of, or of the measured time. */
class Part {
  readonly recorder: Recorder;
  /** Requests that were begun; of those, the ones without an answer; and the ones begun later than the plan tolerates. */
  begun = 0;
  owed = 0;
  late = 0;

  constructor(recorder: Recorder) {
    this.recorder = recorder;
  }
}

/** What is done once a second takes milliseconds until it is compiled. */
function rehearse(): void {
  const recorder = new Recorder(false, 0, REHEARSED_SECONDS * BEAT_MS, () => {});
  for (let second = 1; second <= REHEARSED_SECONDS; second++) {
    recorder.answered(0, 0, second);
    recorder.turn(second * BEAT_MS);
  }
}

/** See the top of this file. */
export class Crew implements ClientEvents {
  private readonly plan: RunPlan;
  private readonly told: (note: SecondNote) => void;
  private readonly sizes: Sizes;
  private readonly pacer: Pacer;
  private readonly stalls = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  private readonly roster: Roster;
  private readonly berths: Berths;
  private measured: Part;
  /**
   * Before, in and behind the measured time. All are noted down in the same way, without a branch: what runs for the first time
   * when measuring begins is compiled then, which takes milliseconds, on processors that are wanted.
   */
  private parts: readonly Part[];
  private arrivals: Arrivals | null = null;
  private state: 'idle' | 'running' | 'draining' | 'over' = 'idle';
  private isPumping = false;
  private isWarm = false;
  private from_ms = 0;
  private to_ms = Number.POSITIVE_INFINITY;
  /** When arrivals were looked at last. */
  private turned_ms = 0;
  private neverBegun = 0;
  /** Requests without an answer. */
  private outstanding = 0;
  /** When a place became free after all had been busy. */
  private freeSince_ms = 0;
  /** It was ended before it began. */
  private isCancelled = false;
  /** All requests that were wanted have been begun; and when one was settled last. */
  private isCounted = false;
  private settled_ms = 0;
  private lost: string | null = null;
  private finish: () => void = () => {};

  /** @param told once for each second of the measured time */
  constructor(plan: RunPlan, connector: Pick<Connector, 'open'>, told: (note: SecondNote) => void) {
    this.plan = plan;
    this.told = told;
    this.sizes = new Sizes(plan.sizes, plan.seed);
    // Who may be a whole tick late has no use for microseconds.
    this.pacer = new Pacer(() => this.pump(), plan.tick_ms > 0 ? 0 : SPIN_MS);
    this.berths = new Berths(plan.connections * plan.inFlight);
    this.measured = new Part(new Recorder(false, 0, 0, told));
    this.parts = [this.measured, this.measured, this.measured];
    this.roster = new Roster(plan.patience_ms, {
      open: () => connector.open(this, plan),
      joined: (client) => this.joined(client),
      failed: (code) => this.fault(code),
      lost: (code) => this.giveUp(code),
    });
  }

  /** Opens all connections. @throws the error of the first that can't be had */
  connect(): Promise<void> {
    rehearse();
    return this.roster.fill(this.plan.connections);
  }

  /** Runs; resolves when the measured time is over and its answers have come, or are given up. */
  async run(): Promise<CrewNote> {
    const { plan } = this;
    const start_ms = performance.now();
    this.from_ms = start_ms + plan.warmup_ms;
    this.to_ms = this.from_ms + plan.duration_ms;
    const isOpen = plan.rate_per_s !== null;
    this.measured = new Part(new Recorder(isOpen, this.from_ms, this.to_ms, this.told));
    const [before, behind] = [start_ms, this.to_ms].map(
      (at_ms) => new Part(new Recorder(isOpen, at_ms, Number.POSITIVE_INFINITY, () => {})),
    ) as [Part, Part];
    this.parts = [before, this.measured, behind];
    if (this.isCancelled) {
      this.to_ms = this.from_ms;
      return this.note();
    }
    if (plan.rate_per_s !== null) {
      const phase = (plan.seed % PHASES) / PHASES;
      this.arrivals = new Arrivals(plan.arrivals, plan.rate_per_s, start_ms, phase, plan.seed);
    }
    this.state = 'running';
    const watch = setTimeout(() => this.stalls.enable(), plan.warmup_ms);
    // Of seconds in which nothing happens nobody else would tell.
    const beat = setInterval(() => this.measured.recorder.turn(performance.now()), BEAT_MS);
    await new Promise<void>((resolve) => {
      this.finish = resolve;
      this.pump();
    });
    clearTimeout(watch);
    clearInterval(beat);
    this.stalls.disable();
    return this.note();
  }

  /** Ends the measured time now; `run` resolves soon. */
  stop(): void {
    if (this.state === 'running') this.drain(Math.max(performance.now(), this.from_ms));
    else if (this.state === 'idle') {
      this.isCancelled = true;
      this.roster.close();
    } else this.finish();
  }

  /** Closes everything. */
  close(): void {
    this.state = 'over';
    this.pacer.close();
    this.roster.close();
    this.finish();
  }

  answered(client: Client, intended_ms: number, started_ms: number, now_ms: number): void {
    const part = this.partOf(intended_ms);
    part.owed -= 1;
    part.recorder.answered(intended_ms, started_ms, now_ms);
    this.settled(client, now_ms);
  }

  sent(client: Client, intended_ms: number, now_ms: number): void {
    const part = this.partOf(intended_ms);
    part.owed -= 1;
    part.recorder.sent(now_ms);
    this.settled(client, now_ms);
  }

  refused(client: Client, intended_ms: number, code: string, now_ms: number): void {
    const part = this.partOf(intended_ms);
    part.owed -= 1;
    part.recorder.failure(code, now_ms);
    this.settled(client, now_ms);
  }

  gone(client: Client, code: string | null, lost_ms: readonly number[]): void {
    this.berths.drop(client);
    const { measured } = this;
    const owed = lost_ms.filter((intended_ms) => this.partOf(intended_ms) === measured).length;
    this.outstanding -= lost_ms.length;
    measured.owed -= owed;
    if (code !== null && owed > 0) measured.recorder.failure(code, performance.now(), owed);
    else if (code !== null) this.fault(code);
    this.roster.gone(client, this.state === 'running' || this.state === 'idle');
    if (this.state === 'draining' && this.outstanding === 0) this.finish();
  }

  /** A failure that is no request's. */
  private fault(code: string): void {
    const now_ms = performance.now();
    if (this.state === 'running' && this.partOf(now_ms) === this.measured) this.measured.recorder.fault(code);
  }

  /** To which part a moment belongs. */
  private partOf(intended_ms: number): Part {
    return this.parts[Number(intended_ms >= this.from_ms) + Number(intended_ms >= this.to_ms)] as Part;
  }

  private joined(client: Client): void {
    // Until now nothing could be begun, by no fault of the generator's.
    if (this.berths.free === 0) this.freeSince_ms = performance.now();
    for (let i = 0; i < this.plan.inFlight; i++) this.berths.give(client);
    if (this.state === 'running') this.pump();
  }

  /** A request has come to its end. */
  private settled(client: Client, now_ms: number): void {
    this.outstanding -= 1;
    this.settled_ms = now_ms;
    const wasFull = this.berths.free === 0 && !client.isGone;
    if (wasFull) this.freeSince_ms = now_ms;
    if (!client.isGone) this.berths.give(client);
    if (this.state === 'running') {
      // Whoever found all places busy sleeps to the end: it has to be told of the next arrival.
      const { arrivals } = this;
      if (!this.isPumping && (wasFull || arrivals === null || this.dueAt_ms(arrivals) <= now_ms)) this.pump();
    } else if (this.state === 'draining' && this.outstanding === 0) this.finish();
  }

  /** Begins what can be begun now, and sees to it that it is called when there is more. */
  private pump(): void {
    if (this.state !== 'running') return;
    this.isPumping = true;
    const { arrivals, berths } = this;
    let now_ms = performance.now();
    this.turned_ms = now_ms;
    if (!this.isWarm && now_ms >= this.from_ms) this.warmedUp();
    let begun = 0;
    // Of an open loop what was due before the end is begun after it, too: who is late is the generator, and it has to say so.
    const isOpen = arrivals !== null;
    while (begun < BURST && (isOpen || now_ms < this.to_ms) && berths.free > 0 && this.measured.begun < this.limit) {
      const intended_ms = arrivals === null ? now_ms : arrivals.next_ms;
      if (intended_ms > now_ms || intended_ms >= this.to_ms) break;
      arrivals?.advance();
      this.begin(intended_ms, now_ms);
      begun += 1;
      now_ms = performance.now();
    }
    this.isPumping = false;
    if ((now_ms >= this.to_ms && begun < BURST) || this.measured.begun >= this.limit) this.drain(now_ms);
    else this.pacer.wait(this.nextTurn_ms(begun) - now_ms);
  }

  private get limit(): number {
    return this.plan.requests ?? Number.POSITIVE_INFINITY;
  }

  /** What the warm-up has left over is not measured: of both sides the first thousands of requests take several times as long. */
  private warmedUp(): void {
    this.isWarm = true;
    this.arrivals?.skipTo(this.from_ms);
  }

  /** When `pump` has something to do by itself; what answers let it do, they tell. */
  private nextTurn_ms(begun: number): number {
    const { arrivals, berths } = this;
    // Who has begun as much as it may, or been answered on the spot, looks at what has come, and goes on.
    if (berths.free > 0 && (arrivals === null || begun === BURST)) return 0;
    return berths.free > 0 && arrivals !== null ? Math.min(this.dueAt_ms(arrivals), this.to_ms) : this.to_ms;
  }

  /** When the next arrival is looked at. */
  private dueAt_ms({ next_ms }: Arrivals): number {
    return Math.max(next_ms, this.turned_ms + this.plan.tick_ms);
  }

  private begin(intended_ms: number, now_ms: number): void {
    const client = this.berths.take() as Client;
    this.outstanding += 1;
    const part = this.partOf(intended_ms);
    part.owed += 1;
    part.begun += 1;
    part.recorder.begun(now_ms);
    const could_ms = Math.max(intended_ms, this.freeSince_ms) + this.plan.tick_ms;
    part.late += Number(now_ms - could_ms > this.plan.lateTolerance_ms);
    client.begin(intended_ms, now_ms, this.sizes.next());
  }

  /** The measured time is over: what is under way is waited for. */
  private drain(now_ms: number): void {
    const { measured } = this;
    this.state = 'draining';
    this.to_ms = Math.min(this.to_ms, now_ms);
    this.isCounted = measured.begun >= this.limit;
    if (!this.isCounted) measured.recorder.end(this.to_ms);
    const { arrivals } = this;
    if (arrivals !== null) {
      for (; arrivals.next_ms < this.to_ms && measured.begun + this.neverBegun < this.limit; arrivals.advance()) {
        if (this.partOf(arrivals.next_ms) !== measured) continue;
        this.neverBegun += 1;
        measured.recorder.neverBegun(arrivals.next_ms, now_ms);
      }
    }
    if (this.outstanding === 0) return this.finish();
    const impatient = setTimeout(() => {
      if (measured.owed > 0) measured.recorder.failure('ETIMEDOUT', performance.now(), measured.owed);
      else measured.recorder.fault('ETIMEDOUT');
      this.finish();
    }, this.plan.patience_ms);
    const finish = this.finish;
    this.finish = () => {
      clearTimeout(impatient);
      finish();
    };
  }

  /** No connection can be had any more. */
  private giveUp(code: string): void {
    this.lost = code;
    this.stop();
  }

  private note(): CrewNote {
    const { roster, stalls } = this;
    const { recorder, late } = this.measured;
    this.state = 'over';
    recorder.finish(Math.min(performance.now(), this.isCounted ? Number.POSITIVE_INFINITY : this.to_ms));
    return {
      started: recorder.started,
      completed: recorder.completed,
      failed: recorder.failed,
      neverBegun: this.neverBegun,
      late,
      errors: recorder.errors,
      corrected: recorder.corrected.pack(),
      raw: recorder.raw.pack(),
      ...roster.bytes(),
      reconnects: roster.reconnects,
      served: roster.served(),
      longestStall_ms: Math.max(0, stalls.max / NS_PER_MS - DELAY_RESOLUTION_MS),
      // Of a number of requests the time is that until the last answer, or few that take long would make a great rate.
      measured_ms: (this.isCounted ? Math.max(this.to_ms, this.settled_ms) : this.to_ms) - this.from_ms,
      lost: this.lost,
    };
  }
}
