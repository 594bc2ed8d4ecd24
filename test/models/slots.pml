/*
 * Slots and SWITCH: claimRoom, enlarge, retire, surrender, nameSlot, giveBack, sweep, follow, rebase and obeySlot of
 * ShmConnection (src/providers/shm/connection.ts); writeSwitch and rebase of RingProducer, reload and rebase of
 * RingConsumer (src/ring).
 *
 * Bounds: three slots, of 2, 4 and 4 units, records of one unit, without end; one unit is the reserve for a SWITCH. The
 * reader commits whenever it likes, the writer moves whenever it may: a superset of what the code does.
 * Holds: each record is read once, in order, from the slot where it stands; a slot that was given back is not read any
 * more; what one side finds in the other's words is possible.
 *
 * broken: RETIRE_EARLY  the slot that a SWITCH leads away from is given back at once
 * broken: NAME_UNDRAINED  a ring that is not drained is moved by its name in the cell
 * broken: OBEY_ALWAYS  the reader, when it was drained, obeys the name whether slotSeq has changed or not
 * broken: REBASE_LATE  the reader commits a SWITCH record before it has gone where that leads
 */
#define POSITIONS 15
#define RECORD 1     /* plus 0 or 1 in turn */
#define SWITCH 4     /* plus the slot */
#define distance(from, to) (((to) - (from)) & POSITIONS)
#define size(slot) ((slot) == 0 -> 2 : 4)
#define place(slot, position) ((slot) * 4 + ((position) & (size(slot) - 1)))

byte prod, cons;
byte nameOfSlot;     /* the cell's slot */
bool isRenamed;      /* its slotSeq is not the reader's slotSeqSeen; exact however far it counts */
byte units[12];      /* the slots. 0: nothing of ours to be read; what has been read is cleared, for the proof. */

/* What was given back is another connection's: it writes whatever it likes. */
inline giveBack(one) {
  d_step {
    if
    :: one > 0 ->
       i = 0;
       do
       :: i < 4 -> units[one * 4 + i] = 0; i++
       :: else -> break
       od;
       i = 0
    :: else
    fi
  }
}

inline nameSlot() {
  nameOfSlot = slot;
  isRenamed = true /* Atomics.add to slotSeq */
}

/* The load of CONS, by RingProducer.used, isDrained or claimAgain */
inline reloadConsumed() {
  d_step {
    assert(distance(consumed, cons) <= distance(consumed, prod));
    consumed = cons
  }
}

/* retire, after a load of CONS */
inline retire() {
  if
  :: isRetiring && distance(retiringAt, consumed) <= 8 -> giveBack(retiring); d_step { isRetiring = false; retiring = 0; retiringAt = 0 }
  :: else
  fi
}

active proctype writer() {
  byte slot, old, tail, consumed, number, retiring, retiringAt, i;
  bool isRetiring;
end:
  do
  /* claim, send */
  :: distance(tail, consumed + size(slot) - 1) > 0 && distance(tail, consumed + size(slot) - 1) <= 4 ->
     d_step {
       assert(units[place(slot, tail)] == 0);
       units[place(slot, tail)] = RECORD + number;
       number = 1 - number;
       tail = (tail + 1) & POSITIONS;
       prod = tail
     }
  :: cons != consumed -> reloadConsumed()
  /* enlarge: a larger slot is free, or it is not */
  :: slot < 2 ->
     reloadConsumed();
     retire();
     if
     :: isRetiring
     :: else ->
        d_step {
          old = slot;
          if
          :: slot = slot + 1
          :: slot == 0 -> slot = 2
          fi
        }
        reloadConsumed();
        if
#ifdef NAME_UNDRAINED
        :: true ->
#else
        :: consumed == tail ->
#endif
           nameSlot();
           giveBack(old)
        :: consumed != tail ->
           d_step { /* writeSwitch; published with the next record or, when that finds no room, alone */
             assert(units[place(old, tail)] == 0);
             units[place(old, tail)] = SWITCH + slot;
             tail = (tail + 1) & POSITIONS;
             isRetiring = true;
             retiring = old;
             retiringAt = tail
           }
#ifdef RETIRE_EARLY
           giveBack(old);
#endif
           if
           :: prod = tail
           :: true
           fi
        fi;
        old = 0
     fi
  /* surrender */
  :: slot > 0 ->
     reloadConsumed();
     if
     :: consumed == tail ->
        retire();
        d_step { old = slot; slot = 0 }
        nameSlot();
        giveBack(old);
        old = 0
     :: else
     fi
  od
}

/* RingConsumer.reload */
inline reload() {
  d_step {
    assert(distance(head, prod) <= 4);
    isSwitchDue = distance(head, prod) > size(slot);
    published = (isSwitchDue -> (head + size(slot)) & POSITIONS : prod)
  }
}

inline mayCommit() {
  if
  :: cons = head
  :: true
  fi
}

active proctype reader() {
  byte slot, head, published, number, unit;
  bool isSwitchDue;
end:
  do
  :: cons != head -> cons = head /* stopWatch */
  :: prod != published -> /* sweep */
     if
     :: head == published -> /* wasDrained */
        reload();
        if
#ifdef OBEY_ALWAYS
        :: true ->
#else
        :: isRenamed -> /* obeySlot */
#endif
           isRenamed = false;
           slot = nameOfSlot;
           reload() /* rebase */
#ifndef OBEY_ALWAYS
        :: !isRenamed
#endif
        fi
     :: else -> reload()
     fi;
     do
     :: head != published ->
        d_step { /* next, received, release */
          unit = units[place(slot, head)];
          units[place(slot, head)] = 0;
          head = (head + 1) & POSITIONS;
          assert(unit == RECORD + number || unit >= SWITCH);
          if
          :: unit < SWITCH -> number = 1 - number
          :: else
          fi
        }
#ifdef REBASE_LATE
        mayCommit();
#endif
        if
        :: unit >= SWITCH ->
           slot = unit - SWITCH;
           reload() /* rebase */
        :: else
        fi;
#ifndef REBASE_LATE
        mayCommit();
#endif
        unit = 0
     :: else -> break
     od;
     assert(!isSwitchDue)
  od
}
