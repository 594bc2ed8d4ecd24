/*
 * A link whose rings are full again and again, and its death: write, postpone and retryBacklog of LinkWriter
 * (src/providers/shm/link-writer.ts); handle, peerClosed, withdrawn, closed, drop, die and lastLook of Link (link.ts);
 * endPeer and close of ShmConnection (connection.ts); connect, answered, opened, withdrawn, accept, peerClosed and linkDied
 * of ShmSocket (socket.ts).
 *
 * The link rings are channels (what a ring does is proven by the model `ring`, what becomes of a connection's bytes by
 * `life`), but as short as can be, so that records have to wait. Either process may die at any moment, at most one in a
 * run: what it has published is still there, what waited in its memory is not, and the other hears of it some time later.
 * A thread handles one event at a time and writes at most one link record in it, so that each event is a step.
 *
 * Bounds: rings of one record; 2 ids; 3 opens; each end of a connection closes it when it likes, or only when it has
 * been told that the other has (it is patient).
 * Holds: records come in the order in which they were written, with a full ring too; OPEN finds no connection in its
 * place, an answer and a CLOSE the one that they are meant for. Each end of each open gets exactly one end: its own close,
 * a refusal, the peer's close or the link's; when everything stands still nobody waits for a peer that is gone, nothing
 * that was published is unread, nothing waits for room, and all ids but those of living connections are free.
 *
 * broken: OVERTAKEN  a record goes into the ring while others wait for room
 * broken: RETRY_ONCE  what finds no room when it is tried again is not tried a third time
 * broken: NO_LAST_LOOK  what the dead peer had published is not read
 * broken: OPENING_FORGOTTEN  the link's death is no answer to an OPEN
 * broken: CLOSING_FORGOTTEN  a connection that this side has closed waits for the dead peer's CLOSE
 * broken: ARRIVALS_STAY  an OPEN that nobody has accepted yet outlives its link
 */
#define RING 1
#define BACKLOG 6
#define IDS 2
#define OPENS 3

mtype = { OPEN, ACCEPT, REJECT, CLOSE };
/* The link rings, and what waits for room in them: type, id; for the proof, which open it belongs to. */
chan toServer = [RING] of { mtype, byte, byte };
chan toClient = [RING] of { mtype, byte, byte };
chan clientBacklog = [BACKLOG] of { mtype, byte, byte };
chan serverBacklog = [BACKLOG] of { mtype, byte, byte };
bool clientTimer, serverTimer;

bool clientLives = true, serverLives = true; /* the processes */
bool somebodyDies;                           /* in this run; otherwise it comes to a rest with both alive */
bool clientDead, serverDead;                 /* Link.isDead: what each side knows of the other */

/* By id: the open that the connection belongs to, or 0; OPENs that nobody has accepted. */
byte clientConn[IDS], serverConn[IDS], arrival[IDS];
bool isOpening[IDS], clientClosed[IDS], clientPeerDone[IDS], serverClosed[IDS], serverPeerDone[IDS];

/* For the proof, by open. */
byte opens;
bool clientEnded[OPENS + 1], serverEnded[OPENS + 1], isAccepted[OPENS + 1];
bool clientPatient[OPENS + 1], serverPatient[OPENS + 1];

/* LinkWriter.write */
inline write(ring, backlog, timer, isDead, type, id, open) {
  if
  :: isDead
#ifdef OVERTAKEN
  :: !isDead && len(ring) < RING -> ring!type(id, open)
  :: !isDead && len(ring) == RING ->
#else
  :: !isDead && len(ring) < RING && len(backlog) == 0 -> ring!type(id, open)
  :: !isDead && (len(ring) == RING || len(backlog) > 0) ->
#endif
     assert(len(backlog) < BACKLOG);
     backlog!type(id, open);
     timer = true
  fi
}

/* LinkWriter.retryBacklog. Without room nothing happens but that the timer is set again. */
inline retryBacklog(ring, backlog, timer) {
  do
  :: len(ring) < RING && len(backlog) > 0 -> backlog?type(id, open); ring!type(id, open)
  :: else -> break
  od;
#ifdef RETRY_ONCE
  timer = false
#else
  timer = len(backlog) > 0
#endif
}

inline forget(backlog) {
  do
  :: len(backlog) > 0 -> backlog?type(id, open)
  :: else -> break
  od
}

/* The application hears that it is over, or ends it. */
inline over(isOver) {
  assert(!isOver);
  isOver = true
}

inline dropClient() {
  clientConn[id] = 0;
  isOpening[id] = false;
  clientClosed[id] = false;
  clientPeerDone[id] = false
}

/* ShmConnection.endPeer, ShmSocket.peerClosed, and the drop of what this side has closed before */
inline endClientPeer(isDeath) {
  if
  :: !clientPeerDone[id] ->
     clientPeerDone[id] = true;
     if
#ifdef OPENING_FORGOTTEN
     :: !clientClosed[id] && !isOpening[id] -> over(clientEnded[clientConn[id]])
     :: !clientClosed[id] && isOpening[id]
#else
     :: !clientClosed[id] -> isOpening[id] = false; over(clientEnded[clientConn[id]])
#endif
#ifdef CLOSING_FORGOTTEN
     :: clientClosed[id] && !isDeath -> dropClient()
     :: clientClosed[id] && isDeath
#else
     :: clientClosed[id] -> dropClient()
#endif
     fi
  :: else
  fi
}

/* Link.handle on the side that opens */
inline clientHandle() {
  toClient?type(id, open);
  assert(open == clientConn[id]);
  if
  :: type == ACCEPT -> isOpening[id] = false /* behind our CLOSE it changes nothing */
  :: type == REJECT && isOpening[id] -> over(clientEnded[open]); dropClient()
  :: type == REJECT && !isOpening[id] -> assert(clientClosed[id]); dropClient()
  :: type == CLOSE -> endClientPeer(false)
  fi
}

#define hasToClose(closed, ended, patient, open) (open != 0 && !closed && (ended[open] || !patient[open]))

/* ShmSocket.located */
inline connect(place, isPatient) {
  opens++;
  clientConn[place] = opens;
  isOpening[place] = true;
  clientPatient[opens] = isPatient;
  write(toServer, clientBacklog, clientTimer, clientDead, OPEN, place, opens)
}

/* ShmSocket.close, ShmConnection.close, Link.closed */
inline closeClient(place) {
  id = place;
  if
  :: !clientEnded[clientConn[id]] -> over(clientEnded[clientConn[id]])
  :: else
  fi;
  clientClosed[id] = true;
  isOpening[id] = false;
  write(toServer, clientBacklog, clientTimer, clientDead, CLOSE, id, clientConn[id]);
  if
  :: clientPeerDone[id] -> dropClient()
  :: else
  fi
}

inline forgetStep() {
  type = 0; id = 0; open = 0
}

active proctype client() {
  mtype type;
  byte id, open;
end:
  do
  :: d_step { somebodyDies && clientLives && serverLives -> /* the death of this process */
       clientLives = false;
       clientTimer = false;
       forget(clientBacklog);
       id = 0;
       do
       :: id < IDS -> dropClient(); id++
       :: else -> break
       od;
       forgetStep()
     };
     break
  :: d_step { !clientDead && opens < OPENS && clientConn[0] == 0 -> connect(0, false) }
  :: d_step { !clientDead && opens < OPENS && clientConn[0] == 0 -> connect(0, true) }
  :: d_step { !clientDead && opens < OPENS && clientConn[1] == 0 -> connect(1, false) }
  :: d_step { !clientDead && opens < OPENS && clientConn[1] == 0 -> connect(1, true) }
  :: d_step { !clientDead && len(toClient) > 0 -> clientHandle(); forgetStep() }
  :: d_step { clientTimer && len(toServer) < RING -> retryBacklog(toServer, clientBacklog, clientTimer); forgetStep() }
  :: d_step { hasToClose(clientClosed[0], clientEnded, clientPatient, clientConn[0]) -> closeClient(0); forgetStep() }
  :: d_step { hasToClose(clientClosed[1], clientEnded, clientPatient, clientConn[1]) -> closeClient(1); forgetStep() }
  /* Link.die: the last look, then every connection's end */
  :: d_step { !serverLives && !clientDead ->
#ifndef NO_LAST_LOOK
       do
       :: len(toClient) > 0 -> clientHandle()
       :: else -> break
       od;
#endif
       clientDead = true;
       clientTimer = false;
       forget(clientBacklog);
       id = 0;
       do
       :: id < IDS && clientConn[id] != 0 -> endClientPeer(true); id++
       :: id < IDS && clientConn[id] == 0 -> id++
       :: else -> break
       od;
       forgetStep()
     }
  od
}

inline dropServer() {
  serverConn[id] = 0;
  serverClosed[id] = false;
  serverPeerDone[id] = false
}

inline endServerPeer(isDeath) {
  if
  :: !serverPeerDone[id] ->
     serverPeerDone[id] = true;
     if
     :: !serverClosed[id] -> over(serverEnded[serverConn[id]])
#ifdef CLOSING_FORGOTTEN
     :: serverClosed[id] && !isDeath -> dropServer()
     :: serverClosed[id] && isDeath
#else
     :: serverClosed[id] -> dropServer()
#endif
     fi
  :: else
  fi
}

/* Link.handle on the other side. Who is at its end opens nothing any more, and takes nothing back. */
inline serverHandle(isEnding, isRefused) {
  toServer?type(id, open);
  if
  :: isEnding && serverConn[id] == 0
  :: !isEnding && type == OPEN ->
     assert(serverConn[id] == 0 && arrival[id] == 0);
     if
     :: !isRefused -> arrival[id] = open
     :: isRefused -> write(toClient, serverBacklog, serverTimer, serverDead, REJECT, id, open)
     fi
  :: !isEnding && type == CLOSE && serverConn[id] == 0 -> /* Link.withdrawn */
     if
     :: arrival[id] != 0 ->
        assert(arrival[id] == open);
        arrival[id] = 0;
        write(toClient, serverBacklog, serverTimer, serverDead, CLOSE, id, open)
     :: else /* a REJECT is under way */
     fi
  :: serverConn[id] != 0 ->
     assert(type == CLOSE && open == serverConn[id]);
     endServerPeer(false)
  fi
}

/* ShmSocket.accept */
inline accept(place, isPatient) {
  open = arrival[place];
  arrival[place] = 0;
  serverConn[place] = open;
  isAccepted[open] = true;
  serverPatient[open] = isPatient;
  write(toClient, serverBacklog, serverTimer, serverDead, ACCEPT, place, open)
}

/* ShmSocket.accept whose condition says no, or the listener closes */
inline refuse(place) {
  open = arrival[place];
  arrival[place] = 0;
  write(toClient, serverBacklog, serverTimer, serverDead, REJECT, place, open)
}

inline closeServer(place) {
  id = place;
  if
  :: !serverEnded[serverConn[id]] -> over(serverEnded[serverConn[id]])
  :: else
  fi;
  serverClosed[id] = true;
  write(toClient, serverBacklog, serverTimer, serverDead, CLOSE, id, serverConn[id]);
  if
  :: serverPeerDone[id] -> dropServer()
  :: else
  fi
}

active proctype server() {
  mtype type;
  byte id, open;
end:
  do
  :: d_step { somebodyDies && clientLives && serverLives ->
       serverLives = false;
       serverTimer = false;
       forget(serverBacklog);
       id = 0;
       do
       :: id < IDS -> dropServer(); arrival[id] = 0; id++
       :: else -> break
       od;
       forgetStep()
     };
     break
  :: d_step { !serverDead && len(toServer) > 0 -> serverHandle(false, false); forgetStep() }
  :: d_step { !serverDead && toServer?[OPEN, _, _] -> serverHandle(false, true); forgetStep() } /* nothing listens, source */
  :: d_step { arrival[0] != 0 -> accept(0, false); forgetStep() }
  :: d_step { arrival[0] != 0 -> accept(0, true); forgetStep() }
  :: d_step { arrival[0] != 0 -> refuse(0); forgetStep() }
  :: d_step { arrival[1] != 0 -> accept(1, false); forgetStep() }
  :: d_step { arrival[1] != 0 -> accept(1, true); forgetStep() }
  :: d_step { arrival[1] != 0 -> refuse(1); forgetStep() }
  :: d_step { serverTimer && len(toClient) < RING -> retryBacklog(toClient, serverBacklog, serverTimer); forgetStep() }
  :: d_step { hasToClose(serverClosed[0], serverEnded, serverPatient, serverConn[0]) -> closeServer(0); forgetStep() }
  :: d_step { hasToClose(serverClosed[1], serverEnded, serverPatient, serverConn[1]) -> closeServer(1); forgetStep() }
  :: d_step { !clientLives && !serverDead ->
#ifndef NO_LAST_LOOK
       do
       :: len(toServer) > 0 -> serverHandle(true, false)
       :: else -> break
       od;
#endif
       serverDead = true;
       serverTimer = false;
       forget(serverBacklog);
       id = 0;
       do
       :: id < IDS ->
#ifndef ARRIVALS_STAY
          arrival[id] = 0; /* ShmSocket.linkDied */
#endif
          if
          :: serverConn[id] != 0 -> endServerPeer(true)
          :: else
          fi;
          id++
       :: else -> break
       od;
       forgetStep()
     }
  od
}

/* Two patient ends stay connected while both processes live; everybody else has had his end. */
#define lasts(open, id) (clientConn[id] == open && serverConn[id] == open && clientLives && serverLives && \
  !isOpening[id] && !clientEnded[open] && !serverEnded[open] && clientPatient[open] && serverPatient[open])

active proctype proof() {
  byte open;
  if
  :: somebodyDies = true
  :: true
  fi;
  timeout ->
  d_step {
    assert(len(clientBacklog) == 0 && len(serverBacklog) == 0);
    assert(!clientLives || len(toClient) == 0);
    assert(!serverLives || len(toServer) == 0);
    assert(arrival[0] == 0 && arrival[1] == 0);
    open = 1;
    do
    :: open <= opens ->
       assert(!clientLives || clientEnded[open] || lasts(open, 0) || lasts(open, 1));
       assert(!serverLives || !isAccepted[open] || serverEnded[open] || lasts(open, 0) || lasts(open, 1));
       open++
    :: else -> break
    od;
    assert(clientConn[0] == 0 || lasts(clientConn[0], 0));
    assert(clientConn[1] == 0 || lasts(clientConn[1], 1));
    assert(serverConn[0] == 0 || lasts(serverConn[0], 0));
    assert(serverConn[1] == 0 || lasts(serverConn[1], 1))
  }
}
