/** Connections that belong to socket actors of the main thread. */
import { createRuntime, type Runtime } from 'sanswitch';
import { type ActorChannel, channelActor } from './actor-channel.js';
import type { Channel, DriverEnd, Endpoint, ServiceEnd } from './channel.js';
import { CrowdService } from './crowd.js';
import type { TransportSpec } from './messages.js';
import { hostOf, providersOf } from './place.js';
import { Driver, Service } from './workloads.js';

/** An endpoint both ends of whose connections are actors. */
export class ActorEndpoint implements Endpoint {
  readonly crowd = new CrowdService();
  readonly #host: string;
  readonly #runtime: Promise<Runtime>;
  readonly #accepted: Promise<ActorChannel>;
  #accept: (channel: ActorChannel) => void = () => {};
  #port = 0;

  constructor({ transport, poller, spinBudgetUs }: TransportSpec) {
    this.#host = hostOf(transport);
    // It has nothing to do: as the plain sockets do, these actors live on the main thread.
    const workers = 1;
    this.#runtime = createRuntime({
      workers,
      providers: providersOf(transport),
      poller,
      ...(spinBudgetUs === undefined ? {} : { spinBudgetUs }),
    });
    this.#runtime.catch(() => {});
    this.#accepted = new Promise((resolve) => {
      this.#accept = (first) => {
        this.#accept = (channel) => this.crowd.joined(channel);
        resolve(first);
      };
    });
  }

  async listen(): Promise<string> {
    const runtime = await this.#runtime;
    const joined = (channel: ActorChannel) => this.#accept(channel);
    const listener = await runtime.listen({ host: this.#host, port: 0, actor: channelActor, args: joined });
    return String(listener.address()?.port);
  }

  async serve(): Promise<ServiceEnd> {
    return new Service(await this.#accepted);
  }

  async connect(place: string): Promise<DriverEnd> {
    this.#port = Number(place);
    return new Driver(await this.open());
  }

  async open(): Promise<Channel> {
    const runtime = await this.#runtime;
    return new Promise((joined, reject) => {
      const options = { host: this.#host, port: this.#port, actor: channelActor, args: joined };
      runtime.connect(options).catch(reject);
    });
  }

  async close(): Promise<void> {
    await (await this.#runtime).close();
  }
}
