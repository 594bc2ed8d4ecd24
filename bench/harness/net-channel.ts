/** The baseline: `node:net` over TCP loopback, used as its documentation recommends (no delay, back-pressure). */
import { type AddressInfo, createServer, type Server, Socket, type SocketConstructorOpts } from 'node:net';
import { Channel, type DriverEnd, type Endpoint, type ServiceEnd } from './channel.js';
import { CrowdService } from './crowd.js';
import type { Connected, TransportSpec } from './messages.js';
import { describeSocket } from './served-by.js';
import { Driver, Service } from './workloads.js';

const HOST = '127.0.0.1';

class NetChannel extends Channel {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.received(bytes));
    socket.on('drain', () => this.drained());
    let failure: Error | null = null;
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => this.closed(failure));
  }

  send(bytes: Uint8Array): boolean {
    return this.#socket.write(bytes);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  describe(): Connected {
    return describeSocket(this.#socket);
  }
}

/** An endpoint over `node:net`. */
export class NetEndpoint implements Endpoint {
  readonly #options: SocketConstructorOpts;
  readonly #server: Server = createServer();
  readonly #accepted: Promise<ServiceEnd> = new Promise((resolve) => {
    this.#server.once('connection', (socket) => {
      resolve(new Service(new NetChannel(socket)));
      this.#server.on('connection', (further) => this.crowd.joined(new NetChannel(further)));
    });
  });
  readonly crowd = new CrowdService();
  #port = 0;

  constructor({ highWaterMarkBytes }: TransportSpec) {
    // The constructor hands stream options on, though its type does not list them.
    const stream = highWaterMarkBytes === undefined ? {} : { writableHighWaterMark: highWaterMarkBytes };
    this.#options = stream as SocketConstructorOpts;
  }

  listen(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, HOST, () => resolve(String((this.#server.address() as AddressInfo).port)));
    });
  }

  serve(): Promise<ServiceEnd> {
    return this.#accepted;
  }

  async connect(place: string): Promise<DriverEnd> {
    this.#port = Number(place);
    return new Driver(await this.open());
  }

  open(): Promise<Channel> {
    return new Promise((resolve, reject) => {
      const socket = new Socket(this.#options);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new NetChannel(socket));
      });
      socket.connect({ host: HOST, port: this.#port, noDelay: true });
    });
  }

  async close(): Promise<void> {
    this.#server.close();
  }
}
