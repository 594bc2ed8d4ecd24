/*
 * The need-wake protocol: src/ring/sleep-epoch.ts (Waker), LinkWriter.tryWrite, and Reactor::fallAsleep, wakeUp and onCheck of
 * native/reactor/reactor.cc. Processors with store buffers: a store goes into its thread's buffer and reaches memory some
 * time later (`drain`); a fence waits until it has. A sequentially consistent store is one with a fence behind it.
 *
 * Bounds: 4 link records; the sleeper is woken by something else (a timer) up to 3 times.
 * Holds: whenever everything stands still, every record has been read.
 *
 * broken: NO_LAST_LOOK  the sleeper does not look again after it has stored the odd epoch
 * broken: NO_FENCE_SLEEPER  nothing between the store of the epoch and the last look
 * broken: NO_FENCE_WAKER  PROD is stored plainly, with nothing before the load of the epoch
 * broken: EPOCH_FIRST  the waker loads the epoch before it publishes
 * broken: WAKE_ONCE  the waker remembers that it has woken, not for which epoch
 */
#define RECORDS 4
#define TIMERS 3

byte linkProd, sleepEpoch; /* in memory */
byte bufferedProd, bufferedEpoch;
bool hasProd, hasEpoch; /* a store is in the buffer; one at a time, which a fence or the next store waits for */
byte wakes; /* bytes in the link's socket */

active proctype drain() {
end:
  do
  :: d_step { hasProd -> linkProd = bufferedProd; hasProd = false }
  :: d_step { hasEpoch -> sleepEpoch = bufferedEpoch; hasEpoch = false }
  od
}

inline storeProd(position) {
  d_step { !hasProd -> bufferedProd = position; hasProd = true }
}
inline storeEpoch(epoch) {
  d_step { !hasEpoch -> bufferedEpoch = epoch; hasEpoch = true }
}

active proctype waker() {
  byte tail, epoch, sent;
  do
  :: tail < RECORDS ->
     tail++;
#ifdef EPOCH_FIRST
     epoch = sleepEpoch;
#endif
     storeProd(tail); /* RingProducer.publish: Atomics.store */
#ifndef NO_FENCE_WAKER
     !hasProd;
#endif
#ifndef EPOCH_FIRST
     epoch = sleepEpoch; /* Waker.isDue: Atomics.load */
#endif
     if
#ifdef WAKE_ONCE
     :: (epoch & 1) != 0 && sent == 0 -> sent = 1; wakes++
#else
     :: (epoch & 1) != 0 && epoch != sent -> sent = epoch; wakes++ /* Reactor.wake: send */
#endif
     :: else
     fi
  :: else -> break
  od
}

active proctype sleeper() {
  byte seen, epoch, timers;
  do
  :: linkProd != seen -> seen = linkProd /* runSlice: Poller::doWork, callReady, readLinkRing */
  :: linkProd == seen -> /* fallAsleep; what comes between this look and the next is the point */
     epoch++;
     storeEpoch(epoch);
#ifndef NO_FENCE_SLEEPER
     !hasEpoch; /* __atomic_store_n(SEQ_CST), __atomic_thread_fence */
#endif
     if
#ifndef NO_LAST_LOOK
     :: linkProd != seen /* Poller::doWork: wakeUp below, callReady above */
     :: linkProd == seen ->
#else
     :: true ->
#endif
        /* The loop blocks. */
        if
        :: wakes > 0 -> wakes = 0 /* readSocket */
        :: timers < TIMERS -> timers++
        :: timeout -> assert(seen == RECORDS); break
        fi
     fi;
     epoch++; /* wakeUp, of fallAsleep or onCheck */
     storeEpoch(epoch);
     !hasEpoch
  od
}
