/**
 * A process of a pair: does what the harness asks over IPC, and ends with the harness, however that ends. Started by
 * `child_process.fork` with its set-up in an environment variable.
 */

import { ManyThreads } from './many-threads.js';
import { type Envelope, type PeerSetup, type Role, SETUP_VARIABLE } from './messages.js';
import { type Hand, OneThread, replyTo } from './one-thread.js';

function handOf(setup: PeerSetup): Hand {
  return setup.threads === undefined ? new OneThread(setup) : new ManyThreads(setup, setup.threads);
}

function main(): void {
  const setup = JSON.parse(process.env[SETUP_VARIABLE] ?? '{}') as PeerSetup;
  const roles: readonly Role[] = setup.isBoth ? ['server', 'client'] : [setup.role];
  const hands = new Map(roles.map((role) => [role, handOf({ ...setup, role })]));
  process.on('message', async (request: Envelope) => {
    const reply = await replyTo(hands.get(request.role) as Hand, request);
    const quits = request.op === 'quit' && 'answer' in reply && hands.delete(request.role) && hands.size === 0;
    process.send?.(reply, () => quits && process.exit(0));
  });
  // The harness decides when we end: a terminal's Ctrl-C reaches every process of its group, and so does a closed one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.once('disconnect', () => process.exit(0));
}

main();
