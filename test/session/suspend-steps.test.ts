// A change of owner in the middle of a conversation, disturbed at each of its steps and in each of its calls.
import { WSAECONNRESET, WSAENETDOWN, WSAENOBUFS, type WsaCode } from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import type { DowncallName } from '#src/providers/interpose/calls.js';
import { Failure } from '#src/providers/interpose/failure.js';
import type { LoopOptions } from '#src/providers/loop/options.js';
import { isStreamOf } from '../simulation/side.js';
import { bytesOf, type End, HARDWARE, LENDING, Pair, RING } from './pair.js';

const SMALL = { maxMessageBytes: 200, queueBytes: 600, rdmaThresholdBytes: 1_000, maxRdmaBytes: 1_200 };
const SIZES = [10, 3_000, 400, 2_500, 1];
const TIMEOUT_MS = 500;

type Name = 'client' | 'server';
type Who = 'old' | 'new' | 'stays';

interface Chunk {
  readonly pristine: Uint8Array;
  readonly bytes: Uint8Array;
  readonly cancelled: boolean;
  readonly takenAtOnce: boolean;
  readonly outcomes: (Error | null)[];
}

function chunk(bytes: Uint8Array): Chunk {
  return { pristine: bytes, bytes, cancelled: false, takenAtOnce: false, outcomes: [] };
}

function send(end: End, chunks: readonly Chunk[]): void {
  for (const { bytes, outcomes } of chunks) end.session.send(bytes, (error) => outcomes.push(error));
}

/** Both sides send, one of them moves amid that and sends on, both end. */
class Conversation {
  readonly pair: Pair;
  readonly old: End;
  readonly next: End;
  readonly stays: End;
  readonly failures: Readonly<Record<Who, Failure>>;
  moved = false;
  private giveUp: () => void = () => {};
  private readonly fromStays = SIZES.map((size, i) => chunk(bytesOf(size, i)));
  private readonly fromMover = SIZES.map((size, i) => chunk(bytesOf(size, 10 + i)));

  constructor(loop: LoopOptions, name: Name, fail: (who: Who) => Failure) {
    this.failures = { old: fail('old'), new: fail('new'), stays: fail('stays') };
    const { old, stays, new: later } = this.failures;
    for (const failure of Object.values(this.failures)) failure.armed = false;
    const other = name === 'client' ? 'server' : 'client';
    const concerns = { [name]: { concerns: () => [old] }, [other]: { concerns: () => [stays] } };
    this.pair = new Pair({ loop: { ...loop, ...SMALL }, receiveBuffers: 5, ...concerns });
    this.old = this.pair[name];
    this.stays = this.pair[other];
    this.next = this.pair.another(this.old, { concerns: () => [later] });
  }

  /** Everything, with `disturb` as an extra piece of work amid the others. */
  run(disturb: () => void = () => {}): void {
    const { pair, old, stays } = this;
    pair.run(() => {
      this.failures.old.armed = true;
      this.failures.stays.armed = true;
      disturb();
      send(stays, this.fromStays);
      send(old, this.fromMover.slice(0, 3));
      old.session.suspend(TIMEOUT_MS, (error) => this.suspended(error));
    });
    pair.wait();
  }

  private suspended(error: Error | null): void {
    const { old, next, stays } = this;
    if (error === null) {
      try {
        const moving = old.session.handOver(next.host.ownerKey);
        this.moved = true;
        const opens = (): void => {
          this.failures.new.armed = true;
        };
        this.giveUp = next.adopt(moving, () => this.finish(next), opens);
      } catch {
        old.session.keep();
      }
    }
    if (!this.moved) this.finish(old);
    stays.session.end();
  }

  private finish(end: End): void {
    send(end, this.fromMover.slice(3));
    end.session.end();
  }

  /** The mover dies, wherever it is. */
  abortMover(): void {
    if (!this.moved) this.old.session.abort(new Error('enough'));
    else if (this.next.session !== undefined) this.next.session.abort(new Error('enough'));
    else {
      this.giveUp();
      this.next.events.push('not attached any more');
    }
  }

  /** One clear end on each side, and nothing but a beginning of what the other has sent. @returns whether both ended in order */
  check(what: string): boolean {
    const { pair, old, next, stays, moved } = this;
    const ends = (end: End): string[] => end.events.filter((event) => /^(closed|not )/.test(event));
    expect(ends(stays), what).toHaveLength(1);
    expect([ends(old).length, ends(next).length], what).toEqual(moved ? [0, 1] : [1, 0]);
    const received = Buffer.concat([old.received, next.received]);
    expect(isStreamOf(stays.received, this.fromMover, false), what).toBe(true);
    expect(isStreamOf(received, this.fromStays, false), what).toBe(true);
    expect(pair.leaks, what).toEqual([]);
    const inOrder = stays.closedWith === null && (moved ? next : old).closedWith === null;
    if (inOrder) {
      expect(isStreamOf(stays.received, this.fromMover, true), what).toBe(true);
      expect(isStreamOf(received, this.fromStays, true), what).toBe(true);
    }
    return inOrder;
  }
}

const never = (): Failure => new Failure({ calls: [], nth: 1, outcome: WSAENETDOWN });

const CALLS: readonly DowncallName[] = [
  'WSPSend',
  'WSPRecv',
  'WSPClaimMessageBuffer',
  'WSPEventSelect',
  'WSPEnumNetworkEvents',
  'WSPRegisterMemory',
  'WSPRegisterRdmaMemory',
  'WSPRdmaRead',
  'WSPDuplicateSocket',
];

describe.each([
  ['ring', RING],
  ['hardware', HARDWARE],
  ['lending', LENDING],
] as const)('a change of owner over %s', (_name, loop) => {
  describe.each(['client', 'server'] as const)('of the %s', (name) => {
    it('[WSD-8.1] nothing disturbs it: it moves, and all arrives', () => {
      const conversation = new Conversation(loop, name, never);
      conversation.run();
      expect(conversation.check('undisturbed')).toBe(true);
      expect(conversation.moved).toBe(true);
    });

    it.each(['the wire is cut', 'the side that stays aborts', 'the mover aborts'] as const)(
      '[WSD-8.2] %s at any step: one clear end on both sides, nothing left behind',
      (what) => {
        let undisturbed = false;
        let moves = 0;
        for (let step = 0; !undisturbed; step += 1) {
          const conversation = new Conversation(loop, name, never);
          const { pair, stays } = conversation;
          let left = step;
          const strike = (): void => {
            if (left-- > 0) pair.world.schedule(strike);
            else if (what === 'the mover aborts') conversation.abortMover();
            else if (what === 'the side that stays aborts') stays.session.abort(new Error('enough'));
            else for (const end of [conversation.old, conversation.next, stays]) end.provider.cutAll();
          };
          conversation.run(strike);
          undisturbed = conversation.check(`${what} at step ${step}`);
          if (conversation.moved) moves += 1;
          expect(step).toBeLessThan(5_000);
        }
        expect(moves).toBeGreaterThan(10);
      },
    );

    it.each(CALLS)('[WSD-8.2] whichever %s fails, of either owner or of the side that stays', (call) => {
      for (const outcome of [WSAENETDOWN, WSAENOBUFS, WSAECONNRESET, 'throw'] as readonly (WsaCode | 'throw')[]) {
        for (const who of ['old', 'new', 'stays'] as const) {
          let failed = true;
          for (let nth = 1; failed; nth++) {
            const fail = (of: Who): Failure =>
              new Failure({
                calls: of === who ? [call] : [],
                nth,
                outcome,
                failing: () => (outcome === WSAECONNRESET ? end().provider.cutAll() : undefined),
              });
            const conversation = new Conversation(loop, name, fail);
            const end = (): End => (who === 'new' ? conversation.next : conversation[who]);
            conversation.run();
            failed = conversation.failures[who].failed > 0;
            const inOrder = conversation.check(`${who}: ${call} ${nth} fails with ${outcome}`);
            if (!failed) expect(inOrder).toBe(true);
          }
        }
      }
    });
  });
});
