/**
 * The programs that RDMA is compared with, run as two processes on one address: perftest's `ib_read_bw` and `ib_send_lat`,
 * librdmacm's `rping` and `rstream` (sockets over RDMA). Each wants its own packages (perftest, rdmacm-utils) and an RDMA device.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT_MS = 30_000;
/** A server of these says nothing when it is ready; a client that comes too early is refused, and tries again. */
const RETRY_MS = 250;

/** Under emulation the mean of a run says little; of several, the median does. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Reads what rstream prints after a run. @returns µs for one transfer one way, and the rate; null: it did not run */
export function parseRstream(output: string): { usPerTransfer: number; gbitPerS: number } | null {
  const row = /^\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+[\d.]+s\s+([\d.]+)\s+([\d.]+)\s*$/m.exec(output);
  return row === null ? null : { gbitPerS: Number(row[1]), usPerTransfer: Number(row[2]) };
}

/** The row of figures that perftest prints below its header. */
function perftestRow(output: string): number[] | null {
  const row = /^\s*#bytes.*\n([\s\d.]+?)$/m.exec(output);
  return row === null ? null : (row[1] as string).trim().split(/\s+/).map(Number);
}

/** Reads what ib_read_bw prints: the average rate, MB/s of 2^20 bytes; null: it did not run. */
export function parseReadBandwidth(output: string): { mibPerS: number } | null {
  const average = perftestRow(output)?.[3];
  return average === undefined ? null : { mibPerS: average };
}

/** Reads what ib_send_lat prints: one way, µs, the median (it calls it typical) and the 99th percentile; null: it did not run. */
export function parseSendLatency(output: string): { p50Us: number; p99Us: number } | null {
  const row = perftestRow(output);
  const [p50Us, p99Us] = [row?.[4], row?.[7]];
  return p50Us === undefined || p99Us === undefined ? null : { p50Us, p99Us };
}

function start(command: string, args: readonly string[]): ChildProcess {
  return spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs a client to its end. @returns what it printed, standard error included; null: it failed */
async function runClient(command: string, args: readonly string[]): Promise<string | null> {
  const client = start(command, args);
  let output = '';
  for (const stream of [client.stdout, client.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const timer = setTimeout(() => client.kill('SIGKILL'), LIMIT_MS);
  const [code] = await once(client, 'close');
  clearTimeout(timer);
  return code === 0 ? output : null;
}

/** Runs a pair. @throws Error if no client got through within LIMIT_MS, or the program is not there */
async function runPair(command: string, serverArgs: readonly string[], clientArgs: readonly string[]): Promise<string> {
  const server = start(command, serverArgs);
  let failure: Error | null = null;
  server.once('error', (error) => {
    failure = error;
  });
  server.stdout?.resume();
  server.stderr?.resume();
  try {
    const end_ms = performance.now() + LIMIT_MS;
    while (performance.now() < end_ms) {
      await sleep(RETRY_MS);
      if (failure !== null) throw failure;
      const output = await runClient(command, clientArgs);
      if (output !== null) return output;
      if (server.exitCode !== null) break;
    }
    throw new Error(`${command} ${clientArgs.join(' ')} did not run`);
  } finally {
    server.kill('SIGKILL');
  }
}

/** What a parser made of it. @throws Error where it made nothing */
function expectRow<T>(row: T | null, output: string): T {
  if (row === null) throw new Error(`unexpected output:\n${output}`);
  return row;
}

let nextPort = 7_500;

/**
 * rstream on `address`: `rounds` of `transfers` messages of `bytes` one way, then as many back.
 *
 * @returns µs for one transfer one way, and the rate, of the whole run
 */
export async function rstream(address: string, bytes: number, transfers: number, rounds: number) {
  const common = ['-S', bytes, '-C', transfers, '-I', rounds, '-p', nextPort++].map(String);
  const output = await runPair('rstream', ['-b', address, ...common], ['-s', address, ...common]);
  return expectRow(parseRstream(output), output);
}

/** ib_read_bw on `address`: reads of `bytes`, one after the other as fast as the device takes them. */
export async function readBandwidth(address: string, bytes: number, reads: number) {
  const common = ['-R', '-F', '-s', bytes, '-n', reads, '-p', nextPort++].map(String);
  const output = await runPair('ib_read_bw', common, [...common, address]);
  return expectRow(parseReadBandwidth(output), output);
}

/** ib_send_lat on `address`: one message of `bytes` to and fro, polling. */
export async function sendLatency(address: string, bytes: number, messages: number) {
  const common = ['-R', '-F', '-s', bytes, '-n', messages, '-p', nextPort++].map(String);
  const output = await runPair('ib_send_lat', common, [...common, address]);
  return expectRow(parseSendLatency(output), output);
}

/**
 * rping on `address`: a round is two messages, a read and a write of `bytes`. It tells no figures.
 *
 * @returns µs of a round, starting and connecting included: let there be many
 */
export async function rping(address: string, bytes: number, rounds: number): Promise<number> {
  const common = ['-a', address, '-S', bytes, '-C', rounds, '-p', nextPort++].map(String);
  const start_ms = performance.now();
  await runPair('rping', ['-s', ...common], ['-c', ...common]);
  return ((performance.now() - start_ms) * 1_000) / rounds;
}
