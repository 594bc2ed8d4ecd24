// What one engine has of one device.
#pragma once

#include <memory>
#include <vector>

#include "verbs/arena.h"
#include "verbs/completion_queue.h"
#include "verbs/device.h"
#include "verbs/engine.h"
#include "verbs/shared_receives.h"

namespace sanswitch::verbs {

// A descriptor of a library's that the engine's loop watches under a number of its own, since several threads watch
// the same one.
class Watched final : private Readable {
 public:
  // `onReadable`, which does what Readable says, is called with `context`.
  Watched(Loop* loop, bool (*onReadable)(void* context), void* context)
      : loop_(loop), onReadable_(onReadable), context_(context) {}
  ~Watched();
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  // 0 or -errno.
  int start(int fd);

 private:
  bool readable() override { return onReadable_(context_); }

  Loop* const loop_;
  bool (*const onReadable_)(void* context);
  void* const context_;
  int fd_ = -1;
  bool isWatched_ = false;
};

// Belongs to the engine's thread.
class DeviceUse {
 public:
  // May throw std::bad_alloc.
  DeviceUse(std::shared_ptr<Device> device, const std::shared_ptr<Segment>& segment, Loop* loop,
            std::shared_ptr<CompletionRing> ring);
  ~DeviceUse();
  DeviceUse(const DeviceUse&) = delete;
  DeviceUse& operator=(const DeviceUse&) = delete;

  // Listens to the device. 0 or -errno.
  int open();

  const std::shared_ptr<Device>& device() const { return device_; }
  const std::shared_ptr<Arena>& arena() const { return arena_; }

  // A queue with room for `entries` completions, which are then reserved, for one connection that receives by `shared`
  // or, if that is null, by itself. Null with a negated errno.
  std::shared_ptr<CompletionQueue> queueFor(uint32_t entries, const std::shared_ptr<SharedReceives>& shared,
                                            int* error);

  // The shared receive queue of the engine, made for `depth` receives if there is none. Null with a negated errno.
  std::shared_ptr<SharedReceives> sharedReceives(uint32_t depth, int* error);

  // A connection comes with the queue of another engine, or goes: as long as there is one, this thread hears of what
  // comes to its queue. A queue that is broken goes with its last connection too. 0 or -errno.
  int enter(const std::shared_ptr<CompletionQueue>& queue);
  void leave(const CompletionQueue* queue);

  // Calls `use` with each queue. What it gives changes with queueFor, enter and leave.
  template <typename Use>
  void forEachQueue(Use use) const {
    for (const auto& one : queues_) use(one->queue);
  }

  // Connections by this device.
  uint32_t connections() const { return connections_; }

  // Completion events so far.
  uint64_t events() const { return events_; }

 private:
  // A queue, and its channel in the loop.
  struct QueueUse {
    QueueUse(std::shared_ptr<CompletionQueue> held, uint64_t* events);
    ~QueueUse();

    std::shared_ptr<CompletionQueue> queue;
    // Another engine has made it.
    bool isForeign = false;
    uint32_t connections = 0;
    uint64_t* const events;
    std::unique_ptr<Watched> watched;
  };

  int add(std::shared_ptr<CompletionQueue> queue, bool isForeign, Loop* loop);

  const std::shared_ptr<Device> device_;
  const std::shared_ptr<Arena> arena_;
  Loop* const loop_;
  const std::shared_ptr<CompletionRing> ring_;
  // Its connections keep it.
  std::weak_ptr<SharedReceives> shared_;
  Watched asyncEvents_;
  std::vector<std::unique_ptr<QueueUse>> queues_;
  uint32_t connections_ = 0;
  uint64_t events_ = 0;
};

}  // namespace sanswitch::verbs
