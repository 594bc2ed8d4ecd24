/**
 * A process of a pair: does what the harness asks over IPC, and ends with the harness, however that ends. Started by
 * `child_process.fork` with its set-up in an environment variable.
 */

import { ManyThreads } from './many-threads.js';
import { type Envelope, type PeerSetup, SETUP_VARIABLE } from './messages.js';
import { OneThread, replyTo } from './one-thread.js';

function main(): void {
  const setup = JSON.parse(process.env[SETUP_VARIABLE] ?? '{}') as PeerSetup;
  const hand = setup.threads === undefined ? new OneThread(setup) : new ManyThreads(setup, setup.threads);
  process.on('message', async (request: Envelope) => {
    const reply = await replyTo(hand, request);
    process.send?.(reply, () => request.op === 'quit' && 'answer' in reply && process.exit(0));
  });
  // The harness decides when we end: a terminal's Ctrl-C reaches every process of its group, and so does a closed one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.once('disconnect', () => process.exit(0));
}

main();
