/**
 * The counters page: what a thread tells of itself to whoever looks at this host's processes (`sanswitch top`). It is read by
 * other versions of this package, too: whatever changes here changes COUNTERS_VERSION.
 */
import { array, field, group, struct } from './define.js';

const headerBytes = 256;
const entryBytes = 200;
const entryLimit = 1_024;
const nameBytes = 16;
const addressBytes = 56;
const fileBytes = 208 * 1024;
if (headerBytes + entryLimit * entryBytes > fileBytes) throw new Error('the entries of a counters page need more room');

/** Its numbers. */
export const countersGroup = group('Counters page of a thread (src/stats, src/top)', [
  ['COUNTERS_MAGIC', 0x54434e53, '"SNCT": first word of every page.'],
  ['COUNTERS_VERSION', 1, 'Of the layout of page and entries.'],
  ['COUNTERS_FILE_BYTES', fileBytes, 'Bytes of the file, sparse.'],
  ['COUNTERS_NAME_BYTES', nameBytes, 'Bytes of the name of a thread, or of a provider.'],
  ['COUNTERS_ADDRESS_BYTES', addressBytes, 'Bytes of an address.'],
  ['COUNTERS_ENTRY_LIMIT', entryLimit, 'Connections that have an entry; further ones are only counted.'],
]);

/** Its structures. */
export const countersStructs = [
  struct(
    'CountersPage',
    'Start of the page; CountersEntry follows for each connection. Written in one piece, with a checksum over all of it: ' +
      'a piece that does not match is read again.',
    [
      field('magic', 'u32', 'COUNTERS_MAGIC'),
      field('version', 'u32', 'COUNTERS_VERSION'),
      field('checksum', 'u32', 'CRC-32 of all that follows up to the end of the last entry.'),
      field('entries', 'u32', 'CountersEntry that follow.'),
      field('sequence', 'u32', 'Counts what was published.'),
      field('pid', 'u32', "The process, in its own pid namespace's numbers."),
      field('thread', 'u32', "Node's number of the thread: 0 is the main one."),
      field('connections', 'u32', 'Open connections, also those without entry.'),
      field('listeners', 'u32', 'Open listeners.'),
      field('actors', 'u32', 'Live actors.'),
      field('mailboxDepthMost', 'u32', 'Messages in the fullest mailbox.'),
      field('reserved', 'u32', '0'),
      field('publishedUs', 'u64', 'CLOCK_MONOTONIC, microseconds.'),
      field('bytesSent', 'u64', 'Of all connections so far, as all that follows.'),
      field('bytesReceived', 'u64', 'By the application, or waiting for it.'),
      field('sends', 'u64', 'Calls of the application that sent.'),
      field('deliveries', 'u64', 'Times that bytes came for the application.'),
      field('stalls', 'u64', 'Times that a sender was blocked.'),
      field('wakesSent', 'u64', 'Threads that this one has woken.'),
      field('wakesReceived', 'u64', 'Times that it was woken.'),
      field('connects', 'u64', 'Connections opened from this side.'),
      field('accepts', 'u64', 'Connections accepted.'),
      field('actorRestarts', 'u64', 'Restarts of its actors.'),
      field('mailboxDepth', 'u64', 'Messages in all mailboxes, or on their way to them; now.'),
      array('name', 'bytes', nameBytes, 'Of the thread: text, then zeros.'),
    ],
    headerBytes,
  ),
  struct(
    'CountersEntry',
    'One connection.',
    [
      field('id', 'u32', "Of the connection, among its thread's."),
      field('peerPid', 'u32', "The process at the other end, in this one's numbers; 0: not known."),
      field('localPort', 'u16', 'Of this end.'),
      field('remotePort', 'u16', 'Of the other one.'),
      field('reserved', 'u32', '0'),
      array('provider', 'bytes', nameBytes, 'Text, then zeros, as in the addresses.'),
      array('localAddress', 'bytes', addressBytes, 'As node:net writes it.'),
      array('remoteAddress', 'bytes', addressBytes, 'As node:net writes it.'),
      field('bytesSent', 'u64', 'Over its whole life, as those that follow.'),
      field('bytesReceived', 'u64', 'As in CountersPage.'),
      field('sends', 'u64', 'As in CountersPage.'),
      field('deliveries', 'u64', 'As in CountersPage.'),
      field('stalls', 'u64', 'As in CountersPage.'),
      field('queuedBytes', 'u64', 'Accepted by a send and not yet with the provider.'),
      field('ringCapacity', 'u32', 'Bytes of the ring to the peer; 0: the provider has none.'),
      field('ringUsed', 'u32', 'Bytes of it that the peer has not read.'),
    ],
    entryBytes,
  ),
];
