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
  /** A server that does not listen yet. */
  makeServer(): Server;
  /** A client of the server at `port`. Calls of the function that it returns give one requester each. */
  makeClient(host: string, port: number): () => Ask;
}

const PROGRAMS: Readonly<Record<ProgramName, () => Promise<Program>>> = {
  http: async () => (await import('./programs.js')).HTTP,
  https: async () => (await import('./programs.js')).HTTPS,
  http2: async () => (await import('./programs.js')).HTTP2,
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
  #server: Server | undefined;
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

  listen(): Promise<string> {
    const server = this.#program.makeServer();
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, HOST, () => resolve(String((server.address() as AddressInfo).port)));
    });
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

  async close(): Promise<void> {
    this.#server?.close();
  }
}
