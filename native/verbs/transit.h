// Connections on their way from one thread of the process to another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>

#include "verbs/connection.h"

namespace sanswitch::verbs {

// One of them.
struct Traveller {
  uint64_t token;
  Connection* connection;
  uint64_t deadlineNs;
};

// A list of one, made before it is needed: neither putting in nor taking out may fail half-way.
using TravellerNode = std::list<Traveller>;

// Who has the token has the connection: it is in here between detach and attach, and belongs to nobody. Nobody comes
// within two seconds: it ends. Any engine of the process sees to that, since whoever detached it may be gone.
class Transit {
 public:
  // The process's. Never destroyed.
  static Transit& instance();

  // An engine has opened or closed. The last one takes with it what nobody can fetch any more.
  void engineOpened();
  void engineClosed();

  // A descriptor, the caller's own, that is readable from when a connection is late until a sweep. -errno: none.
  int alarm();

  // Where connections on their way report; nobody reads it, what stands there moves on with them. Null with a negated
  // errno.
  std::shared_ptr<EventChannel> channel(int* error);

  // Takes in what is in `node`, under a new token, never 0.
  uint64_t put(TravellerNode* node);
  // Gives it out into `node`, which is empty. False: there is no such token (any more).
  bool take(uint64_t token, TravellerNode* node);
  // Takes it in again with the same token: it may be tried once more.
  void putBack(TravellerNode* node);

  // Ends those for whom nobody has come in time.
  void sweep() { sweep(false); }

 private:
  void sweep(bool all);
  // Sets the alarm for the earliest, or to silence. With the mutex held.
  void setAlarm();

  std::mutex mutex_;
  size_t engines_ = 0;
  std::shared_ptr<EventChannel> channel_;
  TravellerNode travellers_;
  // The timer, -1: nobody has asked for it; and when it goes off, 0: not at all.
  int timer_ = -1;
  uint64_t alarmNs_ = 0;
};

}  // namespace sanswitch::verbs
