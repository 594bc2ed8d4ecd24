import { describe, expect, it } from 'vitest';
import {
  CAPABILITY_RDMA_READ,
  CAPABILITY_RDMA_SHARED,
  SESSION_CREDIT,
  SESSION_DATA,
  SESSION_DONE,
  SESSION_FIN,
  SESSION_HEADER_BYTES,
  SESSION_HELLO,
  SESSION_OFFER,
  SESSION_STATUS_NO_BUFFERS,
  SESSION_TARGET,
} from '#src/layout/layout.gen.js';
import { Random } from '../simulation/random.js';
import { codeOf, HARDWARE, LENDING, RING } from './pair.js';
import { hello, message, Stranger } from './stranger.js';

/** With zeroes behind it. */
function padded(bytes: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(bytes);
  return whole;
}

const VIOLATION = 'ERR_SANSWITCH_SESSION_PROTOCOL';

describe.each([
  ['ring', RING],
  ['hardware', HARDWARE],
  ['lending', LENDING],
])('a peer that does not keep to the protocol, over %s', (_name, loop) => {
  it.each([
    ['data before the negotiation', [message(SESSION_DATA, new Uint8Array(5))]],
    ['a HELLO that is too short', [message(SESSION_HELLO, new Uint8Array(3))]],
    ['a HELLO of 257 bytes', [padded(hello(), 257)]],
    ['another version', [((bytes) => bytes.fill(0xee, SESSION_HEADER_BYTES))(hello())]],
    ['too few buffers', [hello({ receiveBuffers: 1 })]],
    ['buffers that are too small', [hello({ messageBytes: 63 })]],
    ['nothing at all', [new Uint8Array(0)]],
    ['a message without a header', [hello(), new Uint8Array(SESSION_HEADER_BYTES - 1)]],
    ['an unknown kind', [hello(), message(0xfe)]],
    ['a second HELLO', [hello(), hello()]],
    ['data behind the end', [hello(), message(SESSION_FIN), message(SESSION_DATA, new Uint8Array(1))]],
    ['a second end', [hello(), message(SESSION_FIN), message(SESSION_FIN)]],
    ['a target that nobody asked for', [hello(), message(SESSION_TARGET, new Uint8Array(20))]],
    ['the end of a transfer that does not run', [hello(), message(SESSION_DONE, new Uint8Array(4))]],
    ['a short offer', [hello(), message(SESSION_OFFER, new Uint8Array(4))]],
    ['an offer of nothing', [hello(), message(SESSION_OFFER, new Uint8Array(24))]],
    ['an offer of 4 GiB', [hello(), message(SESSION_OFFER, new Uint8Array(24).fill(0xff, 0, 4))]],
    ['credits out of nowhere', [hello(), message(SESSION_CREDIT, new Uint8Array(0), 60_000)]],
  ])('%s: one clear error, nothing left', (_what, messages) => {
    expect(new Stranger(loop).say(...messages).end()).toMatch(
      loop === RING && _what === 'credits out of nowhere' ? /ECONNRESET|PROTOCOL/ : VIOLATION,
    );
  });

  it('a HELLO of 256 bytes is one: a later version may have more to say', () => {
    const stranger = new Stranger(loop).say(padded(hello(), 256), message(SESSION_DATA, Uint8Array.of(7)));
    expect([...stranger.pair.client.received]).toEqual([7]);
    expect(stranger.end()).toBe('ECONNRESET');
  });

  it('more offers than may be under way, all of memory that is not there, and a reader that pauses', () => {
    const offer = new Uint8Array(24);
    new DataView(offer.buffer).setUint32(0, 5_000, true);
    const stranger = new Stranger(loop).say(hello());
    const { pair } = stranger;
    pair.run(() => pair.client.session.pause());
    for (let i = 0; i < 8; i++) stranger.say(message(SESSION_OFFER, offer, 0, 2 * i));
    pair.run(() => pair.client.session.resume());
    pair.fabric.faults.splice(0);
    // Less than two of the largest transfers at a time, which have 10,000 bytes, and of memory that is short only one.
    const reads = pair.client.crossed('WSPRdmaRead').filter(({ kind }) => kind === 'down');
    expect(reads).toHaveLength(loop === LENDING ? 1 : 3);
    expect(codeOf(pair.client.closedWith)).toMatch(/^E(FAULT|CONNRESET)$/);
    expect(pair.client.chunks).toEqual([]);
    stranger.end();
  });

  it('an offer that says it goes on after one that was refused, and data that overtake it', () => {
    const offer = new Uint8Array(24);
    new DataView(offer.buffer).setUint32(0, 5_000, true);
    const stranger = new Stranger({ ...loop, maxRegistrations: 0 }).say(hello());
    for (let i = 0; i < 3; i++) stranger.say(message(SESSION_OFFER, offer, 0, 2 * i));
    stranger.say(message(SESSION_DATA, Uint8Array.of(7)));
    expect([...stranger.pair.client.received]).toEqual([7]);
    expect(stranger.end()).toBe('ECONNRESET');
  });

  it.each([
    ['done twice', [SESSION_DONE, SESSION_DONE]],
    ['a target twice', [SESSION_TARGET, SESSION_TARGET]],
    ['done, while it is written', [SESSION_TARGET, SESSION_DONE]],
    ['a target, when it is done', [SESSION_DONE, SESSION_TARGET]],
  ])('of our own offer: %s', (_what, kinds) => {
    const reading = hello({ capabilities: CAPABILITY_RDMA_READ });
    const stranger = new Stranger(loop).say(reading);
    stranger.pair.run(() => stranger.pair.client.session.send(new Uint8Array(3_000)));
    // The connecting side's first offer is number 3.
    stranger.sayAtOnce(...kinds.map((kind) => message(kind, new Uint8Array(kind === SESSION_DONE ? 4 : 20), 0, 3)));
    stranger.pair.fabric.faults.splice(0);
    expect(stranger.end()).toBe(VIOLATION);
  });

  it.each([
    ['says that it writes too', CAPABILITY_RDMA_SHARED, 1],
    ['does not say that it writes too', 0, 2],
  ])('offers of a peer that %s', (_what, capabilities, reads) => {
    const stranger = new Stranger({ ...loop, lentBytes: 20_000, transfersOnThread: true }).say(hello({ capabilities }));
    const offer = new Uint8Array(24);
    new DataView(offer.buffer).setUint32(0, 5_000, true);
    const { pair } = stranger.sayAtOnce(...[2, 4].map((number) => message(SESSION_OFFER, offer, 0, number)));
    expect(pair.client.crossed('WSPRdmaRead').filter(({ kind }) => kind === 'down')).toHaveLength(reads);
    pair.fabric.faults.splice(0);
    expect(stranger.end()).toMatch(/^E(FAULT|CONNRESET)$/);
  });

  it('of our own offers: the first refused, the second read all the same', () => {
    const stranger = new Stranger(loop).say(hello({ capabilities: CAPABILITY_RDMA_READ }));
    stranger.pair.run(() => {
      for (let i = 0; i < 3; i++) stranger.pair.client.session.send(new Uint8Array(3_000));
    });
    const refused = new Uint8Array(4);
    refused[0] = SESSION_STATUS_NO_BUFFERS;
    stranger.say(message(SESSION_DONE, refused, 0, 3), message(SESSION_DONE, new Uint8Array(4), 0, 5));
    expect(stranger.end()).toBe(VIOLATION);
  });

  it('an offer of memory that is not there: the connection ends, nothing is delivered', () => {
    const offer = new Uint8Array(24);
    new DataView(offer.buffer).setUint32(0, 5_000, true);
    const stranger = new Stranger(loop).say(hello(), message(SESSION_OFFER, offer, 0, 2));
    const { client } = stranger.pair;
    expect(stranger.pair.fabric.faults.splice(0)).toEqual(['rdma: not a descriptor']);
    expect(codeOf(client.closedWith)).toMatch(/^E(FAULT|CONNRESET)$/);
    expect(client.chunks).toEqual([]);
    stranger.end();
  });

  it('500 conversations of random bytes: never a crash, never a hang, never a leak', () => {
    for (let seed = 1; seed <= 500; seed++) {
      const random = new Random(seed);
      const stranger = new Stranger(loop);
      if (random.chance(80)) stranger.say(hello());
      const { session } = stranger.pair.client;
      for (let i = random.below(12); i > 0; i--) {
        const body = random.bytes(random.below(random.chance(50) ? 64 : 1_900));
        const kind = random.chance(80) ? random.below(12) : random.below(256);
        // Small numbers are the likely ones: sizes, states, and the number of the running transfer.
        if (random.chance(70)) body.fill(0, 0, 16);
        if (body.length > 4) body[0] = random.below(4);
        stranger.say(message(kind, body, random.chance(30) ? random.below(9) : 0, random.below(6)));
        if (random.chance(30)) stranger.pair.run(() => session.send(random.bytes(random.pick([10, 3_000]))));
        if (random.chance(10)) stranger.pair.run(() => session.pause());
      }
      stranger.pair.run(() => session.resume());
      const code = stranger.end();
      expect([VIOLATION, 'ECONNRESET', 'ECONNREFUSED', 'EFAULT'], `seed ${seed}`).toContain(code);
    }
  });
});
