/** A provider under test, and sockets made the way that the switch makes them. */
import { NO_ERROR, type SanProvider, type Socket, WSAEWOULDBLOCK } from 'sanswitch/spi';
import { expect } from 'vitest';
import { type Endpoint, Harness } from './harness.js';

/** What the suite needs to know of a provider. */
export interface Subject {
  readonly provider: SanProvider;
  readonly options?: Readonly<Record<string, unknown>>;
  /** An address that it serves; default 127.0.0.1. */
  readonly address?: string;
  /** Prepares a port on which a companion may listen (some providers want the TCP listener there); default: any number. */
  listenerPort?(): Promise<number>;
  /** The port to which a connecting companion is bound (rule 2.5); default: any number. */
  sourcePort?(): number;
  /** Tells a socket what the provider must know before it may listen. */
  beforeListen?(socket: Socket, port: number): void;
  /** After everything is closed and cleaned up. */
  dispose?(): Promise<void> | void;
}

/** A provider under test, with sockets made the way that the switch makes them. */
export class Rig {
  readonly harness: Harness;
  readonly address: string;
  readonly #subject: Subject;
  #nextPort = 61_000;

  constructor(subject: Subject) {
    this.#subject = subject;
    this.harness = new Harness(subject.provider);
    this.address = subject.address ?? '127.0.0.1';
  }

  async start(): Promise<void> {
    await this.harness.start(this.#subject.options ?? {});
  }

  async stop(): Promise<void> {
    await this.harness.closeAll();
    await this.#subject.dispose?.();
  }

  async listenerPort(): Promise<number> {
    return (await this.#subject.listenerPort?.()) ?? this.#nextPort++;
  }

  bound(port = this.#nextPort++): Endpoint {
    const endpoint = this.harness.socket();
    const code = this.harness.spi.WSPBind(endpoint.socket, { family: 4, address: this.address, port });
    expect(code).toBe(NO_ERROR);
    this.harness.watch(endpoint);
    return endpoint;
  }

  async listening(backlog = 8): Promise<{ listener: Endpoint; port: number }> {
    const port = await this.listenerPort();
    const listener = this.bound(port);
    this.#subject.beforeListen?.(listener.socket, port);
    expect(this.harness.spi.WSPListen(listener.socket, backlog)).toBe(NO_ERROR);
    return { listener, port };
  }

  connecting(port: number): Endpoint {
    const endpoint = this.bound(this.#subject.sourcePort?.());
    const code = this.harness.spi.WSPConnect(endpoint.socket, { family: 4, address: this.address, port });
    if (code !== WSAEWOULDBLOCK) endpoint.connects.push(code);
    return endpoint;
  }

  async accepted(listener: Endpoint): Promise<Endpoint> {
    let accepted: Endpoint | null = null;
    await this.harness.until('a caller', () => {
      accepted = this.harness.tryAccept(listener);
      return accepted !== null;
    });
    this.harness.watch(accepted!);
    return accepted!;
  }

  async connected(): Promise<{ near: Endpoint; far: Endpoint; listener: Endpoint }> {
    const { listener, port } = await this.listening();
    const near = this.connecting(port);
    const far = await this.accepted(listener);
    await this.harness.until('the connect', () => near.connects.length > 0);
    expect(near.connects).toEqual([NO_ERROR]);
    return { near, far, listener };
  }
}
