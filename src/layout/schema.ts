/**
 * The only definition of every byte that is shared: between threads, between JavaScript and C++, between processes,
 * between the switches at both ends of a connection. `npm run generate` turns it into `layout.gen.ts` and
 * `native/layout.gen.h`; code uses only those. Whatever changes here changes LAYOUT_HASH, which is compared when the
 * addon loads and when two processes meet.
 *
 * All numbers are little-endian. Shared memory holds offsets and positions, never pointers.
 */
import { countersGroup, countersStructs } from './counters-schema.js';
import { array, field, type Group, group, place, struct } from './define.js';
import { syncGroup, syncStructs } from './sync-schema.js';
import { verbsGroups, verbsStructs } from './verbs-schema.js';

const KiB = 1024;
const MiB = 1024 * KiB;

/** Sizes of one direction's segment; its parts follow each other: header, cells, link ring, the slab's classes. */
const segment = {
  bytes: 256 * MiB,
  headerBytes: 4 * KiB,
  connectionLimit: 16_384,
  cellBytes: 64,
  linkRingBytes: 4 * MiB,
  slotBytes: [4 * KiB, 64 * KiB, 1 * MiB, 4 * MiB],
  slotCount: [16_384, 512, 64, 16],
} as const;

/** Where the parts of a segment start, each on a page of its own. */
function segmentOffsets() {
  const cells = segment.headerBytes;
  const linkRing = cells + segment.connectionLimit * segment.cellBytes;
  let end = linkRing + segment.linkRingBytes;
  const classes = segment.slotBytes.map((bytes, index) => {
    const offset = end;
    end += bytes * segment.slotCount[index];
    return offset;
  });
  if (end > segment.bytes) throw new Error(`the parts of a segment need ${end} bytes`);
  return { cells, linkRing, classes };
}

const offsets = segmentOffsets();

const constantGroups: Group[] = [
  group('Record ring', [
    ['RECORD_ALIGN', 16, 'Bytes: every record starts at, and is padded to, a multiple of this.'],
    ['RING_CAPACITY_MIN', 256, 'Bytes: the smallest ring. A capacity is a power of two.'],
    ['RING_CAPACITY_MAX', 1 << 30, 'Bytes: the largest ring, so that positions can be compared by their difference.'],
  ]),
  group('Record types', [
    ['RECORD_DATA', 1, 'A message; whose, the ring knows.'],
    ['RECORD_PADDING', 2, 'Fills the end of the ring before a wrap; only the ring itself ever sees it.'],
    ['RECORD_SWITCH', 3, 'The next record stands in another slot: SwitchRecord.'],
    ['RECORD_LINK_OPEN', 16, 'Link ring: open a connection, LinkOpen. Counts as NEWS.'],
    ['RECORD_LINK_ACCEPT', 17, 'Link ring: the connection stands, LinkAccept. Counts as NEWS.'],
    ['RECORD_LINK_REJECT', 18, 'Link ring: it does not, LinkReject.'],
    ['RECORD_LINK_CLOSE', 19, 'Link ring: this side uses the connection no more, LinkClose.'],
    ['RECORD_LINK_NEWS', 20, "Link ring: look into this connection's ring, LinkNews."],
    ['RECORD_LINK_SPACE', 21, 'Link ring: a blocked producer has room again, LinkSpace.'],
    [
      'RECORD_LINK_MOVE',
      22,
      "Link ring: this end of the connection goes on at another reactor, LinkMove. Ends the id's use.",
    ],
    ['RECORD_LINK_ATTACH', 23, 'Link ring: open a connection that goes on here, LinkAttach. Counts as NEWS.'],
    ['RECORD_MAIL_SIGNAL', 32, 'Mail link: a signal between actors: MailHeader, then a structured value.'],
    ['RECORD_MAIL_FIXED', 33, "Mail link: a message of declared fields: MailHeader, then the fields' bytes."],
    ['RECORD_MAIL_STRUCTURED', 34, 'Mail link: a message of any shape: MailHeader, then a structured value.'],
    ['RECORD_MAIL_BYTES', 35, 'Mail link: a message that is bytes: MailHeader, then they.'],
    ['RECORD_PRIVATE', 64, 'First of the types that are free for rings inside one process.'],
    ['RECORD_READY', 65, "Completion ring of the dedicated poller: a sleeping thread's word has changed, ReadyRecord."],
    ['RECORD_VERBS_COMPLETION', 66, 'Completion ring of an RDMA engine: VerbsCompletion.'],
    ['RECORD_VERBS_CM', 67, 'Completion ring of an RDMA engine: VerbsCm.'],
    ['RECORD_VERBS_ASYNC', 68, 'Completion ring of an RDMA engine: VerbsAsync.'],
  ]),
  group('Segment of a shm link', [
    ['SEGMENT_MAGIC', 0x57534e53, '"SNSW": first word of every segment.'],
    ['SEGMENT_BYTES', segment.bytes, 'Bytes of one segment, sparse.'],
    ['SEGMENT_CELLS_OFFSET', offsets.cells, 'Byte offset of the cells.'],
    ['LINK_CONNECTION_LIMIT', segment.connectionLimit, 'Connections of one link: ids 0 to this minus 1.'],
    ['LINK_RING_OFFSET', offsets.linkRing, "Byte offset of the link ring's data."],
    ['LINK_RING_BYTES', segment.linkRingBytes, 'Capacity of the link ring: 4 records of the largest kind per id.'],
    [
      'LINK_VERSION',
      2,
      'What both ends of a link agree on beyond the layout. 2: a writer looks at the sleep epoch also where its connection is armed.',
    ],
    ['SLOT_CLASS_COUNT', segment.slotBytes.length, 'Size classes of the slab.'],
    ['SLOT_CLASS0_BYTES', segment.slotBytes[0], 'Bytes of a slot of class 0, which has one for every id.'],
    ['SLOT_CLASS0_COUNT', segment.slotCount[0], 'Slots of class 0.'],
    ['SLOT_CLASS0_OFFSET', offsets.classes[0], 'Byte offset of class 0.'],
    ['SLOT_CLASS1_BYTES', segment.slotBytes[1], 'Bytes of a slot of class 1.'],
    ['SLOT_CLASS1_COUNT', segment.slotCount[1], 'Slots of class 1.'],
    ['SLOT_CLASS1_OFFSET', offsets.classes[1], 'Byte offset of class 1.'],
    ['SLOT_CLASS2_BYTES', segment.slotBytes[2], 'Bytes of a slot of class 2.'],
    ['SLOT_CLASS2_COUNT', segment.slotCount[2], 'Slots of class 2.'],
    ['SLOT_CLASS2_OFFSET', offsets.classes[2], 'Byte offset of class 2.'],
    ['SLOT_CLASS3_BYTES', segment.slotBytes[3], 'Bytes of a slot of class 3.'],
    ['SLOT_CLASS3_COUNT', segment.slotCount[3], 'Slots of class 3.'],
    ['SLOT_CLASS3_OFFSET', offsets.classes[3], 'Byte offset of class 3.'],
    ['SLOT_CLASS_SHIFT', 24, 'A slot is named by class << this | index.'],
    ['SLOT_INDEX_MASK', 0xffffff, 'The index in the name of a slot.'],
  ]),
  group('Idle strategies of the dedicated poller', [
    ['POLLER_IDLE_BLOCKING', 0, 'Spins for an adaptive window, then blocks; peers wake who sleeps.'],
    ['POLLER_IDLE_BACK_OFF', 1, 'Spins, yields, then sleeps ever longer, at most a millisecond.'],
    ['POLLER_IDLE_YIELD', 2, 'Offers the processor after every empty pass.'],
    ['POLLER_IDLE_SPIN', 3, 'Never gives the processor up.'],
  ]),
  group('Depth table of an actor host', [
    ['ACTOR_SLOT_LIMIT', 1 << 20, 'Slots of a table: actors and pending asks of one host at a time.'],
    ['ACTOR_CAPACITY_MAX', 1 << 28, 'The largest capacity of a mailbox, in messages.'],
    ['ACTOR_POLICY_BITS', 2, 'Bits of ActorSlot.mark that hold the policy.'],
    ['ACTOR_POLICY_REFUSE', 0, 'A full mailbox refuses.'],
    ['ACTOR_POLICY_DROP_OLDEST', 1, 'A full mailbox gives up its oldest message, on arrival of the new one.'],
    ['ACTOR_POLICY_DROP_NEWEST', 2, 'A full mailbox refuses, and counts the message as dropped.'],
    ['ACTOR_POLICY_BACK_PRESSURE', 3, 'A full mailbox refuses; tellers learn when there is room again.'],
  ]),
  group("Names of a runtime's actors", [
    ['ACTOR_NAME_ENTRIES', 1 << 14, 'Entries of the name table; a power of two.'],
    ['ACTOR_NAME_LIMIT', 12_288, 'Names at a time: with fewer free entries a search takes long.'],
    ['ACTOR_NAME_BYTES_MAX', 256, 'The longest name, in bytes of UTF-8.'],
    ['ACTOR_NAME_FREE', 0, 'ActorNameEntry.state: never used since the entries behind it were.'],
    ['ACTOR_NAME_TAKEN', 1, 'ActorNameEntry.state: holds a name.'],
    ['ACTOR_NAME_RELEASED', 2, 'ActorNameEntry.state: held a name; a search goes on behind it.'],
  ]),
  group('Where the opener of a connection says that it comes from (LinkOpen.claim)', [
    ['CLAIM_VIRTUAL_PORT', 1, 'A port that the switch gave it, outside the ephemeral range (rule 2.5).'],
    ['CLAIM_BOUND_PORT', 2, 'A port that it holds by a bound TCP socket; the listening side checks that.'],
  ]),
  group('Why a connection was rejected (LinkReject.reason)', [
    ['REJECT_NOT_LISTENING', 1, 'Nothing listens by that cookie any more.'],
    ['REJECT_REFUSED', 2, 'The condition function said CF_REJECT (rule 4.4).'],
    ['REJECT_BACKLOG', 3, 'The backlog is full (rule 4.4).'],
    ['REJECT_SOURCE', 4, 'The claimed source address or port is not the opener.'],
    ['REJECT_TOKEN', 5, 'Nobody here waits for the token of an ATTACH, or not from this process.'],
  ]),
  group('Handshake of a link', [
    ['HANDSHAKE_MAGIC', 0x4b4e4c53, '"SLNK": first word of every handshake message.'],
    ['HANDSHAKE_VERSION', 1, 'Changes with the handshake itself; everything behind it is covered by LAYOUT_HASH.'],
    ['HANDSHAKE_IDENT', 1, 'HandshakeIdent: server to client, first.'],
    ['HANDSHAKE_JOIN', 2, "HandshakeJoin: client to server, with the client's segment."],
    ['HANDSHAKE_WELCOME', 3, "HandshakeWelcome: server to client, with the server's segment."],
    ['WELCOME_OK', 0, 'The link stands.'],
    ['WELCOME_SEGMENT', 2, 'The segment was refused (size, type or seals).'],
    ['WELCOME_RESOURCES', 3, 'The server can hold no more links.'],
  ]),
  group('Session messages: kinds', [
    ['SESSION_HELLO', 1, 'Negotiation (rule 3.6): SessionHello.'],
    ['SESSION_DATA', 2, 'Bytes of the stream follow; value = 0, the message says how many.'],
    ['SESSION_CREDIT', 3, 'Only the credits of the header.'],
    [
      'SESSION_OFFER',
      4,
      'A large send (rules 5.6, 5.7): SessionOffer, then the first bytes; value = number of the offer.',
    ],
    ['SESSION_TARGET', 5, 'Where to write a large send (rule 5.7): SessionTarget; value = number of the offer.'],
    ['SESSION_DONE', 6, 'A large send is finished: SessionDone; value = number of the offer.'],
    ['SESSION_URGENT', 7, 'Urgent bytes follow (rule 5.9); value = how many.'],
    ['SESSION_FIN', 8, 'The sender sends no more (half-close).'],
    [
      'SESSION_SUSPEND',
      9,
      'The sender moves to another owner (rule 8.1): send no more until RESUME, and say SUSPENDED.',
    ],
    ['SESSION_SUSPENDED', 10, 'The answer to SUSPEND, when all that the sender had begun is over: its last message.'],
    ['SESSION_RESUME', 11, 'The end of what SUSPEND began: the new owner is there, or the old one stays.'],
  ]),
  group('Session messages: values', [
    ['SESSION_VERSION', 3, 'Version of the session protocol.'],
    ['CAPABILITY_RDMA_READ', 1, "Bit: the sender's provider can WSPRdmaRead."],
    ['CAPABILITY_RDMA_WRITE', 2, "Bit: the sender's provider can WSPRdmaWrite."],
    [
      'CAPABILITY_RDMA_SHARED',
      8,
      'Bit: the sender writes to a target that it is named, also where the peer could read.',
    ],
    ['CAPABILITY_FLOW_CONTROL', 4, "Bit: the sender's provider refuses when full, so it needs no credits."],
    ['SESSION_STATUS_OK', 0, 'All bytes have arrived.'],
    ['SESSION_STATUS_NO_BUFFERS', 1, 'No memory could be registered (rule 5.8): send by messages.'],
  ]),
];

const mailGroup = group('Mail links (src/actor/mail)', [
  ['MAIL_RING_BYTES', 1 * MiB, 'Capacity of each ring of a mail link, unless another is chosen.'],
  ['MAIL_FLAG_SENDER', 1, 'Bit of MailHeader.flags: the message has a sender.'],
  [
    'MAIL_FLAG_DETACHED',
    2,
    "Bit of MailHeader.flags: too large for the ring, the body comes by the link's message port.",
  ],
  [
    'MAIL_FLAG_ATTACHED',
    4,
    "Bit of MailHeader.flags: what can't be written as bytes comes by the link's message port.",
  ],
]);

const mailStructs = [
  struct(
    'MailMemory',
    'Start of the memory of a mail link, which joins two threads; a ring (RingWords, data) of each side follows, of the ' +
      'same capacity. Zeroed memory is a link that nobody has used yet.',
    [
      field('sleepEpoch0', 'i32', 'Of side 0: odd while its thread sleeps or is about to.', 128),
      field('sleepEpoch1', 'i32', 'Of side 1.', 256),
    ],
    384,
  ),
  struct('MailHeader', 'Start of the payload of every record of a mail link.', [
    field('slot', 'u32', 'Slot of the actor that it is for, on the thread that reads.'),
    field('generation', 'u32', 'Generation of that slot.'),
    field('senderHost', 'u32', 'Address of the sender, if MAIL_FLAG_SENDER: its host,'),
    field('senderSlot', 'u32', 'its slot,'),
    field('senderGeneration', 'u32', "its slot's generation."),
    field(
      'shape',
      'u32',
      'RECORD_MAIL_FIXED: hash of the declared fields, which both sides must have from one source.',
    ),
    field('flags', 'u32', 'MAIL_FLAG_* bits.'),
    field('reserved', 'u32', '0; the body starts at a multiple of 8.'),
  ]),
];

const definitions = [
  struct('RecordHeader', 'What stands before the payload of every record.', [
    field('length', 'u32', 'Bytes of the payload; the record is padded to RECORD_ALIGN.'),
    field('type', 'u32', 'RECORD_*'),
  ]),
  struct(
    'SwitchRecord',
    'Payload of RECORD_SWITCH; always fits into the 16 bytes that a connection keeps in reserve.',
    [field('slot', 'u32', 'The slot where the next record stands.')],
  ),
  struct(
    'RingWords',
    'The positions of a ring that lives in one piece of memory; its data follows.',
    [
      field('prod', 'i32', 'Position up to which records are published. Written by the producer.', 0),
      field(
        'cons',
        'i32',
        'Position up to which they are consumed. Written by the consumer; on a cache line pair of its own.',
        128,
      ),
    ],
    256,
  ),
  struct('SlotClass', 'One size class of the slab.', [
    field('slotBytes', 'u32', 'Bytes of one slot, a power of two.'),
    field('slotCount', 'u32', 'Number of slots.'),
    field('offset', 'u32', 'Byte offset in the segment.'),
  ]),
  struct(
    'SegmentHeader',
    'Start of a segment. The owner alone writes it; the peer maps it read-only.',
    [
      field('magic', 'u32', 'SEGMENT_MAGIC'),
      field('layoutHash', 'u32', 'LAYOUT_HASH'),
      field('segmentBytes', 'u32', 'SEGMENT_BYTES'),
      field('connectionLimit', 'u32', 'LINK_CONNECTION_LIMIT'),
      field('linkRingOffset', 'u32', 'LINK_RING_OFFSET'),
      field('linkRingBytes', 'u32', 'LINK_RING_BYTES'),
      field('cellsOffset', 'u32', 'SEGMENT_CELLS_OFFSET'),
      array('classes', 'u32', 3 * segment.slotBytes.length, 'SlotClass times SLOT_CLASS_COUNT'),
      field('sleepEpoch', 'i32', "The owner's sleep epoch: odd while it sleeps or is about to.", 128),
      field('linkProd', 'i32', "Position up to which the owner's link ring is published.", 256),
      field('linkCons', 'i32', "Position up to which the owner has consumed the peer's link ring.", 384),
    ],
    segment.headerBytes,
  ),
  struct(
    'Cell',
    "What the owner of a segment says about one connection; there is one per id. Both sides' cells together make a connection.",
    [
      field('prod', 'i32', 'Position up to which the owner has published records of this connection.'),
      field('cons', 'i32', "Position up to which it has consumed the peer's."),
      field('blockedSeq', 'i32', 'Counts how often the owner found no room to write.'),
      field(
        'blockedNeed',
        'i32',
        "The position that the peer's cons must reach to make room. Written before blockedSeq.",
      ),
      field('slot', 'u32', "Where the owner's ring of this connection starts. Changed only while the ring is drained."),
      field(
        'slotSeq',
        'u32',
        'Counts the changes of slot. The reader, when it finds records after having been drained, obeys slot only if ' +
          'this has changed: a SWITCH record does not touch slot, so that an old value must not lead it back.',
      ),
      field('flags', 'u32', 'Reserved, 0.'),
    ],
    segment.cellBytes,
  ),
  struct('LinkOpen', 'Payload of RECORD_LINK_OPEN.', [
    field('id', 'u32', 'The connection, chosen by the opener.'),
    field('cookieLow', 'u32', 'SO_COOKIE of the listening socket, low half.'),
    field('cookieHigh', 'u32', 'High half.'),
    field('claim', 'u32', 'CLAIM_*: what kind of source port this is.'),
    field('family', 'u16', '4 or 6: how the addresses are to be read.'),
    field('sourcePort', 'u16', 'Port of the opener.'),
    field('destinationPort', 'u16', 'Port that it connects to.'),
    field('reserved', 'u16', '0'),
    array('sourceAddress', 'bytes', 16, 'In network order; IPv4 in the first 4 bytes, 0 behind.'),
    array('destinationAddress', 'bytes', 16, 'Likewise.'),
  ]),
  struct('LinkAccept', 'Payload of RECORD_LINK_ACCEPT.', [field('id', 'u32', 'The connection.')]),
  struct('LinkReject', 'Payload of RECORD_LINK_REJECT.', [
    field('id', 'u32', 'The connection.'),
    field('reason', 'u32', 'REJECT_*'),
  ]),
  struct('LinkClose', 'Payload of RECORD_LINK_CLOSE.', [field('id', 'u32', 'The connection.')]),
  struct('LinkNews', 'Payload of RECORD_LINK_NEWS.', [field('id', 'u32', 'The connection.')]),
  struct('LinkSpace', 'Payload of RECORD_LINK_SPACE.', [field('id', 'u32', 'The connection.')]),
  struct(
    'LinkMove',
    'Payload of RECORD_LINK_MOVE. In answer to an OPEN, or on a connection that stands and on which nothing is under way.',
    [
      field('id', 'u32', 'The connection.'),
      field('tokenLow', 'u32', 'Random name of what goes on elsewhere, low half.'),
      field('tokenHigh', 'u32', 'High half.'),
      array(
        'reactorId',
        'bytes',
        16,
        "The accepting side's new reactor, which the peer is to meet. 0 if the opener moves.",
      ),
    ],
  ),
  struct('LinkAttach', 'Payload of RECORD_LINK_ATTACH.', [
    field('id', 'u32', 'The connection, chosen by the opener.'),
    field('tokenLow', 'u32', 'Of the MOVE, low half.'),
    field('tokenHigh', 'u32', 'High half.'),
  ]),
  struct('HandshakeHeader', 'Start of every handshake message; never changes, so that versions can talk about it.', [
    field('magic', 'u32', 'HANDSHAKE_MAGIC'),
    field('version', 'u16', 'HANDSHAKE_VERSION'),
    field('type', 'u16', 'HANDSHAKE_IDENT, _JOIN or _WELCOME'),
    field('layoutHash', 'u32', 'LAYOUT_HASH'),
  ]),
  struct('HandshakeIdent', 'Server to client, at once after accept. Begins with HandshakeHeader.', [
    array('header', 'u32', 3, 'HandshakeHeader'),
    field('pid', 'u32', 'Process id of the server; a hint, the kernel is asked.'),
    array('reactorId', 'bytes', 16, "Random name of the server's reactor: one link per pair of reactors."),
    field('cookieLow', 'u32', "SO_COOKIE of the listening TCP socket, low half. 0 at a reactor's own rendezvous."),
    field('cookieHigh', 'u32', 'High half.'),
    field('listenerFd', 'i32', 'Its descriptor in the server; a hint that is checked. -1: none.'),
  ]),
  struct('HandshakeJoin', "Client to server; carries the client's segment. Begins with HandshakeHeader.", [
    array('header', 'u32', 3, 'HandshakeHeader'),
    field('segmentBytes', 'u32', 'Size of the segment that comes with it.'),
    array('reactorId', 'bytes', 16, "Random name of the client's reactor."),
  ]),
  struct(
    'HandshakeWelcome',
    "Server to client; carries the server's segment if all is well. Begins with HandshakeHeader.",
    [
      array('header', 'u32', 3, 'HandshakeHeader'),
      field('status', 'u32', 'WELCOME_*'),
      field('segmentBytes', 'u32', 'Size of the segment that comes with it.'),
    ],
  ),
  struct('SessionHeader', 'Start of every session message.', [
    field('kind', 'u8', 'SESSION_*'),
    field('flags', 'u8', 'Reserved, 0.'),
    field('credits', 'u16', 'Receive buffers that the sender has posted since its last message.'),
    field('value', 'u32', 'By kind.'),
  ]),
  struct('SessionHello', 'Body of SESSION_HELLO.', [
    field('version', 'u16', 'SESSION_VERSION'),
    field('receiveBuffers', 'u16', 'Receive buffers that stand.'),
    field('messageBytes', 'u32', 'Bytes of each: the largest message that may be sent here.'),
    field('capabilities', 'u32', 'CAPABILITY_* bits'),
    field('rdmaThresholdBytes', 'u32', 'Sends from this size on go by RDMA (SO_RDMA_THRESHOLD_SIZE).'),
    field('maxRdmaBytes', 'u32', 'The largest RDMA transfer (SO_MAX_RDMA_SIZE).'),
  ]),
  struct(
    'SessionOffer',
    'Body of SESSION_OFFER; `inlineBytes` bytes follow. Key and address are 0 where rule 5.7 applies.',
    [
      field('totalBytes', 'u32', 'Bytes of the whole send.'),
      field('inlineBytes', 'u32', 'How many of them are in this message.'),
      field('keyLow', 'u32', 'RDMA buffer descriptor of the rest: key, low half.'),
      field('keyHigh', 'u32', 'Key, high half.'),
      field('addressLow', 'u32', 'Address, low half.'),
      field('addressHigh', 'u32', 'Address, high half.'),
    ],
  ),
  struct('SessionTarget', 'Body of SESSION_TARGET.', [
    field('status', 'u32', 'SESSION_STATUS_*: whether there is a target.'),
    field('keyLow', 'u32', 'RDMA buffer descriptor to write to: key, low half.'),
    field('keyHigh', 'u32', 'Key, high half.'),
    field('addressLow', 'u32', 'Address, low half.'),
    field('addressHigh', 'u32', 'Address, high half.'),
  ]),
  struct('SessionDone', 'Body of SESSION_DONE.', [field('status', 'u32', 'SESSION_STATUS_*')]),
  struct(
    'ReactorControl',
    "Plain memory of one thread's JavaScript and its native reactor; the watch entries follow.",
    [
      field('watchCount', 'u32', 'Watch entries in use. Written by JavaScript.'),
      field('dirty', 'u32', 'Not 0: JavaScript holds uncommitted link records and is called before the thread sleeps.'),
      field('spinBudgetNs', 'u32', 'How long to spin before sleeping, in nanoseconds; 0: never.'),
      field('reserved', 'u32', '0'),
      field('callbacks', 'u64', 'Counter: calls into JavaScript.'),
      field('polls', 'u64', 'Counter: passes over the watch entries.'),
      field('spins', 'u64', 'Counter: turns of the loop that spun.'),
      field('sleeps', 'u64', 'Counter: times that the thread let its event loop sleep.'),
      field('wakesSent', 'u64', 'Counter: wake-ups sent to peers.'),
      field('wakesReceived', 'u64', 'Counter: wake-ups that came from peers.'),
      field('records', 'u64', 'Counter: completion records that came from the dedicated poller.'),
      field('alarm', 'u64', 'When to call JavaScript, which sets it: ns of CLOCK_MONOTONIC; 0: not, or done.'),
    ],
  ),
  struct('ReadyRecord', 'Payload of RECORD_READY.', [
    field('watch', 'u32', 'Place of the watched word among those that the thread left to the poller.'),
    field('value', 'i32', 'What stands in it.'),
  ]),
  struct(
    'ActorSlot',
    'One slot of the depth table, by which a host shares with all threads how full the mailboxes of its actors are.',
    [
      field('generation', 'i32', 'Odd: which actor has the slot. Even: nobody. Written by its host alone.'),
      field('depth', 'i32', 'Messages in the mailbox or on their way to it. Outlives the actor.'),
      field('capacity', 'i32', 'Messages that the mailbox holds at most.'),
      field('mark', 'i32', 'ACTOR_POLICY_* in the low bits; the high-water mark above.'),
    ],
  ),
  struct('ActorNameTable', 'Which actor of a runtime has which name. Entries follow; all of it is under the mutex.', [
    field('mutex', 'u32', 'A Mutex of sanswitch/sync.'),
    field('count', 'i32', 'Names that are taken.'),
  ]),
  struct('ActorNameEntry', 'One name. What else it holds is written before `state` says so.', [
    field('state', 'i32', 'ACTOR_NAME_*'),
    field('hash', 'i32', 'Of the name.'),
    field('host', 'u32', "The actor's address."),
    field('slot', 'u32', "The actor's address."),
    field('generation', 'u32', "The actor's address."),
    field('registrar', 'u32', 'The host that gave the name, and takes it back.'),
    field('nameBytes', 'u32', 'Bytes of the name.'),
    array('name', 'bytes', 256, 'UTF-8, at most ACTOR_NAME_BYTES_MAX.'),
  ]),
  struct('WatchEntry', 'One word that the reactor watches: JavaScript is called when it is not `seen`.', [
    field('windowId', 'u32', 'Window that the word is in.'),
    field('wordIndex', 'u32', 'Index of the word as of an Int32Array over the whole window.'),
    field('seen', 'i32', 'The value that JavaScript has dealt with.'),
    field('reserved', 'u32', '0'),
  ]),
];

/** Every named number, by subject. */
export const groups: readonly Group[] = [...constantGroups, syncGroup, mailGroup, countersGroup, ...verbsGroups];

/** Every structure, with its offsets. */
export const structs = [...definitions, ...syncStructs, ...mailStructs, ...countersStructs, ...verbsStructs].map(place);
