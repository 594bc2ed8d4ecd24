/** What one seed means: the two providers, the two applications, and what goes wrong. */

import { NEVER_RDMA_BYTES, WSAECONNRESET, WSAENETDOWN, WSAENOBUFS } from 'sanswitch/spi';
import type { DowncallName } from '#src/providers/interpose/calls.js';
import { Delay } from '#src/providers/interpose/delay.js';
import { Failure } from '#src/providers/interpose/failure.js';
import { LostWake } from '#src/providers/interpose/lost-wake.js';
import { type Concern, interpose } from '#src/providers/interpose/provider.js';
import type { LoopFabric } from '#src/providers/loop/fabric.js';
import { LoopProvider } from '#src/providers/loop/provider.js';
import { CONTROL_BUFFERS } from '#src/switch/session/channel.js';
import type { Random } from './random.js';
import type { SideTraits } from './side.js';
import { ORDERS, type Order } from './world.js';

/** Calls that the failure injection may fail: all that a session makes on a connection that is not being closed. */
const FAILABLE: readonly DowncallName[] = [
  'WSPSend',
  'WSPRecv',
  'WSPClaimMessageBuffer',
  'WSPAllocateMessageBuffer',
  'WSPBorrowMemory',
  'WSPReturnMemory',
  'WSPEventSelect',
  'WSPEnumNetworkEvents',
  'WSPGetSockOpt',
  'WSPRegisterMemory',
  'WSPRegisterRdmaMemory',
  'WSPRdmaRead',
  'WSPRdmaWrite',
  'WSPDuplicateSocket',
];
const REGISTRATIONS: readonly DowncallName[] = ['WSPRegisterMemory', 'WSPRegisterRdmaMemory'];

/** What goes wrong in a run. With `nothing` and `no-memory` every byte arrives; with the others the connection may end. */
export const DISTURBANCES = [
  'nothing',
  'no-memory',
  'failure',
  'abort',
  'abort-any-step',
  'cut',
  'cancel-connect',
  'lost-owner',
] as const;
export type Disturbance = (typeof DISTURBANCES)[number] | 'lost-wake';

export interface Scenario {
  readonly seed: number;
  readonly order: Order;
  readonly disturbance: Disturbance;
  /** Steps until the disturbance strikes, where it is one that waits. */
  readonly strikesAfter: number;
  readonly claims: boolean;
  readonly lends: boolean;
  readonly rdmaRead: readonly [client: boolean, server: boolean];
  /** `ProtocolInfo.transfersOnThread`. */
  readonly transfersOnThread: readonly [client: boolean, server: boolean];
  readonly messageBytes: number;
  readonly queueBytes: number;
  readonly rdmaThresholdBytes: number;
  readonly maxRdmaBytes: number;
  readonly receiveBuffers: number;
  readonly delays: readonly [client: boolean, server: boolean];
  readonly dropsUncompletedSends: boolean;
  readonly highWaterMarkBytes: number;
  readonly lend: readonly [client: boolean, server: boolean];
  readonly traits: readonly [client: SideTraits, server: SideTraits];
  /** Which side the failure injection and the abort strike: 0 client, 1 server. */
  readonly struck: 0 | 1;
  /** What the providers lend: message buffers, and bytes for large receives; 0: nothing. */
  readonly messageBuffers: readonly [client: number, server: number];
  readonly lentBytes: readonly [client: number, server: number];
}

function sideTraits(random: Random, messageBytes: number, threshold: number, abortsAt: number): SideTraits {
  const rdma = threshold < NEVER_RDMA_BYTES;
  return {
    actions: random.below(24),
    sendBytesMax: random.pick([1, 10, messageBytes, messageBytes * 3]),
    largeBytes: random.chance(60) ? (rdma ? threshold * random.between(2, 12) : messageBytes * 20) : 0,
    polite: random.chance(70),
    pauses: random.chance(40),
    urgent: random.chance(30),
    cancels: random.chance(15),
    sendsFromCallbacks: random.chance(20),
    abortsAt,
    movesPercent: random.chance(50) ? 0 : random.pick([5, 20, 60]),
    givesTargets: random.chance(40),
  };
}

export function scenarioOf(seed: number, random: Random): Scenario {
  const messageBytes = random.pick([64, 64, 80, 128, 600, 5000]);
  const threshold = random.pick([NEVER_RDMA_BYTES, 40, 100, 500, 2000]);
  const disturbance = random.chance(45) ? 'nothing' : random.pick(DISTURBANCES);
  const struck = random.pick([0, 1] as const);
  const abortsAt = disturbance === 'abort' ? random.below(24) : -1;
  const coin = () => random.chance(50);
  return {
    seed,
    order: random.pick(ORDERS),
    disturbance,
    strikesAfter: random.pick([3, 30, 300]),
    claims: coin(),
    lends: coin(),
    rdmaRead: random.chance(60) ? [true, true] : [coin(), coin()],
    messageBytes,
    queueBytes: messageBytes + 16 + random.pick([0, 1, messageBytes, messageBytes * 10]),
    rdmaThresholdBytes: threshold,
    maxRdmaBytes: random.pick([50, 300, 4096]),
    receiveBuffers: random.pick([4, 5, 8, 32]),
    delays: [coin(), coin()],
    dropsUncompletedSends: coin(),
    highWaterMarkBytes: random.pick([1, 100, 2000, 100_000]),
    lend: [coin(), coin()],
    traits: [
      sideTraits(random, messageBytes, threshold, struck === 0 ? abortsAt : -1),
      sideTraits(random, messageBytes, threshold, struck === 1 ? abortsAt : -1),
    ],
    struck,
    messageBuffers: [random.pick([0, 1, 4]), random.pick([0, 1, 4])],
    lentBytes: [random.pick([0, 300, 100_000]), random.pick([0, 300, 100_000])],
    transfersOnThread: [coin(), coin()],
  };
}

/** What one side's switch is given: a loop provider behind the concerns that the scenario wants. */
export interface SideProvider {
  readonly loop: LoopProvider;
  readonly spi: ReturnType<typeof interpose>;
  readonly failure: Failure | null;
}

export function sideProvider(
  scenario: Scenario,
  side: 0 | 1,
  fabric: LoopFabric,
  random: Random,
  ...outermost: readonly Concern[]
): SideProvider {
  const loop = new LoopProvider({
    fabric,
    rdmaRead: scenario.rdmaRead[side],
    transfersOnThread: scenario.transfersOnThread[side],
    claimsMessageBuffers: scenario.claims,
    lendsReceives: scenario.lends,
    maxMessageBytes: scenario.messageBytes,
    rdmaThresholdBytes: scenario.rdmaThresholdBytes,
    maxRdmaBytes: scenario.maxRdmaBytes,
    queueBytes: scenario.queueBytes,
    // Where buffers are posted HELLO alone may find none (3.7), or the credits have failed. A session that is lent
    // messages posts one receive, and the credits bound what waits in the provider.
    heldMessages: scenario.lends ? scenario.receiveBuffers + CONTROL_BUFFERS : 1,
    messageBuffers: scenario.messageBuffers[side],
    lentBytes: scenario.lentBytes[side],
    closeDropsUncompletedSends: scenario.dropsUncompletedSends,
    poison: true,
  });
  const concerns: Concern[] = [];
  let failure: Failure | null = null;
  const { disturbance, struck } = scenario;
  if (disturbance === 'no-memory') {
    failure = new Failure({
      calls: REGISTRATIONS,
      nth: random.between(1, 4),
      count: random.pick([1, 3, 1000]),
      outcome: WSAENOBUFS,
    });
  } else if (disturbance === 'failure' && side === struck) {
    const outcome = random.pick([WSAENETDOWN, WSAECONNRESET, WSAENOBUFS, 'throw' as const]);
    failure = new Failure({
      calls: random.chance(50) ? FAILABLE : [random.pick(FAILABLE)],
      nth: random.pick([1, 2, 3, random.between(1, 20), random.between(1, 200)]),
      count: random.pick([1, 1, 2, 1000]),
      outcome,
      // A connection that is reset for one call is reset for all.
      failing: outcome === WSAECONNRESET ? () => loop.cutAll() : undefined,
    });
  }
  if (failure !== null) concerns.push(failure);
  if (disturbance === 'lost-wake') concerns.push(new LostWake(random.between(2, 6)));
  if (scenario.delays[side]) concerns.push(new Delay(fabric.schedule));
  return { loop, spi: interpose(loop, ...outermost, ...concerns), failure };
}
