/** A generator in another process, on this host or another, that a coordinator has the use of. */
import { createSwitch, type Switch } from '../../switch/switch.js';
import { ConnectFailure, type Fleet, type FleetNote, type SecondListener } from '../fleet.js';
import type { RunPlan } from '../plan.js';
import type { HostFingerprint } from '../report.js';
import { FrameChannel } from './frames.js';
import { AGENT_PROTOCOL, type AgentOrder, type AgentWord, readWordMessage } from './messages.js';

type Of<W extends AgentWord['word']> = Extract<AgentWord, { word: W }>;

/** What is waited for. */
interface Wait {
  readonly word: AgentWord['word'];
  resolve(word: AgentWord): void;
  reject(error: Error): void;
}

/** Where an agent listens. */
export interface AgentPlace {
  readonly host: string;
  readonly port: number;
}

/** See the top of this file. Whatever fails, fails with the agent's name. */
export class RemoteFleet implements Fleet {
  private readonly name: string;
  private readonly sw: Switch;
  private readonly workers: number;
  private channel: FrameChannel | null = null;
  private wait: Wait | null = null;
  private told: SecondListener = () => {};
  /** Among how many workers the present run is divided there. */
  private size = 0;
  private lost: Error | null = null;
  private host_: HostFingerprint | null = null;

  private constructor(name: string, sw: Switch, workers: number) {
    this.name = name;
    this.sw = sw;
    this.workers = workers;
  }

  /** Connects, and has the agent start its workers. @throws ConnectFailure */
  static async reach({ host, port }: AgentPlace, workers: number, timeoutMs: number): Promise<RemoteFleet> {
    const fleet = new RemoteFleet(`agent ${host}:${port}`, await createSwitch(), workers);
    try {
      const socket = await fleet.sw.connect({ host, port, timeoutMs });
      fleet.channel = new FrameChannel(socket, {
        message: (value) => fleet.take(value),
        closed: (error) => fleet.fail(error ?? new Error('it has ended the connection')),
      });
      // It may be anybody, who never says a word.
      const impatient = setTimeout(() => fleet.fail(new Error(`no answer in ${timeoutMs / 1_000} s`)), timeoutMs);
      try {
        const hello = await fleet.ask('hello', { order: 'hello', protocol: AGENT_PROTOCOL, workers });
        fleet.host_ = hello.host;
      } finally {
        clearTimeout(impatient);
      }
      return fleet;
    } catch (error) {
      await fleet.close();
      throw error instanceof ConnectFailure ? error : fleet.failure(error as Error);
    }
  }

  /** The host that it runs on. */
  get host(): HostFingerprint {
    return this.host_ as HostFingerprint;
  }

  parts({ connections }: RunPlan): number {
    return Math.min(connections, this.workers);
  }

  async connect(plan: RunPlan): Promise<void> {
    this.size = this.parts(plan);
    await this.ask('connected', { order: 'connect', plan });
  }

  async run(told: SecondListener): Promise<FleetNote> {
    this.told = (note, worker) => {
      if (worker >= this.size) this.fail(new Error(`it tells of a worker ${worker}, of ${this.size}`));
      else told(note, worker);
    };
    const { notes, lost, cpu_us } = await this.ask('done', { order: 'run' });
    if (notes.length !== this.size)
      throw this.failure(new Error(`it tells of ${notes.length} workers, of ${this.size}`));
    return { notes, lost: lost === null ? null : `${this.name}: ${lost}`, cpu_us };
  }

  stop(): void {
    this.channel?.send({ order: 'stop' } satisfies AgentOrder);
  }

  async disconnect(): Promise<void> {
    if (this.lost === null) await this.ask('disconnected', { order: 'disconnect' });
  }

  async close(): Promise<void> {
    await this.channel?.close();
    await this.sw.close();
  }

  private failure(error: Error): ConnectFailure {
    const { code } = error as NodeJS.ErrnoException;
    return new ConnectFailure(code ?? 'EFAILED', `${this.name}: ${error.message}`);
  }

  private ask<W extends AgentWord['word']>(word: W, order: AgentOrder): Promise<Of<W>> {
    return new Promise((resolve, reject) => {
      if (this.lost !== null) return reject(this.failure(this.lost));
      this.wait = { word, resolve: (answer) => resolve(answer as Of<W>), reject };
      this.channel?.send(order);
    });
  }

  private take(value: unknown): void {
    let word: AgentWord;
    try {
      word = readWordMessage(value);
    } catch (error) {
      this.fail(error as Error);
      void this.channel?.close();
      return;
    }
    if (word.word === 'second') return this.told(word.note, word.worker);
    const { wait } = this;
    if (word.word !== 'failed' && word.word !== wait?.word)
      return this.fail(new Error(`it says '${word.word}' unasked`));
    this.wait = null;
    if (word.word === 'failed') wait?.reject(new ConnectFailure(word.code, `${this.name}: ${word.message}`));
    else wait?.resolve(word);
  }

  private fail(error: Error): void {
    this.lost ??= error;
    this.wait?.reject(this.failure(error));
    this.wait = null;
  }
}
