/** The metrics as a table: name, kind, meaning, and where the values stand in a snapshot of the counters. */
import type { ListenerCounters } from '../actor/intake/runtime-listener.js';
import { OWN_HOST, workerOf } from '../actor/runtime/host-number.js';
import type { RebalanceStats } from '../actor/runtime/rebalancer.js';
import type { ActorStats, ListenerStats, RuntimeStats, ThreadStats } from '../actor/runtime/stats.js';
import type { ProviderCounters, SwitchStats } from '../stats/counters.js';

/** What one scrape looks at. */
export interface Snapshot {
  /** Null: no runtime is watched. */
  readonly runtime: RuntimeStats | null;
  /** Those that are watched by themselves, each with what the label `switch` says. */
  readonly switches: readonly (readonly [name: string, stats: SwitchStats])[];
}

/** One value, and the labels' values in the order of their names. */
type Sample = readonly [labels: readonly string[], value: number];

/** One metric. */
export interface Family {
  /** Without the prefix. */
  readonly name: string;
  /** A counter starts again from zero when its worker has died and comes back. */
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
  readonly samples: (snapshot: Snapshot) => Iterable<Sample>;
}

/** The name of the thread that has this part of addresses, in any of its lives. */
function threadName(host: number): string {
  return host === OWN_HOST ? 'main' : `worker-${workerOf(host)}`;
}

/** The threads that answered. */
function threadsOf({ runtime }: Snapshot): ThreadStats[] {
  if (runtime === null) return [];
  return [runtime.main, ...runtime.workers.flatMap(({ host }) => (host === null ? [] : [host]))];
}

/** All switches: the runtime's have the names of their threads. */
function switchesOf(snapshot: Snapshot): (readonly [name: string, stats: SwitchStats])[] {
  const own = threadsOf(snapshot).flatMap(({ name, switch: stats }) =>
    stats === null ? [] : [[name, stats] as const],
  );
  return [...own, ...snapshot.switches];
}

type Kind = Family['kind'];

function thread(name: string, kind: Kind, help: string, value: (stats: ThreadStats) => number): Family {
  const samples = (snapshot: Snapshot) => threadsOf(snapshot).map((stats): Sample => [[stats.name], value(stats)]);
  return { name, kind, help, labels: ['thread'], samples };
}

function worker(
  name: string,
  kind: Kind,
  help: string,
  value: (stats: RuntimeStats['workers'][number]) => number,
): Family {
  const samples = ({ runtime }: Snapshot) =>
    (runtime?.workers ?? []).map((stats): Sample => [[`worker-${stats.worker}`], value(stats)]);
  return { name, kind, help, labels: ['thread'], samples };
}

function mail(name: string, kind: Kind, help: string, value: (stats: ThreadStats['mail'][number]) => number): Family {
  const samples = (snapshot: Snapshot) =>
    threadsOf(snapshot).flatMap((stats) =>
      stats.mail.map((link): Sample => [[stats.name, threadName(link.peer)], value(link)]),
    );
  return { name, kind, help, labels: ['thread', 'peer'], samples };
}

function actor(name: string, kind: Kind, help: string, value: (stats: ActorStats) => number): Family {
  const samples = (snapshot: Snapshot) =>
    threadsOf(snapshot).flatMap((stats) =>
      (stats.perActor ?? []).map((one): Sample => [[stats.name, one.address, one.name ?? ''], value(one)]),
    );
  return { name, kind, help, labels: ['thread', 'actor', 'name'], samples };
}

function listenerName({ address }: ListenerStats): string {
  if (address === null) return 'closed';
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}

function listener(name: string, kind: Kind, help: string, value: (stats: ListenerStats) => number): Family {
  const samples = ({ runtime }: Snapshot) =>
    (runtime?.listeners ?? []).map((stats): Sample => [[listenerName(stats)], value(stats)]);
  return { name, kind, help, labels: ['listener'], samples };
}

function provider(name: string, kind: Kind, help: string, value: (stats: ProviderCounters) => number): Family {
  const samples = (snapshot: Snapshot) =>
    switchesOf(snapshot).flatMap(([of, { providers }]) =>
      Object.entries(providers).map(([own, counters]): Sample => [[of, own], value(counters)]),
    );
  return { name, kind, help, labels: ['switch', 'provider'], samples };
}

/** `a:b:c` in that many parts; a name at the front may have colons of its own. */
function split(key: string, parts: number): string[] {
  const words = key.split(':');
  const rest = words.splice(Math.max(1, words.length - parts + 1));
  return [words.join(':'), ...rest];
}

function rebalance(name: string, help: string, value: (stats: RebalanceStats) => number): Family {
  const samples = ({ runtime }: Snapshot): Sample[] =>
    runtime?.rebalance == null ? [] : [[[], value(runtime.rebalance)]];
  return { name, kind: 'counter', help, labels: [], samples };
}

/** The runtime, its threads and the mail between them. */
export const RUNTIME_FAMILIES: readonly Family[] = [
  thread('actors', 'gauge', 'Live actors.', ({ actors }) => actors),
  thread('actors_spawned_total', 'counter', 'Actors that were spawned.', ({ spawned }) => spawned),
  thread('actors_stopped_total', 'counter', 'Actors that have ended.', ({ stopped }) => stopped),
  thread('actors_arrived_total', 'counter', 'Actors that have moved here.', ({ arrived }) => arrived),
  thread('restarts_total', 'counter', 'Restarts of actors by their supervisors.', ({ restarts }) => restarts),
  thread('failures_total', 'counter', 'Handlers that threw or rejected.', ({ failures }) => failures),
  thread('messages_handled_total', 'counter', 'Messages that handlers were called with.', ({ handled }) => handled),
  thread('dead_letters_total', 'counter', 'Messages that reached no handler.', ({ deadLetters }) => deadLetters),
  thread('preemptions_total', 'counter', 'Turns that ended at their limit.', ({ preemptions }) => preemptions),
  thread('pending_asks', 'gauge', 'Asks that wait for their answer.', ({ pendingAsks }) => pendingAsks),
  thread(
    'event_loop_active_seconds_total',
    'counter',
    'Time in which the event loop did something.',
    ({ eventLoopUtilization: { active } }) => active / 1000,
  ),
  thread(
    'event_loop_idle_seconds_total',
    'counter',
    'Time in which the event loop waited.',
    ({ eventLoopUtilization: { idle } }) => idle / 1000,
  ),
  thread('events_missed_total', 'counter', 'Events that another thread was not told.', (stats) => stats.eventsMissed),
  thread('poller_polls_total', 'counter', 'Passes over the watched words.', ({ reactor }) => reactor.polls),
  thread('poller_spins_total', 'counter', 'Turns of the event loop that spun.', ({ reactor }) => reactor.spins),
  thread('poller_sleeps_total', 'counter', 'Times that the thread went to sleep.', ({ reactor }) => reactor.sleeps),
  thread('poller_wakes_sent_total', 'counter', 'Wake-ups sent to peers.', ({ reactor }) => reactor.wakesSent),
  thread('poller_wakes_received_total', 'counter', 'Wake-ups received.', ({ reactor }) => reactor.wakesReceived),
  thread('poller_records_total', 'counter', 'Records of the dedicated poller.', ({ reactor }) => reactor.records),
  worker('worker_up', 'gauge', 'Whether the worker runs.', ({ state }) => Number(state === 'up')),
  worker('worker_deaths_total', 'counter', 'How often the worker has died.', ({ deaths }) => deaths),
  worker('worker_roots', 'gauge', 'Live actors that were spawned on it from outside.', ({ roots }) => roots),
  rebalance('rebalance_moves_total', 'Actors that the rebalancer has moved.', ({ moves }) => moves),
  rebalance('rebalance_failures_total', 'Actors that it could not move.', ({ failures }) => failures),
  mail('mail_sent_total', 'counter', 'Messages and signals sent to the peer.', ({ sent }) => sent),
  mail('mail_received_total', 'counter', 'Messages and signals received from the peer.', ({ received }) => received),
  mail('mail_waiting', 'gauge', 'Messages that wait for room in the ring to the peer.', ({ waiting }) => waiting),
];

/** Of all sockets of an actor. */
function sum(of: (socket: ActorStats['sockets'][number]) => number): (stats: ActorStats) => number {
  return ({ sockets }) => sockets.reduce((total, socket) => total + of(socket), 0);
}

/** Of a caller that became no actor's connection, by why. */
const TURNED_AWAY = {
  dropped: 'max-connections',
  rejected: 'rejected',
  unplaced: 'no-worker',
  ungiven: 'worker-gone',
  refused: 'not-opened',
  shed: 'no-descriptors',
} as const satisfies Partial<Record<keyof ListenerCounters, string>>;

/** The runtime's listeners. */
export const LISTENER_FAMILIES: readonly Family[] = [
  listener('listener_connections', 'gauge', 'Connections of its actors.', ({ connections }) => connections),
  listener(
    'listener_tcp_accepts_total',
    'counter',
    'Connections taken from the queue of TCP/IP.',
    ({ counters }) => counters.accepted,
  ),
  listener(
    'listener_pauses_total',
    'counter',
    'Times that nothing was accepted, for want of something.',
    ({ counters }) => counters.pauses,
  ),
  {
    name: 'listener_turned_away_total',
    kind: 'counter',
    help: 'Callers that got no actor.',
    labels: ['listener', 'reason'],
    *samples({ runtime }) {
      for (const stats of runtime?.listeners ?? []) {
        for (const [name, reason] of Object.entries(TURNED_AWAY)) {
          yield [[listenerName(stats), reason], stats.counters[name as keyof typeof TURNED_AWAY]];
        }
      }
    },
  },
];

/** Every single actor. */
export const ACTOR_FAMILIES: readonly Family[] = [
  actor('actor_mailbox_depth', 'gauge', 'Messages in its mailbox or on their way to it.', ({ depth }) => depth),
  actor('actor_handled_total', 'counter', 'Messages that its handler was called with.', ({ handled }) => handled),
  actor('actor_restarts_total', 'counter', 'Its restarts.', ({ restarts }) => restarts),
  actor(
    'actor_sent_bytes_total',
    'counter',
    'Bytes sent on its sockets.',
    sum(({ bytesSent }) => bytesSent),
  ),
  actor(
    'actor_received_bytes_total',
    'counter',
    'Bytes received.',
    sum(({ bytesReceived }) => bytesReceived),
  ),
  actor(
    'actor_queued_bytes',
    'gauge',
    'Bytes accepted and not sent yet.',
    sum(({ queuedBytes }) => queuedBytes),
  ),
];

/** Switches: connections, bytes, decisions. */
export const SWITCH_FAMILIES: readonly Family[] = [
  provider('connections', 'gauge', 'Open connections.', ({ open }) => open),
  provider('connects_total', 'counter', 'Connections opened from this side.', ({ connects }) => connects),
  provider('accepts_total', 'counter', 'Connections accepted.', ({ accepts }) => accepts),
  provider('rejects_total', 'counter', 'Connections turned away.', ({ rejects }) => rejects),
  provider('connect_failures_total', 'counter', 'Connects that failed.', ({ connectFailures }) => connectFailures),
  provider(
    'accept_failures_total',
    'counter',
    'Accepted connections that ended before they stood.',
    ({ acceptFailures }) => acceptFailures,
  ),
  provider('handed_over_total', 'counter', 'Connections handed to another thread.', ({ handedOver }) => handedOver),
  provider('adopted_total', 'counter', 'Connections taken over from another thread.', ({ adopted }) => adopted),
  provider('completions_total', 'counter', 'Overlapped operations completed.', ({ completions }) => completions),
  provider('faults_total', 'counter', 'Times that the provider broke its contract.', ({ faults }) => faults),
  provider('breaches_total', 'counter', 'Connections ended as the peer spoke nonsense.', ({ breaches }) => breaches),
  provider('sent_bytes_total', 'counter', 'Bytes accepted for sending.', ({ bytesSent }) => bytesSent),
  provider('received_bytes_total', 'counter', 'Bytes received.', ({ bytesReceived }) => bytesReceived),
  provider(
    'sent_copied_bytes_total',
    'counter',
    'Bytes copied by the switch on their way out.',
    ({ bytesCopiedSent }) => bytesCopiedSent,
  ),
  provider(
    'received_copied_bytes_total',
    'counter',
    'Bytes copied by the switch on their way in.',
    ({ bytesCopiedReceived }) => bytesCopiedReceived,
  ),
  provider(
    'large_sends_copied_total',
    'counter',
    'Large sends that were copied for want of registered memory.',
    ({ largeSendsCopied }) => largeSendsCopied,
  ),
  {
    name: 'refusals_total',
    kind: 'counter',
    help: "Peers that were refused or broke the provider's protocol.",
    labels: ['switch', 'provider', 'what', 'reason'],
    *samples(snapshot) {
      for (const [of, { providers }] of switchesOf(snapshot)) {
        for (const [own, { refusals }] of Object.entries(providers)) {
          for (const [key, count] of Object.entries(refusals)) yield [[of, own, ...split(key, 2)], count];
        }
      }
    },
  },
  {
    name: 'decisions_total',
    kind: 'counter',
    help: 'Candidates of all decisions.',
    labels: ['switch', 'provider', 'outcome', 'reason'],
    *samples(snapshot) {
      for (const [of, { decisions }] of switchesOf(snapshot)) {
        for (const [key, count] of Object.entries(decisions)) yield [[of, ...split(key, 3)], count];
      }
    },
  },
  {
    name: 'listeners',
    kind: 'gauge',
    help: 'Open listeners.',
    labels: ['switch'],
    samples: (snapshot) => switchesOf(snapshot).map(([of, { listeners }]): Sample => [[of], listeners]),
  },
];
