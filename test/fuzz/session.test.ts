// A session whose peer says anything: whole conversations, shrunk to the shortest that breaks something.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  SESSION_DATA,
  SESSION_HEADER_BYTES,
  SESSION_HELLO,
  SESSION_OFFER,
  SESSION_RESUME,
  SESSION_SUSPEND,
  SESSION_SUSPENDED,
} from '#src/layout/layout.gen.js';
import type { Session } from '#src/switch/session/session.js';
import { HARDWARE, LENDING, RING } from '../session/pair.js';
import { hello, message, Stranger } from '../session/stranger.js';
import { budget, TIMEOUT_MS } from './budget.js';

type Call = 'pause' | 'resume' | 'end' | 'suspend' | 'keep';
type Step = { readonly say: Uint8Array } | { readonly send: number } | { readonly call: Call };

const SUSPEND_TIMEOUT_MS = 100;

const u16 = fc.integer({ min: 0, max: 0xffff });
const credits = fc.oneof(
  { weight: 5, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.nat(9) },
  { weight: 1, arbitrary: u16 },
);
const value = fc.oneof(
  { weight: 4, arbitrary: fc.nat(5) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffffffff }) },
);
const kind = fc.oneof({ weight: 8, arbitrary: fc.nat(12) }, { weight: 1, arbitrary: fc.nat(255) });
const anyBody = fc.uint8Array({ maxLength: 60 });
const numbers = fc
  .array(fc.oneof(fc.nat(4), fc.nat(5_000), fc.integer()), { maxLength: 8 })
  .map((words) => new Uint8Array(Int32Array.from(words).buffer));
const data = fc.uint8Array({ minLength: 1, maxLength: 900, size: 'large' }).map((body) => message(SESSION_DATA, body));
const controls = fc
  .tuple(kind, fc.oneof(anyBody, numbers), credits, value)
  // Memory that a peer offers is the provider's business, and on record as its fault when it isn't there.
  .map(([of, body, given, about]) =>
    message(of === SESSION_OFFER && body.length >= 24 ? of + 1 : of, body, given, about),
  );
const helloLike = fc
  .record({ receiveBuffers: fc.nat(20), messageBytes: fc.nat(4_000), capabilities: fc.nat(7) })
  .map(hello);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: data.map((say) => ({ say })) },
  { weight: 4, arbitrary: controls.map((say) => ({ say })) },
  { weight: 1, arbitrary: anyBody.map((say) => ({ say })) },
  { weight: 2, arbitrary: fc.constantFrom(1, 10, 900, 3_000).map((send) => ({ send })) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('pause', 'resume', 'resume', 'end', 'suspend', 'suspend', 'keep')
      .map((call) => ({ call }) as Step),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(SESSION_SUSPEND, SESSION_SUSPENDED, SESSION_RESUME).map((of) => ({ say: message(of) })),
  },
);
const conversation = fc.tuple(
  fc.oneof(
    { weight: 8, arbitrary: fc.constant(hello()) },
    { weight: 2, arbitrary: helloLike },
    { weight: 1, arbitrary: anyBody },
  ),
  fc.array(step, { maxLength: 25 }),
);

/** What the peer has said that is data, whether or not it was allowed to. */
function dataOf(said: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    said.filter(([first]) => first === SESSION_DATA).map((one) => one.subarray(SESSION_HEADER_BYTES)),
  );
}

/** A move that is begun is given up at its end at the latest. */
function call(session: Session, what: Call): void {
  if (what === 'suspend') session.suspend(SUSPEND_TIMEOUT_MS, () => session.keep());
  else session[what]();
}

function converse(loop: object, first: Uint8Array, steps: readonly Step[]): void {
  const stranger = new Stranger(loop);
  const { pair } = stranger;
  const said = [first];
  stranger.say(first);
  for (const one of steps) {
    if ('say' in one) {
      said.push(one.say);
      stranger.say(one.say);
    } else if ('send' in one) pair.run(() => pair.client.session.send(new Uint8Array(one.send)));
    else pair.run(() => call(pair.client.session, one.call));
  }
  pair.run(() => pair.client.session.resume());
  const { received } = pair.client;
  // Nothing is invented, reordered or told twice.
  expect(dataOf(said).subarray(0, received.length).equals(received)).toBe(true);
  expect(pair.client.events.filter((event) => event === 'ended').length).toBeLessThanOrEqual(1);
  // One end, with a clear error unless both have said FIN, and nothing is left: no operation, no memory, no socket.
  expect(['ERR_SANSWITCH_SESSION_PROTOCOL', 'ECONNRESET', 'ECONNREFUSED', 'orderly']).toContain(stranger.end());
}

describe.each([
  ['ring', RING],
  ['hardware', HARDWARE],
  ['lending', LENDING],
])('a session whose peer says anything, over %s', (_name, loop) => {
  it(
    'delivers what was said, ends once, and leaves nothing',
    () => {
      fc.assert(
        fc.property(conversation, ([first, steps]) => converse(loop, first, steps)),
        { ...budget(600), examples: [[[hello({ receiveBuffers: 4, messageBytes: 64 }), [{ send: 900 }]]]] },
      );
    },
    TIMEOUT_MS,
  );

  it('and the peer of these tests is one that can be understood', () => {
    const stranger = new Stranger(loop);
    stranger.say(hello(), message(SESSION_DATA, Uint8Array.of(1, 2, 3)), message(SESSION_DATA, Uint8Array.of(4)));
    expect([...stranger.pair.client.received]).toEqual([1, 2, 3, 4]);
    stranger.say(message(SESSION_HELLO));
    expect(stranger.end()).toBe('ERR_SANSWITCH_SESSION_PROTOCOL');
  });
});
