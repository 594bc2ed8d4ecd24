/** Two hosts in one machine (network `veth`): this process on one address, and a process beside it on the other. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectOptions, createSwitch, type StreamSocket, type Switch, type SwitchOptions } from 'sanswitch';
import { afterEach } from 'vitest';
import { Flow, type FlowOptions, type FlowReport } from '../fixtures/flow.js';
import { CONNECT_MS, providerEntry } from '../fixtures/provider-entry.js';
import type { PartnerNews } from '../fixtures/rdma-partner.js';

const PARTNER = new URL('../../build/test/fixtures/rdma-partner.js', import.meta.url).pathname;

/** Where the partner is, and where we are; their devices are rx0 with rxe0, and rx1 with rxe1. */
export const THERE = '10.77.0.1';
export const HERE = '10.77.0.2';
/** What has to carry the connections. */
export const PROVIDER = process.env.SANSWITCH_TEST_PROVIDERS ?? 'verbs!';
/** How long whatever ends a connection may take to be told. */
export const NOTICED_MS = 3_000;

export const SMALL = 1_024;
export const LARGE = 1_048_576;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Runs after the test. */
export function afterwards(cleanUp: () => unknown): void {
  cleanUps.push(cleanUp);
}

/** Runs a program of the system. @returns what it printed @throws Error if it failed */
export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8' });
}

/** Waits until something holds. @throws Error after `limitMs` */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 20_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await sleep(2);
  }
}

/** A switch of this process, closed after the test. */
export async function switchHere(options: SwitchOptions = {}): Promise<Switch> {
  const sw = await createSwitch({
    providers: [providerEntry(PROVIDER)],
    sanConnectTimeoutMs: CONNECT_MS,
    closeTimeoutMs: 1_000,
    ...options,
  });
  afterwards(() => sw.close());
  return sw;
}

/** The process beside. */
export class Partner {
  /** How its connections have ended, in that order. */
  readonly ended: FlowReport[] = [];
  accepted = 0;
  port = 0;
  readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const news = JSON.parse(line) as PartnerNews;
      if ('port' in news) this.port = news.port;
      else if ('accepted' in news) this.accepted++;
      else this.ended.push(news);
    });
  }

  /** Starts one that sends as the options say, by default nothing. @param keepAliveMs when it probes us; 0: never @param reads it takes what we send */
  static async start(
    sends: FlowOptions = { pieceBytes: SMALL, totalBytes: 0 },
    keepAliveMs = 0,
    provider = PROVIDER,
    reads = true,
  ): Promise<Partner> {
    const args = [PARTNER, THERE, provider, sends.pieceBytes, sends.totalBytes, keepAliveMs, reads].map(String);
    const partner = new Partner(spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    afterwards(() => partner.kill());
    await until('the partner listens', () => partner.port > 0 || partner.child.exitCode !== null);
    return partner;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  /** A connection to it, from our address. */
  connect(sw: Switch, options: Partial<ConnectOptions> = {}): Promise<StreamSocket> {
    return sw.connect({ host: THERE, port: this.port, localAddress: HERE, ...options });
  }

  /** A connection on which we send as the options say. */
  async flow(sw: Switch, sends: FlowOptions, options: Partial<ConnectOptions> = {}): Promise<Flow> {
    const flow = new Flow(sends);
    return flow.start(await this.connect(sw, { ...options, handlers: flow.handlers }));
  }
}

/** Proves that connections can still be made, by a partner that has just started. */
export async function proveHealth(sw: Switch): Promise<void> {
  const whole = { pieceBytes: 10_007, totalBytes: 300_000 };
  const partner = await Partner.start(whole);
  const report = await (await partner.flow(sw, whole)).ended;
  if (report.error !== null || report.wrong > 0 || report.received !== whole.totalBytes)
    throw new Error(`a connection afterwards: ${JSON.stringify(report)}`);
}

/** How long a promise takes from now, milliseconds, and what it gives. */
export async function timed<T>(promise: Promise<T>): Promise<[T, number]> {
  const startMs = performance.now();
  const value = await promise;
  return [value, performance.now() - startMs];
}

/** Has what leaves a network device go as netem says; until the test is over. */
export function disturb(device: 'rx0' | 'rx1', ...netem: string[]): void {
  run('tc', 'qdisc', 'replace', 'dev', device, 'root', 'netem', ...netem);
  afterwards(() => calm(device));
}

/** Ends that. */
export function calm(device: 'rx0' | 'rx1'): void {
  run('tc', 'qdisc', 'replace', 'dev', device, 'root', 'pfifo');
}
