// Generated from src/layout/schema.ts by `npm run generate`. Do not edit.

#pragma once

#include <cstddef>
#include <cstdint>

namespace sanswitch::layout {

// Hash of everything in this file; 31 bits, so that it is the same number signed and unsigned.
constexpr uint32_t LAYOUT_HASH = 2059497408;

// Record ring
constexpr uint32_t RECORD_ALIGN = 16;  // Bytes: every record starts at, and is padded to, a multiple of this.
constexpr uint32_t RING_CAPACITY_MIN = 256;  // Bytes: the smallest ring. A capacity is a power of two.
constexpr uint32_t RING_CAPACITY_MAX = 1073741824;  // Bytes: the largest ring, so that positions can be compared by their difference.

// Record types
constexpr uint32_t RECORD_DATA = 1;  // A message; whose, the ring knows.
constexpr uint32_t RECORD_PADDING = 2;  // Fills the end of the ring before a wrap; only the ring itself ever sees it.
constexpr uint32_t RECORD_SWITCH = 3;  // The next record stands in another slot: SwitchRecord.
constexpr uint32_t RECORD_LINK_OPEN = 16;  // Link ring: open a connection, LinkOpen. Counts as NEWS.
constexpr uint32_t RECORD_LINK_ACCEPT = 17;  // Link ring: the connection stands, LinkAccept. Counts as NEWS.
constexpr uint32_t RECORD_LINK_REJECT = 18;  // Link ring: it does not, LinkReject.
constexpr uint32_t RECORD_LINK_CLOSE = 19;  // Link ring: this side uses the connection no more, LinkClose.
constexpr uint32_t RECORD_LINK_NEWS = 20;  // Link ring: look into this connection's ring, LinkNews.
constexpr uint32_t RECORD_LINK_SPACE = 21;  // Link ring: a blocked producer has room again, LinkSpace.
constexpr uint32_t RECORD_LINK_MOVE = 22;  // Link ring: this end of the connection goes on at another reactor, LinkMove. Ends the id's use.
constexpr uint32_t RECORD_LINK_ATTACH = 23;  // Link ring: open a connection that goes on here, LinkAttach. Counts as NEWS.
constexpr uint32_t RECORD_MAIL_SIGNAL = 32;  // Mail link: a signal between actors: MailHeader, then a structured value.
constexpr uint32_t RECORD_MAIL_FIXED = 33;  // Mail link: a message of declared fields: MailHeader, then the fields' bytes.
constexpr uint32_t RECORD_MAIL_STRUCTURED = 34;  // Mail link: a message of any shape: MailHeader, then a structured value.
constexpr uint32_t RECORD_MAIL_BYTES = 35;  // Mail link: a message that is bytes: MailHeader, then they.
constexpr uint32_t RECORD_PRIVATE = 64;  // First of the types that are free for rings inside one process.
constexpr uint32_t RECORD_READY = 65;  // Completion ring of the dedicated poller: a sleeping thread's word has changed, ReadyRecord.
constexpr uint32_t RECORD_VERBS_COMPLETION = 66;  // Completion ring of an RDMA engine: VerbsCompletion.
constexpr uint32_t RECORD_VERBS_CM = 67;  // Completion ring of an RDMA engine: VerbsCm.
constexpr uint32_t RECORD_VERBS_ASYNC = 68;  // Completion ring of an RDMA engine: VerbsAsync.

// Segment of a shm link
constexpr uint32_t SEGMENT_MAGIC = 1465077331;  // "SNSW": first word of every segment.
constexpr uint32_t SEGMENT_BYTES = 268435456;  // Bytes of one segment, sparse.
constexpr uint32_t SEGMENT_CELLS_OFFSET = 4096;  // Byte offset of the cells.
constexpr uint32_t LINK_CONNECTION_LIMIT = 16384;  // Connections of one link: ids 0 to this minus 1.
constexpr uint32_t LINK_RING_OFFSET = 1052672;  // Byte offset of the link ring's data.
constexpr uint32_t LINK_RING_BYTES = 4194304;  // Capacity of the link ring: 4 records of the largest kind per id.
constexpr uint32_t LINK_VERSION = 2;  // What both ends of a link agree on beyond the layout. 2: a writer looks at the sleep epoch also where its connection is armed.
constexpr uint32_t SLOT_CLASS_COUNT = 4;  // Size classes of the slab.
constexpr uint32_t SLOT_CLASS0_BYTES = 4096;  // Bytes of a slot of class 0, which has one for every id.
constexpr uint32_t SLOT_CLASS0_COUNT = 16384;  // Slots of class 0.
constexpr uint32_t SLOT_CLASS0_OFFSET = 5246976;  // Byte offset of class 0.
constexpr uint32_t SLOT_CLASS1_BYTES = 65536;  // Bytes of a slot of class 1.
constexpr uint32_t SLOT_CLASS1_COUNT = 512;  // Slots of class 1.
constexpr uint32_t SLOT_CLASS1_OFFSET = 72355840;  // Byte offset of class 1.
constexpr uint32_t SLOT_CLASS2_BYTES = 1048576;  // Bytes of a slot of class 2.
constexpr uint32_t SLOT_CLASS2_COUNT = 64;  // Slots of class 2.
constexpr uint32_t SLOT_CLASS2_OFFSET = 105910272;  // Byte offset of class 2.
constexpr uint32_t SLOT_CLASS3_BYTES = 4194304;  // Bytes of a slot of class 3.
constexpr uint32_t SLOT_CLASS3_COUNT = 16;  // Slots of class 3.
constexpr uint32_t SLOT_CLASS3_OFFSET = 173019136;  // Byte offset of class 3.
constexpr uint32_t SLOT_CLASS_SHIFT = 24;  // A slot is named by class << this | index.
constexpr uint32_t SLOT_INDEX_MASK = 16777215;  // The index in the name of a slot.

// Idle strategies of the dedicated poller
constexpr uint32_t POLLER_IDLE_BLOCKING = 0;  // Spins for an adaptive window, then blocks; peers wake who sleeps.
constexpr uint32_t POLLER_IDLE_BACK_OFF = 1;  // Spins, yields, then sleeps ever longer, at most a millisecond.
constexpr uint32_t POLLER_IDLE_YIELD = 2;  // Offers the processor after every empty pass.
constexpr uint32_t POLLER_IDLE_SPIN = 3;  // Never gives the processor up.

// Depth table of an actor host
constexpr uint32_t ACTOR_SLOT_LIMIT = 1048576;  // Slots of a table: actors and pending asks of one host at a time.
constexpr uint32_t ACTOR_CAPACITY_MAX = 268435456;  // The largest capacity of a mailbox, in messages.
constexpr uint32_t ACTOR_POLICY_BITS = 2;  // Bits of ActorSlot.mark that hold the policy.
constexpr uint32_t ACTOR_POLICY_REFUSE = 0;  // A full mailbox refuses.
constexpr uint32_t ACTOR_POLICY_DROP_OLDEST = 1;  // A full mailbox gives up its oldest message, on arrival of the new one.
constexpr uint32_t ACTOR_POLICY_DROP_NEWEST = 2;  // A full mailbox refuses, and counts the message as dropped.
constexpr uint32_t ACTOR_POLICY_BACK_PRESSURE = 3;  // A full mailbox refuses; tellers learn when there is room again.

// Names of a runtime's actors
constexpr uint32_t ACTOR_NAME_ENTRIES = 16384;  // Entries of the name table; a power of two.
constexpr uint32_t ACTOR_NAME_LIMIT = 12288;  // Names at a time: with fewer free entries a search takes long.
constexpr uint32_t ACTOR_NAME_BYTES_MAX = 256;  // The longest name, in bytes of UTF-8.
constexpr uint32_t ACTOR_NAME_FREE = 0;  // ActorNameEntry.state: never used since the entries behind it were.
constexpr uint32_t ACTOR_NAME_TAKEN = 1;  // ActorNameEntry.state: holds a name.
constexpr uint32_t ACTOR_NAME_RELEASED = 2;  // ActorNameEntry.state: held a name; a search goes on behind it.

// Where the opener of a connection says that it comes from (LinkOpen.claim)
constexpr uint32_t CLAIM_VIRTUAL_PORT = 1;  // A port that the switch gave it, outside the ephemeral range (rule 2.5).
constexpr uint32_t CLAIM_BOUND_PORT = 2;  // A port that it holds by a bound TCP socket; the listening side checks that.

// Why a connection was rejected (LinkReject.reason)
constexpr uint32_t REJECT_NOT_LISTENING = 1;  // Nothing listens by that cookie any more.
constexpr uint32_t REJECT_REFUSED = 2;  // The condition function said CF_REJECT (rule 4.4).
constexpr uint32_t REJECT_BACKLOG = 3;  // The backlog is full (rule 4.4).
constexpr uint32_t REJECT_SOURCE = 4;  // The claimed source address or port is not the opener.
constexpr uint32_t REJECT_TOKEN = 5;  // Nobody here waits for the token of an ATTACH, or not from this process.

// Handshake of a link
constexpr uint32_t HANDSHAKE_MAGIC = 1263422547;  // "SLNK": first word of every handshake message.
constexpr uint32_t HANDSHAKE_VERSION = 1;  // Changes with the handshake itself; everything behind it is covered by LAYOUT_HASH.
constexpr uint32_t HANDSHAKE_IDENT = 1;  // HandshakeIdent: server to client, first.
constexpr uint32_t HANDSHAKE_JOIN = 2;  // HandshakeJoin: client to server, with the client's segment.
constexpr uint32_t HANDSHAKE_WELCOME = 3;  // HandshakeWelcome: server to client, with the server's segment.
constexpr uint32_t WELCOME_OK = 0;  // The link stands.
constexpr uint32_t WELCOME_SEGMENT = 2;  // The segment was refused (size, type or seals).
constexpr uint32_t WELCOME_RESOURCES = 3;  // The server can hold no more links.

// Session messages: kinds
constexpr uint32_t SESSION_HELLO = 1;  // Negotiation (rule 3.6): SessionHello.
constexpr uint32_t SESSION_DATA = 2;  // Bytes of the stream follow; value = 0, the message says how many.
constexpr uint32_t SESSION_CREDIT = 3;  // Only the credits of the header.
constexpr uint32_t SESSION_OFFER = 4;  // A large send (rules 5.6, 5.7): SessionOffer, then the first bytes; value = number of the offer.
constexpr uint32_t SESSION_TARGET = 5;  // Where to write a large send (rule 5.7): SessionTarget; value = number of the offer.
constexpr uint32_t SESSION_DONE = 6;  // A large send is finished: SessionDone; value = number of the offer.
constexpr uint32_t SESSION_URGENT = 7;  // Urgent bytes follow (rule 5.9); value = how many.
constexpr uint32_t SESSION_FIN = 8;  // The sender sends no more (half-close).
constexpr uint32_t SESSION_SUSPEND = 9;  // The sender moves to another owner (rule 8.1): send no more until RESUME, and say SUSPENDED.
constexpr uint32_t SESSION_SUSPENDED = 10;  // The answer to SUSPEND, when all that the sender had begun is over: its last message.
constexpr uint32_t SESSION_RESUME = 11;  // The end of what SUSPEND began: the new owner is there, or the old one stays.

// Session messages: values
constexpr uint32_t SESSION_VERSION = 3;  // Version of the session protocol.
constexpr uint32_t CAPABILITY_RDMA_READ = 1;  // Bit: the sender's provider can WSPRdmaRead.
constexpr uint32_t CAPABILITY_RDMA_WRITE = 2;  // Bit: the sender's provider can WSPRdmaWrite.
constexpr uint32_t CAPABILITY_RDMA_SHARED = 8;  // Bit: the sender writes to a target that it is named, also where the peer could read.
constexpr uint32_t CAPABILITY_FLOW_CONTROL = 4;  // Bit: the sender's provider refuses when full, so it needs no credits.
constexpr uint32_t SESSION_STATUS_OK = 0;  // All bytes have arrived.
constexpr uint32_t SESSION_STATUS_NO_BUFFERS = 1;  // No memory could be registered (rule 5.8): send by messages.

// Synchronisation (src/sync)
constexpr uint32_t MUTEX_CONTENDED = 1;  // Bit of Mutex.owner: threads may be asleep, so that unlocking wakes one.
constexpr uint32_t MUTEX_TID_SHIFT = 1;  // Lowest bit of the owner's Linux thread id in Mutex.owner.
constexpr uint32_t MUTEX_TID_MASK = 4194303;  // The bits of a thread id: Linux has at most 2^22 of them.
constexpr uint32_t MUTEX_NONCE_SHIFT = 23;  // Lowest bit of the owner's nonce, the highest 9 bits of Mutex.owner.
constexpr uint32_t MUTEX_NONCE_COUNT = 511;  // Nonces of threads that can be looked up: 1 to this, by the thread's start time. 0: can't.
constexpr uint32_t SEMAPHORE_CONTENDED = 1;  // Bit of Semaphore.state: threads may be asleep of whom none is on its way.
constexpr uint32_t SEMAPHORE_PERMIT = 2;  // One permit in Semaphore.state.
constexpr uint32_t SEMAPHORE_PERMIT_SHIFT = 1;  // Lowest bit of the number of permits.
constexpr uint32_t SEMAPHORE_PERMITS_MAX = 1073741823;  // The most permits.
constexpr uint32_t RW_LOCK_WRITER = 1;  // Bit of RwLock.state: a writer has the lock, or waits for readers to leave; no reader enters.
constexpr uint32_t RW_LOCK_DAMAGED = 2;  // Bit of RwLock.state: a writer has died, and no other one has unlocked since.
constexpr uint32_t RW_LOCK_READER = 4;  // One reader in RwLock.state.
constexpr uint32_t RW_LOCK_READER_SHIFT = 2;  // Lowest bit of the number of readers.
constexpr uint32_t RW_LOCK_READERS_MAX = 536870911;  // The most readers at a time.
constexpr uint32_t BARRIER_ARRIVED_MASK = 4095;  // The threads that have arrived, in Barrier.state; the generation is above.
constexpr uint32_t BARRIER_GENERATION_SHIFT = 12;  // Lowest bit of the generation.
constexpr uint32_t BARRIER_PARTIES_MAX = 4095;  // The most threads of a barrier.

// Mail links (src/actor/mail)
constexpr uint32_t MAIL_RING_BYTES = 1048576;  // Capacity of each ring of a mail link, unless another is chosen.
constexpr uint32_t MAIL_FLAG_SENDER = 1;  // Bit of MailHeader.flags: the message has a sender.
constexpr uint32_t MAIL_FLAG_DETACHED = 2;  // Bit of MailHeader.flags: too large for the ring, the body comes by the link's message port.
constexpr uint32_t MAIL_FLAG_ATTACHED = 4;  // Bit of MailHeader.flags: what can't be written as bytes comes by the link's message port.

// Counters page of a thread (src/stats, src/top)
constexpr uint32_t COUNTERS_MAGIC = 1413697107;  // "SNCT": first word of every page.
constexpr uint32_t COUNTERS_VERSION = 1;  // Of the layout of page and entries.
constexpr uint32_t COUNTERS_FILE_BYTES = 212992;  // Bytes of the file, sparse.
constexpr uint32_t COUNTERS_NAME_BYTES = 16;  // Bytes of the name of a thread, or of a provider.
constexpr uint32_t COUNTERS_ADDRESS_BYTES = 56;  // Bytes of an address.
constexpr uint32_t COUNTERS_ENTRY_LIMIT = 1024;  // Connections that have an entry; further ones are only counted.

// Segment of a thread's RDMA engine
constexpr uint32_t VERBS_SEGMENT_BYTES = 67108864;  // Bytes of it, sparse. It begins with the RingWords of the completion ring.
constexpr uint32_t VERBS_RING_OFFSET = 4096;  // Byte offset of the completion ring's data.
constexpr uint32_t VERBS_RING_BYTES = 131072;  // Capacity of the completion ring.
constexpr uint32_t VERBS_SUBMISSIONS_OFFSET = 262144;  // Byte offset of the submissions, VerbsSubmission each.
constexpr uint32_t VERBS_SUBMISSIONS_LIMIT = 1024;  // Submissions that one call can take.
constexpr uint32_t VERBS_ARENA_OFFSET = 1048576;  // Byte offset of the arena: slots for messages, from number 0.
constexpr uint32_t VERBS_CHUNK_BYTES = 1048576;  // What is registered at a time when first used; no submission crosses it.
constexpr uint32_t VERBS_CHUNK_COUNT = 63;  // Chunks of the arena.
constexpr uint32_t VERBS_SLOT_BYTES = 8192;  // Bytes of a slot, so of the largest message.
constexpr uint32_t VERBS_SLOT_COUNT = 8064;  // Slots of the arena.
constexpr uint32_t VERBS_COOKIE_MAX = 268435455;  // The largest cookie of a submission.
constexpr uint32_t VERBS_PRIVATE_BYTES_MAX = 256;  // Private data that an event can carry.

// Operations of a queue pair (VerbsSubmission.op, VerbsCompletion.op)
constexpr uint32_t VERBS_OP_SEND = 1;  // One message out of the memory named.
constexpr uint32_t VERBS_OP_RECEIVE = 2;  // Into a slot of the arena, whose number is the cookie.
constexpr uint32_t VERBS_OP_READ = 3;  // RDMA read of remote memory into local memory.
constexpr uint32_t VERBS_OP_WRITE = 4;  // RDMA write of local memory into remote memory; length 0 only probes the path.
constexpr uint32_t VERBS_OP_BIND = 5;  // Binding of a memory window; only in completions.
constexpr uint32_t VERBS_OP_INVALIDATE = 6;  // Invalidation of a memory window; only in completions.

// Flags of a submission (VerbsSubmission.flags)
constexpr uint32_t VERBS_FLAG_SIGNALLED = 1;  // A completion is wanted. One that fails always has one. RECEIVE: always.
constexpr uint32_t VERBS_FLAG_FENCE = 2;  // Not before the RDMA reads ahead of it have ended.

// Outcomes of an operation (VerbsCompletion.status): those of libibverbs (IBV_WC_*) and our own
constexpr uint32_t VERBS_STATUS_OK = 0;  // IBV_WC_SUCCESS
constexpr uint32_t VERBS_STATUS_LOCAL_LENGTH = 1;  // IBV_WC_LOC_LEN_ERR: a message did not fit into its receive.
constexpr uint32_t VERBS_STATUS_LOCAL_PROTECTION = 4;  // IBV_WC_LOC_PROT_ERR: local memory is not registered as it must be.
constexpr uint32_t VERBS_STATUS_FLUSHED = 5;  // IBV_WC_WR_FLUSH_ERR: the queue pair has ended before.
constexpr uint32_t VERBS_STATUS_BIND = 6;  // IBV_WC_MW_BIND_ERR: a memory window could not be bound.
constexpr uint32_t VERBS_STATUS_LOCAL_ACCESS = 8;  // IBV_WC_LOC_ACCESS_ERR
constexpr uint32_t VERBS_STATUS_REMOTE_REQUEST = 9;  // IBV_WC_REM_INV_REQ_ERR: the peer could make nothing of it.
constexpr uint32_t VERBS_STATUS_REMOTE_ACCESS = 10;  // IBV_WC_REM_ACCESS_ERR: the peer's memory may not be read or written so.
constexpr uint32_t VERBS_STATUS_REMOTE_OPERATION = 11;  // IBV_WC_REM_OP_ERR: the peer could not do it.
constexpr uint32_t VERBS_STATUS_RETRIES = 12;  // IBV_WC_RETRY_EXC_ERR: no answer; the path or the peer is dead.
constexpr uint32_t VERBS_STATUS_RNR_RETRIES = 13;  // IBV_WC_RNR_RETRY_EXC_ERR: the peer posted no receive.
constexpr uint32_t VERBS_STATUS_FATAL = 19;  // IBV_WC_FATAL_ERR
constexpr uint32_t VERBS_STATUS_GENERAL = 21;  // IBV_WC_GENERAL_ERR
constexpr uint32_t VERBS_STATUS_NOT_POSTED = 256;  // Ours: it was never begun; vendorError is the errno.
constexpr uint32_t VERBS_STATUS_SLOT_BACK = 257;  // Ours, RECEIVE: the slot (cookie) is free again, its connection is not here any more.
constexpr uint32_t VERBS_STATUS_QUEUE_LOST = 258;  // Ours, op 0: the completion queue has failed; no more of this connection comes.

// Events of connections (VerbsCm.event): those of librdmacm (RDMA_CM_EVENT_*)
constexpr uint32_t VERBS_CM_ADDRESS_RESOLVED = 0;  // Local address and device are known.
constexpr uint32_t VERBS_CM_ADDRESS_ERROR = 1;  // Nobody has that address, or no device leads there.
constexpr uint32_t VERBS_CM_ROUTE_RESOLVED = 2;  // A connect may follow.
constexpr uint32_t VERBS_CM_ROUTE_ERROR = 3;  // There is no route.
constexpr uint32_t VERBS_CM_CONNECT_REQUEST = 4;  // A new connection at a listener: accept, reject or hand it over.
constexpr uint32_t VERBS_CM_CONNECT_ERROR = 6;  // The connect, or the accept, has failed.
constexpr uint32_t VERBS_CM_UNREACHABLE = 7;  // Nobody answers.
constexpr uint32_t VERBS_CM_REJECTED = 8;  // Refused; status is one of VERBS_REJECT_* or another of the IB CM.
constexpr uint32_t VERBS_CM_ESTABLISHED = 9;  // The connection stands, on either side.
constexpr uint32_t VERBS_CM_DISCONNECTED = 10;  // The peer, or this side, has disconnected; all that is under way is flushed.
constexpr uint32_t VERBS_CM_DEVICE_REMOVAL = 11;  // The device goes: destroy the connection or listener.
constexpr uint32_t VERBS_CM_ADDRESS_CHANGE = 14;  // The address of the device below has changed.
constexpr uint32_t VERBS_CM_TIMEWAIT_EXIT = 15;  // Nothing late of this connection can arrive any more.

// Why the peer has rejected (VerbsCm.status of VERBS_CM_REJECTED)
constexpr uint32_t VERBS_REJECT_NO_LISTENER = 8;  // Invalid service id: nobody listens there.
constexpr uint32_t VERBS_REJECT_BY_LISTENER = 28;  // The listener has called reject; the private data is its.

// Asynchronous events (VerbsAsync.event): those of libibverbs (IBV_EVENT_*)
constexpr uint32_t VERBS_ASYNC_QUEUE_PAIR_FATAL = 1;  // The queue pair has failed.
constexpr uint32_t VERBS_ASYNC_QUEUE_PAIR_REQUEST = 2;  // The peer has sent what can not be.
constexpr uint32_t VERBS_ASYNC_QUEUE_PAIR_ACCESS = 3;  // The peer has touched what it may not.
constexpr uint32_t VERBS_ASYNC_DEVICE_FATAL = 8;  // The device has failed: all its connections end.
constexpr uint32_t VERBS_ASYNC_PORT_ACTIVE = 9;  // A port is up.
constexpr uint32_t VERBS_ASYNC_PORT_ERROR = 10;  // A port is down.

// Access to registered memory: bits of IBV_ACCESS_*
constexpr uint32_t VERBS_ACCESS_LOCAL_WRITE = 1;  // Receives and RDMA reads may land there.
constexpr uint32_t VERBS_ACCESS_REMOTE_WRITE = 2;  // The peer may write; needs LOCAL_WRITE.
constexpr uint32_t VERBS_ACCESS_REMOTE_READ = 4;  // The peer may read.
constexpr uint32_t VERBS_ACCESS_BIND = 16;  // Memory windows may be bound to it.

// What two providers say to each other by the connection manager's private data
constexpr uint32_t VERBS_MAGIC = 1112954707;  // "SWVB": first word of every VerbsGreeting.
constexpr uint32_t VERBS_VERSION = 1;  // Of the greeting and of everything behind it but the session.
constexpr uint32_t VERBS_SAYS_CONNECT = 1;  // VerbsGreeting.kind: with a connect.
constexpr uint32_t VERBS_SAYS_ACCEPT = 2;  // VerbsGreeting.kind: with an accept.
constexpr uint32_t VERBS_SAYS_REFUSE = 3;  // VerbsGreeting.kind: with a rejection.
constexpr uint32_t VERBS_REFUSED_BY_CONDITION = 1;  // VerbsGreeting.reason: the condition function said CF_REJECT (rule 4.4).
constexpr uint32_t VERBS_REFUSED_BACKLOG = 2;  // VerbsGreeting.reason: the backlog is full (rule 4.4).
constexpr uint32_t VERBS_REFUSED_RESOURCES = 3;  // VerbsGreeting.reason: no queue pair or memory for it; TCP/IP may do (rule 3.4).
constexpr uint32_t VERBS_REFUSED_HAND_OVER = 4;  // VerbsGreeting.reason: the owner that was to have it did not come.
constexpr uint32_t VERBS_REFUSED_CLOSED = 5;  // VerbsGreeting.reason: the listener has closed.
constexpr uint32_t VERBS_REFUSED_GREETING = 6;  // VerbsGreeting.reason: the caller is none of ours, or of another version.

// What stands before the payload of every record.
struct RecordHeader {
  uint32_t length;  // Bytes of the payload; the record is padded to RECORD_ALIGN.
  uint32_t type;  // RECORD_*
};
static_assert(sizeof(RecordHeader) == 8, "size of RecordHeader");
static_assert(offsetof(RecordHeader, length) == 0, "offset of RecordHeader.length");
static_assert(offsetof(RecordHeader, type) == 4, "offset of RecordHeader.type");

// Payload of RECORD_SWITCH; always fits into the 16 bytes that a connection keeps in reserve.
struct SwitchRecord {
  uint32_t slot;  // The slot where the next record stands.
};
static_assert(sizeof(SwitchRecord) == 4, "size of SwitchRecord");
static_assert(offsetof(SwitchRecord, slot) == 0, "offset of SwitchRecord.slot");

// The positions of a ring that lives in one piece of memory; its data follows.
struct RingWords {
  int32_t prod;  // Position up to which records are published. Written by the producer.
  uint8_t gap4[124];
  int32_t cons;  // Position up to which they are consumed. Written by the consumer; on a cache line pair of its own.
  uint8_t gap132[124];
};
static_assert(sizeof(RingWords) == 256, "size of RingWords");
static_assert(offsetof(RingWords, prod) == 0, "offset of RingWords.prod");
static_assert(offsetof(RingWords, cons) == 128, "offset of RingWords.cons");

// One size class of the slab.
struct SlotClass {
  uint32_t slotBytes;  // Bytes of one slot, a power of two.
  uint32_t slotCount;  // Number of slots.
  uint32_t offset;  // Byte offset in the segment.
};
static_assert(sizeof(SlotClass) == 12, "size of SlotClass");
static_assert(offsetof(SlotClass, slotBytes) == 0, "offset of SlotClass.slotBytes");
static_assert(offsetof(SlotClass, slotCount) == 4, "offset of SlotClass.slotCount");
static_assert(offsetof(SlotClass, offset) == 8, "offset of SlotClass.offset");

// Start of a segment. The owner alone writes it; the peer maps it read-only.
struct SegmentHeader {
  uint32_t magic;  // SEGMENT_MAGIC
  uint32_t layoutHash;  // LAYOUT_HASH
  uint32_t segmentBytes;  // SEGMENT_BYTES
  uint32_t connectionLimit;  // LINK_CONNECTION_LIMIT
  uint32_t linkRingOffset;  // LINK_RING_OFFSET
  uint32_t linkRingBytes;  // LINK_RING_BYTES
  uint32_t cellsOffset;  // SEGMENT_CELLS_OFFSET
  uint32_t classes[12];  // SlotClass times SLOT_CLASS_COUNT
  uint8_t gap76[52];
  int32_t sleepEpoch;  // The owner's sleep epoch: odd while it sleeps or is about to.
  uint8_t gap132[124];
  int32_t linkProd;  // Position up to which the owner's link ring is published.
  uint8_t gap260[124];
  int32_t linkCons;  // Position up to which the owner has consumed the peer's link ring.
  uint8_t gap388[3708];
};
static_assert(sizeof(SegmentHeader) == 4096, "size of SegmentHeader");
static_assert(offsetof(SegmentHeader, magic) == 0, "offset of SegmentHeader.magic");
static_assert(offsetof(SegmentHeader, layoutHash) == 4, "offset of SegmentHeader.layoutHash");
static_assert(offsetof(SegmentHeader, segmentBytes) == 8, "offset of SegmentHeader.segmentBytes");
static_assert(offsetof(SegmentHeader, connectionLimit) == 12, "offset of SegmentHeader.connectionLimit");
static_assert(offsetof(SegmentHeader, linkRingOffset) == 16, "offset of SegmentHeader.linkRingOffset");
static_assert(offsetof(SegmentHeader, linkRingBytes) == 20, "offset of SegmentHeader.linkRingBytes");
static_assert(offsetof(SegmentHeader, cellsOffset) == 24, "offset of SegmentHeader.cellsOffset");
static_assert(offsetof(SegmentHeader, classes) == 28, "offset of SegmentHeader.classes");
static_assert(offsetof(SegmentHeader, sleepEpoch) == 128, "offset of SegmentHeader.sleepEpoch");
static_assert(offsetof(SegmentHeader, linkProd) == 256, "offset of SegmentHeader.linkProd");
static_assert(offsetof(SegmentHeader, linkCons) == 384, "offset of SegmentHeader.linkCons");

// What the owner of a segment says about one connection; there is one per id. Both sides' cells together make a connection.
struct Cell {
  int32_t prod;  // Position up to which the owner has published records of this connection.
  int32_t cons;  // Position up to which it has consumed the peer's.
  int32_t blockedSeq;  // Counts how often the owner found no room to write.
  int32_t blockedNeed;  // The position that the peer's cons must reach to make room. Written before blockedSeq.
  uint32_t slot;  // Where the owner's ring of this connection starts. Changed only while the ring is drained.
  uint32_t slotSeq;  // Counts the changes of slot. The reader, when it finds records after having been drained, obeys slot only if this has changed: a SWITCH record does not touch slot, so that an old value must not lead it back.
  uint32_t flags;  // Reserved, 0.
  uint8_t gap28[36];
};
static_assert(sizeof(Cell) == 64, "size of Cell");
static_assert(offsetof(Cell, prod) == 0, "offset of Cell.prod");
static_assert(offsetof(Cell, cons) == 4, "offset of Cell.cons");
static_assert(offsetof(Cell, blockedSeq) == 8, "offset of Cell.blockedSeq");
static_assert(offsetof(Cell, blockedNeed) == 12, "offset of Cell.blockedNeed");
static_assert(offsetof(Cell, slot) == 16, "offset of Cell.slot");
static_assert(offsetof(Cell, slotSeq) == 20, "offset of Cell.slotSeq");
static_assert(offsetof(Cell, flags) == 24, "offset of Cell.flags");

// Payload of RECORD_LINK_OPEN.
struct LinkOpen {
  uint32_t id;  // The connection, chosen by the opener.
  uint32_t cookieLow;  // SO_COOKIE of the listening socket, low half.
  uint32_t cookieHigh;  // High half.
  uint32_t claim;  // CLAIM_*: what kind of source port this is.
  uint16_t family;  // 4 or 6: how the addresses are to be read.
  uint16_t sourcePort;  // Port of the opener.
  uint16_t destinationPort;  // Port that it connects to.
  uint16_t reserved;  // 0
  uint8_t sourceAddress[16];  // In network order; IPv4 in the first 4 bytes, 0 behind.
  uint8_t destinationAddress[16];  // Likewise.
};
static_assert(sizeof(LinkOpen) == 56, "size of LinkOpen");
static_assert(offsetof(LinkOpen, id) == 0, "offset of LinkOpen.id");
static_assert(offsetof(LinkOpen, cookieLow) == 4, "offset of LinkOpen.cookieLow");
static_assert(offsetof(LinkOpen, cookieHigh) == 8, "offset of LinkOpen.cookieHigh");
static_assert(offsetof(LinkOpen, claim) == 12, "offset of LinkOpen.claim");
static_assert(offsetof(LinkOpen, family) == 16, "offset of LinkOpen.family");
static_assert(offsetof(LinkOpen, sourcePort) == 18, "offset of LinkOpen.sourcePort");
static_assert(offsetof(LinkOpen, destinationPort) == 20, "offset of LinkOpen.destinationPort");
static_assert(offsetof(LinkOpen, reserved) == 22, "offset of LinkOpen.reserved");
static_assert(offsetof(LinkOpen, sourceAddress) == 24, "offset of LinkOpen.sourceAddress");
static_assert(offsetof(LinkOpen, destinationAddress) == 40, "offset of LinkOpen.destinationAddress");

// Payload of RECORD_LINK_ACCEPT.
struct LinkAccept {
  uint32_t id;  // The connection.
};
static_assert(sizeof(LinkAccept) == 4, "size of LinkAccept");
static_assert(offsetof(LinkAccept, id) == 0, "offset of LinkAccept.id");

// Payload of RECORD_LINK_REJECT.
struct LinkReject {
  uint32_t id;  // The connection.
  uint32_t reason;  // REJECT_*
};
static_assert(sizeof(LinkReject) == 8, "size of LinkReject");
static_assert(offsetof(LinkReject, id) == 0, "offset of LinkReject.id");
static_assert(offsetof(LinkReject, reason) == 4, "offset of LinkReject.reason");

// Payload of RECORD_LINK_CLOSE.
struct LinkClose {
  uint32_t id;  // The connection.
};
static_assert(sizeof(LinkClose) == 4, "size of LinkClose");
static_assert(offsetof(LinkClose, id) == 0, "offset of LinkClose.id");

// Payload of RECORD_LINK_NEWS.
struct LinkNews {
  uint32_t id;  // The connection.
};
static_assert(sizeof(LinkNews) == 4, "size of LinkNews");
static_assert(offsetof(LinkNews, id) == 0, "offset of LinkNews.id");

// Payload of RECORD_LINK_SPACE.
struct LinkSpace {
  uint32_t id;  // The connection.
};
static_assert(sizeof(LinkSpace) == 4, "size of LinkSpace");
static_assert(offsetof(LinkSpace, id) == 0, "offset of LinkSpace.id");

// Payload of RECORD_LINK_MOVE. In answer to an OPEN, or on a connection that stands and on which nothing is under way.
struct LinkMove {
  uint32_t id;  // The connection.
  uint32_t tokenLow;  // Random name of what goes on elsewhere, low half.
  uint32_t tokenHigh;  // High half.
  uint8_t reactorId[16];  // The accepting side's new reactor, which the peer is to meet. 0 if the opener moves.
};
static_assert(sizeof(LinkMove) == 28, "size of LinkMove");
static_assert(offsetof(LinkMove, id) == 0, "offset of LinkMove.id");
static_assert(offsetof(LinkMove, tokenLow) == 4, "offset of LinkMove.tokenLow");
static_assert(offsetof(LinkMove, tokenHigh) == 8, "offset of LinkMove.tokenHigh");
static_assert(offsetof(LinkMove, reactorId) == 12, "offset of LinkMove.reactorId");

// Payload of RECORD_LINK_ATTACH.
struct LinkAttach {
  uint32_t id;  // The connection, chosen by the opener.
  uint32_t tokenLow;  // Of the MOVE, low half.
  uint32_t tokenHigh;  // High half.
};
static_assert(sizeof(LinkAttach) == 12, "size of LinkAttach");
static_assert(offsetof(LinkAttach, id) == 0, "offset of LinkAttach.id");
static_assert(offsetof(LinkAttach, tokenLow) == 4, "offset of LinkAttach.tokenLow");
static_assert(offsetof(LinkAttach, tokenHigh) == 8, "offset of LinkAttach.tokenHigh");

// Start of every handshake message; never changes, so that versions can talk about it.
struct HandshakeHeader {
  uint32_t magic;  // HANDSHAKE_MAGIC
  uint16_t version;  // HANDSHAKE_VERSION
  uint16_t type;  // HANDSHAKE_IDENT, _JOIN or _WELCOME
  uint32_t layoutHash;  // LAYOUT_HASH
};
static_assert(sizeof(HandshakeHeader) == 12, "size of HandshakeHeader");
static_assert(offsetof(HandshakeHeader, magic) == 0, "offset of HandshakeHeader.magic");
static_assert(offsetof(HandshakeHeader, version) == 4, "offset of HandshakeHeader.version");
static_assert(offsetof(HandshakeHeader, type) == 6, "offset of HandshakeHeader.type");
static_assert(offsetof(HandshakeHeader, layoutHash) == 8, "offset of HandshakeHeader.layoutHash");

// Server to client, at once after accept. Begins with HandshakeHeader.
struct HandshakeIdent {
  uint32_t header[3];  // HandshakeHeader
  uint32_t pid;  // Process id of the server; a hint, the kernel is asked.
  uint8_t reactorId[16];  // Random name of the server's reactor: one link per pair of reactors.
  uint32_t cookieLow;  // SO_COOKIE of the listening TCP socket, low half. 0 at a reactor's own rendezvous.
  uint32_t cookieHigh;  // High half.
  int32_t listenerFd;  // Its descriptor in the server; a hint that is checked. -1: none.
};
static_assert(sizeof(HandshakeIdent) == 44, "size of HandshakeIdent");
static_assert(offsetof(HandshakeIdent, header) == 0, "offset of HandshakeIdent.header");
static_assert(offsetof(HandshakeIdent, pid) == 12, "offset of HandshakeIdent.pid");
static_assert(offsetof(HandshakeIdent, reactorId) == 16, "offset of HandshakeIdent.reactorId");
static_assert(offsetof(HandshakeIdent, cookieLow) == 32, "offset of HandshakeIdent.cookieLow");
static_assert(offsetof(HandshakeIdent, cookieHigh) == 36, "offset of HandshakeIdent.cookieHigh");
static_assert(offsetof(HandshakeIdent, listenerFd) == 40, "offset of HandshakeIdent.listenerFd");

// Client to server; carries the client's segment. Begins with HandshakeHeader.
struct HandshakeJoin {
  uint32_t header[3];  // HandshakeHeader
  uint32_t segmentBytes;  // Size of the segment that comes with it.
  uint8_t reactorId[16];  // Random name of the client's reactor.
};
static_assert(sizeof(HandshakeJoin) == 32, "size of HandshakeJoin");
static_assert(offsetof(HandshakeJoin, header) == 0, "offset of HandshakeJoin.header");
static_assert(offsetof(HandshakeJoin, segmentBytes) == 12, "offset of HandshakeJoin.segmentBytes");
static_assert(offsetof(HandshakeJoin, reactorId) == 16, "offset of HandshakeJoin.reactorId");

// Server to client; carries the server's segment if all is well. Begins with HandshakeHeader.
struct HandshakeWelcome {
  uint32_t header[3];  // HandshakeHeader
  uint32_t status;  // WELCOME_*
  uint32_t segmentBytes;  // Size of the segment that comes with it.
};
static_assert(sizeof(HandshakeWelcome) == 20, "size of HandshakeWelcome");
static_assert(offsetof(HandshakeWelcome, header) == 0, "offset of HandshakeWelcome.header");
static_assert(offsetof(HandshakeWelcome, status) == 12, "offset of HandshakeWelcome.status");
static_assert(offsetof(HandshakeWelcome, segmentBytes) == 16, "offset of HandshakeWelcome.segmentBytes");

// Start of every session message.
struct SessionHeader {
  uint8_t kind;  // SESSION_*
  uint8_t flags;  // Reserved, 0.
  uint16_t credits;  // Receive buffers that the sender has posted since its last message.
  uint32_t value;  // By kind.
};
static_assert(sizeof(SessionHeader) == 8, "size of SessionHeader");
static_assert(offsetof(SessionHeader, kind) == 0, "offset of SessionHeader.kind");
static_assert(offsetof(SessionHeader, flags) == 1, "offset of SessionHeader.flags");
static_assert(offsetof(SessionHeader, credits) == 2, "offset of SessionHeader.credits");
static_assert(offsetof(SessionHeader, value) == 4, "offset of SessionHeader.value");

// Body of SESSION_HELLO.
struct SessionHello {
  uint16_t version;  // SESSION_VERSION
  uint16_t receiveBuffers;  // Receive buffers that stand.
  uint32_t messageBytes;  // Bytes of each: the largest message that may be sent here.
  uint32_t capabilities;  // CAPABILITY_* bits
  uint32_t rdmaThresholdBytes;  // Sends from this size on go by RDMA (SO_RDMA_THRESHOLD_SIZE).
  uint32_t maxRdmaBytes;  // The largest RDMA transfer (SO_MAX_RDMA_SIZE).
};
static_assert(sizeof(SessionHello) == 20, "size of SessionHello");
static_assert(offsetof(SessionHello, version) == 0, "offset of SessionHello.version");
static_assert(offsetof(SessionHello, receiveBuffers) == 2, "offset of SessionHello.receiveBuffers");
static_assert(offsetof(SessionHello, messageBytes) == 4, "offset of SessionHello.messageBytes");
static_assert(offsetof(SessionHello, capabilities) == 8, "offset of SessionHello.capabilities");
static_assert(offsetof(SessionHello, rdmaThresholdBytes) == 12, "offset of SessionHello.rdmaThresholdBytes");
static_assert(offsetof(SessionHello, maxRdmaBytes) == 16, "offset of SessionHello.maxRdmaBytes");

// Body of SESSION_OFFER; `inlineBytes` bytes follow. Key and address are 0 where rule 5.7 applies.
struct SessionOffer {
  uint32_t totalBytes;  // Bytes of the whole send.
  uint32_t inlineBytes;  // How many of them are in this message.
  uint32_t keyLow;  // RDMA buffer descriptor of the rest: key, low half.
  uint32_t keyHigh;  // Key, high half.
  uint32_t addressLow;  // Address, low half.
  uint32_t addressHigh;  // Address, high half.
};
static_assert(sizeof(SessionOffer) == 24, "size of SessionOffer");
static_assert(offsetof(SessionOffer, totalBytes) == 0, "offset of SessionOffer.totalBytes");
static_assert(offsetof(SessionOffer, inlineBytes) == 4, "offset of SessionOffer.inlineBytes");
static_assert(offsetof(SessionOffer, keyLow) == 8, "offset of SessionOffer.keyLow");
static_assert(offsetof(SessionOffer, keyHigh) == 12, "offset of SessionOffer.keyHigh");
static_assert(offsetof(SessionOffer, addressLow) == 16, "offset of SessionOffer.addressLow");
static_assert(offsetof(SessionOffer, addressHigh) == 20, "offset of SessionOffer.addressHigh");

// Body of SESSION_TARGET.
struct SessionTarget {
  uint32_t status;  // SESSION_STATUS_*: whether there is a target.
  uint32_t keyLow;  // RDMA buffer descriptor to write to: key, low half.
  uint32_t keyHigh;  // Key, high half.
  uint32_t addressLow;  // Address, low half.
  uint32_t addressHigh;  // Address, high half.
};
static_assert(sizeof(SessionTarget) == 20, "size of SessionTarget");
static_assert(offsetof(SessionTarget, status) == 0, "offset of SessionTarget.status");
static_assert(offsetof(SessionTarget, keyLow) == 4, "offset of SessionTarget.keyLow");
static_assert(offsetof(SessionTarget, keyHigh) == 8, "offset of SessionTarget.keyHigh");
static_assert(offsetof(SessionTarget, addressLow) == 12, "offset of SessionTarget.addressLow");
static_assert(offsetof(SessionTarget, addressHigh) == 16, "offset of SessionTarget.addressHigh");

// Body of SESSION_DONE.
struct SessionDone {
  uint32_t status;  // SESSION_STATUS_*
};
static_assert(sizeof(SessionDone) == 4, "size of SessionDone");
static_assert(offsetof(SessionDone, status) == 0, "offset of SessionDone.status");

// Plain memory of one thread's JavaScript and its native reactor; the watch entries follow.
struct ReactorControl {
  uint32_t watchCount;  // Watch entries in use. Written by JavaScript.
  uint32_t dirty;  // Not 0: JavaScript holds uncommitted link records and is called before the thread sleeps.
  uint32_t spinBudgetNs;  // How long to spin before sleeping, in nanoseconds; 0: never.
  uint32_t reserved;  // 0
  uint64_t callbacks;  // Counter: calls into JavaScript.
  uint64_t polls;  // Counter: passes over the watch entries.
  uint64_t spins;  // Counter: turns of the loop that spun.
  uint64_t sleeps;  // Counter: times that the thread let its event loop sleep.
  uint64_t wakesSent;  // Counter: wake-ups sent to peers.
  uint64_t wakesReceived;  // Counter: wake-ups that came from peers.
  uint64_t records;  // Counter: completion records that came from the dedicated poller.
  uint64_t alarm;  // When to call JavaScript, which sets it: ns of CLOCK_MONOTONIC; 0: not, or done.
};
static_assert(sizeof(ReactorControl) == 80, "size of ReactorControl");
static_assert(offsetof(ReactorControl, watchCount) == 0, "offset of ReactorControl.watchCount");
static_assert(offsetof(ReactorControl, dirty) == 4, "offset of ReactorControl.dirty");
static_assert(offsetof(ReactorControl, spinBudgetNs) == 8, "offset of ReactorControl.spinBudgetNs");
static_assert(offsetof(ReactorControl, reserved) == 12, "offset of ReactorControl.reserved");
static_assert(offsetof(ReactorControl, callbacks) == 16, "offset of ReactorControl.callbacks");
static_assert(offsetof(ReactorControl, polls) == 24, "offset of ReactorControl.polls");
static_assert(offsetof(ReactorControl, spins) == 32, "offset of ReactorControl.spins");
static_assert(offsetof(ReactorControl, sleeps) == 40, "offset of ReactorControl.sleeps");
static_assert(offsetof(ReactorControl, wakesSent) == 48, "offset of ReactorControl.wakesSent");
static_assert(offsetof(ReactorControl, wakesReceived) == 56, "offset of ReactorControl.wakesReceived");
static_assert(offsetof(ReactorControl, records) == 64, "offset of ReactorControl.records");
static_assert(offsetof(ReactorControl, alarm) == 72, "offset of ReactorControl.alarm");

// Payload of RECORD_READY.
struct ReadyRecord {
  uint32_t watch;  // Place of the watched word among those that the thread left to the poller.
  int32_t value;  // What stands in it.
};
static_assert(sizeof(ReadyRecord) == 8, "size of ReadyRecord");
static_assert(offsetof(ReadyRecord, watch) == 0, "offset of ReadyRecord.watch");
static_assert(offsetof(ReadyRecord, value) == 4, "offset of ReadyRecord.value");

// One slot of the depth table, by which a host shares with all threads how full the mailboxes of its actors are.
struct ActorSlot {
  int32_t generation;  // Odd: which actor has the slot. Even: nobody. Written by its host alone.
  int32_t depth;  // Messages in the mailbox or on their way to it. Outlives the actor.
  int32_t capacity;  // Messages that the mailbox holds at most.
  int32_t mark;  // ACTOR_POLICY_* in the low bits; the high-water mark above.
};
static_assert(sizeof(ActorSlot) == 16, "size of ActorSlot");
static_assert(offsetof(ActorSlot, generation) == 0, "offset of ActorSlot.generation");
static_assert(offsetof(ActorSlot, depth) == 4, "offset of ActorSlot.depth");
static_assert(offsetof(ActorSlot, capacity) == 8, "offset of ActorSlot.capacity");
static_assert(offsetof(ActorSlot, mark) == 12, "offset of ActorSlot.mark");

// Which actor of a runtime has which name. Entries follow; all of it is under the mutex.
struct ActorNameTable {
  uint32_t mutex;  // A Mutex of sanswitch/sync.
  int32_t count;  // Names that are taken.
};
static_assert(sizeof(ActorNameTable) == 8, "size of ActorNameTable");
static_assert(offsetof(ActorNameTable, mutex) == 0, "offset of ActorNameTable.mutex");
static_assert(offsetof(ActorNameTable, count) == 4, "offset of ActorNameTable.count");

// One name. What else it holds is written before `state` says so.
struct ActorNameEntry {
  int32_t state;  // ACTOR_NAME_*
  int32_t hash;  // Of the name.
  uint32_t host;  // The actor's address.
  uint32_t slot;  // The actor's address.
  uint32_t generation;  // The actor's address.
  uint32_t registrar;  // The host that gave the name, and takes it back.
  uint32_t nameBytes;  // Bytes of the name.
  uint8_t name[256];  // UTF-8, at most ACTOR_NAME_BYTES_MAX.
};
static_assert(sizeof(ActorNameEntry) == 284, "size of ActorNameEntry");
static_assert(offsetof(ActorNameEntry, state) == 0, "offset of ActorNameEntry.state");
static_assert(offsetof(ActorNameEntry, hash) == 4, "offset of ActorNameEntry.hash");
static_assert(offsetof(ActorNameEntry, host) == 8, "offset of ActorNameEntry.host");
static_assert(offsetof(ActorNameEntry, slot) == 12, "offset of ActorNameEntry.slot");
static_assert(offsetof(ActorNameEntry, generation) == 16, "offset of ActorNameEntry.generation");
static_assert(offsetof(ActorNameEntry, registrar) == 20, "offset of ActorNameEntry.registrar");
static_assert(offsetof(ActorNameEntry, nameBytes) == 24, "offset of ActorNameEntry.nameBytes");
static_assert(offsetof(ActorNameEntry, name) == 28, "offset of ActorNameEntry.name");

// One word that the reactor watches: JavaScript is called when it is not `seen`.
struct WatchEntry {
  uint32_t windowId;  // Window that the word is in.
  uint32_t wordIndex;  // Index of the word as of an Int32Array over the whole window.
  int32_t seen;  // The value that JavaScript has dealt with.
  uint32_t reserved;  // 0
};
static_assert(sizeof(WatchEntry) == 16, "size of WatchEntry");
static_assert(offsetof(WatchEntry, windowId) == 0, "offset of WatchEntry.windowId");
static_assert(offsetof(WatchEntry, wordIndex) == 4, "offset of WatchEntry.wordIndex");
static_assert(offsetof(WatchEntry, seen) == 8, "offset of WatchEntry.seen");
static_assert(offsetof(WatchEntry, reserved) == 12, "offset of WatchEntry.reserved");

// Zeroed memory is an open one.
struct Mutex {
  int32_t owner;  // 0: open. Otherwise who holds it (nonce, thread id), and MUTEX_CONTENDED.
};
static_assert(sizeof(Mutex) == 4, "size of Mutex");
static_assert(offsetof(Mutex, owner) == 0, "offset of Mutex.owner");

// Also a condition. Zeroed memory is a valid one.
struct EventCount {
  int32_t sequence;  // Counts notifications; what waiters sleep on.
  int32_t waiters;  // How many wait, or more (one that died stays counted): none, and nobody is woken.
};
static_assert(sizeof(EventCount) == 8, "size of EventCount");
static_assert(offsetof(EventCount, sequence) == 0, "offset of EventCount.sequence");
static_assert(offsetof(EventCount, waiters) == 4, "offset of EventCount.waiters");

// Zeroed memory is one without permits.
struct Semaphore {
  int32_t state;  // Permits to be had, and SEMAPHORE_CONTENDED; what waiters sleep on.
};
static_assert(sizeof(Semaphore) == 4, "size of Semaphore");
static_assert(offsetof(Semaphore, state) == 0, "offset of Semaphore.state");

// Zeroed memory is an open one.
struct RwLock {
  int32_t writers;  // A Mutex: who writes, or is the next to.
  int32_t state;  // RW_LOCK_* bits and the number of readers; what that writer sleeps on.
  int32_t gate;  // Counts how often readers were let in again; what they sleep on.
  int32_t waiters;  // How many readers wait at the gate, or more.
};
static_assert(sizeof(RwLock) == 16, "size of RwLock");
static_assert(offsetof(RwLock, writers) == 0, "offset of RwLock.writers");
static_assert(offsetof(RwLock, state) == 4, "offset of RwLock.state");
static_assert(offsetof(RwLock, gate) == 8, "offset of RwLock.gate");
static_assert(offsetof(RwLock, waiters) == 12, "offset of RwLock.waiters");

// Has to be initialised.
struct Barrier {
  int32_t state;  // Generation and number of the arrived; what they sleep on.
  int32_t parties;  // How many threads it takes.
};
static_assert(sizeof(Barrier) == 8, "size of Barrier");
static_assert(offsetof(Barrier, state) == 0, "offset of Barrier.state");
static_assert(offsetof(Barrier, parties) == 4, "offset of Barrier.parties");

// Start of the memory of a mail link, which joins two threads; a ring (RingWords, data) of each side follows, of the same capacity. Zeroed memory is a link that nobody has used yet.
struct MailMemory {
  uint8_t gap0[128];
  int32_t sleepEpoch0;  // Of side 0: odd while its thread sleeps or is about to.
  uint8_t gap132[124];
  int32_t sleepEpoch1;  // Of side 1.
  uint8_t gap260[124];
};
static_assert(sizeof(MailMemory) == 384, "size of MailMemory");
static_assert(offsetof(MailMemory, sleepEpoch0) == 128, "offset of MailMemory.sleepEpoch0");
static_assert(offsetof(MailMemory, sleepEpoch1) == 256, "offset of MailMemory.sleepEpoch1");

// Start of the payload of every record of a mail link.
struct MailHeader {
  uint32_t slot;  // Slot of the actor that it is for, on the thread that reads.
  uint32_t generation;  // Generation of that slot.
  uint32_t senderHost;  // Address of the sender, if MAIL_FLAG_SENDER: its host,
  uint32_t senderSlot;  // its slot,
  uint32_t senderGeneration;  // its slot's generation.
  uint32_t shape;  // RECORD_MAIL_FIXED: hash of the declared fields, which both sides must have from one source.
  uint32_t flags;  // MAIL_FLAG_* bits.
  uint32_t reserved;  // 0; the body starts at a multiple of 8.
};
static_assert(sizeof(MailHeader) == 32, "size of MailHeader");
static_assert(offsetof(MailHeader, slot) == 0, "offset of MailHeader.slot");
static_assert(offsetof(MailHeader, generation) == 4, "offset of MailHeader.generation");
static_assert(offsetof(MailHeader, senderHost) == 8, "offset of MailHeader.senderHost");
static_assert(offsetof(MailHeader, senderSlot) == 12, "offset of MailHeader.senderSlot");
static_assert(offsetof(MailHeader, senderGeneration) == 16, "offset of MailHeader.senderGeneration");
static_assert(offsetof(MailHeader, shape) == 20, "offset of MailHeader.shape");
static_assert(offsetof(MailHeader, flags) == 24, "offset of MailHeader.flags");
static_assert(offsetof(MailHeader, reserved) == 28, "offset of MailHeader.reserved");

// Start of the page; CountersEntry follows for each connection. Written in one piece, with a checksum over all of it: a piece that does not match is read again.
struct CountersPage {
  uint32_t magic;  // COUNTERS_MAGIC
  uint32_t version;  // COUNTERS_VERSION
  uint32_t checksum;  // CRC-32 of all that follows up to the end of the last entry.
  uint32_t entries;  // CountersEntry that follow.
  uint32_t sequence;  // Counts what was published.
  uint32_t pid;  // The process, in its own pid namespace's numbers.
  uint32_t thread;  // Node's number of the thread: 0 is the main one.
  uint32_t connections;  // Open connections, also those without entry.
  uint32_t listeners;  // Open listeners.
  uint32_t actors;  // Live actors.
  uint32_t mailboxDepthMost;  // Messages in the fullest mailbox.
  uint32_t reserved;  // 0
  uint64_t publishedUs;  // CLOCK_MONOTONIC, microseconds.
  uint64_t bytesSent;  // Of all connections so far, as all that follows.
  uint64_t bytesReceived;  // By the application, or waiting for it.
  uint64_t sends;  // Calls of the application that sent.
  uint64_t deliveries;  // Times that bytes came for the application.
  uint64_t stalls;  // Times that a sender was blocked.
  uint64_t wakesSent;  // Threads that this one has woken.
  uint64_t wakesReceived;  // Times that it was woken.
  uint64_t connects;  // Connections opened from this side.
  uint64_t accepts;  // Connections accepted.
  uint64_t actorRestarts;  // Restarts of its actors.
  uint64_t mailboxDepth;  // Messages in all mailboxes, or on their way to them; now.
  uint8_t name[16];  // Of the thread: text, then zeros.
  uint8_t gap160[96];
};
static_assert(sizeof(CountersPage) == 256, "size of CountersPage");
static_assert(offsetof(CountersPage, magic) == 0, "offset of CountersPage.magic");
static_assert(offsetof(CountersPage, version) == 4, "offset of CountersPage.version");
static_assert(offsetof(CountersPage, checksum) == 8, "offset of CountersPage.checksum");
static_assert(offsetof(CountersPage, entries) == 12, "offset of CountersPage.entries");
static_assert(offsetof(CountersPage, sequence) == 16, "offset of CountersPage.sequence");
static_assert(offsetof(CountersPage, pid) == 20, "offset of CountersPage.pid");
static_assert(offsetof(CountersPage, thread) == 24, "offset of CountersPage.thread");
static_assert(offsetof(CountersPage, connections) == 28, "offset of CountersPage.connections");
static_assert(offsetof(CountersPage, listeners) == 32, "offset of CountersPage.listeners");
static_assert(offsetof(CountersPage, actors) == 36, "offset of CountersPage.actors");
static_assert(offsetof(CountersPage, mailboxDepthMost) == 40, "offset of CountersPage.mailboxDepthMost");
static_assert(offsetof(CountersPage, reserved) == 44, "offset of CountersPage.reserved");
static_assert(offsetof(CountersPage, publishedUs) == 48, "offset of CountersPage.publishedUs");
static_assert(offsetof(CountersPage, bytesSent) == 56, "offset of CountersPage.bytesSent");
static_assert(offsetof(CountersPage, bytesReceived) == 64, "offset of CountersPage.bytesReceived");
static_assert(offsetof(CountersPage, sends) == 72, "offset of CountersPage.sends");
static_assert(offsetof(CountersPage, deliveries) == 80, "offset of CountersPage.deliveries");
static_assert(offsetof(CountersPage, stalls) == 88, "offset of CountersPage.stalls");
static_assert(offsetof(CountersPage, wakesSent) == 96, "offset of CountersPage.wakesSent");
static_assert(offsetof(CountersPage, wakesReceived) == 104, "offset of CountersPage.wakesReceived");
static_assert(offsetof(CountersPage, connects) == 112, "offset of CountersPage.connects");
static_assert(offsetof(CountersPage, accepts) == 120, "offset of CountersPage.accepts");
static_assert(offsetof(CountersPage, actorRestarts) == 128, "offset of CountersPage.actorRestarts");
static_assert(offsetof(CountersPage, mailboxDepth) == 136, "offset of CountersPage.mailboxDepth");
static_assert(offsetof(CountersPage, name) == 144, "offset of CountersPage.name");

// One connection.
struct CountersEntry {
  uint32_t id;  // Of the connection, among its thread's.
  uint32_t peerPid;  // The process at the other end, in this one's numbers; 0: not known.
  uint16_t localPort;  // Of this end.
  uint16_t remotePort;  // Of the other one.
  uint32_t reserved;  // 0
  uint8_t provider[16];  // Text, then zeros, as in the addresses.
  uint8_t localAddress[56];  // As node:net writes it.
  uint8_t remoteAddress[56];  // As node:net writes it.
  uint64_t bytesSent;  // Over its whole life, as those that follow.
  uint64_t bytesReceived;  // As in CountersPage.
  uint64_t sends;  // As in CountersPage.
  uint64_t deliveries;  // As in CountersPage.
  uint64_t stalls;  // As in CountersPage.
  uint64_t queuedBytes;  // Accepted by a send and not yet with the provider.
  uint32_t ringCapacity;  // Bytes of the ring to the peer; 0: the provider has none.
  uint32_t ringUsed;  // Bytes of it that the peer has not read.
};
static_assert(sizeof(CountersEntry) == 200, "size of CountersEntry");
static_assert(offsetof(CountersEntry, id) == 0, "offset of CountersEntry.id");
static_assert(offsetof(CountersEntry, peerPid) == 4, "offset of CountersEntry.peerPid");
static_assert(offsetof(CountersEntry, localPort) == 8, "offset of CountersEntry.localPort");
static_assert(offsetof(CountersEntry, remotePort) == 10, "offset of CountersEntry.remotePort");
static_assert(offsetof(CountersEntry, reserved) == 12, "offset of CountersEntry.reserved");
static_assert(offsetof(CountersEntry, provider) == 16, "offset of CountersEntry.provider");
static_assert(offsetof(CountersEntry, localAddress) == 32, "offset of CountersEntry.localAddress");
static_assert(offsetof(CountersEntry, remoteAddress) == 88, "offset of CountersEntry.remoteAddress");
static_assert(offsetof(CountersEntry, bytesSent) == 144, "offset of CountersEntry.bytesSent");
static_assert(offsetof(CountersEntry, bytesReceived) == 152, "offset of CountersEntry.bytesReceived");
static_assert(offsetof(CountersEntry, sends) == 160, "offset of CountersEntry.sends");
static_assert(offsetof(CountersEntry, deliveries) == 168, "offset of CountersEntry.deliveries");
static_assert(offsetof(CountersEntry, stalls) == 176, "offset of CountersEntry.stalls");
static_assert(offsetof(CountersEntry, queuedBytes) == 184, "offset of CountersEntry.queuedBytes");
static_assert(offsetof(CountersEntry, ringCapacity) == 192, "offset of CountersEntry.ringCapacity");
static_assert(offsetof(CountersEntry, ringUsed) == 196, "offset of CountersEntry.ringUsed");

// One operation that JavaScript wants to be posted. Written by JavaScript, read by submit().
struct VerbsSubmission {
  uint32_t connection;  // Handle of the connection.
  uint32_t op;  // VERBS_OP_SEND, _RECEIVE, _READ or _WRITE
  uint32_t flags;  // VERBS_FLAG_* bits
  uint32_t cookie;  // Comes back in the completion; at most VERBS_COOKIE_MAX. RECEIVE: the number of the slot.
  uint32_t region;  // Handle of the registered region of the local memory; 0: the arena.
  uint32_t offset;  // Where in the region, or in the arena, in bytes. RECEIVE: not used.
  uint32_t length;  // Bytes. RECEIVE: not used, it is a whole slot.
  uint32_t remoteKey;  // READ, WRITE: key of the remote memory.
  uint32_t remoteLow;  // READ, WRITE: its address, low half.
  uint32_t remoteHigh;  // High half.
};
static_assert(sizeof(VerbsSubmission) == 40, "size of VerbsSubmission");
static_assert(offsetof(VerbsSubmission, connection) == 0, "offset of VerbsSubmission.connection");
static_assert(offsetof(VerbsSubmission, op) == 4, "offset of VerbsSubmission.op");
static_assert(offsetof(VerbsSubmission, flags) == 8, "offset of VerbsSubmission.flags");
static_assert(offsetof(VerbsSubmission, cookie) == 12, "offset of VerbsSubmission.cookie");
static_assert(offsetof(VerbsSubmission, region) == 16, "offset of VerbsSubmission.region");
static_assert(offsetof(VerbsSubmission, offset) == 20, "offset of VerbsSubmission.offset");
static_assert(offsetof(VerbsSubmission, length) == 24, "offset of VerbsSubmission.length");
static_assert(offsetof(VerbsSubmission, remoteKey) == 28, "offset of VerbsSubmission.remoteKey");
static_assert(offsetof(VerbsSubmission, remoteLow) == 32, "offset of VerbsSubmission.remoteLow");
static_assert(offsetof(VerbsSubmission, remoteHigh) == 36, "offset of VerbsSubmission.remoteHigh");

// Payload of RECORD_VERBS_COMPLETION: an operation has ended.
struct VerbsCompletion {
  uint32_t connection;  // Handle. 0: of a connection that is not (or no more) here; only slots that come back.
  uint32_t op;  // VERBS_OP_*
  uint32_t status;  // VERBS_STATUS_*, or another of IBV_WC_*
  uint32_t length;  // RECEIVE: bytes of the message.
  uint32_t cookie;  // Of the submission. RECEIVE: the slot with the message, VERBS_SLOT_COUNT: none.
  uint32_t vendorError;  // The device's own word for a failure, or an errno.
};
static_assert(sizeof(VerbsCompletion) == 24, "size of VerbsCompletion");
static_assert(offsetof(VerbsCompletion, connection) == 0, "offset of VerbsCompletion.connection");
static_assert(offsetof(VerbsCompletion, op) == 4, "offset of VerbsCompletion.op");
static_assert(offsetof(VerbsCompletion, status) == 8, "offset of VerbsCompletion.status");
static_assert(offsetof(VerbsCompletion, length) == 12, "offset of VerbsCompletion.length");
static_assert(offsetof(VerbsCompletion, cookie) == 16, "offset of VerbsCompletion.cookie");
static_assert(offsetof(VerbsCompletion, vendorError) == 20, "offset of VerbsCompletion.vendorError");

// Payload of RECORD_VERBS_CM: something has happened to a connection or listener. It ends with the private data.
struct VerbsCm {
  uint32_t event;  // VERBS_CM_*, or another of RDMA_CM_EVENT_*
  uint32_t connection;  // Handle. CONNECT_REQUEST: of the new one, which is JavaScript's to accept or reject.
  uint32_t listener;  // Handle of the listener; 0: none.
  int32_t status;  // Negated errno, or, of REJECTED, why. 0: well.
  uint32_t family;  // 4 or 6: how the addresses are to be read.
  uint16_t localPort;  // This side's port.
  uint16_t remotePort;  // The peer's port.
  uint8_t localAddress[16];  // In network order; IPv4 in the first 4 bytes, 0 behind.
  uint8_t remoteAddress[16];  // Likewise.
  uint32_t privateBytes;  // Bytes of the peer's private data; its padding may be among them.
  uint8_t privateData[256];  // As many of them as privateBytes says; the record ends there.
};
static_assert(sizeof(VerbsCm) == 316, "size of VerbsCm");
static_assert(offsetof(VerbsCm, event) == 0, "offset of VerbsCm.event");
static_assert(offsetof(VerbsCm, connection) == 4, "offset of VerbsCm.connection");
static_assert(offsetof(VerbsCm, listener) == 8, "offset of VerbsCm.listener");
static_assert(offsetof(VerbsCm, status) == 12, "offset of VerbsCm.status");
static_assert(offsetof(VerbsCm, family) == 16, "offset of VerbsCm.family");
static_assert(offsetof(VerbsCm, localPort) == 20, "offset of VerbsCm.localPort");
static_assert(offsetof(VerbsCm, remotePort) == 22, "offset of VerbsCm.remotePort");
static_assert(offsetof(VerbsCm, localAddress) == 24, "offset of VerbsCm.localAddress");
static_assert(offsetof(VerbsCm, remoteAddress) == 40, "offset of VerbsCm.remoteAddress");
static_assert(offsetof(VerbsCm, privateBytes) == 56, "offset of VerbsCm.privateBytes");
static_assert(offsetof(VerbsCm, privateData) == 60, "offset of VerbsCm.privateData");

// Payload of RECORD_VERBS_ASYNC: a device has something to say.
struct VerbsAsync {
  uint32_t event;  // VERBS_ASYNC_*, or another of IBV_EVENT_*
  uint32_t connection;  // Handle; 0: the event is of no single connection of this thread.
  uint32_t device;  // Number of the device, as `connectionDevice` tells it.
  uint32_t port;  // PORT_*: which port; otherwise 0.
};
static_assert(sizeof(VerbsAsync) == 16, "size of VerbsAsync");
static_assert(offsetof(VerbsAsync, event) == 0, "offset of VerbsAsync.event");
static_assert(offsetof(VerbsAsync, connection) == 4, "offset of VerbsAsync.connection");
static_assert(offsetof(VerbsAsync, device) == 8, "offset of VerbsAsync.device");
static_assert(offsetof(VerbsAsync, port) == 12, "offset of VerbsAsync.port");

// Private data of a connect, an accept and a rejection; padding may follow.
struct VerbsGreeting {
  uint32_t magic;  // VERBS_MAGIC
  uint16_t version;  // VERBS_VERSION
  uint8_t kind;  // VERBS_SAYS_*
  uint8_t reason;  // VERBS_REFUSED_*; 0 where nothing is refused.
  uint32_t messageBytes;  // The largest message that may be sent to the sender of this.
};
static_assert(sizeof(VerbsGreeting) == 12, "size of VerbsGreeting");
static_assert(offsetof(VerbsGreeting, magic) == 0, "offset of VerbsGreeting.magic");
static_assert(offsetof(VerbsGreeting, version) == 4, "offset of VerbsGreeting.version");
static_assert(offsetof(VerbsGreeting, kind) == 6, "offset of VerbsGreeting.kind");
static_assert(offsetof(VerbsGreeting, reason) == 7, "offset of VerbsGreeting.reason");
static_assert(offsetof(VerbsGreeting, messageBytes) == 8, "offset of VerbsGreeting.messageBytes");

// RDMA buffer descriptor: what the peer needs to reach memory of this side's.
struct VerbsDescriptor {
  uint32_t key;  // Remote key.
  uint32_t length;  // Bytes of the memory.
  uint64_t address;  // Where it starts.
};
static_assert(sizeof(VerbsDescriptor) == 16, "size of VerbsDescriptor");
static_assert(offsetof(VerbsDescriptor, key) == 0, "offset of VerbsDescriptor.key");
static_assert(offsetof(VerbsDescriptor, length) == 4, "offset of VerbsDescriptor.length");
static_assert(offsetof(VerbsDescriptor, address) == 8, "offset of VerbsDescriptor.address");

}  // namespace sanswitch::layout
