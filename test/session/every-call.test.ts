import { WSAECONNRESET, WSAENETDOWN, WSAENOBUFS, type WsaCode } from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import type { DowncallName } from '#src/providers/interpose/calls.js';
import { Failure } from '#src/providers/interpose/failure.js';
import type { LoopOptions } from '#src/providers/loop/options.js';
import { bytesOf, HARDWARE, LENDING, Pair, RING } from './pair.js';

const CALLS: readonly DowncallName[] = [
  'WSPSend',
  'WSPRecv',
  'WSPClaimMessageBuffer',
  'WSPAllocateMessageBuffer',
  'WSPBorrowMemory',
  'WSPReturnMemory',
  'WSPEventSelect',
  'WSPEnumNetworkEvents',
  'WSPRegisterMemory',
  'WSPRegisterRdmaMemory',
  'WSPDeregisterMemory',
  'WSPDeregisterRdmaMemory',
  'WSPRdmaRead',
  'WSPRdmaWrite',
];
const SIZES = [10, 3_000, 0, 400, 2_500, 1];

interface Injected {
  readonly call: DowncallName;
  readonly nth: number;
  readonly outcome: WsaCode | 'throw';
}

/** A conversation that uses everything; the n-th call of one kind fails on one side. @returns whether it came to that */
function conversation(loop: LoopOptions, { call, nth, outcome }: Injected, side: 'client' | 'server'): boolean {
  const small = { maxMessageBytes: 200, queueBytes: 600, rdmaThresholdBytes: 1_000, maxRdmaBytes: 1_200 };
  const failure = new Failure({
    calls: [call],
    nth,
    outcome,
    // A connection that is reset for one call is reset for all.
    failing: () => (outcome === WSAECONNRESET ? pair[side].provider.cutAll() : undefined),
  });
  failure.armed = false;
  const pair = new Pair({ loop: { ...loop, ...small }, receiveBuffers: 5, [side]: { concerns: () => [failure] } });
  const { client, server } = pair;
  const sent: { error: Error | null; bytes: Uint8Array }[][] = [[], []];
  pair.run(() => {
    failure.armed = true;
    for (const [index, end] of [client, server].entries()) {
      for (const [i, size] of SIZES.entries()) {
        const bytes = bytesOf(size, 10 * index + i);
        end.session.send(bytes, (error) => sent[index]!.push({ error, bytes }));
      }
      end.session.end();
    }
  });
  const failed = failure.failed > 0;
  pair.wait();
  for (const [index, end] of [client, server].entries()) {
    const peer = end === client ? server : client;
    const name = `${end.name}, ${side}'s ${call} ${nth} fails: ${outcome}`;
    expect(sent[index], name).toHaveLength(SIZES.length);
    expect(
      end.events.filter((event) => event.startsWith('closed')),
      name,
    ).toHaveLength(1);
    // What was failed alone is missing; nothing else may be, up to the end.
    const whole = Buffer.concat(sent[index]!.filter(({ error }) => error === null).map(({ bytes }) => bytes));
    if (peer.closedWith === null) expect(peer.received.equals(whole), name).toBe(true);
    if (!failed)
      expect([end.closedWith, whole.length], name).toEqual([null, SIZES.reduce((sum, size) => sum + size, 0)]);
  }
  expect(pair.leaks).toEqual([]);
  return failed;
}

describe.each([
  ['ring, RDMA read', RING],
  ['ring, RDMA write', { ...RING, rdmaRead: false }],
  ['hardware, RDMA read', HARDWARE],
  ['hardware, RDMA write', { ...HARDWARE, rdmaRead: false }],
  ['lending, RDMA read', LENDING],
  ['lending, RDMA write', { ...LENDING, rdmaRead: false }],
  ['ring, RDMA by both sides', { ...RING, transfersOnThread: true }],
  ['hardware, RDMA by both sides', { ...HARDWARE, transfersOnThread: true }],
  ['lending, RDMA by both sides', { ...LENDING, transfersOnThread: true }],
] as const)('%s', (_name, loop) => {
  it.each(CALLS)('[WSD-5.8] [WSD-6.3] whichever %s fails, the connection ends cleanly or lives on', (call) => {
    let runs = 0;
    for (const outcome of [WSAENETDOWN, WSAENOBUFS, WSAECONNRESET, 'throw'] as readonly (WsaCode | 'throw')[]) {
      for (const side of ['client', 'server'] as const) {
        // The first, the second, ... until there is no such call any more.
        for (let nth = 1; conversation(loop, { call, nth, outcome }, side); nth++) runs += 1;
      }
    }
    expect(runs).toBeLessThan(2_000);
  });
});
