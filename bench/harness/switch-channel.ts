/** Connections through the switch, by its public face. */
import {
  createSwitch,
  type DecisionRecord,
  type LentBytes,
  type Listener,
  type SocketHandlers,
  type StreamSocket,
  type Switch,
} from 'sanswitch';
import { Channel, type DriverEnd, type Endpoint, type ServiceEnd } from './channel.js';
import { CrowdService } from './crowd.js';
import type { Connected, Copies, TransportSpec } from './messages.js';
import { hostOf, providersOf } from './place.js';
import { Driver, Service } from './workloads.js';

/** Leads to a channel. A class, and no three closures: what a crowd of them takes is measured. */
class ChannelHandlers implements SocketHandlers {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  received(_socket: StreamSocket, bytes: Uint8Array): void {
    this.#channel.received(bytes);
  }

  drained(): void {
    this.#channel.drained();
  }

  closed(_socket: StreamSocket, error: Error | null): void {
    this.#channel.closed(error);
  }
}

class SwitchChannel extends Channel {
  readonly #socket: StreamSocket;

  constructor(socket: StreamSocket) {
    super();
    this.#socket = socket;
    socket.handlers = new ChannelHandlers(this);
  }

  send(bytes: Uint8Array): boolean {
    return this.#socket.send(bytes);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    void this.#socket.close();
  }

  describe(): Connected {
    return { provider: this.#socket.provider, decision: decisionText(this.#socket.decision) };
  }
}

/** A decision record in words. */
export function decisionText({ operation, candidates, localPortKind, durationUs }: DecisionRecord): string {
  const parts = candidates.map(({ provider, outcome, reason, detail }) => {
    const verb =
      outcome === 'chosen' || outcome === 'left-out' ? `was ${outcome.replace('-', ' ')}` : 'could not serve';
    return `${provider} ${verb} (${reason}${detail === undefined ? '' : `: ${detail}`})`;
  });
  const how = operation === 'connect' ? `, local port ${localPortKind}, decided in ${durationUs} µs` : '';
  return `${parts.length === 0 ? 'no provider was considered' : parts.join('; ')}${how}`;
}

/** An endpoint over a switch with TCP/IP alone or, for `shm`, with a demanded provider: never a silent fallback. */
export class SwitchEndpoint implements Endpoint {
  readonly #spec: TransportSpec;
  readonly #switch: Promise<Switch>;
  readonly #accepted: Promise<Channel>;
  readonly crowd = new CrowdService();
  #accept: (channel: Channel) => void = () => {};
  #listener: Listener | undefined;
  #port = 0;

  constructor(spec: TransportSpec) {
    this.#spec = spec;
    this.#switch = createSwitch({
      providers: providersOf(spec.transport),
      poller: spec.poller,
      ...(spec.spinBudgetUs === undefined ? {} : { spinBudgetUs: spec.spinBudgetUs }),
    });
    this.#switch.catch(() => {});
    this.#accepted = new Promise((resolve) => {
      this.#accept = (first) => {
        this.#accept = (channel) => this.crowd.joined(channel);
        resolve(first);
      };
    });
  }

  async listen(): Promise<string> {
    const options = { host: hostOf(this.#spec.transport), port: 0, ...socketOptions(this.#spec) };
    const sw = await this.#switch;
    this.#listener = this.#spec.lend
      ? await sw.listen({ ...options, lend: true }, (socket) => this.#arrived(asCopied(socket)))
      : await sw.listen(options, (socket) => this.#arrived(socket));
    return String(this.#listener.address().port);
  }

  async serve(): Promise<ServiceEnd> {
    return new Service(await this.#accepted);
  }

  async connect(place: string): Promise<DriverEnd> {
    this.#port = Number(place);
    return new Driver(await this.open());
  }

  async open(): Promise<Channel> {
    const options = { host: hostOf(this.#spec.transport), port: this.#port, ...socketOptions(this.#spec) };
    const sw = await this.#switch;
    const socket = this.#spec.lend ? asCopied(await sw.connect({ ...options, lend: true })) : await sw.connect(options);
    return new SwitchChannel(socket);
  }

  #arrived(socket: StreamSocket): void {
    this.#accept(new SwitchChannel(socket));
  }

  async copies(): Promise<Copies> {
    const counters = (await this.#switch).stats().providers[this.#spec.transport];
    return {
      sent_bytes: counters?.bytesSent ?? 0,
      received_bytes: counters?.bytesReceived ?? 0,
      copied_sent_bytes: counters?.bytesCopiedSent ?? 0,
      copied_received_bytes: counters?.bytesCopiedReceived ?? 0,
    };
  }

  async close(): Promise<void> {
    await (await this.#switch).close();
  }
}

/** Bytes of the application's own buffer: the largest message of any question. */
const OWN_BUFFER_BYTES = 1024 * 1024;

function socketOptions({ ownBuffer, highWaterMarkBytes }: TransportSpec) {
  return {
    ...(ownBuffer ? { receiveBuffer: Buffer.allocUnsafeSlow(OWN_BUFFER_BYTES) } : {}),
    ...(highWaterMarkBytes === undefined ? {} : { highWaterMarkBytes }),
  };
}

/**
 * The workloads only count lent bytes, or send them on at once: the message that is echoed fits into the peer's ring, so
 * `send` has copied it when it returns.
 */
function asCopied(socket: StreamSocket<LentBytes>): StreamSocket {
  return socket as unknown as StreamSocket;
}
