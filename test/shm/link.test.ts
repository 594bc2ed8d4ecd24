import { afterEach, expect, it } from 'vitest';
import {
  CELL_CONS_WORD,
  CELL_PROD_WORD,
  LINK_CONNECTION_LIMIT,
  LINK_RING_BYTES,
  RECORD_ALIGN,
  RECORD_DATA,
  RECORD_LINK_ACCEPT,
  RECORD_LINK_NEWS,
  SEGMENT_BYTES,
  SEGMENT_HEADER_LINK_CONS_WORD,
  SEGMENT_HEADER_LINK_PROD_WORD,
  SEGMENT_HEADER_SLEEP_EPOCH_WORD,
} from '#src/layout/layout.gen.js';
import { closeDescriptor, peerCredentials, unixAccept, unixConnect, unixListen } from '#src/native/os.js';
import { ShmConnection } from '#src/providers/shm/connection.js';
import { TALK_BUDGET } from '#src/providers/shm/cost.js';
import { Link } from '#src/providers/shm/link.js';
import { cellWord, initialiseSegment, linkRing, slotName, slotPlace } from '#src/providers/shm/segment.js';
import { Budget } from '#src/reactor/budget.js';
import { Reactor } from '#src/reactor/reactor.js';
import { type Region, threadWindows } from '#src/reactor/window.js';
import { RingProducer } from '#src/ring/producer.js';
import { Overlapped, type WsaBuffer } from '#src/spi/types.js';
import { eventually } from './party.js';

const RING_RECORDS = LINK_RING_BYTES / RECORD_ALIGN;
const cleanups: (() => void)[] = [];

afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A link whose other end is memory and a socket that this test holds. */
function heldLink() {
  const name = `sanswitch/test/${process.pid}/${Math.random()}`;
  const listener = unixListen(name, 1);
  const theirs = unixConnect(name);
  const fd = unixAccept(listener) as number;
  const own = threadWindows().mapOwn(SEGMENT_BYTES);
  const peer = threadWindows().mapOwn(SEGMENT_BYTES);
  initialiseSegment(own.region);
  initialiseSegment(peer.region);
  const seen = threadWindows().mapPeer(SEGMENT_BYTES, peer.descriptor);
  const reactor = Reactor.current();
  const pollable = { poll: () => 0, beforeSleep: () => 0 };
  reactor.addPollable(pollable);
  const breaches: string[] = [];
  const deaths: string[] = [];
  const owner = {
    opened: () => {},
    accepted: () => {},
    attached: () => {},
    rejected: () => {},
    withdrawn: () => {},
    refused: () => {},
    breached: (what: string) => breaches.push(what),
    died: (_: Link, reason: string) => deaths.push(reason),
  };
  const talk = new Budget(TALK_BUDGET);
  const place = { fd, own: own.region, peer: seen, credentials: peerCredentials(fd), initiator: false, talk };
  const link = new Link(owner, reactor, threadWindows(), place);
  cleanups.push(() => {
    link.die('the test is over', false);
    reactor.removePollable(pollable);
    for (const one of [theirs, listener, own.descriptor, peer.descriptor]) closeDescriptor(one);
    threadWindows().unmap(peer.region);
  });
  return { link, peer: peer.region, breaches, deaths };
}

it('a peer that never reads its link ring: a bounded number of records wait for it, then the link ends', async () => {
  const { link, breaches, deaths } = heldLink();
  for (let i = 0; i < RING_RECORDS + 4 * LINK_CONNECTION_LIMIT - 2; i++) link.record(RECORD_LINK_NEWS, 0);
  expect(deaths).toEqual([]);
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 1_000_000; i++) link.record(RECORD_LINK_NEWS, 0);
  expect(breaches).toEqual(['ring-unread']);
  expect(deaths).toEqual(['the peer does not read its link ring']);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(200 * 1024 * 1024);
});

it('a peer that reads it late gets what waited', async () => {
  const { link, peer, deaths } = heldLink();
  for (let i = 0; i < RING_RECORDS + 1_000; i++) link.record(RECORD_LINK_NEWS, 0);
  const full = link.own.words[SEGMENT_HEADER_LINK_PROD_WORD] as number;
  Atomics.store(peer.words, SEGMENT_HEADER_LINK_CONS_WORD, 65_536);
  await eventually('the rest comes', () => {
    return ((link.own.words[SEGMENT_HEADER_LINK_PROD_WORD] as number) - full) / RECORD_ALIGN >= 1_000;
  });
  expect(deaths).toEqual([]);
});

it('a peer that has consumed link records of the future: found when room is needed', async () => {
  const { link, peer, breaches } = heldLink();
  Atomics.store(peer.words, SEGMENT_HEADER_LINK_CONS_WORD, 0x7fffff00);
  for (let i = 0; i < RING_RECORDS + 1; i++) link.record(RECORD_LINK_NEWS, 0);
  await eventually('the link ends', () => breaches.length > 0);
  expect(breaches).toEqual(['nonsense']);
});

/** Of connections with which nothing happens. */
const silentOwner = {
  answered: () => false,
  redirected: () => false,
  moved: () => {},
  spaceMade: () => {},
  peerClosed: () => {},
  received: () => {},
  receiveFailed: () => {},
};

/** A connection of such a link, accepted: its ACCEPT is a link record that the peer has not consumed. */
function heldConnection(link: Link) {
  const connection = new ShmConnection(link, 0, silentOwner);
  link.add(connection);
  connection.newsAt = link.record(RECORD_LINK_ACCEPT, 0);
  return connection;
}

function sendByte(connection: ShmConnection) {
  const room: WsaBuffer = { bytes: new Uint8Array(0), offset: 0, length: 0 };
  expect(connection.claim(1, 1, room)).toBe(0);
  connection.send(1);
}

it('an armed connection writes no NEWS, and wakes a peer that sleeps, once for each sleep', () => {
  const { link, peer } = heldLink();
  const connection = heldConnection(link);
  const recordsBefore = link.own.words[SEGMENT_HEADER_LINK_PROD_WORD];
  const wakes = () => link.reactor.stats().wakesSent;
  let before = wakes();
  sendByte(connection);
  expect(wakes() - before).toBe(0);
  for (const epoch of [1, 3]) {
    Atomics.store(peer.words, SEGMENT_HEADER_SLEEP_EPOCH_WORD, epoch);
    before = wakes();
    sendByte(connection);
    sendByte(connection);
    expect(wakes() - before).toBe(1);
  }
  expect(link.own.words[SEGMENT_HEADER_LINK_PROD_WORD]).toBe(recordsBefore);
});

/** Puts `count` connections into the polled set, as their NEWS do. */
function pollMany(link: Link, peer: Region, count: number) {
  const news = new RingProducer(linkRing(peer, link.own));
  for (let id = 0; id < count; id++) {
    const connection = new ShmConnection(link, id, silentOwner);
    link.add(connection);
    connection.post(new Overlapped({ completed: () => {} }));
    const at = news.claim(4, 4);
    peer.words[at >>> 2] = id;
    news.commit(RECORD_LINK_NEWS, 4);
  }
  news.publish();
  expect(link.work()).toBe(count);
}

it('before it sleeps, a thread that watches few words keeps them and leaves their NEWS unconsumed', () => {
  const { link, peer } = heldLink();
  const watched = link.reactor.watchCount;
  pollMany(link, peer, 3);
  expect(link.settle()).toBe(0);
  expect(link.settled).toBe(true);
  expect(link.reactor.watchCount - watched).toBe(3);
  expect(link.own.words[SEGMENT_HEADER_LINK_CONS_WORD]).toBe(0);
});

it('one that watches many consumes their NEWS and forgets them', () => {
  const { link, peer } = heldLink();
  const watched = link.reactor.watchCount;
  pollMany(link, peer, 100);
  expect(link.settled).toBe(false);
  expect(link.settle()).toBe(0);
  expect(link.settled).toBe(true);
  expect(link.reactor.watchCount).toBe(watched);
  expect(link.own.words[SEGMENT_HEADER_LINK_CONS_WORD]).toBe(100 * RECORD_ALIGN);
});

/** The ring that the peer writes connection 0's records into. */
function peerRing(link: Link, peer: Region): RingProducer {
  const cell = cellWord(0);
  const { base, bytes } = slotPlace(slotName(0, 0)) as { base: number; bytes: number };
  const prod = { prodWords: peer.words, prodIndex: cell + CELL_PROD_WORD };
  const cons = { consWords: link.own.words, consIndex: cell + CELL_CONS_WORD };
  return new RingProducer({ ...prod, ...cons, words: peer.words, base, capacity: bytes }, { reserve: RECORD_ALIGN });
}

/** What a peer may have published last that is no message. */
const lastRecords: Record<string, (ring: RingProducer) => void> = {
  padding: (ring) => {
    ring.claim(ring.payloadLimit, ring.payloadLimit);
    ring.publish();
  },
  'a SWITCH': (ring) => {
    ring.writeSwitch(slotName(1, 0));
    ring.publish();
  },
};

// Rule 7.3. Found by ending workers amid full traffic: once in 400 times the last record was padding.
for (const [name, publish] of Object.entries(lastRecords)) {
  it(`7.3 a peer that dies behind ${name}: the receive that waits fails`, async () => {
    const { link, peer } = heldLink();
    const told: string[] = [];
    const owner = {
      ...silentOwner,
      received: () => {
        told.push('received');
        connection.post(new Overlapped({ completed: () => {} }));
      },
      receiveFailed: () => told.push('failed'),
    };
    const connection = new ShmConnection(link, 0, owner);
    link.add(connection);
    const ring = peerRing(link, peer);
    connection.post(new Overlapped({ completed: () => {} }));
    // Two messages that leave too little room at the end of the ring for a third,.
    const bytes = (ring.capacity * 3) / 8 - RECORD_ALIGN;
    for (const times of [1, 2]) {
      ring.claim(bytes, bytes);
      ring.commit(RECORD_DATA, bytes);
      ring.publish();
      link.work();
      expect(told).toHaveLength(times);
    }
    publish(ring);
    link.die('the peer is gone', false);
    await eventually('the receive fails', () => told.includes('failed'), 1_000);
    expect(told).toEqual(['received', 'received', 'failed']);
  });
}
