import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import * as layout from '#src/layout/layout.gen.js';
import { type ObservedConnection, PageWriter, ThreadFigures } from '#src/stats/counters-page.js';
import { decodePage } from '#src/top/page.js';
import { observe, report, top } from './observed.js';

const NOW_US = 1e12;

const CONNECTION: ObservedConnection = {
  id: 7,
  provider: 'shm',
  localAddress: '127.0.0.1',
  localPort: 1_234,
  remoteAddress: '::1',
  remotePort: 65_535,
  bytesSent: 2 ** 40 + 5,
  bytesReceived: 1,
  sends: 2,
  deliveries: 3,
  stalls: 4,
  queuedBytes: 5,
  ring: () => ({ peerPid: 99, capacityBytes: 4_096, usedBytes: 64 }),
};

/** A page as an honest thread writes it. */
function honest(pid: number, entries = 1, connection = CONNECTION): Buffer {
  const writer = new PageWriter(pid, 0);
  writer.begin();
  for (let i = 0; i < entries; i++) expect(writer.add(connection)).toBe(true);
  const figures = Object.assign(new ThreadFigures(), { connections: entries, bytesSent: 2 ** 52, actors: 3 });
  return Buffer.from(writer.finish('main', figures, NOW_US));
}

/** The same with something else in it, and the checksum that fits. */
function forged(change: (page: Buffer) => void): Buffer {
  const page = honest(1);
  change(page);
  page.writeUInt32LE(crc32(page.subarray(layout.COUNTERS_PAGE_ENTRIES)), layout.COUNTERS_PAGE_CHECKSUM);
  return page;
}

const DIFFERS = 'its counters page does not match its checksum';
const LIES: readonly (readonly [string, Buffer, string])[] = [
  ['nothing', Buffer.alloc(layout.COUNTERS_PAGE_BYTES), 'what it has is no counters page'],
  ['noise', randomBytes(4_096).fill(0, 0, 4), 'what it has is no counters page'],
  [
    'a later version',
    forged((page) => page.writeUInt32LE(2, layout.COUNTERS_PAGE_VERSION)),
    'its counters page is of version 2, and this sanswitch knows version 1',
  ],
  [
    'too many entries',
    forged((page) => page.writeUInt32LE(2 ** 31, layout.COUNTERS_PAGE_ENTRIES)),
    'its counters page claims 2147483648 entries',
  ],
  ['entries that are not there', forged((page) => page.writeUInt32LE(1_024, layout.COUNTERS_PAGE_ENTRIES)), DIFFERS],
  ['a wrong checksum', honest(1).fill(1, layout.COUNTERS_PAGE_CHECKSUM, layout.COUNTERS_PAGE_CHECKSUM + 4), DIFFERS],
  [
    'figures beyond all numbers',
    forged((page) => page.fill(0xff, layout.COUNTERS_PAGE_SENDS, layout.COUNTERS_PAGE_SENDS + 8)),
    'its counters page says what can not be',
  ],
];

describe('counters pages of those who lie', () => {
  it.each(LIES)('%s is skipped, and said so', async (_, content, why) => {
    const liar = await observe({ is: 'liar', content: content.toString('base64') });
    expect(await report([liar.pid])).toMatchObject({ processes: [], skipped: [{ pid: liar.pid, why }] });
  });

  it('a file of another size is skipped, and said so in text, too', async () => {
    const liar = await observe({ is: 'liar', content: '', bytes: 4_096 });
    const { code, stdout } = await top(['--once', '--interval', '0.1', '--pid', String(liar.pid)]);
    expect(code).toBe(0);
    expect(stdout).toContain(`\nskipped ${liar.pid}: its counters page has not the size of one\n`);
  });

  it('a page of another process is nobody’s', async () => {
    const liar = await observe({ is: 'liar', content: honest(1).toString('base64') });
    expect(await report([liar.pid])).toMatchObject({ processes: [], skipped: [] });
  });
});

describe('a counters page', () => {
  it('says what was written', () => {
    const outcome = decodePage(honest(42, 2));
    if (typeof outcome === 'string' || !('page' in outcome)) throw new Error('it can not be read');
    const { ring, ...plain } = CONNECTION;
    const entry = { ...plain, peerPid: 99, ringCapacity: 4_096, ringUsed: 64 };
    expect(outcome.page).toMatchObject({ pid: 42, name: 'main', sequence: 1, publishedUs: NOW_US, connections: 2 });
    expect(outcome.page).toMatchObject({ bytesSent: 2 ** 52, actors: 3, entries: [entry, entry] });
  });

  it('has room for so many connections', () => {
    const writer = new PageWriter(1, 0);
    writer.begin();
    for (let i = 0; i < layout.COUNTERS_ENTRY_LIMIT; i++) expect(writer.add(CONNECTION)).toBe(true);
    expect(writer.add(CONNECTION)).toBe(false);
    expect(writer.finish('main', new ThreadFigures(), NOW_US).length).toBeLessThanOrEqual(layout.COUNTERS_FILE_BYTES);
  });

  it('holds nothing that a terminal obeys, whatever a provider says', () => {
    const page = honest(1, 1, {
      ...CONNECTION,
      provider: '\x1b[2Jx\u20ac',
      localAddress: 'y'.repeat(100),
      ring: () => ({ peerPid: Number.NaN, capacityBytes: -1, usedBytes: 1e30 }),
    });
    const outcome = decodePage(page);
    expect(outcome).toMatchObject({
      page: { entries: [{ provider: '?[2Jx?', localAddress: 'y'.repeat(56), peerPid: 0 }] },
    });
  });

  it('is read again while any part of it is missing or another one', () => {
    const page = honest(1, 3);
    for (let length = layout.COUNTERS_PAGE_BYTES; length < page.length; length += 13) {
      expect(decodePage(page.subarray(0, length))).toBe('torn');
    }
    for (let at = layout.COUNTERS_PAGE_SEQUENCE; at < page.length; at += 7) {
      const other = Buffer.from(page);
      other[at] = (other[at] as number) ^ 0x40;
      expect(decodePage(other)).toBe('torn');
    }
  });
});
