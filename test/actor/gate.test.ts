import { defineActor } from 'sanswitch';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DepthTable } from '#src/actor/depth-table.js';
import { ActorHost } from '#src/actor/host.js';
import type { Gate } from '#src/actor/runtime/gate.js';
import { Mail } from '#src/actor/runtime/mail.js';
import { offerLink } from '#src/actor/runtime/tickets.js';
import { until } from './runtimes.js';

/** A gate whose subjects are the test's. */
interface OpenGate {
  handle(subject: string, handler: (host: number, body: unknown) => void): void;
  tell(host: number, subject: string, body: unknown): boolean;
}

class Side {
  readonly table = new DepthTable();
  readonly host: ActorHost;
  readonly mail: Mail;

  constructor(id: number) {
    this.host = new ActorHost({ id, depths: this.table });
    this.mail = new Mail(this.host);
  }

  get gate(): Gate {
    return this.mail.gate;
  }

  get open(): OpenGate {
    return this.mail.gate as unknown as OpenGate;
  }
}

let one: Side;
let two: Side;
beforeEach(() => {
  one = new Side(1);
  two = new Side(2);
  const [mine, theirs] = offerLink({ host: 1, table: one.table }, { host: 2, table: two.table }, 65_536);
  one.mail.join(mine.ticket);
  two.mail.join(theirs.ticket);
  for (const offer of [mine, theirs]) offer.settle();
});
afterEach(() => {
  one.mail.close();
  two.mail.close();
});

describe('a gate', () => {
  it('tells the other host, in order with the mail, in whatever amount', async () => {
    const came: unknown[] = [];
    const actor = two.host.spawn(
      defineActor<string>(() => (word) => void came.push(word)),
      undefined,
    );
    two.open.handle('number', (host, body) => came.push([host, body]));
    const expected: unknown[] = [];
    // More than the ring holds, and more than a teller of an actor could queue.
    for (let i = 0; i < 20_000; i++) {
      expect(one.open.tell(2, 'number', { i, text: 'x'.repeat(100) })).toBe(true);
      expected.push([1, { i, text: 'x'.repeat(100) }]);
    }
    await until('all have come', () => came.length === expected.length);
    expect(came).toEqual(expected);
    one.host.ref<string>(actor.address).tell('after');
    await until('the message', () => came.length === expected.length + 1);
    expect(came.at(-1)).toBe('after');
  });

  it('carries references and large bodies', async () => {
    const words: string[] = [];
    const actor = one.host.spawn(
      defineActor<string>(() => (word) => void words.push(word)),
      undefined,
    );
    const lengths: number[] = [];
    two.open.handle('both', (_, body) => {
      const { ref, bytes } = body as { ref: typeof actor; bytes: Uint8Array };
      lengths.push(bytes.length);
      ref.tell(`${bytes[3]}`);
    });
    one.open.tell(2, 'both', { ref: actor, bytes: new Uint8Array(1_000_000).fill(7) });
    await until('the answer', () => words.length === 1);
    expect([lengths, words]).toEqual([[1_000_000], ['7']]);
  });

  it('says no when the other host has ended, and tells who wants to know', async () => {
    const left = vi.fn();
    const deaf = vi.fn();
    one.gate.watch(left);
    one.gate.watch(deaf)();
    two.mail.close();
    await until('it is known', () => left.mock.calls.length > 0);
    expect(left.mock.calls).toEqual([[2]]);
    expect(deaf).not.toHaveBeenCalled();
    expect(one.open.tell(2, 'number', 1)).toBe(false);
    expect(one.open.tell(77, 'number', 1)).toBe(false);
  });

  it('takes one handler for each subject, and bodies that can be sent', () => {
    one.open.handle('number', () => {});
    expect(() => one.open.handle('number', () => {})).toThrow('two handlers for number');
    expect(() => one.open.tell(2, 'number', () => {})).toThrow(
      expect.objectContaining({ code: 'ERR_SANSWITCH_NOT_SERIALIZABLE' }),
    );
  });
});
