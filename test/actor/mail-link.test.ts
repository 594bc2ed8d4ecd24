import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { ActorAddress } from '#src/actor/address.js';
import { FixedCodec } from '#src/actor/mail/fixed-codec.js';
import type { Signal } from '#src/actor/remote.js';
import type { PollerKind } from '#src/reactor/poller-kind.js';
import { ANY_SLOT, ECHO_SLOT, slotOf, TestRef } from './mail-party.js';
import { MailPeer, type PeerOptions, pairHere } from './mail-worker.js';

const peers: MailPeer[] = [];

async function start(options?: PeerOptions): Promise<MailPeer> {
  const peer = await MailPeer.start(options);
  peers.push(peer);
  return peer;
}

afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.stop();
});

/** What ANY_SLOT's echo brings back. */
function echoed(peer: MailPeer, message: unknown): Promise<[unknown, ActorAddress | null]> {
  return new Promise((resolve) => {
    const before = peer.party.other;
    peer.party.other = (slot, back, sender) => {
      if (slot !== ECHO_SLOT + 10) return before(slot, back, sender);
      peer.party.other = before;
      resolve([back, sender]);
    };
    peer.party.link.tell(slotOf(ECHO_SLOT), message, new ActorAddress(4, 5, 6), null);
  });
}

describe('messages between two threads', () => {
  it.each([
    ['a ring of 1 KiB', { ringBytes: 1 << 10 }, 20_000, 150],
    ['a ring of 64 KiB', { ringBytes: 1 << 16 }, 60_000, 2_000],
    ['the usual ring', {}, 60_000, 500],
    ['the usual ring, larger messages', {}, 3_000, 200_000],
    ['a ring of 1 KiB, dedicated poller', { ringBytes: 1 << 10, poller: 'dedicated' as PollerKind }, 10_000, 150],
  ])('arrive both ways at once, whole and in order: %s', { timeout: 60_000 }, async (_, options, count, limit) => {
    const peer = await start(options);
    const { party } = peer;
    const [ours, theirs] = [Math.floor(Math.random() * 1e6), Math.floor(Math.random() * 1e6)];
    const report = peer.report();
    const came = party.expect(theirs, count, limit);
    peer.command({ do: 'expect', seed: ours, count, limit });
    peer.command({ do: 'flood', seed: theirs, count, limit });
    await party.flood(ours, count, limit);
    const [{ came: reached, errors }] = await Promise.all([report, came]);
    expect(errors, `seed ${ours}`).toEqual([]);
    expect(party.errors, `seed ${theirs}`).toEqual([]);
    expect(reached).toBe(count);
    expect(party.link.waiting).toBe(0);
    expect(party.runs).toBeGreaterThan(0);
  });

  it('come back as they went, with the sender', async () => {
    const peer = await start();
    const message = { a: [1, { b: 'c' }], ref: new TestRef(slotOf(5)), none: undefined };
    expect(await echoed(peer, message)).toEqual([message, new ActorAddress(4, 5, 6)]);
    const bytes = Uint8Array.of(1, 2, 3);
    expect(await echoed(peer, bytes)).toEqual([bytes, new ActorAddress(4, 5, 6)]);
    expect(await echoed(peer, new Uint8Array(0))).toEqual([new Uint8Array(0), new ActorAddress(4, 5, 6)]);
  });

  it('are larger than the ring', async () => {
    const peer = await start({ ringBytes: 1 << 12 });
    const text = 'long '.repeat(100_000);
    const bytes = new Uint8Array(3_000_001).fill(7);
    const message = { text, bytes, list: [1.5, text] };
    expect(isDeepStrictEqual((await echoed(peer, message))[0], message)).toBe(true);
    expect(isDeepStrictEqual((await echoed(peer, bytes))[0], bytes)).toBe(true);
  });

  it('of declared fields, too many for a small ring, go in the other form', async () => {
    const { here, there, close } = pairHere(1 << 10);
    const came: unknown[] = [];
    there.deliver = (_slot, _generation, message) => came.push(message);
    const message = { text: 'x'.repeat(400), count: 3 };
    const codec = new FixedCodec({ text: 'utf8:700', count: 'i32' });
    expect(here.link.tell(slotOf(ANY_SLOT), message, null, codec)).toBe('sent');
    await within(
      1_000,
      until(() => came.length > 0),
      'the message',
    );
    expect(came).toEqual([message]);
    close();
  });

  it('are signals', async () => {
    const { here, there, close } = pairHere();
    const signals: Signal[] = [
      { kind: 'watch', from: slotOf(3) },
      { kind: 'terminated', from: slotOf(4), reason: 'failed' },
      { kind: 'stop' },
    ];
    for (const signal of signals) here.link.signal(slotOf(1), signal);
    while (there.link.received < signals.length) await delay(1);
    expect(there.signals).toEqual(signals);
    close();
  });
});

describe('a full ring', () => {
  it('has messages wait on this side, then refuses', async () => {
    const peer = await start({ ringBytes: 1 << 12 });
    const { link } = peer.party;
    peer.command({ do: 'idle', count: 200 });
    await delay(20);
    const results = new Set<string>();
    const message = new Uint8Array(1_000);
    let accepted = 0;
    for (let result = ''; result !== 'refused'; accepted++) {
      result = link.tell(slotOf(ANY_SLOT), message, null, null);
      results.add(result);
    }
    accepted--;
    expect([...results]).toEqual(['sent', 'queued', 'refused']);
    expect(accepted).toBeGreaterThan(4_000);
    expect(accepted).toBeLessThan(4_200);
    // It all arrives, and there is room again.
    expect((await echoedWhenRoom(peer))[0]).toBe('at last');
    expect(link.waiting).toBe(0);
    expect(link.tell(slotOf(ANY_SLOT), message, null, null)).toBe('sent');
  });

  async function echoedWhenRoom(peer: MailPeer): Promise<[unknown, ActorAddress | null]> {
    while (peer.party.link.waiting > 100) await delay(1);
    return echoed(peer, 'at last');
  }

  it('that is never empty keeps its order, and nothing of what was sent', { timeout: 30_000 }, async () => {
    const { here, there, close } = pairHere(1 << 12);
    let came = 0;
    there.deliver = (_slot, _generation, message) => {
      if ((message as Uint8Array)[0] !== (came++ & 255)) throw new Error(`message ${came - 1} came late`);
    };
    for (let sent = 0; sent < 50_000; await new Promise(setImmediate)) {
      while (here.link.waiting < 1_000) {
        const message = new Uint8Array(100).fill(sent++ & 255);
        expect(here.link.tell(slotOf(ANY_SLOT), message, null, null)).not.toBe('refused');
      }
    }
    await within(
      5_000,
      until(() => here.link.waiting === 0 && came === here.link.sent),
      'the rest',
    );
    close();
  });

  it('is committed when only padding was read last', async () => {
    const { here, there, close } = pairHere(1 << 10);
    const lengths: number[] = [];
    there.deliver = (_slot, _generation, message) => lengths.push((message as Uint8Array).length);
    // Records of 20, 14 and 32 units of 16 bytes in a ring of 64: the reader commits behind the first, not behind the
    // second; the third does not fit behind that, nor, after the padding, before it.
    for (const length of [280, 184, 472]) {
      here.link.tell(slotOf(ANY_SLOT), new Uint8Array(length), null, null);
      await within(
        1_000,
        until(() => lengths.at(-1) === length),
        `message of ${length} bytes`,
      );
    }
    close();
  });

  it.each<PollerKind>(['inline', 'dedicated'])(
    'wakes its writer, whenever that falls asleep (%s)',
    { timeout: 60_000 },
    async (poller) => {
      const peer = await start({ ringBytes: 1 << 10, spinBudgetUs: 0, poller });
      const { party } = peer;
      const limit = performance.now() + 8_000;
      let rounds = 0;
      for (; rounds < 3_000 && performance.now() < limit; rounds++) {
        const report = peer.report();
        const count = 20 + (rounds % 30);
        peer.command({ do: 'expect', seed: rounds, count, limit: 100 });
        // Nothing but the reader's wake-ups brings on what waits.
        party.burst(rounds, count, 100);
        const { came, errors } = await within(2_000, report, `round ${rounds}`);
        expect(errors).toEqual([]);
        expect(came).toBe(count);
      }
      expect(rounds).toBeGreaterThan(200);
    },
  );
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await delay(1);
}

async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  const guard = delay(ms, null, { ref: false }).then(() => {
    throw new Error(`${what}: not in ${ms} ms`);
  });
  return Promise.race([promise, guard]);
}

describe('sleeping threads', () => {
  it.each([
    ['inline', 0],
    ['inline', 1],
    ['inline', 20],
    ['dedicated', 0],
    ['dedicated', 20],
  ] as const)('are woken, every time: %s, spinning %i us', { timeout: 60_000 }, async (poller, spinBudgetUs) => {
    const peer = await start({ spinBudgetUs, poller });
    const { link } = peer.party;
    const before = link.reactor.stats().sleeps;
    const rounds = 20_000;
    const limit = performance.now() + 4_000;
    let round = 0;
    await new Promise<void>((resolve, reject) => {
      let seen = -1;
      const guard = setInterval(() => {
        if (seen === round) reject(new Error(`stuck in round ${round}`));
        seen = round;
      }, 2_000);
      const next = (): void => {
        if (++round === rounds || performance.now() > limit) {
          clearInterval(guard);
          resolve();
        } else link.tell(slotOf(77), round, null, null);
      };
      peer.party.other = next;
      next();
    });
    const sleeps = link.reactor.stats().sleeps - before;
    console.log(`${poller}, ${spinBudgetUs} us: ${round} rounds, slept ${sleeps} times`);
    expect(round).toBeGreaterThan(1_000);
  });
});
