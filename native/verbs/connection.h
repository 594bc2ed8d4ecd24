// One RDMA connection, or an attempt at one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "verbs/arena.h"
#include "verbs/completion_queue.h"
#include "verbs/completion_ring.h"
#include "verbs/device.h"
#include "verbs/shared_receives.h"
#include "verbs/slot_queue.h"

namespace sanswitch::verbs {

// What a connection that has changed its owner brings along. All of it under its queue's lock.
struct Moved {
  // A receive that a former owner has posted, into a slot of its own.
  struct Receive {
    std::shared_ptr<CompletionRing> ring;
    std::shared_ptr<Arena> arena;
    uint32_t slot;
  };
  // Oldest first; all of them are older than the present owner's own.
  std::deque<Receive> receives;
  // Slots of the present owner for what comes into those, as many; or for what comes into a shared queue of another
  // engine's, as many as the peer may send.
  std::deque<uint32_t> slots;
  // What has come while nobody owned it. The completion of a receive has the former owner's slot.
  std::vector<layout::VerbsCompletion> held;
  // More has come than the peer may send, or nothing can come any more.
  bool isOverrun = false;
};

// Its owner's thread alone changes it; what completions look at, only under its queue's lock.
struct Connection {
  uint32_t handle = 0;
  abi::rdma_cm_id* id = nullptr;
  // From the resolved address, or the connect request, on.
  std::shared_ptr<Device> device;

  // With the queue pair, which is id->qp.
  std::shared_ptr<CompletionQueue> queue;
  // Where its owner's receives are.
  std::shared_ptr<Arena> arena;
  // The receives that it has of its own.
  SlotQueue posted;
  // Null: it has receives of its own.
  std::shared_ptr<SharedReceives> shared;
  uint32_t sendDepth = 0;
  // How many receives its owner may have posted for it alone.
  uint32_t receiveDepth = 0;
  // Completions that have room in the queue.
  uint32_t queueRoom = 0;
  uint32_t inlineBytes = 0;
  // Null as long as it has not been taken from an owner with its queue pair.
  std::unique_ptr<Moved> moved;

  // RDMA reads that this side may have under way, and that it serves for the peer.
  uint8_t readsOut = 0;
  uint8_t readsIn = 0;
  // It came as a connect request.
  bool isRequest = false;

  // Completions that have room in the owner's ring.
  uint32_t reserved() const { return sendDepth + receiveDepth; }

  // Whether its receives are in a shared queue of an engine that `ring` is not of.
  bool sharesElsewhere(const CompletionRing* ring) const { return shared != nullptr && shared->ring() != ring; }

  // Ends it, whatever it has come to, and deletes it. Slots of former owners go back to them; the owner, if there is
  // one, has forgotten it, and gives back the room in its ring.
  static void destroy(Connection* connection);
};

}  // namespace sanswitch::verbs
