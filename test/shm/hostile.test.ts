import { closeSync, openSync } from 'node:fs';
import { createSwitch, type Switch, type SwitchStats } from 'sanswitch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CELL_CONS_WORD,
  CELL_PROD_WORD,
  CELL_SLOT_SEQ_WORD,
  CELL_SLOT_WORD,
  CLAIM_BOUND_PORT,
  LINK_CONNECTION_LIMIT,
  RECORD_LINK_ACCEPT,
  RECORD_LINK_CLOSE,
  RECORD_LINK_NEWS,
  RECORD_LINK_OPEN,
  RECORD_LINK_REJECT,
  RECORD_LINK_SPACE,
  RECORD_PRIVATE,
  RECORD_SWITCH,
  REJECT_NOT_LISTENING,
  REJECT_SOURCE,
  SEGMENT_HEADER_LAYOUT_HASH_WORD,
  SEGMENT_HEADER_LINK_CONS_WORD,
  SEGMENT_HEADER_LINK_PROD_WORD,
  SESSION_DATA,
  WELCOME_SEGMENT,
} from '#src/layout/layout.gen.js';
import { closeDescriptor, sendMessage } from '#src/native/os.js';
import { encodeJoin } from '#src/providers/shm/handshake.js';
import { threadWindows } from '#src/reactor/window.js';
import { eventually, Party } from './party.js';
import { killPeers, Peer, STRICT } from './peer.js';
import { helloMessage, hungUp, meet, RawLink, sessionMessage } from './raw.js';

let sw: Switch;
let peer: Peer;
let port: number;
let honest: Party;
let words = 0;

beforeAll(async () => {
  peer = await Peer.process();
  ({ port } = await peer.do.listen('echo'));
  sw = await createSwitch(STRICT);
  honest = new Party('sink');
  honest.socket = await sw.connect({ host: '127.0.0.1', port, handlers: honest.handlers });
});

afterAll(async () => {
  await sw.close();
  await killPeers();
});

/** The server lives, what stood before stands, and new connections are served. */
async function allIsWell(): Promise<void> {
  expect(peer.isGone).toBe(false);
  words++;
  honest.socket.send(Buffer.from('well'));
  await honest.got(words * 4);
  const fresh = new Party('sink');
  fresh.socket = await sw.connect({ host: '127.0.0.1', port, handlers: fresh.handlers });
  fresh.socket.send(Buffer.from('new'));
  await fresh.got(3);
  await fresh.socket.close();
}

/** A link whose connection 0 is accepted, in negotiation. */
async function joined(): Promise<RawLink> {
  const link = (await RawLink.join(port)) as RawLink;
  link.open(0, port);
  expect(await link.next()).toEqual([RECORD_LINK_ACCEPT, 0]);
  return link;
}

describe('handshakes that go wrong leave nothing behind', () => {
  it('hundreds of them, of every kind', async () => {
    await allIsWell();
    const before = await peer.do.resources();
    const join = encodeJoin('cd'.repeat(16));
    const otherLayout = encodeJoin('cd'.repeat(16));
    new DataView(otherLayout.buffer).setUint32(8, 0xdeadbeef, true);
    const file = openSync('/proc/self/exe', 'r');
    const small = threadWindows().mapOwn(65_536);
    const attempts: ((fd: number) => void)[] = [
      () => {},
      (fd) => sendMessage(fd, Uint8Array.of(0)),
      (fd) => sendMessage(fd, new Uint8Array(64).fill(0xff)),
      (fd) => sendMessage(fd, new Uint8Array(5_000)),
      (fd) => sendMessage(fd, join.subarray(0, join.length - 1), small.descriptor),
      (fd) => sendMessage(fd, join),
      (fd) => sendMessage(fd, join, file),
      (fd) => sendMessage(fd, join, small.descriptor),
      (fd) => sendMessage(fd, otherLayout, small.descriptor),
    ];
    for (let round = 0; round < 20; round++) {
      for (const attempt of attempts) {
        const { fd } = await meet(port);
        attempt(fd);
        closeDescriptor(fd);
      }
    }
    closeSync(file);
    closeDescriptor(small.descriptor);
    threadWindows().unmap(small.region);
    await eventually('everything is given back', async () => {
      const now = await peer.do.resources();
      return now.descriptors <= before.descriptors && now.segments <= before.segments;
    });
    await allIsWell();
  });

  it('a client that is gone before it is welcome', async () => {
    const before = await peer.do.resources();
    for (let i = 0; i < 12; i++) {
      const { fd } = await meet(port);
      const own = threadWindows().mapOwn(256 * 1024 * 1024);
      const { initialiseSegment } = await import('#src/providers/shm/segment.js');
      initialiseSegment(own.region);
      sendMessage(fd, encodeJoin('ef'.repeat(16)), own.descriptor);
      closeDescriptor(fd);
      closeDescriptor(own.descriptor);
      threadWindows().unmap(own.region);
    }
    await eventually('everything is given back', async () => {
      const now = await peer.do.resources();
      return now.descriptors <= before.descriptors && now.segments <= before.segments;
    });
    await allIsWell();
  });

  it('a segment that is none, or says what can not be', async () => {
    const before = await peer.do.resources();
    for (let i = 0; i < 6; i++) {
      const wrongHash = await RawLink.join(port, ({ region }) => {
        region.words[SEGMENT_HEADER_LAYOUT_HASH_WORD] = 1;
      });
      expect(wrongHash).toBe(WELCOME_SEGMENT);
      // It has consumed what nobody has written.
      const wrongPosition = await RawLink.join(port, ({ region }) => {
        region.words[SEGMENT_HEADER_LINK_CONS_WORD] = 12_345;
      });
      expect(typeof wrongPosition).toBe('number');
    }
    await eventually('everything is given back', async () => {
      const now = await peer.do.resources();
      return now.descriptors <= before.descriptors && now.segments <= before.segments;
    });
    await allIsWell();
  });
});

describe('[WSD-9.2] a client that says it is somebody else', () => {
  const at = (address: string, localPort: number) => ({ family: 4, address, port: localPort }) as const;

  it.each([
    [
      'a virtual port of another process',
      async () => ({ source: at('127.0.0.1', ((await peer.do.takePorts(1)) as [number])[0]) }),
    ],
    ['a virtual port of nobody', async () => ({ source: at('127.0.0.1', 1_030) })],
    ['an address that is not of this host', async () => ({ source: at('192.0.2.7', 61_000) })],
    ['a port that it has not bound', async () => ({ source: at('127.0.0.1', 40_001), claim: CLAIM_BOUND_PORT })],
    ['port 0', async () => ({ source: at('127.0.0.1', 0), claim: CLAIM_BOUND_PORT })],
    ['a claim of no kind', async () => ({ source: at('127.0.0.1', 65_000), claim: 99 })],
  ])('by %s', async (_, change) => {
    const link = (await RawLink.join(port)) as RawLink;
    link.open(3, port, await change());
    expect(await link.next()).toEqual([RECORD_LINK_REJECT, 3, REJECT_SOURCE]);
    // The link stands, and an honest OPEN is accepted.
    link.open(3, port);
    expect(await link.next()).toEqual([RECORD_LINK_ACCEPT, 3]);
    link.close();
    await allIsWell();
  });

  it('or wants somebody else', async () => {
    const link = (await RawLink.join(port)) as RawLink;
    link.open(3, port, { cookie: 12n });
    expect(await link.next()).toEqual([RECORD_LINK_REJECT, 3, REJECT_NOT_LISTENING]);
    link.close();
    await allIsWell();
  });
});

describe('a link whose peer writes nonsense ends; others live on', () => {
  const HUGE = 0x7fffff00;

  it.each<[string, (link: RawLink) => unknown]>([
    ['a record of no type', (link) => link.record(RECORD_PRIVATE, [0])],
    ['a record without an id', (link) => link.record(RECORD_LINK_NEWS, [])],
    ['a negative id', (link) => link.record(RECORD_LINK_NEWS, [-1])],
    ['an id beyond the limit', (link) => link.record(RECORD_LINK_SPACE, [LINK_CONNECTION_LIMIT])],
    ['an OPEN of what is open', (link) => link.open(0, port)],
    ['an OPEN of what waits to be accepted', (link) => link.atOnce(() => [link.open(7, port), link.open(7, port)])],
    ['a short OPEN', (link) => link.record(RECORD_LINK_OPEN, [5, 0, 0])],
    ['an ACCEPT by the one who opens', (link) => link.record(RECORD_LINK_ACCEPT, [0])],
    ['a REJECT by the one who opens', (link) => link.record(RECORD_LINK_REJECT, [0, 1])],
    ['a link ring that jumps', (link) => Atomics.store(link.own.words, SEGMENT_HEADER_LINK_PROD_WORD, HUGE)],
    ['a link ring that goes back', (link) => Atomics.store(link.own.words, SEGMENT_HEADER_LINK_PROD_WORD, 0)],
    ['a position between records', (link) => Atomics.add(link.own.words, SEGMENT_HEADER_LINK_PROD_WORD, 8)],
    ['a connection that jumps', (link) => [link.setCell(0, CELL_PROD_WORD, HUGE), link.record(RECORD_LINK_NEWS, [0])]],
    [
      'a connection that goes back',
      (link) => [link.setCell(0, CELL_PROD_WORD, -64), link.record(RECORD_LINK_NEWS, [0])],
    ],
    ['a record of no type in a connection', (link) => link.write(link.ring(0), new Uint8Array(40), 77)],
    ['a way to a slot that is none', (link) => link.write(link.ring(0), Uint8Array.of(1, 2, 3, 0x7f), RECORD_SWITCH)],
    ['a way without a slot', (link) => link.write(link.ring(0), new Uint8Array(12), RECORD_SWITCH)],
    [
      'a slot that is none',
      (link) => {
        link.setCell(0, CELL_SLOT_WORD, 0x3ffffff);
        link.setCell(0, CELL_SLOT_SEQ_WORD, 99);
        link.write(link.ring(0), helloMessage());
      },
    ],
    [
      'nonsense after a CLOSE of its own',
      (link) => {
        link.setCell(0, CELL_PROD_WORD, HUGE);
        link.record(RECORD_LINK_CLOSE, [0]);
      },
    ],
  ])('%s', async (_, attack) => {
    const link = await joined();
    attack(link);
    link.wake();
    await hungUp(link.fd);
    link.close();
    await allIsWell();
  });

  it.each([
    ['what was never written', HUGE],
    ['half a record', 8],
  ])('a peer that has consumed %s: found when the server needs room', async (_, position) => {
    const link = await joined();
    const ring = link.ring(0);
    link.write(ring, helloMessage());
    link.setCell(0, CELL_CONS_WORD, position);
    let hasHungUp = false;
    const waiting = hungUp(link.fd).then(() => {
      hasHungUp = true;
    });
    // Echoes fill the server's ring until it must look.
    for (let i = 0; i < 3_000 && !hasHungUp; i++) {
      try {
        link.write(ring, sessionMessage(SESSION_DATA, new Uint8Array(900)));
      } catch {}
      await new Promise((resolve) => setImmediate(resolve));
    }
    await waiting;
    link.close();
    await allIsWell();
  });

  it('a connection whose peer speaks nonsense in its midst ends alone, counted', async () => {
    const breaches = async (): Promise<number> =>
      ((await peer.do.stats()) as SwitchStats).providers.shm?.breaches as number;
    const before = await breaches();
    const link = await joined();
    const ring = link.ring(0);
    link.write(ring, helloMessage());
    link.write(ring, sessionMessage(SESSION_DATA, new Uint8Array(10)));
    link.write(ring, sessionMessage(99, new Uint8Array(10)));
    let record = await link.next();
    while (record[0] === RECORD_LINK_NEWS) record = await link.next();
    expect(record.slice(0, 2)).toEqual([RECORD_LINK_CLOSE, 0]);
    await eventually('it is counted', async () => (await breaches()) === before + 1);
    link.record(RECORD_LINK_CLOSE, [0]);
    link.open(1, port);
    expect(await link.next()).toEqual([RECORD_LINK_ACCEPT, 1]);
    link.close();
    await allIsWell();
  });

  it('a session that speaks nonsense ends alone: its link stands', async () => {
    const link = await joined();
    link.write(link.ring(0), sessionMessage(SESSION_DATA, new Uint8Array(10)));
    let record = await link.next();
    while (record[0] === RECORD_LINK_NEWS) record = await link.next();
    expect(record.slice(0, 2)).toEqual([RECORD_LINK_CLOSE, 0]);
    link.record(RECORD_LINK_CLOSE, [0]);
    link.open(1, port);
    record = await link.next();
    expect(record).toEqual([RECORD_LINK_ACCEPT, 1]);
    link.close();
    await allIsWell();
  });
});
