/** Both ends of a program on top of `net`: a server that answers each request with 64 bytes, and clients that wait for them. */
import { subscribe } from 'node:diagnostics_channel';
import type { AddressInfo, Server, Socket } from 'node:net';
import { Channel, type DriverEnd, type Endpoint, type ServiceEnd } from './channel.js';
import { CrowdService } from './crowd.js';
import type { Connected, ProgramName } from './messages.js';
import { describeSocket } from './served-by.js';
import { Driver, Service } from './workloads.js';

const HOST = '127.0.0.1';

/** Sends a request. @param done called with the whole answer and the socket that it has come on */
export type Ask = (done: (error: Error | null, answer: Buffer, socket: Socket) => void) => void;

/** A program of the platform's. */
export interface Program {
  /** Starts a server. @returns its port */
  listen(host: string): Promise<number>;
  /** A client of the server at `port`. Calls of the function that it returns give one requester each. */
  makeClient(host: string, port: number): () => Ask;
}

/** Has a server of the platform's kind listen. @returns its port */
export function listenOn(server: Server, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, () => resolve((server.address() as AddressInfo).port));
  });
}

const PROGRAMS: Readonly<Record<ProgramName, () => Promise<Program>>> = {
  http: async () => (await import('./programs.js')).HTTP,
  https: async () => (await import('./programs.js')).HTTPS,
  http2: async () => (await import('./programs.js')).HTTP2,
  undici: async () => (await import('./foreign-programs.js')).UNDICI,
  ws: async () => (await import('./foreign-programs.js')).WS,
  grpc: async () => (await import('./foreign-programs.js')).GRPC,
};

/** One requester: each message, whatever it is, is a request, whose answer comes back. */
class RequestChannel extends Channel {
  readonly #ask: Ask;
  #connected: Connected = { provider: 'none', decision: 'nothing has been asked yet' };

  constructor(ask: Ask) {
    super();
    this.#ask = ask;
  }

  /** One request, by which it becomes known who serves the connection. */
  begin(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#ask((error, _answer, socket) => {
        if (error !== null) return reject(error);
        this.#connected = describeSocket(socket);
        resolve();
      });
    });
  }

  send(_bytes: Uint8Array): boolean {
    this.#ask(this.#answered);
    return true;
  }

  readonly #answered = (error: Error | null, answer: Buffer): void => {
    if (error === null) this.received(answer);
    else this.closed(error);
  };

  pause(): void {}
  resume(): void {}
  end(): void {}

  describe(): Connected {
    return this.#connected;
  }
}

/** The accepting end: the program does everything by itself. */
class ServedChannel extends Channel {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
  }

  send(): boolean {
    throw new Error('a server of requests sends nothing of its own accord');
  }

  pause(): void {}
  resume(): void {}
  end(): void {}

  describe(): Connected {
    return describeSocket(this.#socket);
  }
}

/** An endpoint of a program. */
export class ProgramEndpoint implements Endpoint {
  readonly #program: Program;
  #open: (() => Ask) | undefined;
  #first: Connected | undefined;
  /** Its members are the program's. */
  readonly crowd = new CrowdService();

  static async make(name: ProgramName): Promise<ProgramEndpoint> {
    return new ProgramEndpoint(await PROGRAMS[name]());
  }

  private constructor(program: Program) {
    this.#program = program;
  }

  async listen(): Promise<string> {
    return String(await this.#program.listen(HOST));
  }

  serve(): Promise<ServiceEnd> {
    return new Promise((resolve) => {
      subscribe('net.server.socket', (message) => {
        resolve(new Service(new ServedChannel((message as { socket: Socket }).socket)));
      });
    });
  }

  async connect(place: string): Promise<DriverEnd> {
    this.#open = this.#program.makeClient(HOST, Number(place));
    return new Driver(await this.open());
  }

  /** @throws Error if another provider serves it than the first one */
  async open(): Promise<Channel> {
    const channel = new RequestChannel((this.#open as () => Ask)());
    await channel.begin();
    const connected = channel.describe();
    this.#first ??= connected;
    if (connected.provider !== this.#first.provider) {
      throw new Error(`a connection is served by '${connected.provider}': ${connected.decision}`);
    }
    return channel;
  }

  /** What is left ends with the process. */
  async close(): Promise<void> {}
}
