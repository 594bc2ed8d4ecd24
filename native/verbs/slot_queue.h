// The receives that stand in a queue pair, oldest first: devices complete them in that order.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sanswitch::verbs {

// Slots, in a queue of fixed size. One thread posts; whoever has the completion queue's lock takes.
class SlotQueue {
 public:
  // For at most `depth` receives. May throw std::bad_alloc. Nothing is in it then.
  void resize(uint32_t depth) {
    slots_.assign(depth, 0);
    posted_.store(0, std::memory_order_relaxed);
    taken_.store(0, std::memory_order_relaxed);
  }

  uint32_t size() const {
    return posted_.load(std::memory_order_acquire) - taken_.load(std::memory_order_acquire);
  }

  // Notes a receive that is about to be posted. False: there is no room.
  bool push(uint32_t slot) {
    uint32_t posted = posted_.load(std::memory_order_relaxed);
    if (posted - taken_.load(std::memory_order_acquire) >= slots_.size()) return false;
    slots_[posted % slots_.size()] = slot;
    posted_.store(posted + 1, std::memory_order_release);
    return true;
  }

  // Takes the last `count` back: they were not posted after all.
  void unpush(uint32_t count) {
    posted_.store(posted_.load(std::memory_order_relaxed) - count, std::memory_order_release);
  }

  // Takes the oldest; size() is not 0.
  uint32_t pop() {
    uint32_t taken = taken_.load(std::memory_order_relaxed);
    uint32_t slot = slots_[taken % slots_.size()];
    taken_.store(taken + 1, std::memory_order_release);
    return slot;
  }

 private:
  std::vector<uint32_t> slots_;
  std::atomic<uint32_t> posted_{0};
  std::atomic<uint32_t> taken_{0};
};

}  // namespace sanswitch::verbs
