// A thread's place in the dedicated poller: what the poller watches for it while it sleeps.
//
// The owner hands a copy of its watched words over when it falls asleep and takes the place back before anything else
// happens on its thread, so that neither side ever looks at memory that the other may be changing or unmapping.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "layout.gen.h"
#include "reactor/source.h"
#include "ring/ring_consumer.h"
#include "ring/ring_producer.h"

namespace sanswitch {

// A word to watch, and the value of it that has been dealt with.
struct WatchedWord {
  const int32_t* word;
  int32_t seen;
};

// What a sleeping thread leaves to the poller.
struct SleepingThread {
  std::vector<WatchedWord> words;
  // The sleep epochs of its links, each in a segment of its own.
  std::vector<int32_t*> epochs;
};

class PollerSlot {
 public:
  // `wake`: lets the owner's event loop go on; called by the poller's thread, only while the owner sleeps.
  PollerSlot(void (*wake)(void* owner), void* owner);
  PollerSlot(const PollerSlot&) = delete;
  PollerSlot& operator=(const PollerSlot&) = delete;

  // --- Called by the owner.

  // The vectors to fill for the next fallAsleep; the owner is awake.
  SleepingThread& next() { return watched_; }

  // What the poller drains for this thread from now on, asleep or awake.
  void setSources(Sources sources);

  // From now on the poller watches what next() holds. The pointers must stay good until takeBack() has returned.
  void fallAsleep();

  // The owner is awake: the poller touches nothing of it any more, and every epoch is even. Safe at any time. Returns
  // how often the epochs have become odd meanwhile: so many wake-ups may come from each peer.
  int32_t takeBack();

  // Completion records that have come since the last call: how many.
  size_t takeRecords();

  // How long the poller may spin on this thread's behalf, in nanoseconds.
  std::atomic<uint32_t> spinBudgetNs{0};

  // --- Called by the poller.

  // Whether the owner sleeps; a hint.
  bool isAsleep() const { return asleep_.load(std::memory_order_relaxed); }

  // Drains the sources, also while the owner is awake: what comes is not to wait for a handler that runs long. Then,
  // if the owner sleeps, looks at the words. Something has changed: writes a completion record for each that has,
  // wakes the owner, and leaves the place to it. True if so.
  bool poll();

  // The poller is about to block: peers and devices must wake the owner themselves. Sets every epoch odd, arms the
  // sources, then looks once more.
  // True if there was something, and the owner has been woken.
  bool announceSleep();

  // The poller polls again: nobody needs to be woken.
  void announceAwake();

 private:
  // Bytes of the completion ring. A full one loses nothing: the owner looks at everything when there is any record.
  static constexpr uint32_t kRingBytes = 4096;

  bool drain();
  bool report();
  void callOffWaking();

  void (*const wake_)(void* owner);
  void* const owner_;
  std::mutex mutex_;
  // Under the mutex: the owner's while it is awake, the poller's while it sleeps.
  SleepingThread watched_;
  Sources sources_;
  // The epochs are odd and the sources armed.
  bool isAnnounced_ = false;
  int32_t timesOdd_ = 0;
  std::atomic<bool> asleep_{false};
  std::atomic<bool> hasSources_{false};
  struct alignas(128) Position {
    uint32_t word = 0;
  };
  Position prod_, cons_;
  alignas(16) uint8_t data_[kRingBytes] = {};
  ring::Producer producer_;
  ring::Consumer consumer_;
};

}  // namespace sanswitch
