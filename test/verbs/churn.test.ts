/**
 * Connections that come and go all the time, some of them abruptly, with sends of all sizes, over receives of their own, shared
 * ones and both: every byte comes back, and in the end nothing is missing, and nothing is there twice.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createSwitch, type Switch } from 'sanswitch';
import { expect, it } from 'vitest';
import { VERBS_SLOT_COUNT } from '#src/layout/layout.gen.js';
import { VerbsProvider } from '#src/providers/verbs/provider.js';
import { until } from '../actor/runtimes.js';
import { VERBS_OPTIONS, verbsHost } from '../fixtures/verbs-place.js';
import { afterwards } from '../switch/helpers.js';

const DURATION_MS = 3_000;
const LIVES = 24;
const POOL = randomBytes(1 << 20);
const SIZES = [100, 9_000, 60_000, 600_000];
const below = (limit: number): number => Math.floor(Math.random() * limit);

async function side(options: object): Promise<{ provider: VerbsProvider; sw: Switch }> {
  const provider = new VerbsProvider();
  const entry = { name: 'verbs', provider, required: true, options: { ...VERBS_OPTIONS, ...options } };
  const sw = await createSwitch({ providers: [entry] });
  afterwards(() => sw.close());
  return { provider, sw };
}

/** One connection: sends what is to come back, then ends it in order, or not. @returns whether it was in order */
async function live(sw: Switch, port: number): Promise<boolean> {
  const socket = await sw.connect({ port, host: verbsHost });
  const sent = createHash('sha1');
  const came = createHash('sha1');
  let error: Error | null = null;
  const over = new Promise<void>((resolve) => {
    socket.handlers = {
      received: (_, bytes) => void came.update(bytes),
      ended() {},
      closed: (_, why) => {
        error = why;
        resolve();
      },
    };
  });
  for (let count = 1 + below(8); count > 0; count--) {
    const length = 1 + below(SIZES[below(SIZES.length)] as number);
    const at = below(POOL.length - length);
    sent.update(POOL.subarray(at, at + length));
    socket.send(POOL.subarray(at, at + length));
    if (below(3) === 0) await new Promise((resolve) => setTimeout(resolve, below(5)));
  }
  const isOrderly = below(5) > 0;
  if (isOrderly) socket.end();
  else if (below(2) === 0) socket.abort();
  else void socket.close();
  await over;
  if (!isOrderly) return false;
  expect(error).toBeNull();
  expect(came.digest('hex')).toBe(sent.digest('hex'));
  return true;
}

it.each([0, 12, 1_000])(
  'from connection %i on receives are shared',
  { timeout: 60_000 },
  async (sharedReceiveQueueFrom) => {
    const options = { sharedReceiveQueueFrom, rdmaThresholdBytes: 30_000 };
    const server = await side(options);
    const client = await side(options);
    const listener = await server.sw.listen({ port: 0, host: verbsHost }, (socket) => {
      socket.handlers = {
        received: (_, bytes) => void socket.send(Buffer.from(bytes)),
        ended: () => socket.end(),
        closed() {},
      };
    });
    const { port } = listener.address();
    const endMs = performance.now() + DURATION_MS;
    let orderly = 0;
    await Promise.all(
      Array.from({ length: LIVES }, async () => {
        while (performance.now() < endMs) if (await live(client.sw, port)) orderly += 1;
      }),
    );
    expect(orderly).toBeGreaterThan(LIVES);
    await listener.close();
    for (const { provider } of [server, client]) {
      await until('all is back', () => provider.engine.native.stats().connections === 0);
      await until('each slot is back', () => provider.engine.arena.free >= VERBS_SLOT_COUNT);
      expect(provider.engine.arena.free).toBe(VERBS_SLOT_COUNT);
    }
  },
);
