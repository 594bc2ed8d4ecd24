/*
 * A mail link's full ring: claim, pump and poll of src/actor/mail/outbox.ts, read of src/actor/mail/inbox.ts, over
 * src/ring/producer.ts and consumer.ts, and the sleep of the writing thread (Reactor::fallAsleep, wakeUp, onCheck of
 * native/reactor/reactor.cc). Unlike the rings of `ring`, this one has no word that says that its writer is blocked: the
 * writer watches CONS. Each load and store of a shared word is a step of its own; what is private or not yet published
 * goes along with the next of these.
 * Unit: RECORD_ALIGN. A ring of 16 units, records of 3 or 8 units (half), without end: one of 3 does not make the reader
 * commit. The reader is awake: that it is woken is what `wake` shows.
 *
 * Holds: every record is read once and in order; nothing unread is overwritten; what one side finds in the other's word
 * is possible; a writer that waits for room goes on, asleep or not.
 *
 * Atomics stores take effect at once; in the variants LATE_* behind the next loads, as from a store buffer.
 *
 * broken: SEEN_BEHIND  the value of CONS to watch for is loaded behind the claim that failed
 * broken: HELD_BACK  pump does not publish what the turn has gathered
 * broken: NO_LAST_LOOK  the writer does not look at CONS after it has stored the odd epoch
 * broken: EPOCH_FIRST  the reader looks at the epoch before it stores CONS
 * broken: LATE_EPOCH  no fence between the store of the epoch and the last look
 * broken: LATE_CONS  no fence between the store of CONS and the loads of PROD and the epoch
 * broken: PADDING_UNCOMMITTED  the reader does not commit what it has skipped behind its last record
 */
#define CAPACITY 16
#define POSITIONS 31 /* positions wrap at 32, where the code has 2^32 */
#define PADDING 32   /* added to the length of a padding record */
#define at(position) ((position) & (CAPACITY - 1))
#define distance(from, to) (((to) - (from)) & POSITIONS)

byte prod, cons;
byte header[CAPACITY]; /* where a record starts: its length. The reader clears what it has read. */
bool unread[CAPACITY]; /* for the proof: part of a record that the reader has not read */
bool isAsleep;         /* the writer's sleep epoch is odd */
bool isAnswered;       /* the reader has sent a wake-up for this epoch; exact however far it counts */
bool isWoken;          /* a byte is in the link's socket; several are like one */

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

/* Outbox.publish: the store of PROD */
inline publish() {
  if
  :: tail != published -> d_step { published = tail; prod = tail }
  :: else
  fi
}

/* RingProducer.claim and claimAgain: at most one load of CONS. */
inline claim() {
  d_step {
    free = CAPACITY - distance(consumed, tail);
    room = CAPACITY - at(tail);
    wasted = 0;
    if
    :: free >= length && room >= length
    :: else ->
       assert(distance(consumed, cons) <= distance(consumed, published)); /* reloadConsumed */
       consumed = cons;
       free = CAPACITY - distance(consumed, tail);
       if
       :: room < length && free >= room ->
          write(room, PADDING);
          free = free - room;
          room = CAPACITY;
          wasted = 1
       :: else
       fi
    fi;
    isGranted = free >= length && room >= length
  }
  if
  :: !isGranted && wasted -> publish()
  :: else
  fi;
  d_step { free = 0; room = 0; wasted = 0 }
}

/* RingProducer.commit */
inline commitRecord() {
  d_step { write(length, 0); length = 0; isGranted = false }
}

/* Outbox.pump; what it waits for is one record, the others behind it find the same. */
inline pump() {
#ifndef SEEN_BEHIND
  seen = cons;
#endif
  claim();
#ifdef SEEN_BEHIND
  seen = cons;
#endif
  if
  :: isGranted -> commitRecord()
  :: else ->
#ifndef HELD_BACK
     publish()
#endif
  fi
}

active proctype writer() {
  byte tail, published, consumed, length, free, room, wasted, i, seen;
  bool isGranted;
end: /* there may be no more to send */
  do
  :: publish() /* the turn ends */
  :: atomic {
       if
       :: length = 3
       :: length = 8
       fi;
       claim()
     }
     if
     :: isGranted -> commitRecord()
     :: else ->
        pump();
        do
        :: length == 0 -> break
        :: length != 0 && cons != seen -> pump() /* Outbox.poll */
        :: length != 0 && cons == seen -> /* fallAsleep */
#ifndef LATE_EPOCH
           d_step { isAsleep = true; isAnswered = false }
#endif
           if
#ifndef NO_LAST_LOOK
           :: cons != seen /* Poller::doWork */
           :: cons == seen ->
#else
           :: true ->
#endif
#ifdef LATE_EPOCH
              d_step { isAsleep = true; isAnswered = false }
#endif
              isWoken; /* the loop blocks */
              isWoken = false
           fi;
           isAsleep = false; /* wakeUp */
           if
           :: cons != seen -> pump()
           :: else
           fi
        od;
        seen = 0
     fi
  od
}

/* Waker.isDue and Reactor.wake */
inline wakeSleeper() {
  d_step {
    if
    :: isAsleep && !isAnswered -> isAnswered = true; isWoken = true
    :: else
    fi
  }
}

/* RingConsumer.commit, then InboxOwner.spaceMade */
inline commit() {
#ifdef EPOCH_FIRST
  wakeSleeper();
#endif
  d_step {
    before = committed;
    committed = head;
#ifndef LATE_CONS
    cons = head
#endif
  }
  d_step { isFull = distance(before, prod) >= CAPACITY / 2; before = 0 }
#ifndef EPOCH_FIRST
  if
  :: isFull -> wakeSleeper()
  :: else
  fi;
#endif
#ifdef LATE_CONS
  cons = committed;
#endif
  isFull = false
}

active proctype reader() {
  byte head, length, published, committed, before, i;
  bool isFull;
end:
  do
  :: d_step {
       prod != published -> /* RingConsumer.poll and reload */
       assert(distance(head, prod) <= CAPACITY && distance(head, prod) >= distance(head, published));
       published = prod
     }
     do
     :: head != published ->
        d_step { /* RingConsumer.next with recordBytes and skipPadding; handle; release */
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
#ifndef PADDING_UNCOMMITTED
     if
     :: distance(committed, head) >= CAPACITY / 4 -> commit() /* padding */
     :: else
     fi
#endif
  od
}
