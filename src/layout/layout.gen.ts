// Generated from src/layout/schema.ts by `npm run generate`. Do not edit.
// NAME: byte offset in the structure, or the value. NAME_WORD: index in an Int32Array over the structure.
// NAME_SHIFT: lowest bit of a field that is smaller than its word.

/** Hash of everything in this file; 31 bits, so that it is the same number signed and unsigned. */
export const LAYOUT_HASH = 2059497408;

// Record ring
/** Bytes: every record starts at, and is padded to, a multiple of this. */
export const RECORD_ALIGN = 16;
/** Bytes: the smallest ring. A capacity is a power of two. */
export const RING_CAPACITY_MIN = 256;
/** Bytes: the largest ring, so that positions can be compared by their difference. */
export const RING_CAPACITY_MAX = 1073741824;

// Record types
/** A message; whose, the ring knows. */
export const RECORD_DATA = 1;
/** Fills the end of the ring before a wrap; only the ring itself ever sees it. */
export const RECORD_PADDING = 2;
/** The next record stands in another slot: SwitchRecord. */
export const RECORD_SWITCH = 3;
/** Link ring: open a connection, LinkOpen. Counts as NEWS. */
export const RECORD_LINK_OPEN = 16;
/** Link ring: the connection stands, LinkAccept. Counts as NEWS. */
export const RECORD_LINK_ACCEPT = 17;
/** Link ring: it does not, LinkReject. */
export const RECORD_LINK_REJECT = 18;
/** Link ring: this side uses the connection no more, LinkClose. */
export const RECORD_LINK_CLOSE = 19;
/** Link ring: look into this connection's ring, LinkNews. */
export const RECORD_LINK_NEWS = 20;
/** Link ring: a blocked producer has room again, LinkSpace. */
export const RECORD_LINK_SPACE = 21;
/** Link ring: this end of the connection goes on at another reactor, LinkMove. Ends the id's use. */
export const RECORD_LINK_MOVE = 22;
/** Link ring: open a connection that goes on here, LinkAttach. Counts as NEWS. */
export const RECORD_LINK_ATTACH = 23;
/** Mail link: a signal between actors: MailHeader, then a structured value. */
export const RECORD_MAIL_SIGNAL = 32;
/** Mail link: a message of declared fields: MailHeader, then the fields' bytes. */
export const RECORD_MAIL_FIXED = 33;
/** Mail link: a message of any shape: MailHeader, then a structured value. */
export const RECORD_MAIL_STRUCTURED = 34;
/** Mail link: a message that is bytes: MailHeader, then they. */
export const RECORD_MAIL_BYTES = 35;
/** First of the types that are free for rings inside one process. */
export const RECORD_PRIVATE = 64;
/** Completion ring of the dedicated poller: a sleeping thread's word has changed, ReadyRecord. */
export const RECORD_READY = 65;
/** Completion ring of an RDMA engine: VerbsCompletion. */
export const RECORD_VERBS_COMPLETION = 66;
/** Completion ring of an RDMA engine: VerbsCm. */
export const RECORD_VERBS_CM = 67;
/** Completion ring of an RDMA engine: VerbsAsync. */
export const RECORD_VERBS_ASYNC = 68;

// Segment of a shm link
/** "SNSW": first word of every segment. */
export const SEGMENT_MAGIC = 1465077331;
/** Bytes of one segment, sparse. */
export const SEGMENT_BYTES = 268435456;
/** Byte offset of the cells. */
export const SEGMENT_CELLS_OFFSET = 4096;
/** Connections of one link: ids 0 to this minus 1. */
export const LINK_CONNECTION_LIMIT = 16384;
/** Byte offset of the link ring's data. */
export const LINK_RING_OFFSET = 1052672;
/** Capacity of the link ring: 4 records of the largest kind per id. */
export const LINK_RING_BYTES = 4194304;
/** What both ends of a link agree on beyond the layout. 2: a writer looks at the sleep epoch also where its connection is armed. */
export const LINK_VERSION = 2;
/** Size classes of the slab. */
export const SLOT_CLASS_COUNT = 4;
/** Bytes of a slot of class 0, which has one for every id. */
export const SLOT_CLASS0_BYTES = 4096;
/** Slots of class 0. */
export const SLOT_CLASS0_COUNT = 16384;
/** Byte offset of class 0. */
export const SLOT_CLASS0_OFFSET = 5246976;
/** Bytes of a slot of class 1. */
export const SLOT_CLASS1_BYTES = 65536;
/** Slots of class 1. */
export const SLOT_CLASS1_COUNT = 512;
/** Byte offset of class 1. */
export const SLOT_CLASS1_OFFSET = 72355840;
/** Bytes of a slot of class 2. */
export const SLOT_CLASS2_BYTES = 1048576;
/** Slots of class 2. */
export const SLOT_CLASS2_COUNT = 64;
/** Byte offset of class 2. */
export const SLOT_CLASS2_OFFSET = 105910272;
/** Bytes of a slot of class 3. */
export const SLOT_CLASS3_BYTES = 4194304;
/** Slots of class 3. */
export const SLOT_CLASS3_COUNT = 16;
/** Byte offset of class 3. */
export const SLOT_CLASS3_OFFSET = 173019136;
/** A slot is named by class << this | index. */
export const SLOT_CLASS_SHIFT = 24;
/** The index in the name of a slot. */
export const SLOT_INDEX_MASK = 16777215;

// Idle strategies of the dedicated poller
/** Spins for an adaptive window, then blocks; peers wake who sleeps. */
export const POLLER_IDLE_BLOCKING = 0;
/** Spins, yields, then sleeps ever longer, at most a millisecond. */
export const POLLER_IDLE_BACK_OFF = 1;
/** Offers the processor after every empty pass. */
export const POLLER_IDLE_YIELD = 2;
/** Never gives the processor up. */
export const POLLER_IDLE_SPIN = 3;

// Depth table of an actor host
/** Slots of a table: actors and pending asks of one host at a time. */
export const ACTOR_SLOT_LIMIT = 1048576;
/** The largest capacity of a mailbox, in messages. */
export const ACTOR_CAPACITY_MAX = 268435456;
/** Bits of ActorSlot.mark that hold the policy. */
export const ACTOR_POLICY_BITS = 2;
/** A full mailbox refuses. */
export const ACTOR_POLICY_REFUSE = 0;
/** A full mailbox gives up its oldest message, on arrival of the new one. */
export const ACTOR_POLICY_DROP_OLDEST = 1;
/** A full mailbox refuses, and counts the message as dropped. */
export const ACTOR_POLICY_DROP_NEWEST = 2;
/** A full mailbox refuses; tellers learn when there is room again. */
export const ACTOR_POLICY_BACK_PRESSURE = 3;

// Names of a runtime's actors
/** Entries of the name table; a power of two. */
export const ACTOR_NAME_ENTRIES = 16384;
/** Names at a time: with fewer free entries a search takes long. */
export const ACTOR_NAME_LIMIT = 12288;
/** The longest name, in bytes of UTF-8. */
export const ACTOR_NAME_BYTES_MAX = 256;
/** ActorNameEntry.state: never used since the entries behind it were. */
export const ACTOR_NAME_FREE = 0;
/** ActorNameEntry.state: holds a name. */
export const ACTOR_NAME_TAKEN = 1;
/** ActorNameEntry.state: held a name; a search goes on behind it. */
export const ACTOR_NAME_RELEASED = 2;

// Where the opener of a connection says that it comes from (LinkOpen.claim)
/** A port that the switch gave it, outside the ephemeral range (rule 2.5). */
export const CLAIM_VIRTUAL_PORT = 1;
/** A port that it holds by a bound TCP socket; the listening side checks that. */
export const CLAIM_BOUND_PORT = 2;

// Why a connection was rejected (LinkReject.reason)
/** Nothing listens by that cookie any more. */
export const REJECT_NOT_LISTENING = 1;
/** The condition function said CF_REJECT (rule 4.4). */
export const REJECT_REFUSED = 2;
/** The backlog is full (rule 4.4). */
export const REJECT_BACKLOG = 3;
/** The claimed source address or port is not the opener. */
export const REJECT_SOURCE = 4;
/** Nobody here waits for the token of an ATTACH, or not from this process. */
export const REJECT_TOKEN = 5;

// Handshake of a link
/** "SLNK": first word of every handshake message. */
export const HANDSHAKE_MAGIC = 1263422547;
/** Changes with the handshake itself; everything behind it is covered by LAYOUT_HASH. */
export const HANDSHAKE_VERSION = 1;
/** HandshakeIdent: server to client, first. */
export const HANDSHAKE_IDENT = 1;
/** HandshakeJoin: client to server, with the client's segment. */
export const HANDSHAKE_JOIN = 2;
/** HandshakeWelcome: server to client, with the server's segment. */
export const HANDSHAKE_WELCOME = 3;
/** The link stands. */
export const WELCOME_OK = 0;
/** The segment was refused (size, type or seals). */
export const WELCOME_SEGMENT = 2;
/** The server can hold no more links. */
export const WELCOME_RESOURCES = 3;

// Session messages: kinds
/** Negotiation (rule 3.6): SessionHello. */
export const SESSION_HELLO = 1;
/** Bytes of the stream follow; value = 0, the message says how many. */
export const SESSION_DATA = 2;
/** Only the credits of the header. */
export const SESSION_CREDIT = 3;
/** A large send (rules 5.6, 5.7): SessionOffer, then the first bytes; value = number of the offer. */
export const SESSION_OFFER = 4;
/** Where to write a large send (rule 5.7): SessionTarget; value = number of the offer. */
export const SESSION_TARGET = 5;
/** A large send is finished: SessionDone; value = number of the offer. */
export const SESSION_DONE = 6;
/** Urgent bytes follow (rule 5.9); value = how many. */
export const SESSION_URGENT = 7;
/** The sender sends no more (half-close). */
export const SESSION_FIN = 8;
/** The sender moves to another owner (rule 8.1): send no more until RESUME, and say SUSPENDED. */
export const SESSION_SUSPEND = 9;
/** The answer to SUSPEND, when all that the sender had begun is over: its last message. */
export const SESSION_SUSPENDED = 10;
/** The end of what SUSPEND began: the new owner is there, or the old one stays. */
export const SESSION_RESUME = 11;

// Session messages: values
/** Version of the session protocol. */
export const SESSION_VERSION = 3;
/** Bit: the sender's provider can WSPRdmaRead. */
export const CAPABILITY_RDMA_READ = 1;
/** Bit: the sender's provider can WSPRdmaWrite. */
export const CAPABILITY_RDMA_WRITE = 2;
/** Bit: the sender writes to a target that it is named, also where the peer could read. */
export const CAPABILITY_RDMA_SHARED = 8;
/** Bit: the sender's provider refuses when full, so it needs no credits. */
export const CAPABILITY_FLOW_CONTROL = 4;
/** All bytes have arrived. */
export const SESSION_STATUS_OK = 0;
/** No memory could be registered (rule 5.8): send by messages. */
export const SESSION_STATUS_NO_BUFFERS = 1;

// Synchronisation (src/sync)
/** Bit of Mutex.owner: threads may be asleep, so that unlocking wakes one. */
export const MUTEX_CONTENDED = 1;
/** Lowest bit of the owner's Linux thread id in Mutex.owner. */
export const MUTEX_TID_SHIFT = 1;
/** The bits of a thread id: Linux has at most 2^22 of them. */
export const MUTEX_TID_MASK = 4194303;
/** Lowest bit of the owner's nonce, the highest 9 bits of Mutex.owner. */
export const MUTEX_NONCE_SHIFT = 23;
/** Nonces of threads that can be looked up: 1 to this, by the thread's start time. 0: can't. */
export const MUTEX_NONCE_COUNT = 511;
/** Bit of Semaphore.state: threads may be asleep of whom none is on its way. */
export const SEMAPHORE_CONTENDED = 1;
/** One permit in Semaphore.state. */
export const SEMAPHORE_PERMIT = 2;
/** Lowest bit of the number of permits. */
export const SEMAPHORE_PERMIT_SHIFT = 1;
/** The most permits. */
export const SEMAPHORE_PERMITS_MAX = 1073741823;
/** Bit of RwLock.state: a writer has the lock, or waits for readers to leave; no reader enters. */
export const RW_LOCK_WRITER = 1;
/** Bit of RwLock.state: a writer has died, and no other one has unlocked since. */
export const RW_LOCK_DAMAGED = 2;
/** One reader in RwLock.state. */
export const RW_LOCK_READER = 4;
/** Lowest bit of the number of readers. */
export const RW_LOCK_READER_SHIFT = 2;
/** The most readers at a time. */
export const RW_LOCK_READERS_MAX = 536870911;
/** The threads that have arrived, in Barrier.state; the generation is above. */
export const BARRIER_ARRIVED_MASK = 4095;
/** Lowest bit of the generation. */
export const BARRIER_GENERATION_SHIFT = 12;
/** The most threads of a barrier. */
export const BARRIER_PARTIES_MAX = 4095;

// Mail links (src/actor/mail)
/** Capacity of each ring of a mail link, unless another is chosen. */
export const MAIL_RING_BYTES = 1048576;
/** Bit of MailHeader.flags: the message has a sender. */
export const MAIL_FLAG_SENDER = 1;
/** Bit of MailHeader.flags: too large for the ring, the body comes by the link's message port. */
export const MAIL_FLAG_DETACHED = 2;
/** Bit of MailHeader.flags: what can't be written as bytes comes by the link's message port. */
export const MAIL_FLAG_ATTACHED = 4;

// Counters page of a thread (src/stats, src/top)
/** "SNCT": first word of every page. */
export const COUNTERS_MAGIC = 1413697107;
/** Of the layout of page and entries. */
export const COUNTERS_VERSION = 1;
/** Bytes of the file, sparse. */
export const COUNTERS_FILE_BYTES = 212992;
/** Bytes of the name of a thread, or of a provider. */
export const COUNTERS_NAME_BYTES = 16;
/** Bytes of an address. */
export const COUNTERS_ADDRESS_BYTES = 56;
/** Connections that have an entry; further ones are only counted. */
export const COUNTERS_ENTRY_LIMIT = 1024;

// Segment of a thread's RDMA engine
/** Bytes of it, sparse. It begins with the RingWords of the completion ring. */
export const VERBS_SEGMENT_BYTES = 67108864;
/** Byte offset of the completion ring's data. */
export const VERBS_RING_OFFSET = 4096;
/** Capacity of the completion ring. */
export const VERBS_RING_BYTES = 131072;
/** Byte offset of the submissions, VerbsSubmission each. */
export const VERBS_SUBMISSIONS_OFFSET = 262144;
/** Submissions that one call can take. */
export const VERBS_SUBMISSIONS_LIMIT = 1024;
/** Byte offset of the arena: slots for messages, from number 0. */
export const VERBS_ARENA_OFFSET = 1048576;
/** What is registered at a time when first used; no submission crosses it. */
export const VERBS_CHUNK_BYTES = 1048576;
/** Chunks of the arena. */
export const VERBS_CHUNK_COUNT = 63;
/** Bytes of a slot, so of the largest message. */
export const VERBS_SLOT_BYTES = 8192;
/** Slots of the arena. */
export const VERBS_SLOT_COUNT = 8064;
/** The largest cookie of a submission. */
export const VERBS_COOKIE_MAX = 268435455;
/** Private data that an event can carry. */
export const VERBS_PRIVATE_BYTES_MAX = 256;

// Operations of a queue pair (VerbsSubmission.op, VerbsCompletion.op)
/** One message out of the memory named. */
export const VERBS_OP_SEND = 1;
/** Into a slot of the arena, whose number is the cookie. */
export const VERBS_OP_RECEIVE = 2;
/** RDMA read of remote memory into local memory. */
export const VERBS_OP_READ = 3;
/** RDMA write of local memory into remote memory; length 0 only probes the path. */
export const VERBS_OP_WRITE = 4;
/** Binding of a memory window; only in completions. */
export const VERBS_OP_BIND = 5;
/** Invalidation of a memory window; only in completions. */
export const VERBS_OP_INVALIDATE = 6;

// Flags of a submission (VerbsSubmission.flags)
/** A completion is wanted. One that fails always has one. RECEIVE: always. */
export const VERBS_FLAG_SIGNALLED = 1;
/** Not before the RDMA reads ahead of it have ended. */
export const VERBS_FLAG_FENCE = 2;

// Outcomes of an operation (VerbsCompletion.status): those of libibverbs (IBV_WC_*) and our own
/** IBV_WC_SUCCESS */
export const VERBS_STATUS_OK = 0;
/** IBV_WC_LOC_LEN_ERR: a message did not fit into its receive. */
export const VERBS_STATUS_LOCAL_LENGTH = 1;
/** IBV_WC_LOC_PROT_ERR: local memory is not registered as it must be. */
export const VERBS_STATUS_LOCAL_PROTECTION = 4;
/** IBV_WC_WR_FLUSH_ERR: the queue pair has ended before. */
export const VERBS_STATUS_FLUSHED = 5;
/** IBV_WC_MW_BIND_ERR: a memory window could not be bound. */
export const VERBS_STATUS_BIND = 6;
/** IBV_WC_LOC_ACCESS_ERR */
export const VERBS_STATUS_LOCAL_ACCESS = 8;
/** IBV_WC_REM_INV_REQ_ERR: the peer could make nothing of it. */
export const VERBS_STATUS_REMOTE_REQUEST = 9;
/** IBV_WC_REM_ACCESS_ERR: the peer's memory may not be read or written so. */
export const VERBS_STATUS_REMOTE_ACCESS = 10;
/** IBV_WC_REM_OP_ERR: the peer could not do it. */
export const VERBS_STATUS_REMOTE_OPERATION = 11;
/** IBV_WC_RETRY_EXC_ERR: no answer; the path or the peer is dead. */
export const VERBS_STATUS_RETRIES = 12;
/** IBV_WC_RNR_RETRY_EXC_ERR: the peer posted no receive. */
export const VERBS_STATUS_RNR_RETRIES = 13;
/** IBV_WC_FATAL_ERR */
export const VERBS_STATUS_FATAL = 19;
/** IBV_WC_GENERAL_ERR */
export const VERBS_STATUS_GENERAL = 21;
/** Ours: it was never begun; vendorError is the errno. */
export const VERBS_STATUS_NOT_POSTED = 256;
/** Ours, RECEIVE: the slot (cookie) is free again, its connection is not here any more. */
export const VERBS_STATUS_SLOT_BACK = 257;
/** Ours, op 0: the completion queue has failed; no more of this connection comes. */
export const VERBS_STATUS_QUEUE_LOST = 258;

// Events of connections (VerbsCm.event): those of librdmacm (RDMA_CM_EVENT_*)
/** Local address and device are known. */
export const VERBS_CM_ADDRESS_RESOLVED = 0;
/** Nobody has that address, or no device leads there. */
export const VERBS_CM_ADDRESS_ERROR = 1;
/** A connect may follow. */
export const VERBS_CM_ROUTE_RESOLVED = 2;
/** There is no route. */
export const VERBS_CM_ROUTE_ERROR = 3;
/** A new connection at a listener: accept, reject or hand it over. */
export const VERBS_CM_CONNECT_REQUEST = 4;
/** The connect, or the accept, has failed. */
export const VERBS_CM_CONNECT_ERROR = 6;
/** Nobody answers. */
export const VERBS_CM_UNREACHABLE = 7;
/** Refused; status is one of VERBS_REJECT_* or another of the IB CM. */
export const VERBS_CM_REJECTED = 8;
/** The connection stands, on either side. */
export const VERBS_CM_ESTABLISHED = 9;
/** The peer, or this side, has disconnected; all that is under way is flushed. */
export const VERBS_CM_DISCONNECTED = 10;
/** The device goes: destroy the connection or listener. */
export const VERBS_CM_DEVICE_REMOVAL = 11;
/** The address of the device below has changed. */
export const VERBS_CM_ADDRESS_CHANGE = 14;
/** Nothing late of this connection can arrive any more. */
export const VERBS_CM_TIMEWAIT_EXIT = 15;

// Why the peer has rejected (VerbsCm.status of VERBS_CM_REJECTED)
/** Invalid service id: nobody listens there. */
export const VERBS_REJECT_NO_LISTENER = 8;
/** The listener has called reject; the private data is its. */
export const VERBS_REJECT_BY_LISTENER = 28;

// Asynchronous events (VerbsAsync.event): those of libibverbs (IBV_EVENT_*)
/** The queue pair has failed. */
export const VERBS_ASYNC_QUEUE_PAIR_FATAL = 1;
/** The peer has sent what can not be. */
export const VERBS_ASYNC_QUEUE_PAIR_REQUEST = 2;
/** The peer has touched what it may not. */
export const VERBS_ASYNC_QUEUE_PAIR_ACCESS = 3;
/** The device has failed: all its connections end. */
export const VERBS_ASYNC_DEVICE_FATAL = 8;
/** A port is up. */
export const VERBS_ASYNC_PORT_ACTIVE = 9;
/** A port is down. */
export const VERBS_ASYNC_PORT_ERROR = 10;

// Access to registered memory: bits of IBV_ACCESS_*
/** Receives and RDMA reads may land there. */
export const VERBS_ACCESS_LOCAL_WRITE = 1;
/** The peer may write; needs LOCAL_WRITE. */
export const VERBS_ACCESS_REMOTE_WRITE = 2;
/** The peer may read. */
export const VERBS_ACCESS_REMOTE_READ = 4;
/** Memory windows may be bound to it. */
export const VERBS_ACCESS_BIND = 16;

// What two providers say to each other by the connection manager's private data
/** "SWVB": first word of every VerbsGreeting. */
export const VERBS_MAGIC = 1112954707;
/** Of the greeting and of everything behind it but the session. */
export const VERBS_VERSION = 1;
/** VerbsGreeting.kind: with a connect. */
export const VERBS_SAYS_CONNECT = 1;
/** VerbsGreeting.kind: with an accept. */
export const VERBS_SAYS_ACCEPT = 2;
/** VerbsGreeting.kind: with a rejection. */
export const VERBS_SAYS_REFUSE = 3;
/** VerbsGreeting.reason: the condition function said CF_REJECT (rule 4.4). */
export const VERBS_REFUSED_BY_CONDITION = 1;
/** VerbsGreeting.reason: the backlog is full (rule 4.4). */
export const VERBS_REFUSED_BACKLOG = 2;
/** VerbsGreeting.reason: no queue pair or memory for it; TCP/IP may do (rule 3.4). */
export const VERBS_REFUSED_RESOURCES = 3;
/** VerbsGreeting.reason: the owner that was to have it did not come. */
export const VERBS_REFUSED_HAND_OVER = 4;
/** VerbsGreeting.reason: the listener has closed. */
export const VERBS_REFUSED_CLOSED = 5;
/** VerbsGreeting.reason: the caller is none of ours, or of another version. */
export const VERBS_REFUSED_GREETING = 6;

/** RecordHeader: What stands before the payload of every record. Its size in bytes. */
export const RECORD_HEADER_BYTES = 8;
/** Bytes of the payload; the record is padded to RECORD_ALIGN. */
export const RECORD_HEADER_LENGTH = 0;
export const RECORD_HEADER_LENGTH_WORD = 0;
/** RECORD_* */
export const RECORD_HEADER_TYPE = 4;
export const RECORD_HEADER_TYPE_WORD = 1;

/** SwitchRecord: Payload of RECORD_SWITCH; always fits into the 16 bytes that a connection keeps in reserve. Its size in bytes. */
export const SWITCH_RECORD_BYTES = 4;
/** The slot where the next record stands. */
export const SWITCH_RECORD_SLOT = 0;
export const SWITCH_RECORD_SLOT_WORD = 0;

/** RingWords: The positions of a ring that lives in one piece of memory; its data follows. Its size in bytes. */
export const RING_WORDS_BYTES = 256;
/** Position up to which records are published. Written by the producer. */
export const RING_WORDS_PROD = 0;
export const RING_WORDS_PROD_WORD = 0;
/** Position up to which they are consumed. Written by the consumer; on a cache line pair of its own. */
export const RING_WORDS_CONS = 128;
export const RING_WORDS_CONS_WORD = 32;

/** SlotClass: One size class of the slab. Its size in bytes. */
export const SLOT_CLASS_BYTES = 12;
/** Bytes of one slot, a power of two. */
export const SLOT_CLASS_SLOT_BYTES = 0;
export const SLOT_CLASS_SLOT_BYTES_WORD = 0;
/** Number of slots. */
export const SLOT_CLASS_SLOT_COUNT = 4;
export const SLOT_CLASS_SLOT_COUNT_WORD = 1;
/** Byte offset in the segment. */
export const SLOT_CLASS_OFFSET = 8;
export const SLOT_CLASS_OFFSET_WORD = 2;

/** SegmentHeader: Start of a segment. The owner alone writes it; the peer maps it read-only. Its size in bytes. */
export const SEGMENT_HEADER_BYTES = 4096;
/** SEGMENT_MAGIC */
export const SEGMENT_HEADER_MAGIC = 0;
export const SEGMENT_HEADER_MAGIC_WORD = 0;
/** LAYOUT_HASH */
export const SEGMENT_HEADER_LAYOUT_HASH = 4;
export const SEGMENT_HEADER_LAYOUT_HASH_WORD = 1;
/** SEGMENT_BYTES */
export const SEGMENT_HEADER_SEGMENT_BYTES = 8;
export const SEGMENT_HEADER_SEGMENT_BYTES_WORD = 2;
/** LINK_CONNECTION_LIMIT */
export const SEGMENT_HEADER_CONNECTION_LIMIT = 12;
export const SEGMENT_HEADER_CONNECTION_LIMIT_WORD = 3;
/** LINK_RING_OFFSET */
export const SEGMENT_HEADER_LINK_RING_OFFSET = 16;
export const SEGMENT_HEADER_LINK_RING_OFFSET_WORD = 4;
/** LINK_RING_BYTES */
export const SEGMENT_HEADER_LINK_RING_BYTES = 20;
export const SEGMENT_HEADER_LINK_RING_BYTES_WORD = 5;
/** SEGMENT_CELLS_OFFSET */
export const SEGMENT_HEADER_CELLS_OFFSET = 24;
export const SEGMENT_HEADER_CELLS_OFFSET_WORD = 6;
/** SlotClass times SLOT_CLASS_COUNT */
export const SEGMENT_HEADER_CLASSES = 28;
export const SEGMENT_HEADER_CLASSES_WORD = 7;
/** The owner's sleep epoch: odd while it sleeps or is about to. */
export const SEGMENT_HEADER_SLEEP_EPOCH = 128;
export const SEGMENT_HEADER_SLEEP_EPOCH_WORD = 32;
/** Position up to which the owner's link ring is published. */
export const SEGMENT_HEADER_LINK_PROD = 256;
export const SEGMENT_HEADER_LINK_PROD_WORD = 64;
/** Position up to which the owner has consumed the peer's link ring. */
export const SEGMENT_HEADER_LINK_CONS = 384;
export const SEGMENT_HEADER_LINK_CONS_WORD = 96;

/** Cell: What the owner of a segment says about one connection; there is one per id. Both sides' cells together make a connection. Its size in bytes. */
export const CELL_BYTES = 64;
/** Position up to which the owner has published records of this connection. */
export const CELL_PROD = 0;
export const CELL_PROD_WORD = 0;
/** Position up to which it has consumed the peer's. */
export const CELL_CONS = 4;
export const CELL_CONS_WORD = 1;
/** Counts how often the owner found no room to write. */
export const CELL_BLOCKED_SEQ = 8;
export const CELL_BLOCKED_SEQ_WORD = 2;
/** The position that the peer's cons must reach to make room. Written before blockedSeq. */
export const CELL_BLOCKED_NEED = 12;
export const CELL_BLOCKED_NEED_WORD = 3;
/** Where the owner's ring of this connection starts. Changed only while the ring is drained. */
export const CELL_SLOT = 16;
export const CELL_SLOT_WORD = 4;
/** Counts the changes of slot. The reader, when it finds records after having been drained, obeys slot only if this has changed: a SWITCH record does not touch slot, so that an old value must not lead it back. */
export const CELL_SLOT_SEQ = 20;
export const CELL_SLOT_SEQ_WORD = 5;
/** Reserved, 0. */
export const CELL_FLAGS = 24;
export const CELL_FLAGS_WORD = 6;

/** LinkOpen: Payload of RECORD_LINK_OPEN. Its size in bytes. */
export const LINK_OPEN_BYTES = 56;
/** The connection, chosen by the opener. */
export const LINK_OPEN_ID = 0;
export const LINK_OPEN_ID_WORD = 0;
/** SO_COOKIE of the listening socket, low half. */
export const LINK_OPEN_COOKIE_LOW = 4;
export const LINK_OPEN_COOKIE_LOW_WORD = 1;
/** High half. */
export const LINK_OPEN_COOKIE_HIGH = 8;
export const LINK_OPEN_COOKIE_HIGH_WORD = 2;
/** CLAIM_*: what kind of source port this is. */
export const LINK_OPEN_CLAIM = 12;
export const LINK_OPEN_CLAIM_WORD = 3;
/** 4 or 6: how the addresses are to be read. */
export const LINK_OPEN_FAMILY = 16;
export const LINK_OPEN_FAMILY_WORD = 4;
export const LINK_OPEN_FAMILY_SHIFT = 0;
/** Port of the opener. */
export const LINK_OPEN_SOURCE_PORT = 18;
export const LINK_OPEN_SOURCE_PORT_WORD = 4;
export const LINK_OPEN_SOURCE_PORT_SHIFT = 16;
/** Port that it connects to. */
export const LINK_OPEN_DESTINATION_PORT = 20;
export const LINK_OPEN_DESTINATION_PORT_WORD = 5;
export const LINK_OPEN_DESTINATION_PORT_SHIFT = 0;
/** 0 */
export const LINK_OPEN_RESERVED = 22;
export const LINK_OPEN_RESERVED_WORD = 5;
export const LINK_OPEN_RESERVED_SHIFT = 16;
/** In network order; IPv4 in the first 4 bytes, 0 behind. */
export const LINK_OPEN_SOURCE_ADDRESS = 24;
export const LINK_OPEN_SOURCE_ADDRESS_WORD = 6;
/** Likewise. */
export const LINK_OPEN_DESTINATION_ADDRESS = 40;
export const LINK_OPEN_DESTINATION_ADDRESS_WORD = 10;

/** LinkAccept: Payload of RECORD_LINK_ACCEPT. Its size in bytes. */
export const LINK_ACCEPT_BYTES = 4;
/** The connection. */
export const LINK_ACCEPT_ID = 0;
export const LINK_ACCEPT_ID_WORD = 0;

/** LinkReject: Payload of RECORD_LINK_REJECT. Its size in bytes. */
export const LINK_REJECT_BYTES = 8;
/** The connection. */
export const LINK_REJECT_ID = 0;
export const LINK_REJECT_ID_WORD = 0;
/** REJECT_* */
export const LINK_REJECT_REASON = 4;
export const LINK_REJECT_REASON_WORD = 1;

/** LinkClose: Payload of RECORD_LINK_CLOSE. Its size in bytes. */
export const LINK_CLOSE_BYTES = 4;
/** The connection. */
export const LINK_CLOSE_ID = 0;
export const LINK_CLOSE_ID_WORD = 0;

/** LinkNews: Payload of RECORD_LINK_NEWS. Its size in bytes. */
export const LINK_NEWS_BYTES = 4;
/** The connection. */
export const LINK_NEWS_ID = 0;
export const LINK_NEWS_ID_WORD = 0;

/** LinkSpace: Payload of RECORD_LINK_SPACE. Its size in bytes. */
export const LINK_SPACE_BYTES = 4;
/** The connection. */
export const LINK_SPACE_ID = 0;
export const LINK_SPACE_ID_WORD = 0;

/** LinkMove: Payload of RECORD_LINK_MOVE. In answer to an OPEN, or on a connection that stands and on which nothing is under way. Its size in bytes. */
export const LINK_MOVE_BYTES = 28;
/** The connection. */
export const LINK_MOVE_ID = 0;
export const LINK_MOVE_ID_WORD = 0;
/** Random name of what goes on elsewhere, low half. */
export const LINK_MOVE_TOKEN_LOW = 4;
export const LINK_MOVE_TOKEN_LOW_WORD = 1;
/** High half. */
export const LINK_MOVE_TOKEN_HIGH = 8;
export const LINK_MOVE_TOKEN_HIGH_WORD = 2;
/** The accepting side's new reactor, which the peer is to meet. 0 if the opener moves. */
export const LINK_MOVE_REACTOR_ID = 12;
export const LINK_MOVE_REACTOR_ID_WORD = 3;

/** LinkAttach: Payload of RECORD_LINK_ATTACH. Its size in bytes. */
export const LINK_ATTACH_BYTES = 12;
/** The connection, chosen by the opener. */
export const LINK_ATTACH_ID = 0;
export const LINK_ATTACH_ID_WORD = 0;
/** Of the MOVE, low half. */
export const LINK_ATTACH_TOKEN_LOW = 4;
export const LINK_ATTACH_TOKEN_LOW_WORD = 1;
/** High half. */
export const LINK_ATTACH_TOKEN_HIGH = 8;
export const LINK_ATTACH_TOKEN_HIGH_WORD = 2;

/** HandshakeHeader: Start of every handshake message; never changes, so that versions can talk about it. Its size in bytes. */
export const HANDSHAKE_HEADER_BYTES = 12;
/** HANDSHAKE_MAGIC */
export const HANDSHAKE_HEADER_MAGIC = 0;
export const HANDSHAKE_HEADER_MAGIC_WORD = 0;
/** HANDSHAKE_VERSION */
export const HANDSHAKE_HEADER_VERSION = 4;
export const HANDSHAKE_HEADER_VERSION_WORD = 1;
export const HANDSHAKE_HEADER_VERSION_SHIFT = 0;
/** HANDSHAKE_IDENT, _JOIN or _WELCOME */
export const HANDSHAKE_HEADER_TYPE = 6;
export const HANDSHAKE_HEADER_TYPE_WORD = 1;
export const HANDSHAKE_HEADER_TYPE_SHIFT = 16;
/** LAYOUT_HASH */
export const HANDSHAKE_HEADER_LAYOUT_HASH = 8;
export const HANDSHAKE_HEADER_LAYOUT_HASH_WORD = 2;

/** HandshakeIdent: Server to client, at once after accept. Begins with HandshakeHeader. Its size in bytes. */
export const HANDSHAKE_IDENT_BYTES = 44;
/** HandshakeHeader */
export const HANDSHAKE_IDENT_HEADER = 0;
export const HANDSHAKE_IDENT_HEADER_WORD = 0;
/** Process id of the server; a hint, the kernel is asked. */
export const HANDSHAKE_IDENT_PID = 12;
export const HANDSHAKE_IDENT_PID_WORD = 3;
/** Random name of the server's reactor: one link per pair of reactors. */
export const HANDSHAKE_IDENT_REACTOR_ID = 16;
export const HANDSHAKE_IDENT_REACTOR_ID_WORD = 4;
/** SO_COOKIE of the listening TCP socket, low half. 0 at a reactor's own rendezvous. */
export const HANDSHAKE_IDENT_COOKIE_LOW = 32;
export const HANDSHAKE_IDENT_COOKIE_LOW_WORD = 8;
/** High half. */
export const HANDSHAKE_IDENT_COOKIE_HIGH = 36;
export const HANDSHAKE_IDENT_COOKIE_HIGH_WORD = 9;
/** Its descriptor in the server; a hint that is checked. -1: none. */
export const HANDSHAKE_IDENT_LISTENER_FD = 40;
export const HANDSHAKE_IDENT_LISTENER_FD_WORD = 10;

/** HandshakeJoin: Client to server; carries the client's segment. Begins with HandshakeHeader. Its size in bytes. */
export const HANDSHAKE_JOIN_BYTES = 32;
/** HandshakeHeader */
export const HANDSHAKE_JOIN_HEADER = 0;
export const HANDSHAKE_JOIN_HEADER_WORD = 0;
/** Size of the segment that comes with it. */
export const HANDSHAKE_JOIN_SEGMENT_BYTES = 12;
export const HANDSHAKE_JOIN_SEGMENT_BYTES_WORD = 3;
/** Random name of the client's reactor. */
export const HANDSHAKE_JOIN_REACTOR_ID = 16;
export const HANDSHAKE_JOIN_REACTOR_ID_WORD = 4;

/** HandshakeWelcome: Server to client; carries the server's segment if all is well. Begins with HandshakeHeader. Its size in bytes. */
export const HANDSHAKE_WELCOME_BYTES = 20;
/** HandshakeHeader */
export const HANDSHAKE_WELCOME_HEADER = 0;
export const HANDSHAKE_WELCOME_HEADER_WORD = 0;
/** WELCOME_* */
export const HANDSHAKE_WELCOME_STATUS = 12;
export const HANDSHAKE_WELCOME_STATUS_WORD = 3;
/** Size of the segment that comes with it. */
export const HANDSHAKE_WELCOME_SEGMENT_BYTES = 16;
export const HANDSHAKE_WELCOME_SEGMENT_BYTES_WORD = 4;

/** SessionHeader: Start of every session message. Its size in bytes. */
export const SESSION_HEADER_BYTES = 8;
/** SESSION_* */
export const SESSION_HEADER_KIND = 0;
export const SESSION_HEADER_KIND_WORD = 0;
export const SESSION_HEADER_KIND_SHIFT = 0;
/** Reserved, 0. */
export const SESSION_HEADER_FLAGS = 1;
export const SESSION_HEADER_FLAGS_WORD = 0;
export const SESSION_HEADER_FLAGS_SHIFT = 8;
/** Receive buffers that the sender has posted since its last message. */
export const SESSION_HEADER_CREDITS = 2;
export const SESSION_HEADER_CREDITS_WORD = 0;
export const SESSION_HEADER_CREDITS_SHIFT = 16;
/** By kind. */
export const SESSION_HEADER_VALUE = 4;
export const SESSION_HEADER_VALUE_WORD = 1;

/** SessionHello: Body of SESSION_HELLO. Its size in bytes. */
export const SESSION_HELLO_BYTES = 20;
/** SESSION_VERSION */
export const SESSION_HELLO_VERSION = 0;
export const SESSION_HELLO_VERSION_WORD = 0;
export const SESSION_HELLO_VERSION_SHIFT = 0;
/** Receive buffers that stand. */
export const SESSION_HELLO_RECEIVE_BUFFERS = 2;
export const SESSION_HELLO_RECEIVE_BUFFERS_WORD = 0;
export const SESSION_HELLO_RECEIVE_BUFFERS_SHIFT = 16;
/** Bytes of each: the largest message that may be sent here. */
export const SESSION_HELLO_MESSAGE_BYTES = 4;
export const SESSION_HELLO_MESSAGE_BYTES_WORD = 1;
/** CAPABILITY_* bits */
export const SESSION_HELLO_CAPABILITIES = 8;
export const SESSION_HELLO_CAPABILITIES_WORD = 2;
/** Sends from this size on go by RDMA (SO_RDMA_THRESHOLD_SIZE). */
export const SESSION_HELLO_RDMA_THRESHOLD_BYTES = 12;
export const SESSION_HELLO_RDMA_THRESHOLD_BYTES_WORD = 3;
/** The largest RDMA transfer (SO_MAX_RDMA_SIZE). */
export const SESSION_HELLO_MAX_RDMA_BYTES = 16;
export const SESSION_HELLO_MAX_RDMA_BYTES_WORD = 4;

/** SessionOffer: Body of SESSION_OFFER; `inlineBytes` bytes follow. Key and address are 0 where rule 5.7 applies. Its size in bytes. */
export const SESSION_OFFER_BYTES = 24;
/** Bytes of the whole send. */
export const SESSION_OFFER_TOTAL_BYTES = 0;
export const SESSION_OFFER_TOTAL_BYTES_WORD = 0;
/** How many of them are in this message. */
export const SESSION_OFFER_INLINE_BYTES = 4;
export const SESSION_OFFER_INLINE_BYTES_WORD = 1;
/** RDMA buffer descriptor of the rest: key, low half. */
export const SESSION_OFFER_KEY_LOW = 8;
export const SESSION_OFFER_KEY_LOW_WORD = 2;
/** Key, high half. */
export const SESSION_OFFER_KEY_HIGH = 12;
export const SESSION_OFFER_KEY_HIGH_WORD = 3;
/** Address, low half. */
export const SESSION_OFFER_ADDRESS_LOW = 16;
export const SESSION_OFFER_ADDRESS_LOW_WORD = 4;
/** Address, high half. */
export const SESSION_OFFER_ADDRESS_HIGH = 20;
export const SESSION_OFFER_ADDRESS_HIGH_WORD = 5;

/** SessionTarget: Body of SESSION_TARGET. Its size in bytes. */
export const SESSION_TARGET_BYTES = 20;
/** SESSION_STATUS_*: whether there is a target. */
export const SESSION_TARGET_STATUS = 0;
export const SESSION_TARGET_STATUS_WORD = 0;
/** RDMA buffer descriptor to write to: key, low half. */
export const SESSION_TARGET_KEY_LOW = 4;
export const SESSION_TARGET_KEY_LOW_WORD = 1;
/** Key, high half. */
export const SESSION_TARGET_KEY_HIGH = 8;
export const SESSION_TARGET_KEY_HIGH_WORD = 2;
/** Address, low half. */
export const SESSION_TARGET_ADDRESS_LOW = 12;
export const SESSION_TARGET_ADDRESS_LOW_WORD = 3;
/** Address, high half. */
export const SESSION_TARGET_ADDRESS_HIGH = 16;
export const SESSION_TARGET_ADDRESS_HIGH_WORD = 4;

/** SessionDone: Body of SESSION_DONE. Its size in bytes. */
export const SESSION_DONE_BYTES = 4;
/** SESSION_STATUS_* */
export const SESSION_DONE_STATUS = 0;
export const SESSION_DONE_STATUS_WORD = 0;

/** ReactorControl: Plain memory of one thread's JavaScript and its native reactor; the watch entries follow. Its size in bytes. */
export const REACTOR_CONTROL_BYTES = 80;
/** Watch entries in use. Written by JavaScript. */
export const REACTOR_CONTROL_WATCH_COUNT = 0;
export const REACTOR_CONTROL_WATCH_COUNT_WORD = 0;
/** Not 0: JavaScript holds uncommitted link records and is called before the thread sleeps. */
export const REACTOR_CONTROL_DIRTY = 4;
export const REACTOR_CONTROL_DIRTY_WORD = 1;
/** How long to spin before sleeping, in nanoseconds; 0: never. */
export const REACTOR_CONTROL_SPIN_BUDGET_NS = 8;
export const REACTOR_CONTROL_SPIN_BUDGET_NS_WORD = 2;
/** 0 */
export const REACTOR_CONTROL_RESERVED = 12;
export const REACTOR_CONTROL_RESERVED_WORD = 3;
/** Counter: calls into JavaScript. */
export const REACTOR_CONTROL_CALLBACKS = 16;
export const REACTOR_CONTROL_CALLBACKS_WORD = 4;
/** Counter: passes over the watch entries. */
export const REACTOR_CONTROL_POLLS = 24;
export const REACTOR_CONTROL_POLLS_WORD = 6;
/** Counter: turns of the loop that spun. */
export const REACTOR_CONTROL_SPINS = 32;
export const REACTOR_CONTROL_SPINS_WORD = 8;
/** Counter: times that the thread let its event loop sleep. */
export const REACTOR_CONTROL_SLEEPS = 40;
export const REACTOR_CONTROL_SLEEPS_WORD = 10;
/** Counter: wake-ups sent to peers. */
export const REACTOR_CONTROL_WAKES_SENT = 48;
export const REACTOR_CONTROL_WAKES_SENT_WORD = 12;
/** Counter: wake-ups that came from peers. */
export const REACTOR_CONTROL_WAKES_RECEIVED = 56;
export const REACTOR_CONTROL_WAKES_RECEIVED_WORD = 14;
/** Counter: completion records that came from the dedicated poller. */
export const REACTOR_CONTROL_RECORDS = 64;
export const REACTOR_CONTROL_RECORDS_WORD = 16;
/** When to call JavaScript, which sets it: ns of CLOCK_MONOTONIC; 0: not, or done. */
export const REACTOR_CONTROL_ALARM = 72;
export const REACTOR_CONTROL_ALARM_WORD = 18;

/** ReadyRecord: Payload of RECORD_READY. Its size in bytes. */
export const READY_RECORD_BYTES = 8;
/** Place of the watched word among those that the thread left to the poller. */
export const READY_RECORD_WATCH = 0;
export const READY_RECORD_WATCH_WORD = 0;
/** What stands in it. */
export const READY_RECORD_VALUE = 4;
export const READY_RECORD_VALUE_WORD = 1;

/** ActorSlot: One slot of the depth table, by which a host shares with all threads how full the mailboxes of its actors are. Its size in bytes. */
export const ACTOR_SLOT_BYTES = 16;
/** Odd: which actor has the slot. Even: nobody. Written by its host alone. */
export const ACTOR_SLOT_GENERATION = 0;
export const ACTOR_SLOT_GENERATION_WORD = 0;
/** Messages in the mailbox or on their way to it. Outlives the actor. */
export const ACTOR_SLOT_DEPTH = 4;
export const ACTOR_SLOT_DEPTH_WORD = 1;
/** Messages that the mailbox holds at most. */
export const ACTOR_SLOT_CAPACITY = 8;
export const ACTOR_SLOT_CAPACITY_WORD = 2;
/** ACTOR_POLICY_* in the low bits; the high-water mark above. */
export const ACTOR_SLOT_MARK = 12;
export const ACTOR_SLOT_MARK_WORD = 3;

/** ActorNameTable: Which actor of a runtime has which name. Entries follow; all of it is under the mutex. Its size in bytes. */
export const ACTOR_NAME_TABLE_BYTES = 8;
/** A Mutex of sanswitch/sync. */
export const ACTOR_NAME_TABLE_MUTEX = 0;
export const ACTOR_NAME_TABLE_MUTEX_WORD = 0;
/** Names that are taken. */
export const ACTOR_NAME_TABLE_COUNT = 4;
export const ACTOR_NAME_TABLE_COUNT_WORD = 1;

/** ActorNameEntry: One name. What else it holds is written before `state` says so. Its size in bytes. */
export const ACTOR_NAME_ENTRY_BYTES = 284;
/** ACTOR_NAME_* */
export const ACTOR_NAME_ENTRY_STATE = 0;
export const ACTOR_NAME_ENTRY_STATE_WORD = 0;
/** Of the name. */
export const ACTOR_NAME_ENTRY_HASH = 4;
export const ACTOR_NAME_ENTRY_HASH_WORD = 1;
/** The actor's address. */
export const ACTOR_NAME_ENTRY_HOST = 8;
export const ACTOR_NAME_ENTRY_HOST_WORD = 2;
/** The actor's address. */
export const ACTOR_NAME_ENTRY_SLOT = 12;
export const ACTOR_NAME_ENTRY_SLOT_WORD = 3;
/** The actor's address. */
export const ACTOR_NAME_ENTRY_GENERATION = 16;
export const ACTOR_NAME_ENTRY_GENERATION_WORD = 4;
/** The host that gave the name, and takes it back. */
export const ACTOR_NAME_ENTRY_REGISTRAR = 20;
export const ACTOR_NAME_ENTRY_REGISTRAR_WORD = 5;
/** Bytes of the name. */
export const ACTOR_NAME_ENTRY_NAME_BYTES = 24;
export const ACTOR_NAME_ENTRY_NAME_BYTES_WORD = 6;
/** UTF-8, at most ACTOR_NAME_BYTES_MAX. */
export const ACTOR_NAME_ENTRY_NAME = 28;
export const ACTOR_NAME_ENTRY_NAME_WORD = 7;

/** WatchEntry: One word that the reactor watches: JavaScript is called when it is not `seen`. Its size in bytes. */
export const WATCH_ENTRY_BYTES = 16;
/** Window that the word is in. */
export const WATCH_ENTRY_WINDOW_ID = 0;
export const WATCH_ENTRY_WINDOW_ID_WORD = 0;
/** Index of the word as of an Int32Array over the whole window. */
export const WATCH_ENTRY_WORD_INDEX = 4;
export const WATCH_ENTRY_WORD_INDEX_WORD = 1;
/** The value that JavaScript has dealt with. */
export const WATCH_ENTRY_SEEN = 8;
export const WATCH_ENTRY_SEEN_WORD = 2;
/** 0 */
export const WATCH_ENTRY_RESERVED = 12;
export const WATCH_ENTRY_RESERVED_WORD = 3;

/** Mutex: Zeroed memory is an open one. Its size in bytes. */
export const MUTEX_BYTES = 4;
/** 0: open. Otherwise who holds it (nonce, thread id), and MUTEX_CONTENDED. */
export const MUTEX_OWNER = 0;
export const MUTEX_OWNER_WORD = 0;

/** EventCount: Also a condition. Zeroed memory is a valid one. Its size in bytes. */
export const EVENT_COUNT_BYTES = 8;
/** Counts notifications; what waiters sleep on. */
export const EVENT_COUNT_SEQUENCE = 0;
export const EVENT_COUNT_SEQUENCE_WORD = 0;
/** How many wait, or more (one that died stays counted): none, and nobody is woken. */
export const EVENT_COUNT_WAITERS = 4;
export const EVENT_COUNT_WAITERS_WORD = 1;

/** Semaphore: Zeroed memory is one without permits. Its size in bytes. */
export const SEMAPHORE_BYTES = 4;
/** Permits to be had, and SEMAPHORE_CONTENDED; what waiters sleep on. */
export const SEMAPHORE_STATE = 0;
export const SEMAPHORE_STATE_WORD = 0;

/** RwLock: Zeroed memory is an open one. Its size in bytes. */
export const RW_LOCK_BYTES = 16;
/** A Mutex: who writes, or is the next to. */
export const RW_LOCK_WRITERS = 0;
export const RW_LOCK_WRITERS_WORD = 0;
/** RW_LOCK_* bits and the number of readers; what that writer sleeps on. */
export const RW_LOCK_STATE = 4;
export const RW_LOCK_STATE_WORD = 1;
/** Counts how often readers were let in again; what they sleep on. */
export const RW_LOCK_GATE = 8;
export const RW_LOCK_GATE_WORD = 2;
/** How many readers wait at the gate, or more. */
export const RW_LOCK_WAITERS = 12;
export const RW_LOCK_WAITERS_WORD = 3;

/** Barrier: Has to be initialised. Its size in bytes. */
export const BARRIER_BYTES = 8;
/** Generation and number of the arrived; what they sleep on. */
export const BARRIER_STATE = 0;
export const BARRIER_STATE_WORD = 0;
/** How many threads it takes. */
export const BARRIER_PARTIES = 4;
export const BARRIER_PARTIES_WORD = 1;

/** MailMemory: Start of the memory of a mail link, which joins two threads; a ring (RingWords, data) of each side follows, of the same capacity. Zeroed memory is a link that nobody has used yet. Its size in bytes. */
export const MAIL_MEMORY_BYTES = 384;
/** Of side 0: odd while its thread sleeps or is about to. */
export const MAIL_MEMORY_SLEEP_EPOCH0 = 128;
export const MAIL_MEMORY_SLEEP_EPOCH0_WORD = 32;
/** Of side 1. */
export const MAIL_MEMORY_SLEEP_EPOCH1 = 256;
export const MAIL_MEMORY_SLEEP_EPOCH1_WORD = 64;

/** MailHeader: Start of the payload of every record of a mail link. Its size in bytes. */
export const MAIL_HEADER_BYTES = 32;
/** Slot of the actor that it is for, on the thread that reads. */
export const MAIL_HEADER_SLOT = 0;
export const MAIL_HEADER_SLOT_WORD = 0;
/** Generation of that slot. */
export const MAIL_HEADER_GENERATION = 4;
export const MAIL_HEADER_GENERATION_WORD = 1;
/** Address of the sender, if MAIL_FLAG_SENDER: its host, */
export const MAIL_HEADER_SENDER_HOST = 8;
export const MAIL_HEADER_SENDER_HOST_WORD = 2;
/** its slot, */
export const MAIL_HEADER_SENDER_SLOT = 12;
export const MAIL_HEADER_SENDER_SLOT_WORD = 3;
/** its slot's generation. */
export const MAIL_HEADER_SENDER_GENERATION = 16;
export const MAIL_HEADER_SENDER_GENERATION_WORD = 4;
/** RECORD_MAIL_FIXED: hash of the declared fields, which both sides must have from one source. */
export const MAIL_HEADER_SHAPE = 20;
export const MAIL_HEADER_SHAPE_WORD = 5;
/** MAIL_FLAG_* bits. */
export const MAIL_HEADER_FLAGS = 24;
export const MAIL_HEADER_FLAGS_WORD = 6;
/** 0; the body starts at a multiple of 8. */
export const MAIL_HEADER_RESERVED = 28;
export const MAIL_HEADER_RESERVED_WORD = 7;

/** CountersPage: Start of the page; CountersEntry follows for each connection. Written in one piece, with a checksum over all of it: a piece that does not match is read again. Its size in bytes. */
export const COUNTERS_PAGE_BYTES = 256;
/** COUNTERS_MAGIC */
export const COUNTERS_PAGE_MAGIC = 0;
export const COUNTERS_PAGE_MAGIC_WORD = 0;
/** COUNTERS_VERSION */
export const COUNTERS_PAGE_VERSION = 4;
export const COUNTERS_PAGE_VERSION_WORD = 1;
/** CRC-32 of all that follows up to the end of the last entry. */
export const COUNTERS_PAGE_CHECKSUM = 8;
export const COUNTERS_PAGE_CHECKSUM_WORD = 2;
/** CountersEntry that follow. */
export const COUNTERS_PAGE_ENTRIES = 12;
export const COUNTERS_PAGE_ENTRIES_WORD = 3;
/** Counts what was published. */
export const COUNTERS_PAGE_SEQUENCE = 16;
export const COUNTERS_PAGE_SEQUENCE_WORD = 4;
/** The process, in its own pid namespace's numbers. */
export const COUNTERS_PAGE_PID = 20;
export const COUNTERS_PAGE_PID_WORD = 5;
/** Node's number of the thread: 0 is the main one. */
export const COUNTERS_PAGE_THREAD = 24;
export const COUNTERS_PAGE_THREAD_WORD = 6;
/** Open connections, also those without entry. */
export const COUNTERS_PAGE_CONNECTIONS = 28;
export const COUNTERS_PAGE_CONNECTIONS_WORD = 7;
/** Open listeners. */
export const COUNTERS_PAGE_LISTENERS = 32;
export const COUNTERS_PAGE_LISTENERS_WORD = 8;
/** Live actors. */
export const COUNTERS_PAGE_ACTORS = 36;
export const COUNTERS_PAGE_ACTORS_WORD = 9;
/** Messages in the fullest mailbox. */
export const COUNTERS_PAGE_MAILBOX_DEPTH_MOST = 40;
export const COUNTERS_PAGE_MAILBOX_DEPTH_MOST_WORD = 10;
/** 0 */
export const COUNTERS_PAGE_RESERVED = 44;
export const COUNTERS_PAGE_RESERVED_WORD = 11;
/** CLOCK_MONOTONIC, microseconds. */
export const COUNTERS_PAGE_PUBLISHED_US = 48;
export const COUNTERS_PAGE_PUBLISHED_US_WORD = 12;
/** Of all connections so far, as all that follows. */
export const COUNTERS_PAGE_BYTES_SENT = 56;
export const COUNTERS_PAGE_BYTES_SENT_WORD = 14;
/** By the application, or waiting for it. */
export const COUNTERS_PAGE_BYTES_RECEIVED = 64;
export const COUNTERS_PAGE_BYTES_RECEIVED_WORD = 16;
/** Calls of the application that sent. */
export const COUNTERS_PAGE_SENDS = 72;
export const COUNTERS_PAGE_SENDS_WORD = 18;
/** Times that bytes came for the application. */
export const COUNTERS_PAGE_DELIVERIES = 80;
export const COUNTERS_PAGE_DELIVERIES_WORD = 20;
/** Times that a sender was blocked. */
export const COUNTERS_PAGE_STALLS = 88;
export const COUNTERS_PAGE_STALLS_WORD = 22;
/** Threads that this one has woken. */
export const COUNTERS_PAGE_WAKES_SENT = 96;
export const COUNTERS_PAGE_WAKES_SENT_WORD = 24;
/** Times that it was woken. */
export const COUNTERS_PAGE_WAKES_RECEIVED = 104;
export const COUNTERS_PAGE_WAKES_RECEIVED_WORD = 26;
/** Connections opened from this side. */
export const COUNTERS_PAGE_CONNECTS = 112;
export const COUNTERS_PAGE_CONNECTS_WORD = 28;
/** Connections accepted. */
export const COUNTERS_PAGE_ACCEPTS = 120;
export const COUNTERS_PAGE_ACCEPTS_WORD = 30;
/** Restarts of its actors. */
export const COUNTERS_PAGE_ACTOR_RESTARTS = 128;
export const COUNTERS_PAGE_ACTOR_RESTARTS_WORD = 32;
/** Messages in all mailboxes, or on their way to them; now. */
export const COUNTERS_PAGE_MAILBOX_DEPTH = 136;
export const COUNTERS_PAGE_MAILBOX_DEPTH_WORD = 34;
/** Of the thread: text, then zeros. */
export const COUNTERS_PAGE_NAME = 144;
export const COUNTERS_PAGE_NAME_WORD = 36;

/** CountersEntry: One connection. Its size in bytes. */
export const COUNTERS_ENTRY_BYTES = 200;
/** Of the connection, among its thread's. */
export const COUNTERS_ENTRY_ID = 0;
export const COUNTERS_ENTRY_ID_WORD = 0;
/** The process at the other end, in this one's numbers; 0: not known. */
export const COUNTERS_ENTRY_PEER_PID = 4;
export const COUNTERS_ENTRY_PEER_PID_WORD = 1;
/** Of this end. */
export const COUNTERS_ENTRY_LOCAL_PORT = 8;
export const COUNTERS_ENTRY_LOCAL_PORT_WORD = 2;
export const COUNTERS_ENTRY_LOCAL_PORT_SHIFT = 0;
/** Of the other one. */
export const COUNTERS_ENTRY_REMOTE_PORT = 10;
export const COUNTERS_ENTRY_REMOTE_PORT_WORD = 2;
export const COUNTERS_ENTRY_REMOTE_PORT_SHIFT = 16;
/** 0 */
export const COUNTERS_ENTRY_RESERVED = 12;
export const COUNTERS_ENTRY_RESERVED_WORD = 3;
/** Text, then zeros, as in the addresses. */
export const COUNTERS_ENTRY_PROVIDER = 16;
export const COUNTERS_ENTRY_PROVIDER_WORD = 4;
/** As node:net writes it. */
export const COUNTERS_ENTRY_LOCAL_ADDRESS = 32;
export const COUNTERS_ENTRY_LOCAL_ADDRESS_WORD = 8;
/** As node:net writes it. */
export const COUNTERS_ENTRY_REMOTE_ADDRESS = 88;
export const COUNTERS_ENTRY_REMOTE_ADDRESS_WORD = 22;
/** Over its whole life, as those that follow. */
export const COUNTERS_ENTRY_BYTES_SENT = 144;
export const COUNTERS_ENTRY_BYTES_SENT_WORD = 36;
/** As in CountersPage. */
export const COUNTERS_ENTRY_BYTES_RECEIVED = 152;
export const COUNTERS_ENTRY_BYTES_RECEIVED_WORD = 38;
/** As in CountersPage. */
export const COUNTERS_ENTRY_SENDS = 160;
export const COUNTERS_ENTRY_SENDS_WORD = 40;
/** As in CountersPage. */
export const COUNTERS_ENTRY_DELIVERIES = 168;
export const COUNTERS_ENTRY_DELIVERIES_WORD = 42;
/** As in CountersPage. */
export const COUNTERS_ENTRY_STALLS = 176;
export const COUNTERS_ENTRY_STALLS_WORD = 44;
/** Accepted by a send and not yet with the provider. */
export const COUNTERS_ENTRY_QUEUED_BYTES = 184;
export const COUNTERS_ENTRY_QUEUED_BYTES_WORD = 46;
/** Bytes of the ring to the peer; 0: the provider has none. */
export const COUNTERS_ENTRY_RING_CAPACITY = 192;
export const COUNTERS_ENTRY_RING_CAPACITY_WORD = 48;
/** Bytes of it that the peer has not read. */
export const COUNTERS_ENTRY_RING_USED = 196;
export const COUNTERS_ENTRY_RING_USED_WORD = 49;

/** VerbsSubmission: One operation that JavaScript wants to be posted. Written by JavaScript, read by submit(). Its size in bytes. */
export const VERBS_SUBMISSION_BYTES = 40;
/** Handle of the connection. */
export const VERBS_SUBMISSION_CONNECTION = 0;
export const VERBS_SUBMISSION_CONNECTION_WORD = 0;
/** VERBS_OP_SEND, _RECEIVE, _READ or _WRITE */
export const VERBS_SUBMISSION_OP = 4;
export const VERBS_SUBMISSION_OP_WORD = 1;
/** VERBS_FLAG_* bits */
export const VERBS_SUBMISSION_FLAGS = 8;
export const VERBS_SUBMISSION_FLAGS_WORD = 2;
/** Comes back in the completion; at most VERBS_COOKIE_MAX. RECEIVE: the number of the slot. */
export const VERBS_SUBMISSION_COOKIE = 12;
export const VERBS_SUBMISSION_COOKIE_WORD = 3;
/** Handle of the registered region of the local memory; 0: the arena. */
export const VERBS_SUBMISSION_REGION = 16;
export const VERBS_SUBMISSION_REGION_WORD = 4;
/** Where in the region, or in the arena, in bytes. RECEIVE: not used. */
export const VERBS_SUBMISSION_OFFSET = 20;
export const VERBS_SUBMISSION_OFFSET_WORD = 5;
/** Bytes. RECEIVE: not used, it is a whole slot. */
export const VERBS_SUBMISSION_LENGTH = 24;
export const VERBS_SUBMISSION_LENGTH_WORD = 6;
/** READ, WRITE: key of the remote memory. */
export const VERBS_SUBMISSION_REMOTE_KEY = 28;
export const VERBS_SUBMISSION_REMOTE_KEY_WORD = 7;
/** READ, WRITE: its address, low half. */
export const VERBS_SUBMISSION_REMOTE_LOW = 32;
export const VERBS_SUBMISSION_REMOTE_LOW_WORD = 8;
/** High half. */
export const VERBS_SUBMISSION_REMOTE_HIGH = 36;
export const VERBS_SUBMISSION_REMOTE_HIGH_WORD = 9;

/** VerbsCompletion: Payload of RECORD_VERBS_COMPLETION: an operation has ended. Its size in bytes. */
export const VERBS_COMPLETION_BYTES = 24;
/** Handle. 0: of a connection that is not (or no more) here; only slots that come back. */
export const VERBS_COMPLETION_CONNECTION = 0;
export const VERBS_COMPLETION_CONNECTION_WORD = 0;
/** VERBS_OP_* */
export const VERBS_COMPLETION_OP = 4;
export const VERBS_COMPLETION_OP_WORD = 1;
/** VERBS_STATUS_*, or another of IBV_WC_* */
export const VERBS_COMPLETION_STATUS = 8;
export const VERBS_COMPLETION_STATUS_WORD = 2;
/** RECEIVE: bytes of the message. */
export const VERBS_COMPLETION_LENGTH = 12;
export const VERBS_COMPLETION_LENGTH_WORD = 3;
/** Of the submission. RECEIVE: the slot with the message, VERBS_SLOT_COUNT: none. */
export const VERBS_COMPLETION_COOKIE = 16;
export const VERBS_COMPLETION_COOKIE_WORD = 4;
/** The device's own word for a failure, or an errno. */
export const VERBS_COMPLETION_VENDOR_ERROR = 20;
export const VERBS_COMPLETION_VENDOR_ERROR_WORD = 5;

/** VerbsCm: Payload of RECORD_VERBS_CM: something has happened to a connection or listener. It ends with the private data. Its size in bytes. */
export const VERBS_CM_BYTES = 316;
/** VERBS_CM_*, or another of RDMA_CM_EVENT_* */
export const VERBS_CM_EVENT = 0;
export const VERBS_CM_EVENT_WORD = 0;
/** Handle. CONNECT_REQUEST: of the new one, which is JavaScript's to accept or reject. */
export const VERBS_CM_CONNECTION = 4;
export const VERBS_CM_CONNECTION_WORD = 1;
/** Handle of the listener; 0: none. */
export const VERBS_CM_LISTENER = 8;
export const VERBS_CM_LISTENER_WORD = 2;
/** Negated errno, or, of REJECTED, why. 0: well. */
export const VERBS_CM_STATUS = 12;
export const VERBS_CM_STATUS_WORD = 3;
/** 4 or 6: how the addresses are to be read. */
export const VERBS_CM_FAMILY = 16;
export const VERBS_CM_FAMILY_WORD = 4;
/** This side's port. */
export const VERBS_CM_LOCAL_PORT = 20;
export const VERBS_CM_LOCAL_PORT_WORD = 5;
export const VERBS_CM_LOCAL_PORT_SHIFT = 0;
/** The peer's port. */
export const VERBS_CM_REMOTE_PORT = 22;
export const VERBS_CM_REMOTE_PORT_WORD = 5;
export const VERBS_CM_REMOTE_PORT_SHIFT = 16;
/** In network order; IPv4 in the first 4 bytes, 0 behind. */
export const VERBS_CM_LOCAL_ADDRESS = 24;
export const VERBS_CM_LOCAL_ADDRESS_WORD = 6;
/** Likewise. */
export const VERBS_CM_REMOTE_ADDRESS = 40;
export const VERBS_CM_REMOTE_ADDRESS_WORD = 10;
/** Bytes of the peer's private data; its padding may be among them. */
export const VERBS_CM_PRIVATE_BYTES = 56;
export const VERBS_CM_PRIVATE_BYTES_WORD = 14;
/** As many of them as privateBytes says; the record ends there. */
export const VERBS_CM_PRIVATE_DATA = 60;
export const VERBS_CM_PRIVATE_DATA_WORD = 15;

/** VerbsAsync: Payload of RECORD_VERBS_ASYNC: a device has something to say. Its size in bytes. */
export const VERBS_ASYNC_BYTES = 16;
/** VERBS_ASYNC_*, or another of IBV_EVENT_* */
export const VERBS_ASYNC_EVENT = 0;
export const VERBS_ASYNC_EVENT_WORD = 0;
/** Handle; 0: the event is of no single connection of this thread. */
export const VERBS_ASYNC_CONNECTION = 4;
export const VERBS_ASYNC_CONNECTION_WORD = 1;
/** Number of the device, as `connectionDevice` tells it. */
export const VERBS_ASYNC_DEVICE = 8;
export const VERBS_ASYNC_DEVICE_WORD = 2;
/** PORT_*: which port; otherwise 0. */
export const VERBS_ASYNC_PORT = 12;
export const VERBS_ASYNC_PORT_WORD = 3;

/** VerbsGreeting: Private data of a connect, an accept and a rejection; padding may follow. Its size in bytes. */
export const VERBS_GREETING_BYTES = 12;
/** VERBS_MAGIC */
export const VERBS_GREETING_MAGIC = 0;
export const VERBS_GREETING_MAGIC_WORD = 0;
/** VERBS_VERSION */
export const VERBS_GREETING_VERSION = 4;
export const VERBS_GREETING_VERSION_WORD = 1;
export const VERBS_GREETING_VERSION_SHIFT = 0;
/** VERBS_SAYS_* */
export const VERBS_GREETING_KIND = 6;
export const VERBS_GREETING_KIND_WORD = 1;
export const VERBS_GREETING_KIND_SHIFT = 16;
/** VERBS_REFUSED_*; 0 where nothing is refused. */
export const VERBS_GREETING_REASON = 7;
export const VERBS_GREETING_REASON_WORD = 1;
export const VERBS_GREETING_REASON_SHIFT = 24;
/** The largest message that may be sent to the sender of this. */
export const VERBS_GREETING_MESSAGE_BYTES = 8;
export const VERBS_GREETING_MESSAGE_BYTES_WORD = 2;

/** VerbsDescriptor: RDMA buffer descriptor: what the peer needs to reach memory of this side's. Its size in bytes. */
export const VERBS_DESCRIPTOR_BYTES = 16;
/** Remote key. */
export const VERBS_DESCRIPTOR_KEY = 0;
export const VERBS_DESCRIPTOR_KEY_WORD = 0;
/** Bytes of the memory. */
export const VERBS_DESCRIPTOR_LENGTH = 4;
export const VERBS_DESCRIPTOR_LENGTH_WORD = 1;
/** Where it starts. */
export const VERBS_DESCRIPTOR_ADDRESS = 8;
export const VERBS_DESCRIPTOR_ADDRESS_WORD = 2;
