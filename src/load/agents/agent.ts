/** `sanswitch load --agent`: makes load where it is told to, by one coordinator at a time. */
import type { StreamSocket } from '../../socket/stream-socket.js';
import { createSwitch, type Listener, type Switch } from '../../switch/switch.js';
import { fingerprint } from '../fingerprint.js';
import { ConnectFailure, LocalFleet } from '../fleet.js';
import { FrameChannel } from './frames.js';
import { AGENT_PROTOCOL, type AgentOrder, type AgentWord, readOrderMessage } from './messages.js';

/** A coordinator says hello as soon as it is connected. */
const HELLO_MS = 3_000;

/** One that listens. */
export class Agent {
  private readonly sw: Switch;
  private listener: Listener | null = null;
  private service: Service | null = null;
  private readonly log: (text: string) => void;

  private constructor(sw: Switch, log: (text: string) => void) {
    this.sw = sw;
    this.log = log;
  }

  /** @param log told what it does, a line at a time @throws as `Switch.listen` */
  static async listen(host: string, port: number, log: (text: string) => void): Promise<Agent> {
    const agent = new Agent(await createSwitch(), log);
    try {
      agent.listener = await agent.sw.listen({ host, port }, (socket) => agent.accept(socket));
      return agent;
    } catch (error) {
      await agent.sw.close();
      throw error;
    }
  }

  get port(): number {
    return this.listener?.address().port ?? 0;
  }

  async close(): Promise<void> {
    await this.service?.close();
    await this.listener?.close();
    await this.sw.close();
  }

  private accept(socket: StreamSocket): void {
    const who = `${socket.remoteAddress} port ${socket.remotePort}`;
    if (this.service !== null) {
      this.log(`${who} is turned away: another coordinator is served`);
      const channel = new FrameChannel(socket, { message: () => {}, closed: () => {} });
      channel.send({ word: 'failed', code: 'EBUSY', message: 'it serves another coordinator' } satisfies AgentWord);
      void channel.close();
      return;
    }
    this.log(`${who} has come by ${socket.provider}`);
    this.service = new Service(socket, this.log, () => {
      this.service = null;
      this.log(`${who} has gone`);
    });
  }
}

/** One coordinator's. */
class Service {
  private readonly channel: FrameChannel;
  private readonly log: (text: string) => void;
  private readonly over: () => void;
  private fleet: LocalFleet | null = null;
  /** Orders are followed one after the other, but for `stop`. */
  private work: Promise<void> = Promise.resolve();
  private isClosed = false;
  private readonly impatient: NodeJS.Timeout;

  constructor(socket: StreamSocket, log: (text: string) => void, over: () => void) {
    this.log = log;
    this.over = over;
    this.channel = new FrameChannel(socket, {
      message: (value) => this.take(value),
      closed: () => void this.close(),
    });
    // Whoever has come by mistake and stays must not keep others out.
    this.impatient = setTimeout(() => {
      this.log('it has not said hello');
      void this.close();
    }, HELLO_MS);
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    clearTimeout(this.impatient);
    void this.channel.close();
    // Whatever it is at, nobody waits for it any more. It may be just starting.
    await this.fleet?.close();
    await this.work;
    await this.fleet?.close();
    this.over();
  }

  private take(value: unknown): void {
    let order: AgentOrder;
    try {
      order = readOrderMessage(value);
    } catch (error) {
      this.log((error as Error).message);
      void this.close();
      return;
    }
    if (order.order === 'hello') clearTimeout(this.impatient);
    if (order.order === 'stop') this.fleet?.stop();
    else this.work = this.work.then(() => this.follow(order));
  }

  private async follow(order: AgentOrder): Promise<void> {
    if (this.isClosed) return;
    try {
      await this.obey(order);
    } catch (error) {
      const code = error instanceof ConnectFailure ? error.code : 'EFAILED';
      this.tell({ word: 'failed', code, message: (error as Error).message });
    }
  }

  private async obey(order: AgentOrder): Promise<void> {
    if (order.order === 'hello') {
      if (order.protocol !== AGENT_PROTOCOL)
        throw new Error(`this agent speaks version ${AGENT_PROTOCOL}, not ${order.protocol}`);
      this.fleet ??= await LocalFleet.start(order.workers);
      return this.tell({ word: 'hello', host: await fingerprint() });
    }
    const { fleet } = this;
    if (fleet === null) throw new Error('say hello first');
    if (order.order === 'connect') {
      this.log(`${order.plan.name}: ${order.plan.connections} connections to ${order.plan.target.url}`);
      await fleet.connect(order.plan);
      this.tell({ word: 'connected' });
    } else if (order.order === 'run') {
      this.tell({ word: 'done', ...(await fleet.run((note, worker) => this.tell({ word: 'second', worker, note }))) });
    } else if (order.order === 'disconnect') {
      await fleet.disconnect();
      this.tell({ word: 'disconnected' });
    }
  }

  private tell(word: AgentWord): void {
    this.channel.send(word);
  }
}
