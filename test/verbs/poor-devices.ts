/** What must work over devices that lack something, too: large and small sends both ways, and the end. */
import { createHash, randomBytes } from 'node:crypto';
import { createSwitch } from 'sanswitch';
import { expect, it } from 'vitest';
import type { FakeVerbs } from '../fixtures/fake-verbs.js';
import { afterwards, listening } from '../switch/helpers.js';

const entry = (options: object) => ({
  name: 'verbs',
  required: true,
  options: { listen: 'all', addresses: ['127.0.0.0/8'], ...options },
});

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const REMOTE_ACCESS_ERROR = 10;

/**
 * Declares the test.
 * @param forbidden the kind of transfer that must not happen: it would fail
 * @param used calls that the device must have seen; @param unused such that it must not
 */
export function movesData(
  fake: FakeVerbs,
  forbidden: 'read' | 'write',
  used: readonly string[],
  unused: readonly string[],
): void {
  it('[WSD-5.6] [WSD-5.7] moves large and small sends both ways, unharmed', async () => {
    const sw = await createSwitch({ providers: [entry({ rdmaThresholdBytes: 20_000 })] });
    afterwards(() => sw.close());
    const { port, next } = await listening(sw, {});
    const [near, far] = await Promise.all([sw.connect({ port, host: '127.0.0.1' }), next()]);
    fake.control('reset');
    fake.control(`status ${forbidden} 1 ${REMOTE_ACCESS_ERROR}`);
    const pieces = [10, 5_000, 100_000, 1_000_000, 3_000_000, 30_000].map((bytes) => randomBytes(bytes));
    const whole = Buffer.concat(pieces);
    const came = [near, far].map((socket) => {
      return new Promise<Buffer>((resolve) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        socket.handlers = {
          received: (_, chunk) => {
            chunks.push(Buffer.from(chunk));
            bytes += chunk.length;
            if (bytes === whole.length) resolve(Buffer.concat(chunks));
          },
        };
      });
    });
    for (const socket of [near, far]) for (const piece of pieces) socket.send(piece);
    for (const bytes of await Promise.all(came)) expect(digest(bytes)).toBe(digest(whole));
    for (const call of used) expect([call, fake.control(`calls ${call}`) > 0]).toEqual([call, true]);
    for (const call of unused) expect([call, fake.control(`calls ${call}`)]).toEqual([call, 0]);
    await Promise.all([near.close(), far.close()]);
  });
}
