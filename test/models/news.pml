/*
 * NEWS and sleeping: Link.news, tryWrite, work, readLinkRing, sweep, settle and commitLink (src/providers/shm/link.ts);
 * ShmConnection.post and sweep (connection.ts); ShmHost.beforeSleep (host.ts); Reactor::onPrepare, runSlice, fallAsleep
 * and onCheck (native/reactor/reactor.cc). Everything is sequentially consistent, as the four accesses that matter are in
 * the code; the variants LATE_* put a store behind the load that follows it.
 *
 * Bounds: 2 connections, 3 records between them. The reader pauses and resumes one of them as it likes.
 * Holds: whenever everything stands still, every record has been read, though the reader sleeps.
 *
 * broken: LOOK_FIRST  commitLink looks at the members, then commits, then forgets
 * broken: NO_LAST_LOOK  commitLink commits and forgets, without a look in between
 * broken: READ_BETWEEN  commitLink reads link records between its commit and the last look
 * broken: LATE_LINK_CONS  no fence between the store of the link ring's CONS and the loads of the members' PROD
 * broken: LATE_PROD  no fence between the writer's store of PROD and its load of the link ring's CONS
 * broken: ARMED_ASLEEP  who is armed writes no record and does not look at the sleep epoch either
 * broken: NO_LAST_POLL  fallAsleep stores the odd epoch and does not poll again
 * broken: POST_UNSEEN  posting a receive does not put the connection into the polled set
 */
#define RECORDS 3

byte prod[2];                 /* the cells' PROD, in records */
byte linkRecord[RECORDS + 1]; /* the link ring: NEWS of which connection */
byte linkProd, linkCons;
byte sleepEpoch;
bool wake;                    /* bytes in the link's socket */

/* LinkWriter.wakeSleeper and Waker.isDue */
inline wakeSleeper() {
  epoch = sleepEpoch;
  if
  :: (epoch & 1) != 0 && epoch != woken -> woken = epoch; wake = true
  :: else
  fi
}

active proctype writer() {
  byte newsAt[2], tail, epoch, woken, records, c;
  do
  :: records < RECORDS ->
     records++;
     if
     :: c = 0
     :: c = 1
     fi;
#ifndef LATE_PROD
     prod[c]++; /* RingProducer.publish */
#endif
     if
     :: linkCons < newsAt[c] -> /* Link.news, peerConsumed: armed */
#ifndef ARMED_ASLEEP
        wakeSleeper()
#endif
     :: else -> /* tryWrite */
        linkRecord[tail] = c;
        tail++;
        linkProd = tail;
        wakeSleeper();
        newsAt[c] = tail
     fi;
#ifdef LATE_PROD
     prod[c]++;
#endif
     epoch = 0
  :: records == RECORDS -> break
  od
}

/* Link.readLinkRing, up to what was found published */
inline readLinkRing() {
  d_step {
    do
    :: linkHead < linkPublished ->
       c = linkRecord[linkHead];
       if
       :: isPosted[c] -> isPolled[c] = true
       :: else
       fi;
       linkHead++;
       c = 0
    :: else -> break
    od;
    isDirty = true
  }
}

/* ShmConnection.sweep of one member, and what Link.sweep makes of it. The handler may pause: it posts no next receive. */
inline sweepOne(k, forget) {
  if
  :: isPolled[k] ->
     atomic { /* one load of PROD; the rest is the reader's own */
     found = prod[k];
     if
     :: found == head[k] && forget -> isPolled[k] = false
     :: found != head[k] ->
        isWork = true;
        do
        :: isPosted[k] && head[k] < found ->
           head[k]++;
           if
           :: k == 0 -> isPosted[k] = false; isPolled[k] = false
           :: true
           fi
        :: else -> break
        od
     :: else
     fi;
     found = 0
     }
  :: else
  fi
}

inline forgetBoth() {
  d_step { isPolled[0] = false; isPolled[1] = false }
}

inline commitLink() {
  isWork = false;
  linkPublished = linkProd; /* reload */
  if
  :: linkHead < linkPublished -> isWork = true; readLinkRing()
  :: else
  fi;
#ifdef LOOK_FIRST
  sweepOne(0, false);
  sweepOne(1, false);
  linkCons = linkHead;
  if
  :: !isWork -> forgetBoth()
  :: else
  fi
#else
#ifdef LATE_LINK_CONS
  sweepOne(0, true);
  sweepOne(1, true);
  linkCons = linkHead
#else
  linkCons = linkHead; /* RingConsumer.commit */
#ifdef READ_BETWEEN
  linkPublished = linkProd;
  readLinkRing();
#endif
#ifdef NO_LAST_LOOK
  forgetBoth()
#else
  sweepOne(0, true);
  sweepOne(1, true)
#endif
#endif
#endif
}

/* Link.work */
inline work() {
  linkPublished = linkProd;
  if
  :: linkHead < linkPublished -> readLinkRing()
  :: else
  fi;
  sweepOne(0, false);
  sweepOne(1, false);
  isDirty = isDirty || isWork
}

/* ShmConnection.post: the connection is paused no more */
inline post(k) {
  d_step {
    isPosted[k] = true;
#ifndef POST_UNSEEN
    isPolled[k] = true;
    isDirty = true
#endif
  }
}

/* Poller::doWork: one load for each watched word */
inline doWork() {
  isWork = linkProd != linkHead;
  isWork = isWork || (isPolled[0] && prod[0] != head[0]);
  isWork = isWork || (isPolled[1] && prod[1] != head[1])
}

active proctype reader() {
  byte head[2], linkHead, linkPublished, found, c;
  bool isPosted[2], isPolled[2], isWork, isDirty;
  isPosted[0] = true;
  isPosted[1] = true;
  do
  :: !isPosted[0] -> post(0)
  :: !isPosted[1] -> post(1)
  :: true ->
     doWork(); /* runSlice */
     if
     :: isWork -> /* callReady */
        work();
        if
        :: commitLink() /* more than POLLED_MAX members, or COMMIT_POLLS */
        :: true
        fi
     :: else -> /* fallAsleep */
        if
        :: isDirty -> /* beforeSleep, Link.settle: few words are watched, so all stay polled and armed */
           isWork = linkHead < linkProd;
           work();
           isDirty = false
        :: isDirty -> /* many are */
           commitLink();
           isDirty = isPolled[0] || isPolled[1] || linkHead != linkCons
        :: else -> isWork = false
        fi;
        if
        :: isWork /* keepHot */
        :: else ->
           sleepEpoch++;
#ifdef NO_LAST_POLL
           isWork = false;
#else
           doWork();
#endif
           if
           :: isWork /* the same as onCheck finds */
           :: else -> /* the loop blocks */
              if
              :: wake -> wake = false /* readSocket */
              :: !isPosted[0] -> post(0) /* some other event of the loop */
              :: !isPosted[1] -> post(1)
              :: timeout -> assert(head[0] + head[1] == RECORDS); break
              fi
           fi;
           sleepEpoch++ /* wakeUp */
        fi
     fi;
     isWork = false
  od
}
