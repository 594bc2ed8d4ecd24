// A link whose peer writes anything: link records of any type, any words into its header, cells and rings. The victim is
// the real Link with real connections on real segments; the peer is a region that the test writes. Whatever comes, the
// link stands or ends, and when it is over nothing is left of it.
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { Overlapped, type WsaBuffer } from 'sanswitch/spi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as layout from '#src/layout/layout.gen.js';
import { closeDescriptor, peerCredentials, unixAccept, unixConnect, unixListen } from '#src/native/os.js';
import { ShmConnection } from '#src/providers/shm/connection.js';
import { TALK_BUDGET } from '#src/providers/shm/cost.js';
import { Link } from '#src/providers/shm/link.js';
import {
  cellWord,
  initialiseSegment,
  linkRing,
  SLOT_CLASSES,
  slotName,
  slotPlace,
} from '#src/providers/shm/segment.js';
import { Budget } from '#src/reactor/budget.js';
import { Reactor } from '#src/reactor/reactor.js';
import { type Region, threadWindows } from '#src/reactor/window.js';
import { RingProducer } from '#src/ring/producer.js';
import { NO_ERROR, WSAECONNRESET, WSAEWOULDBLOCK } from '#src/spi/codes.js';
import { budget, TIMEOUT_MS } from './budget.js';

const socketName = `sanswitch-test-fuzz-${process.pid}`;
const pollable = { poll: () => 0, beforeSleep: () => 0 };
const slotsStart = Math.min(...SLOT_CLASSES.map(({ offset }) => offset));
let listener: number;

beforeAll(() => {
  Reactor.current().addPollable(pollable);
  listener = unixListen(socketName, 8);
});

afterAll(() => {
  closeDescriptor(listener);
  Reactor.current().removePollable(pollable);
});

/** Where a hostile value goes: an absolute one, or one near what an honest peer would write. */
type Value = { readonly near: boolean; readonly value: number };

type Step =
  | { readonly do: 'record'; readonly type: number; readonly words: readonly number[] }
  | { readonly do: 'header'; readonly word: number; readonly value: Value }
  | { readonly do: 'cell'; readonly id: number; readonly word: number; readonly value: Value }
  | { readonly do: 'data'; readonly id: number; readonly slot: number; readonly type: number; readonly length: number }
  | { readonly do: 'work' | 'commitLink' }
  | { readonly do: 'send'; readonly index: number; readonly bytes: number }
  | { readonly do: 'close'; readonly index: number }
  | { readonly do: 'open' };

const word = fc.oneof(fc.integer(), fc.integer({ min: -16, max: 16 }));
const value: fc.Arbitrary<Value> = fc.oneof(
  fc.record({ near: fc.constant(true), value: fc.integer({ min: -64, max: 64 }).map((x) => x * layout.RECORD_ALIGN) }),
  fc.record({ near: fc.boolean(), value: word }),
);
const ID_MAX = 2;
const id = fc.nat(ID_MAX);
const linkTypes = [
  layout.RECORD_LINK_OPEN,
  layout.RECORD_LINK_ACCEPT,
  layout.RECORD_LINK_REJECT,
  layout.RECORD_LINK_CLOSE,
  layout.RECORD_LINK_NEWS,
  layout.RECORD_LINK_SPACE,
  layout.RECORD_LINK_MOVE,
  layout.RECORD_LINK_ATTACH,
];
const linkRecord = fc.record({
  do: fc.constant('record' as const),
  type: fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(...linkTypes) },
    { weight: 1, arbitrary: fc.nat(2 ** 31 - 1) },
  ),
  words: fc
    .tuple(
      fc.oneof({ weight: 30, arbitrary: id }, { weight: 1, arbitrary: word }),
      fc.array(word, { minLength: 15, maxLength: 15 }),
      fc.oneof({ weight: 20, arbitrary: fc.constant(16) }, { weight: 1, arbitrary: fc.nat(15) }),
    )
    .map(([first, rest, count]) => [first, ...rest].slice(0, count)),
});
const open = id.map((first) => ({
  do: 'record' as const,
  type: layout.RECORD_LINK_OPEN,
  words: [first, ...Array<number>(15).fill(0)],
}));
const news = id.map((first) => ({ do: 'record' as const, type: layout.RECORD_LINK_NEWS, words: [first] }));
const header = fc.record({
  do: fc.constant('header' as const),
  word: fc.constantFrom(
    layout.SEGMENT_HEADER_LINK_PROD_WORD,
    layout.SEGMENT_HEADER_LINK_CONS_WORD,
    layout.SEGMENT_HEADER_SLEEP_EPOCH_WORD,
    layout.SEGMENT_HEADER_MAGIC_WORD,
  ),
  value,
});
const cell = fc.record({
  do: fc.constant('cell' as const),
  id,
  word: fc.constantFrom(
    layout.CELL_PROD_WORD,
    layout.CELL_CONS_WORD,
    layout.CELL_SLOT_WORD,
    layout.CELL_SLOT_SEQ_WORD,
    layout.CELL_BLOCKED_NEED_WORD,
    layout.CELL_BLOCKED_SEQ_WORD,
  ),
  value,
});
const data = fc.record({
  do: fc.constant('data' as const),
  id,
  slot: fc.nat(3),
  type: fc.oneof(
    { weight: 6, arbitrary: fc.constant(layout.RECORD_DATA) },
    { weight: 2, arbitrary: fc.constantFrom(layout.RECORD_SWITCH, layout.RECORD_PADDING) },
    { weight: 1, arbitrary: word },
  ),
  length: fc.oneof(
    { weight: 6, arbitrary: fc.nat(2_032) },
    { weight: 2, arbitrary: fc.constant(4) },
    { weight: 1, arbitrary: word },
  ),
});
const victim = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>({ do: 'work' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'commitLink' }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      index: fc.nat(3),
      bytes: fc.constantFrom(1, 900, 2_000, 70_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), index: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'open' }) },
);
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: open },
    { weight: 3, arbitrary: news },
    { weight: 3, arbitrary: linkRecord },
    { weight: 1, arbitrary: header },
    { weight: 3, arbitrary: cell },
    { weight: 5, arbitrary: data },
    { weight: 10, arbitrary: victim },
  ),
  { minLength: 1, maxLength: 60 },
);

/** What a provider is to its link, as far as it matters here: accepts everything, reads everything. */
class Victim {
  readonly link: Link;
  readonly connections: ShmConnection[] = [];
  deaths = 0;
  receivedBytes = 0;
  private readonly peer: Region;

  constructor(fd: number, own: Region, peer: Region, initiator: boolean) {
    this.peer = peer;
    const owner = {
      opened: (_: Link, opened: number) => this.connect(opened, layout.RECORD_LINK_ACCEPT),
      accepted: (link: Link, accepted: number) => {
        const connection = link.get(accepted);
        if (connection !== undefined) connection.stands = true;
      },
      attached: (_: Link, attached: number) => this.connect(attached, layout.RECORD_LINK_ACCEPT),
      rejected: (link: Link, rejected: number) => {
        const connection = link.get(rejected);
        if (connection !== undefined && !connection.closeSent) connection.closeSent = true;
        if (connection !== undefined) link.freeId(rejected);
        this.forget(connection);
      },
      withdrawn: () => {},
      breached: () => {},
      refused: () => {},
      died: () => this.deaths++,
    };
    const place = { fd, own, peer, credentials: peerCredentials(fd), initiator, talk: new Budget(TALK_BUDGET) };
    this.link = new Link(owner, Reactor.current(), threadWindows(), place);
  }

  private forget(connection: ShmConnection | undefined): void {
    const index = this.connections.indexOf(connection as ShmConnection);
    if (index >= 0) this.connections.splice(index, 1);
  }

  open(): void {
    if (!this.link.initiator || this.link.isDead) return;
    const opened = this.link.takeId();
    if (opened >= 0) this.connect(opened, layout.RECORD_LINK_OPEN);
  }

  private connect(opened: number, answer: number): void {
    const { link } = this;
    let connection: ShmConnection;
    try {
      connection = new ShmConnection(link, opened, {
        answered: () => true,
        redirected: () => {
          link.freeId(opened);
          this.forget(connection);
          return true;
        },
        moved: () => {
          connection.close();
          this.forget(connection);
        },
        spaceMade: () => {},
        peerClosed: () => {},
        received: (overlapped, bytes) => this.received(connection, overlapped, bytes),
        receiveFailed: () => {},
      });
    } catch (error) {
      return link.distrust(error);
    }
    this.connections.push(connection);
    link.add(connection);
    connection.stands = answer === layout.RECORD_LINK_ACCEPT;
    connection.newsAt = link.record(answer, opened);
    connection.post(new Overlapped({ completed: () => {} }));
  }

  private received(connection: ShmConnection, overlapped: Overlapped, bytes: number): void {
    expect(overlapped.bytes).toBe(this.peer.bytes);
    expect(bytes).toBeLessThanOrEqual(layout.SLOT_CLASS3_BYTES / 2 - layout.RECORD_HEADER_BYTES);
    expect(overlapped.offset).toBeGreaterThanOrEqual(slotsStart);
    expect(overlapped.offset + bytes).toBeLessThanOrEqual(layout.SEGMENT_BYTES);
    // It is there: a byte outside the segment would be undefined.
    if (bytes > 0) expect(overlapped.bytes[overlapped.offset + bytes - 1]).toBeTypeOf('number');
    this.receivedBytes += bytes;
    connection.post(new Overlapped({ completed: () => {} }));
  }

  send(index: number, bytes: number): void {
    const connection = this.connections[index % Math.max(1, this.connections.length)];
    if (connection === undefined) return;
    const out: WsaBuffer = { bytes: new Uint8Array(0), offset: 0, length: 0 };
    const code = connection.claim(Math.min(bytes, 2_000), bytes, out);
    expect([NO_ERROR, WSAEWOULDBLOCK, WSAECONNRESET]).toContain(code);
    if (code !== NO_ERROR) return;
    expect(out.bytes).toBe(this.link.own.bytes);
    expect(out.offset).toBeGreaterThanOrEqual(slotsStart);
    expect(out.length).toBeGreaterThanOrEqual(Math.min(bytes, 2_000));
    expect(out.offset + out.length).toBeLessThanOrEqual(layout.SEGMENT_BYTES);
    out.bytes.fill(0x77, out.offset, out.offset + out.length);
    connection.send(out.length);
  }

  close(index: number): void {
    const [connection] = this.connections.splice(index % Math.max(1, this.connections.length), 1);
    connection?.close();
  }
}

/** The peer's side: its own segment, written by the test. */
class Attacker {
  readonly own: Region;
  private readonly other: Region;
  private readonly out: RingProducer;

  constructor(own: Region, other: Region) {
    this.own = own;
    this.other = other;
    this.out = new RingProducer(linkRing(own, other));
    // Honest so far: every connection's ring stands in its own smallest slot.
    for (let of = 0; of <= ID_MAX; of++) own.words[cellWord(of) + layout.CELL_SLOT_WORD] = slotName(0, of);
  }

  record(type: number, words: readonly number[]): void {
    const payload = Int32Array.from(words);
    const at = this.out.claim(payload.byteLength, payload.byteLength);
    if (at < 0) return;
    this.own.words.set(payload, at >>> 2);
    this.out.commit(type, payload.byteLength);
    this.out.publish();
  }

  set(index: number, { near, value: given }: Value, honest: number): void {
    Atomics.store(this.own.words, index, near ? honest + given : given);
  }

  header(index: number, to: Value): void {
    const honest =
      index === layout.SEGMENT_HEADER_LINK_PROD_WORD
        ? (this.own.words[index] as number)
        : (this.other.words[layout.SEGMENT_HEADER_LINK_PROD_WORD] as number);
    this.set(index, to, honest);
  }

  cell(of: number, index: number, to: Value): void {
    const at = cellWord(of);
    const counterpart = index === layout.CELL_CONS_WORD ? layout.CELL_PROD_WORD : layout.CELL_CONS_WORD;
    const honest = index === layout.CELL_SLOT_WORD ? slotName(0, of) : this.other.words[at + counterpart];
    this.set(at + index, to, honest as number);
  }

  /** A record at the place where the victim reads next, in one of the places where it may read. */
  data(of: number, sizeClass: number, type: number, length: number): void {
    const { base, bytes } = slotPlace(slotName(sizeClass, sizeClass === 0 ? of : 0)) as { base: number; bytes: number };
    const prod = cellWord(of) + layout.CELL_PROD_WORD;
    const put = (kind: number, size: number): void => {
      const at = this.own.words[prod] as number;
      const name = slotName(sizeClass, 0);
      const target = (base + (at & (bytes - 1) & -layout.RECORD_ALIGN)) >>> 2;
      this.own.words.set([size, kind, kind === layout.RECORD_SWITCH ? name : size], target);
      Atomics.store(this.own.words, prod, (at + padded(size)) | 0);
    };
    const left = bytes - ((this.own.words[prod] as number) & (bytes - 1));
    if (padded(length) > left && length >= 0) put(layout.RECORD_PADDING, left - layout.RECORD_HEADER_BYTES);
    put(type, length);
  }
}

function padded(length: number): number {
  return (length + layout.RECORD_HEADER_BYTES + layout.RECORD_ALIGN - 1) & -layout.RECORD_ALIGN;
}

function perform(step: Step, one: Victim, attacker: Attacker): void {
  if (step.do === 'record') attacker.record(step.type, step.words);
  else if (step.do === 'header') attacker.header(step.word, step.value);
  else if (step.do === 'cell') attacker.cell(step.id, step.word, step.value);
  else if (step.do === 'data') attacker.data(step.id, step.slot, step.type, step.length);
  else if (step.do === 'work') one.link.work();
  else if (step.do === 'commitLink') one.link.commitLink();
  else if (step.do === 'send') one.send(step.index, step.bytes);
  else if (step.do === 'close') one.close(step.index);
  else one.open();
}

/** One life of a link. */
async function live(initiator: boolean, run: readonly Step[]): Promise<Victim> {
  const pool = threadWindows();
  const before = { regions: pool.regionCount, watches: Reactor.current().watchCount };
  const far = unixConnect(socketName);
  const fd = unixAccept(listener) as number;
  const own = pool.mapOwn(layout.SEGMENT_BYTES);
  const hostile = pool.mapOwn(layout.SEGMENT_BYTES);
  for (const { region } of [own, hostile]) initialiseSegment(region);
  // The victim has it read-only, as it would: writing there ends the process.
  const one = new Victim(fd, own.region, pool.mapPeer(layout.SEGMENT_BYTES, hostile.descriptor), initiator);
  const attacker = new Attacker(hostile.region, own.region);
  for (const { descriptor } of [own, hostile]) closeDescriptor(descriptor);
  for (const step of run) perform(step, one, attacker);
  for (let i = 0; i < 3; i++) one.link.work();
  one.link.die('the test is over', false);
  while (one.connections.length > 0) one.close(0);
  closeDescriptor(far);
  await nextTurn();
  expect(one.deaths).toBe(1);
  expect(one.link.connectionCount).toBe(0);
  expect(one.link.isReleased).toBe(true);
  pool.unmap(hostile.region);
  expect({ regions: pool.regionCount, watches: Reactor.current().watchCount }).toEqual(before);
  return one;
}

describe('a link whose peer writes anything', () => {
  it.each([
    ['which it has made', false],
    ['which we have made', true],
  ])(
    '%s: it stands or ends, and nothing is left',
    async (_, initiator) => {
      await fc.assert(
        fc.asyncProperty(steps, async (run) => void (await live(initiator, run))),
        budget(1_500),
      );
    },
    TIMEOUT_MS,
  );

  it('and the peer of these tests is one that can be understood', async () => {
    const one = await live(false, [
      { do: 'record', type: layout.RECORD_LINK_OPEN, words: [1, ...Array<number>(15).fill(0)] },
      { do: 'work' },
      { do: 'data', id: 1, slot: 0, type: layout.RECORD_DATA, length: 1_000 },
      { do: 'data', id: 1, slot: 0, type: layout.RECORD_DATA, length: 500 },
      { do: 'work' },
    ]);
    expect(one.receivedBytes).toBe(1_500);
  });
});
