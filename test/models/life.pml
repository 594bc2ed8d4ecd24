/*
 * The life of a connection's id: Link.takeId, add, drop, freeId, peerClosed, closed (src/providers/shm/link.ts); the
 * constructor, close, endPeer and discard of ShmConnection (connection.ts); connect, answered, opened, withdrawn and
 * accept of ShmSocket (socket.ts); accepted and rejected of ShmProvider (provider.ts).
 *
 * The link rings are channels: in order, never full (proven by the model `ring`). A thread handles one event at a time,
 * but each load and store of a shared word is a step of its own.
 *
 * Bounds: one id, so that every open takes the same; 3 opens; each end sends at most two records per open.
 * Holds: an id is taken only when both its rings are drained; an end reads only what was written for it; OPEN finds no
 * connection in its place, an answer the one that it answers; when everything stands still, all opens have been made,
 * both ends of each are dropped, and the id is free again.
 *
 * broken: NO_DRAIN_CHECK  takeId takes an id whose last bytes the peer has not consumed
 * broken: NO_DISCARD  an end that is over leaves the peer's unread records where they are
 * broken: FREE_EARLY  the initiator frees the id with its own CLOSE, not waiting for the peer's
 * broken: NO_WITHDRAW_ANSWER  a CLOSE of what nobody has accepted yet is not answered
 * broken: CROSSED_REJECT  a REJECT that crosses the CLOSE of a cancelled connect does not free the id
 */
#define OPENS 3
#define RECORDS 2

mtype = { OPEN, ACCEPT, REJECT, CLOSE };
chan toServer = [4] of { mtype, byte }; /* the initiator's link ring: type; for the proof, which open it belongs to */
chan toClient = [4] of { mtype, byte };

/* The words of the two cells of the id, and what stands in the rings: the number of the open that wrote it. */
byte clientProd, clientCons, serverProd, serverCons;
byte clientData[OPENS * RECORDS], serverData[OPENS * RECORDS];

/* For the proof: who has a connection, which, and whether the initiator could take the id. */
byte clientOpen, serverOpen, opens;
bool isFree = true;

inline write(ring, type, open) {
  d_step { assert(nfull(ring)); ring!type(open) }
}

/* RingConsumer.discard: load the peer's PROD, store CONS */
inline discard(peerProd, ownCons) {
#ifndef NO_DISCARD
  head = peerProd;
  ownCons = head
#else
  skip
#endif
}

/* RingConsumer: next, received, release; commit is lazy, so that it may come at any time or not at all. */
inline readRecord(record, ownCons, open) {
  d_step {
    assert(record == open);
    head++
  }
  if
  :: ownCons = head
  :: true
  fi
}

inline dropClient() {
  d_step { clientOpen = 0; isFree = true; closeSent = false; peerDone = false; isAccepted = false; sent = 0 }
}

active proctype client() {
  byte head, sent, open;
  bool closeSent, peerDone, isAccepted;
end:
  do
  /* Link.takeId, isDrained; ShmConnection.constructor; ShmSocket.connect writes OPEN */
#ifdef NO_DRAIN_CHECK
  :: opens < OPENS && isFree ->
#else
  :: opens < OPENS && isFree && clientProd == serverCons ->
#endif
     d_step {
       opens++;
       isFree = false;
       clientOpen = opens;
       head = clientCons;
       assert(clientProd == serverCons && clientCons == serverProd)
     }
     write(toServer, OPEN, clientOpen)
  /* An answer. Behind our CLOSE (a cancelled connect) ACCEPT changes nothing. */
  :: toClient?ACCEPT(open) ->
     d_step { assert(open == clientOpen); isAccepted = !closeSent }
  :: toClient?REJECT(open) -> /* ShmSocket.answered, or freeId of ShmProvider.rejected */
     assert(open == clientOpen);
#ifdef CROSSED_REJECT
     if
     :: !closeSent -> dropClient()
     :: else
     fi
#else
     dropClient()
#endif
  :: toClient?CLOSE(open) -> /* Link.peerClosed, ShmConnection.endPeer */
     assert(open == clientOpen);
     peerDone = true;
     if
     :: closeSent -> discard(serverProd, clientCons); dropClient()
     :: else
     fi
  /* ShmConnection.send */
  :: isAccepted && !peerDone && !closeSent && sent < RECORDS ->
     sent++;
     clientData[clientProd] = clientOpen;
     clientProd++
  /* ShmConnection.sweep */
  :: isAccepted && !closeSent && head < serverProd -> readRecord(serverData[head], clientCons, clientOpen)
  /* ShmConnection.close, before the answer (cancelled) or after */
  :: clientOpen != 0 && !closeSent ->
     closeSent = true;
     if
     :: peerDone -> discard(serverProd, clientCons)
     :: else
     fi;
     write(toServer, CLOSE, clientOpen);
#ifdef FREE_EARLY
     dropClient()
#else
     if
     :: peerDone -> dropClient() /* Link.closed */
     :: else
     fi
#endif
  od
}

inline dropServer() {
  d_step { serverOpen = 0; closeSent = false; peerDone = false; sent = 0 }
}

active proctype server() {
  byte head, sent, open, arrival;
  bool closeSent, peerDone;
end:
  do
  :: toServer?OPEN(open) ->
     assert(serverOpen == 0 && arrival == 0);
     if
     :: arrival = open
     :: write(toClient, REJECT, open) /* nothing listens, backlog, source */
     fi
  :: arrival != 0 -> /* ShmSocket.accept, or the listener closes */
     if
     :: write(toClient, REJECT, arrival);
        arrival = 0
     :: d_step {
          serverOpen = arrival;
          arrival = 0;
          head = serverCons;
          assert(serverProd == clientCons && serverCons == clientProd)
        }
        write(toClient, ACCEPT, serverOpen)
     fi
  :: toServer?CLOSE(open) ->
     if
     :: serverOpen == 0 -> /* ShmSocket.withdrawn */
        if
        :: arrival != 0 ->
           assert(arrival == open);
           arrival = 0;
#ifndef NO_WITHDRAW_ANSWER
           write(toClient, CLOSE, open)
#endif
        :: else /* a REJECT is under way */
        fi
     :: else ->
        assert(open == serverOpen);
        peerDone = true;
        if
        :: closeSent -> discard(clientProd, serverCons); dropServer()
        :: else
        fi
     fi
  :: serverOpen != 0 && !peerDone && !closeSent && sent < RECORDS ->
     sent++;
     serverData[serverProd] = serverOpen;
     serverProd++
  :: serverOpen != 0 && !closeSent && head < clientProd ->
     readRecord(clientData[head], serverCons, serverOpen)
  :: serverOpen != 0 && !closeSent ->
     closeSent = true;
     if
     :: peerDone -> discard(clientProd, serverCons)
     :: else
     fi;
     write(toClient, CLOSE, serverOpen);
     if
     :: peerDone -> dropServer()
     :: else
     fi
  od
}

active proctype proof() {
  timeout -> assert(opens == OPENS && clientOpen == 0 && serverOpen == 0 && isFree && clientProd == serverCons &&
    serverProd == clientCons)
}
