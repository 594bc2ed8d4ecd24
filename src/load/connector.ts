/** Opens a worker's connections to the target, through a switch of its own. */
import type { AnyBytes, StreamSocket } from '../socket/stream-socket.js';
import { createSwitch, type Switch } from '../switch/switch.js';
import type { Client, ClientEvents } from './clients/client.js';
import { EchoClient } from './clients/echo.js';
import { HttpClient } from './clients/http.js';
import { RequestClient } from './clients/request.js';
import { StreamClient } from './clients/stream.js';
import { WsClient } from './clients/ws.js';
import type { RunPlan } from './plan.js';
import { greatestSize } from './sizes.js';

/** Into which whatever comes by TCP/IP is received: copied, and used again at once. */
const RECEIVE_BYTES = 65_536;

/** See the top of this file. */
export class Connector {
  private readonly sw: Switch;
  private readonly payload: Uint8Array;
  private readonly receiveBuffer = new Uint8Array(RECEIVE_BYTES);

  private constructor(sw: Switch, payload: Uint8Array) {
    this.sw = sw;
    this.payload = payload;
  }

  /** @throws what createSwitch does */
  static async create(plan: RunPlan): Promise<Connector> {
    const payload = new Uint8Array(greatestSize(plan.sizes));
    for (let i = 0; i < payload.length; i++) payload[i] = 32 + (i % 95);
    return new Connector(await createSwitch({ providers: plan.target.providers }), payload);
  }

  /** @throws as `Switch.connect` */
  async open(events: ClientEvents, plan: RunPlan): Promise<Client> {
    const { host, port } = plan.target;
    const socket = await this.sw.connect({
      host,
      port,
      receiveBuffer: this.receiveBuffer,
      timeoutMs: plan.patience_ms,
    });
    if (plan.protocol !== 'ws') return this.clientOn(socket, events, plan);
    return WsClient.open(socket, events, this.payload, plan);
  }

  private clientOn(socket: StreamSocket<AnyBytes>, events: ClientEvents, plan: RunPlan): Client {
    const { inFlight } = plan;
    switch (plan.protocol) {
      case 'stream':
        return new StreamClient(socket, events, inFlight, this.payload);
      case 'request':
        return new RequestClient(socket, events, inFlight, this.payload, plan);
      case 'http':
        return new HttpClient(socket, events, inFlight, plan.target);
      default:
        return new EchoClient(socket, events, inFlight, this.payload);
    }
  }

  async close(): Promise<void> {
    await this.sw.close();
  }
}
