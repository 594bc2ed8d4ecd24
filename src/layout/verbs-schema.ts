/** What the RDMA engine (native/verbs) shares with its thread's JavaScript; part of schema.ts. */
import { array, field, group, struct } from './define.js';

const KiB = 1024;
const MiB = 1024 * KiB;

/** The parts of an engine's segment: ring words, ring, submissions; the arena starts at a chunk's border. */
const engine = {
  bytes: 64 * MiB,
  ringOffset: 4 * KiB,
  ringBytes: 128 * KiB,
  submissionOffset: 256 * KiB,
  submissionLimit: 1024,
  arenaOffset: 1 * MiB,
  chunkBytes: 1 * MiB,
  slotBytes: 8 * KiB,
} as const;

const arenaBytes = engine.bytes - engine.arenaOffset;

/** The constants. Numbers that are libibverbs' or librdmacm's own are those of their headers. */
export const verbsGroups = [
  group("Segment of a thread's RDMA engine", [
    ['VERBS_SEGMENT_BYTES', engine.bytes, 'Bytes of it, sparse. It begins with the RingWords of the completion ring.'],
    ['VERBS_RING_OFFSET', engine.ringOffset, "Byte offset of the completion ring's data."],
    ['VERBS_RING_BYTES', engine.ringBytes, 'Capacity of the completion ring.'],
    ['VERBS_SUBMISSIONS_OFFSET', engine.submissionOffset, 'Byte offset of the submissions, VerbsSubmission each.'],
    ['VERBS_SUBMISSIONS_LIMIT', engine.submissionLimit, 'Submissions that one call can take.'],
    ['VERBS_ARENA_OFFSET', engine.arenaOffset, 'Byte offset of the arena: slots for messages, from number 0.'],
    ['VERBS_CHUNK_BYTES', engine.chunkBytes, 'What is registered at a time when first used; no submission crosses it.'],
    ['VERBS_CHUNK_COUNT', arenaBytes / engine.chunkBytes, 'Chunks of the arena.'],
    ['VERBS_SLOT_BYTES', engine.slotBytes, 'Bytes of a slot, so of the largest message.'],
    ['VERBS_SLOT_COUNT', arenaBytes / engine.slotBytes, 'Slots of the arena.'],
    ['VERBS_COOKIE_MAX', (1 << 28) - 1, 'The largest cookie of a submission.'],
    ['VERBS_PRIVATE_BYTES_MAX', 256, 'Private data that an event can carry.'],
  ]),
  group('Operations of a queue pair (VerbsSubmission.op, VerbsCompletion.op)', [
    ['VERBS_OP_SEND', 1, 'One message out of the memory named.'],
    ['VERBS_OP_RECEIVE', 2, 'Into a slot of the arena, whose number is the cookie.'],
    ['VERBS_OP_READ', 3, 'RDMA read of remote memory into local memory.'],
    ['VERBS_OP_WRITE', 4, 'RDMA write of local memory into remote memory; length 0 only probes the path.'],
    ['VERBS_OP_BIND', 5, 'Binding of a memory window; only in completions.'],
    ['VERBS_OP_INVALIDATE', 6, 'Invalidation of a memory window; only in completions.'],
  ]),
  group('Flags of a submission (VerbsSubmission.flags)', [
    ['VERBS_FLAG_SIGNALLED', 1, 'A completion is wanted. One that fails always has one. RECEIVE: always.'],
    ['VERBS_FLAG_FENCE', 2, 'Not before the RDMA reads ahead of it have ended.'],
  ]),
  group('Outcomes of an operation (VerbsCompletion.status): those of libibverbs (IBV_WC_*) and our own', [
    ['VERBS_STATUS_OK', 0, 'IBV_WC_SUCCESS'],
    ['VERBS_STATUS_LOCAL_LENGTH', 1, 'IBV_WC_LOC_LEN_ERR: a message did not fit into its receive.'],
    ['VERBS_STATUS_LOCAL_PROTECTION', 4, 'IBV_WC_LOC_PROT_ERR: local memory is not registered as it must be.'],
    ['VERBS_STATUS_FLUSHED', 5, 'IBV_WC_WR_FLUSH_ERR: the queue pair has ended before.'],
    ['VERBS_STATUS_BIND', 6, 'IBV_WC_MW_BIND_ERR: a memory window could not be bound.'],
    ['VERBS_STATUS_LOCAL_ACCESS', 8, 'IBV_WC_LOC_ACCESS_ERR'],
    ['VERBS_STATUS_REMOTE_REQUEST', 9, 'IBV_WC_REM_INV_REQ_ERR: the peer could make nothing of it.'],
    ['VERBS_STATUS_REMOTE_ACCESS', 10, "IBV_WC_REM_ACCESS_ERR: the peer's memory may not be read or written so."],
    ['VERBS_STATUS_REMOTE_OPERATION', 11, 'IBV_WC_REM_OP_ERR: the peer could not do it.'],
    ['VERBS_STATUS_RETRIES', 12, 'IBV_WC_RETRY_EXC_ERR: no answer; the path or the peer is dead.'],
    ['VERBS_STATUS_RNR_RETRIES', 13, 'IBV_WC_RNR_RETRY_EXC_ERR: the peer posted no receive.'],
    ['VERBS_STATUS_FATAL', 19, 'IBV_WC_FATAL_ERR'],
    ['VERBS_STATUS_GENERAL', 21, 'IBV_WC_GENERAL_ERR'],
    ['VERBS_STATUS_NOT_POSTED', 256, 'Ours: it was never begun; vendorError is the errno.'],
    [
      'VERBS_STATUS_SLOT_BACK',
      257,
      'Ours, RECEIVE: the slot (cookie) is free again, its connection is not here any more.',
    ],
    ['VERBS_STATUS_QUEUE_LOST', 258, 'Ours, op 0: the completion queue has failed; no more of this connection comes.'],
  ]),
  group('Events of connections (VerbsCm.event): those of librdmacm (RDMA_CM_EVENT_*)', [
    ['VERBS_CM_ADDRESS_RESOLVED', 0, 'Local address and device are known.'],
    ['VERBS_CM_ADDRESS_ERROR', 1, 'Nobody has that address, or no device leads there.'],
    ['VERBS_CM_ROUTE_RESOLVED', 2, 'A connect may follow.'],
    ['VERBS_CM_ROUTE_ERROR', 3, 'There is no route.'],
    ['VERBS_CM_CONNECT_REQUEST', 4, 'A new connection at a listener: accept, reject or hand it over.'],
    ['VERBS_CM_CONNECT_ERROR', 6, 'The connect, or the accept, has failed.'],
    ['VERBS_CM_UNREACHABLE', 7, 'Nobody answers.'],
    ['VERBS_CM_REJECTED', 8, 'Refused; status is one of VERBS_REJECT_* or another of the IB CM.'],
    ['VERBS_CM_ESTABLISHED', 9, 'The connection stands, on either side.'],
    ['VERBS_CM_DISCONNECTED', 10, 'The peer, or this side, has disconnected; all that is under way is flushed.'],
    ['VERBS_CM_DEVICE_REMOVAL', 11, 'The device goes: destroy the connection or listener.'],
    ['VERBS_CM_ADDRESS_CHANGE', 14, 'The address of the device below has changed.'],
    ['VERBS_CM_TIMEWAIT_EXIT', 15, 'Nothing late of this connection can arrive any more.'],
  ]),
  group('Why the peer has rejected (VerbsCm.status of VERBS_CM_REJECTED)', [
    ['VERBS_REJECT_NO_LISTENER', 8, 'Invalid service id: nobody listens there.'],
    ['VERBS_REJECT_BY_LISTENER', 28, 'The listener has called reject; the private data is its.'],
  ]),
  group('Asynchronous events (VerbsAsync.event): those of libibverbs (IBV_EVENT_*)', [
    ['VERBS_ASYNC_QUEUE_PAIR_FATAL', 1, 'The queue pair has failed.'],
    ['VERBS_ASYNC_QUEUE_PAIR_REQUEST', 2, 'The peer has sent what can not be.'],
    ['VERBS_ASYNC_QUEUE_PAIR_ACCESS', 3, 'The peer has touched what it may not.'],
    ['VERBS_ASYNC_DEVICE_FATAL', 8, 'The device has failed: all its connections end.'],
    ['VERBS_ASYNC_PORT_ACTIVE', 9, 'A port is up.'],
    ['VERBS_ASYNC_PORT_ERROR', 10, 'A port is down.'],
  ]),
  group('Access to registered memory: bits of IBV_ACCESS_*', [
    ['VERBS_ACCESS_LOCAL_WRITE', 1, 'Receives and RDMA reads may land there.'],
    ['VERBS_ACCESS_REMOTE_WRITE', 2, 'The peer may write; needs LOCAL_WRITE.'],
    ['VERBS_ACCESS_REMOTE_READ', 4, 'The peer may read.'],
    ['VERBS_ACCESS_BIND', 16, 'Memory windows may be bound to it.'],
  ]),
  group("What two providers say to each other by the connection manager's private data", [
    ['VERBS_MAGIC', 0x42565753, '"SWVB": first word of every VerbsGreeting.'],
    ['VERBS_VERSION', 1, 'Of the greeting and of everything behind it but the session.'],
    ['VERBS_SAYS_CONNECT', 1, 'VerbsGreeting.kind: with a connect.'],
    ['VERBS_SAYS_ACCEPT', 2, 'VerbsGreeting.kind: with an accept.'],
    ['VERBS_SAYS_REFUSE', 3, 'VerbsGreeting.kind: with a rejection.'],
    ['VERBS_REFUSED_BY_CONDITION', 1, 'VerbsGreeting.reason: the condition function said CF_REJECT (rule 4.4).'],
    ['VERBS_REFUSED_BACKLOG', 2, 'VerbsGreeting.reason: the backlog is full (rule 4.4).'],
    ['VERBS_REFUSED_RESOURCES', 3, 'VerbsGreeting.reason: no queue pair or memory for it; TCP/IP may do (rule 3.4).'],
    ['VERBS_REFUSED_HAND_OVER', 4, 'VerbsGreeting.reason: the owner that was to have it did not come.'],
    ['VERBS_REFUSED_CLOSED', 5, 'VerbsGreeting.reason: the listener has closed.'],
    ['VERBS_REFUSED_GREETING', 6, 'VerbsGreeting.reason: the caller is none of ours, or of another version.'],
  ]),
];

/** The structures. */
export const verbsStructs = [
  struct(
    'VerbsSubmission',
    'One operation that JavaScript wants to be posted. Written by JavaScript, read by submit().',
    [
      field('connection', 'u32', 'Handle of the connection.'),
      field('op', 'u32', 'VERBS_OP_SEND, _RECEIVE, _READ or _WRITE'),
      field('flags', 'u32', 'VERBS_FLAG_* bits'),
      field(
        'cookie',
        'u32',
        'Comes back in the completion; at most VERBS_COOKIE_MAX. RECEIVE: the number of the slot.',
      ),
      field('region', 'u32', 'Handle of the registered region of the local memory; 0: the arena.'),
      field('offset', 'u32', 'Where in the region, or in the arena, in bytes. RECEIVE: not used.'),
      field('length', 'u32', 'Bytes. RECEIVE: not used, it is a whole slot.'),
      field('remoteKey', 'u32', 'READ, WRITE: key of the remote memory.'),
      field('remoteLow', 'u32', 'READ, WRITE: its address, low half.'),
      field('remoteHigh', 'u32', 'High half.'),
    ],
  ),
  struct('VerbsCompletion', 'Payload of RECORD_VERBS_COMPLETION: an operation has ended.', [
    field('connection', 'u32', 'Handle. 0: of a connection that is not (or no more) here; only slots that come back.'),
    field('op', 'u32', 'VERBS_OP_*'),
    field('status', 'u32', 'VERBS_STATUS_*, or another of IBV_WC_*'),
    field('length', 'u32', 'RECEIVE: bytes of the message.'),
    field('cookie', 'u32', 'Of the submission. RECEIVE: the slot with the message, VERBS_SLOT_COUNT: none.'),
    field('vendorError', 'u32', "The device's own word for a failure, or an errno."),
  ]),
  struct(
    'VerbsCm',
    'Payload of RECORD_VERBS_CM: something has happened to a connection or listener. It ends with the private data.',
    [
      field('event', 'u32', 'VERBS_CM_*, or another of RDMA_CM_EVENT_*'),
      field('connection', 'u32', "Handle. CONNECT_REQUEST: of the new one, which is JavaScript's to accept or reject."),
      field('listener', 'u32', 'Handle of the listener; 0: none.'),
      field('status', 'i32', 'Negated errno, or, of REJECTED, why. 0: well.'),
      field('family', 'u32', '4 or 6: how the addresses are to be read.'),
      field('localPort', 'u16', "This side's port."),
      field('remotePort', 'u16', "The peer's port."),
      array('localAddress', 'bytes', 16, 'In network order; IPv4 in the first 4 bytes, 0 behind.'),
      array('remoteAddress', 'bytes', 16, 'Likewise.'),
      field('privateBytes', 'u32', "Bytes of the peer's private data; its padding may be among them."),
      array('privateData', 'bytes', 256, 'As many of them as privateBytes says; the record ends there.'),
    ],
  ),
  struct('VerbsAsync', 'Payload of RECORD_VERBS_ASYNC: a device has something to say.', [
    field('event', 'u32', 'VERBS_ASYNC_*, or another of IBV_EVENT_*'),
    field('connection', 'u32', 'Handle; 0: the event is of no single connection of this thread.'),
    field('device', 'u32', 'Number of the device, as `connectionDevice` tells it.'),
    field('port', 'u32', 'PORT_*: which port; otherwise 0.'),
  ]),
  struct('VerbsGreeting', 'Private data of a connect, an accept and a rejection; padding may follow.', [
    field('magic', 'u32', 'VERBS_MAGIC'),
    field('version', 'u16', 'VERBS_VERSION'),
    field('kind', 'u8', 'VERBS_SAYS_*'),
    field('reason', 'u8', 'VERBS_REFUSED_*; 0 where nothing is refused.'),
    field('messageBytes', 'u32', 'The largest message that may be sent to the sender of this.'),
  ]),
  struct('VerbsDescriptor', "RDMA buffer descriptor: what the peer needs to reach memory of this side's.", [
    field('key', 'u32', 'Remote key.'),
    field('length', 'u32', 'Bytes of the memory.'),
    field('address', 'u64', 'Where it starts.'),
  ]),
];
