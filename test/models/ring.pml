/*
 * The record ring with a blocked producer (SPACE): src/ring/producer.ts, src/ring/consumer.ts, and block, commit and
 * spaceMade of src/providers/shm/connection.ts. Each load and store of a shared word that the other side may be changing
 * or reading just then is a step of its own; what is private or not yet published goes along with the next of these.
 * Unit: RECORD_ALIGN. A ring of 8 units with the connection's reserve of 1, records of 3 or 4 units (half), without end.
 *
 * Holds: every record is read once and in order; nothing unread is overwritten; what one side finds in the other's word
 * is possible; a producer that is blocked goes on.
 *
 * Plain stores (records, blockedNeed) are followed by a sequentially consistent one, before which they are visible.
 * Atomics stores take effect at once; in the variants LATE_* behind the next loads, as from a store buffer.
 *
 * broken: PUBLISH_EARLY  PROD is stored before the record stands
 * broken: COMMIT_EARLY  CONS is stored before the record is read
 * broken: NO_RECHECK  block does not look at CONS again after it has counted blockedSeq
 * broken: PADDING_UNANNOUNCED  block waits though its second look has published padding: the reader may have found the
 *   ring less than half full without it, and not looked at blockedSeq
 * broken: LATE_SEQ  no fence between the store of blockedSeq and the load of CONS
 * broken: LATE_CONS  no fence between the store of CONS and the loads of PROD and blockedSeq
 * broken: FORGET_BLOCKED  the reader looks at a new blockedSeq once, not with every commit until the need is reached
 */
#define CAPACITY 8
#define RESERVE 1
#define POSITIONS 15 /* positions wrap at 16, where the code has 2^32 */
#define PADDING 16   /* added to the length of a padding record */
#define at(position) ((position) & (CAPACITY - 1))
#define distance(from, to) (((to) - (from)) & POSITIONS)
#define isBehind(a, b) (distance(b, a) > CAPACITY)

byte prod, blockedNeed; /* the writer's cell */
bool isCounted;         /* its blockedSeq is not the reader's blockedSeen; exact however far it counts */
bool isCountedAgain;    /* nor what the reader has just loaded */
byte cons;              /* the reader's cell */
byte header[CAPACITY];  /* where a record starts: its length. The reader clears what it has read. */
bool unread[CAPACITY];  /* for the proof: part of a record that the reader has not read */
bool space;             /* a SPACE record is under way; several are like one */

/* RingProducer.write. Not visible before the next publish. */
inline write(length, type) {
  i = 0;
  do
  :: i < length -> assert(!unread[at(tail + i)]); unread[at(tail + i)] = true; i++
  :: else -> break
  od;
  i = 0;
  header[at(tail)] = length + type;
  tail = (tail + length) & POSITIONS
}

/* RingProducer.publish: the store of PROD */
inline publish() {
  if
  :: tail != published -> d_step { published = tail; prod = tail }
  :: else
  fi
}

/* RingProducer.claim and claimAgain: at most one load of CONS. minBytes and maxBytes are alike, `length` with the header. */
inline claim() {
  d_step {
    free = distance(tail, consumed + CAPACITY - RESERVE);
    room = CAPACITY - at(tail);
    if
    :: free >= length && room >= length
    :: else ->
       assert(distance(consumed, cons) <= distance(consumed, published)); /* reloadConsumed */
       consumed = cons;
       free = distance(tail, consumed + CAPACITY - RESERVE);
       if
       :: room < length && free >= room ->
          write(room, PADDING);
          free = free - room;
          room = CAPACITY
       :: else
       fi
    fi;
    isGranted = free >= length && room >= length;
    free = 0;
    room = 0
  }
  if
  :: !isGranted -> publish() /* padding, so that "blocked" implies "at least half full" */
  :: else
  fi
}

/* Atomics.add to blockedSeq */
inline count() {
  d_step { isCounted = true; isCountedAgain = true }
}

/* ShmConnection.block */
inline block() {
  publish();
  d_step { /* needPosition; the store of blockedNeed */
    room = CAPACITY - at(tail);
    blockedNeed = (tail + (room < length -> room : 0) + length + RESERVE - CAPACITY) & POSITIONS;
    room = 0;
    position = tail
  }
#ifdef LATE_SEQ
  claim();
  count()
#else
  count();
#ifdef NO_RECHECK
  isGranted = false
#else
  claim()
#endif
#endif
}

active proctype producer() {
  byte tail, position, published, consumed, length, free, room, i;
  bool isGranted;
end: /* there may be no more to send */
  do
  :: space -> space = false /* spaceMade, when nobody waits for it */
  :: atomic {
       if
       :: length = 3
       :: length = 4
       fi;
       claim()
     }
     do
     :: isGranted ->
#ifdef PUBLISH_EARLY
        prod = (tail + length) & POSITIONS;
#endif
        d_step { /* RingProducer.commit and publish */
          write(length, 0);
          published = tail;
          prod = tail;
          length = 0;
          position = 0;
          isGranted = false
        }
        break
     :: else ->
        block();
        if
        :: isGranted
#ifdef PADDING_UNANNOUNCED
        :: !isGranted ->
#else
        :: !isGranted && tail != position /* padding came with the second look: block once more */
        :: !isGranted && tail == position ->
#endif
           space; /* waitsForSpace */
           space = false;
           claim()
        fi
     od
  od
}

/* ShmConnection.commit over RingConsumer.commit */
inline commit() {
  isFull = false;
  if
  :: head != committed ->
     d_step {
       before = committed;
       committed = head;
#ifndef LATE_CONS
       cons = head
#endif
     }
     d_step { isFull = distance(before, prod) >= CAPACITY / 2; before = 0 }
  :: else
  fi;
  if
  :: isFull || peerBlocked ->
     isFull = false;
     if
     :: d_step { isCounted -> isCountedAgain = false } /* the load of blockedSeq */
        peerBlocked = isBehind(head, blockedNeed);
        if
        :: !peerBlocked -> d_step { isCounted = isCountedAgain; space = true } /* Link.record(RECORD_LINK_SPACE) */
        :: else
#ifdef FORGET_BLOCKED
           -> d_step { isCounted = isCountedAgain; peerBlocked = false }
#endif
        fi
     :: !isCounted
     fi
  :: else
  fi
#ifdef LATE_CONS
  ; cons = committed
#endif
}

active proctype consumer() {
  byte head, length, published, committed, before, i;
  bool peerBlocked, isFull;
end:
  do
  :: d_step {
       prod != published -> /* RingConsumer.poll and reload */
       assert(distance(head, prod) <= CAPACITY && distance(head, prod) >= distance(head, published));
       published = prod
     }
     do /* ShmConnection.sweep */
     :: head != published ->
#ifdef COMMIT_EARLY
        cons = (head + (header[at(head)] & ~PADDING)) & POSITIONS;
        committed = cons;
#endif
        d_step { /* RingConsumer.next with recordBytes and skipPadding; received; release */
          length = header[at(head)] & ~PADDING;
          assert(length > 0 && length <= distance(head, published) && length <= CAPACITY - at(head));
          assert(header[at(head)] < PADDING || length == CAPACITY - at(head));
          isFull = header[at(head)] < PADDING && distance(committed, head + length) >= CAPACITY / 4;
          header[at(head)] = 0;
          i = 0;
          do
          :: i < length -> assert(unread[at(head + i)]); unread[at(head + i)] = false; i++
          :: else -> break
          od;
          i = 0;
          head = (head + length) & POSITIONS;
          length = 0
        }
        if
        :: isFull -> commit()
        :: else
        fi
     :: else -> break
     od;
     if
     :: peerBlocked -> commit()
     :: else
     fi
  :: head != committed -> commit() /* stopWatch: the connection leaves the polled set */
  od
}
