/** The load generator against nobody: a socket that gives back at once, in this thread, what it is sent. What is left is its own. */
import type { StreamSocket } from 'sanswitch';
import type { ClientEvents } from '#src/load/clients/client.js';
import { EchoClient } from '#src/load/clients/echo.js';
import { Crew } from '#src/load/crew.js';
import type { RunPlan } from '#src/load/plan.js';

const PAYLOAD = new Uint8Array(64);

const PLAN: RunPlan = {
  name: 'null',
  target: { url: 'null', host: '', port: 1, path: '/', providers: [] },
  protocol: 'echo',
  connections: 1,
  inFlight: 1,
  sizes: [{ least: PAYLOAD.length, most: PAYLOAD.length, weight: 1 }],
  answers: [{ least: 1, most: 1, weight: 1 }],
  rate_per_s: null,
  arrivals: 'constant',
  warmup_ms: 0,
  duration_ms: 1_000,
  requests: null,
  tick_ms: 0,
  lateTolerance_ms: 1,
  patience_ms: 1_000,
  seed: 1,
  isWatched: false,
};

/** As much of a socket as an `EchoClient` has use for. */
class NullSocket {
  handlers: { received?(socket: unknown, bytes: Uint8Array): void } = {};
  readonly provider = 'null';
  readonly decision = { operation: 'connect', address: '', port: 0, provider: 'null', candidates: [] };

  send(bytes: Uint8Array): boolean {
    queueMicrotask(() => this.handlers.received?.(this, bytes));
    return true;
  }

  abort(): void {}
}

async function run(): Promise<number> {
  const open = async (events: ClientEvents): Promise<EchoClient> =>
    new EchoClient(new NullSocket() as unknown as StreamSocket, events, PLAN.inFlight, PAYLOAD);
  const crew = new Crew(PLAN, { open }, () => {});
  await crew.connect();
  const before = process.cpuUsage();
  const { completed } = await crew.run();
  const { user, system } = process.cpuUsage(before);
  crew.close();
  return (user + system) / completed;
}

/** Processor time of one request in a closed loop, µs: deciding, counting, timing and recording. */
export async function nullCost_us(): Promise<number> {
  // Such a loop lets nothing else happen before its end, so that its warm-up is a run of its own.
  await run();
  return run();
}
