// Two actors on two worker threads play. node examples/ping-pong.mjs [ROUNDS]
import { isMainThread } from 'node:worker_threads';
import { createRuntime, defineActor } from 'sanswitch';

/** Made anew on each worker, which loads this file as well. */
export default defineActor((name) => ({
  receive({ balls, partner, referee }, { self }) {
    if (balls === 0) referee.tell(`${name} has caught the last ball`);
    else partner.tell({ balls: balls - 1, partner: self, referee });
  },
}));

if (isMainThread) {
  const rounds = Number(process.argv[2] ?? 10_000);
  const runtime = await createRuntime({ workers: 2 });
  const module = new URL(import.meta.url);
  const ping = await runtime.spawn(module, 'ping', { worker: 0 });
  const pong = await runtime.spawn(module, 'pong', { worker: 1 });
  console.log(await ping.ask((referee) => ({ balls: 2 * rounds, partner: pong, referee })));
  await runtime.close();
}
