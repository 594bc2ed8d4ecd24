// A completion queue that many queue pairs share.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "layout.gen.h"
#include "verbs/device.h"

namespace sanswitch::verbs {

struct Connection;
class SharedReceives;

// Whoever drains it, each completion goes to the ring of the engine that owns its connection. Its lock also protects
// what drain() looks at in its connections: their being there, and their owners.
class CompletionQueue {
 public:
  // Makes one for `entries` completions, at most the device's limit. Null, with a negated errno in `*error`.
  static std::shared_ptr<CompletionQueue> create(const std::shared_ptr<Device>& device, uint32_t entries, int* error);

  explicit CompletionQueue(std::shared_ptr<Device> device) : device_(std::move(device)) {}
  ~CompletionQueue();
  CompletionQueue(const CompletionQueue&) = delete;
  CompletionQueue& operator=(const CompletionQueue&) = delete;

  abi::ibv_cq* get() const { return cq_; }
  const Device* device() const { return device_.get(); }

  // Takes room for the completions of a queue pair, for a queue that overflows is broken, and, once, for those of the
  // shared receives that it uses, or null. False: there is not so much.
  bool reserve(uint32_t entries, const std::shared_ptr<SharedReceives>& shared);

  // A queue pair with that room has come. False: the queue is broken. May throw std::bad_alloc. Nothing is done then.
  bool join(Connection* connection);
  // It goes: no completion finds it from now on. Its handle is unknown then.
  void leave(Connection* connection);
  // Its queue pair is gone. What the device has left of it is taken out, then the room is free.
  void giveBack(uint32_t entries);

  // One more thread has its channel in its loop, or one less.
  void addHolder() { holders_.fetch_add(1, std::memory_order_relaxed); }
  void removeHolder() { holders_.fetch_sub(1, std::memory_order_relaxed); }

  // A new owner has the connection, whose `moved` has as many slots as receives of former owners: gives it what has
  // come meanwhile. Within locked().
  static void deliverHeld(Connection* connection);

  // Changes what belongs to the lock, between two completions.
  template <typename Change>
  void locked(Change change) {
    std::lock_guard<std::mutex> lock(mutex_);
    change();
  }

  struct Drained {
    uint32_t count;
    // There may be more.
    bool isMore;
  };

  // Moves completions to their owners' rings, unless another thread is at it.
  Drained drain();

  // Asks for an event on the channel at the next completion, unless that has been asked for already.
  void arm();

  // The channel's descriptor; readable while there is an event.
  int channelFd() const { return channel_->fd; }

  // Takes the events. How many there were. If they can't be taken, time after time, the queue is broken, for whoever
  // sleeps would not be woken any more.
  uint32_t takeEvents();

  // The device has failed it: the owners of all connections have been told, and no more can join.
  bool isBroken() const { return isBroken_.load(std::memory_order_relaxed); }

 private:
  static constexpr int kBatch = 32;
  // Batches that one call moves at most: others of the thread must get on too.
  static constexpr int kBatches = 16;
  // Failures in a row to take an event after which there is no hope; after one the loop comes again.
  static constexpr int kTakesFailed = 8;

  class Delivery;

  // A shared receive whose connection has been destroyed.
  void stray(const abi::ibv_wc& found);
  // One completion of `connection` on its way to its owner.
  static void deliver(Connection* connection, layout::VerbsCompletion completion, Delivery* delivery);
  // Keeps it until somebody owns the connection again.
  static void hold(Connection* connection, const layout::VerbsCompletion& completion);
  void dispatch(const abi::ibv_wc* found, int count);
  Connection* connectionOf(const abi::ibv_wc& completion) const;
  Drained drainLocked(int batches);
  void armLocked();
  // The queue is of no use any more: tells the owners of all connections, once.
  void fail();

  const std::shared_ptr<Device> device_;
  abi::ibv_comp_channel* channel_ = nullptr;
  abi::ibv_cq* cq_ = nullptr;
  std::mutex mutex_;
  // All connections of the queue, by the number of their queue pair.
  std::unordered_map<uint32_t, Connection*> connections_;
  // The shared receives that complete here, and the room that they have.
  std::weak_ptr<SharedReceives> shared_;
  uint32_t sharedRoom_ = 0;
  uint32_t room_ = 0;
  std::atomic<uint32_t> holders_{0};
  bool isArmed_ = false;
  int takesFailed_ = 0;
  // Changed with the lock.
  std::atomic<bool> isBroken_{false};
};

}  // namespace sanswitch::verbs
