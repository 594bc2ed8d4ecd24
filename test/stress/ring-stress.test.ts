// The record ring under load: streams with checksums, and ends that write garbage, in all pairings of languages.
import { beforeAll, describe, expect, it } from 'vitest';
import { buildEnds, pairings, runProcesses, runThreads } from './ring-pairs.js';

const records = 300_000;
const garbage_ms = 700;

beforeAll(buildEnds, 120_000);

describe.each([
  { where: 'threads', run: runThreads },
  { where: 'processes', run: runProcesses },
])('two $where', ({ run }) => {
  it.each(pairings)(
    '%s writes, %s reads: every record once, in order, unharmed',
    { timeout: 60_000 },
    async (writer, reader) => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      const common = { seed, amount: records, limit_ms: 0 };
      const [produced, consumed] = await run([
        { ...common, language: writer, role: 'produce' },
        { ...common, language: reader, role: 'consume' },
      ]);
      expect({ seed, ...produced }).toMatchObject({ isOk: true, problem: '', records });
      expect({ seed, ...consumed }).toMatchObject({ isOk: true, problem: '', records, checksum: produced.checksum });
    },
  );

  it.each(pairings)('%s writes garbage, %s survives reading it', { timeout: 30_000 }, async (writer, reader) => {
    const common = { seed: 11, amount: garbage_ms, limit_ms: 0 };
    const [hostile, honest] = await run([
      { ...common, language: writer, role: 'garbage-produce' },
      { ...common, language: reader, role: 'survive-consume' },
    ]);
    expect(hostile.records).toBeGreaterThan(1_000);
    expect(honest).toMatchObject({ isOk: true, problem: '' });
    expect(honest.errors).toBeGreaterThan(0);
  });

  it.each(pairings)('%s consumes like mad, %s survives writing to it', { timeout: 30_000 }, async (reader, writer) => {
    const common = { seed: 12, amount: garbage_ms, limit_ms: 0 };
    const [hostile, honest] = await run([
      { ...common, language: reader, role: 'garbage-consume' },
      { ...common, language: writer, role: 'survive-produce' },
    ]);
    expect(hostile.records).toBeGreaterThan(1_000);
    expect(honest).toMatchObject({ isOk: true, problem: '' });
    expect(honest.errors).toBeGreaterThan(0);
    expect(honest.records).toBeGreaterThan(0);
  });
});
