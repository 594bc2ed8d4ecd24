// A shared receive queue: receives of one engine for all its connections by one device that want none of their own.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "verbs/arena.h"
#include "verbs/completion_ring.h"
#include "verbs/device.h"

namespace sanswitch::verbs {

// Lives as long as a connection uses it, also one that has gone to another engine. The slots that still stand in it
// then go back to the engine that has posted them.
class SharedReceives {
 public:
  // For at most `depth` receives. Null with a negated errno. May throw std::bad_alloc.
  static std::shared_ptr<SharedReceives> create(const std::shared_ptr<Device>& device, std::shared_ptr<Arena> arena,
                                                std::shared_ptr<CompletionRing> ring, uint32_t depth, int* error);

  SharedReceives(std::shared_ptr<Arena> arena, std::shared_ptr<CompletionRing> ring, uint32_t depth)
      : arena_(std::move(arena)), ring_(std::move(ring)), depth_(depth) {}
  ~SharedReceives();
  SharedReceives(const SharedReceives&) = delete;
  SharedReceives& operator=(const SharedReceives&) = delete;

  abi::ibv_srq* get() const { return srq_; }
  uint32_t depth() const { return depth_; }
  // Of the engine that posts.
  const CompletionRing* ring() const { return ring_.get(); }
  Arena* arena() const { return arena_.get(); }

  // Notes that a slot is about to be posted. False: it is in already.
  bool add(uint32_t slot);
  // The slot has come out of the queue, or has not been posted after all. Any thread.
  void remove(uint32_t slot);

  // Posts a slot anew whose message nobody here has to see (any more). If that can't be, it goes back. Any thread.
  void repost(uint32_t slot);

 private:
  static constexpr uint32_t kWordBits = 64;

  std::atomic<uint64_t>& wordOf(uint32_t slot) { return posted_[slot / kWordBits]; }
  static uint64_t bitOf(uint32_t slot) { return uint64_t{1} << slot % kWordBits; }

  const std::shared_ptr<Arena> arena_;
  const std::shared_ptr<CompletionRing> ring_;
  const uint32_t depth_;
  abi::ibv_srq* srq_ = nullptr;
  // A bit for each slot that stands in the queue.
  std::array<std::atomic<uint64_t>, layout::VERBS_SLOT_COUNT / kWordBits> posted_{};
};

}  // namespace sanswitch::verbs
