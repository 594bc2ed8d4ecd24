// Who sleeps says so in a word of his own; who has news for him looks there after publishing, and sends a wake-up only
// then. As src/ring/sleep-epoch.ts. The word is even while its owner is awake and odd while he sleeps or is about to.
//
// No wake-up is lost, by Dekker's pattern: the sleeper stores the epoch, then loads positions; the waker stores a
// position, then loads the epoch. All four are sequentially consistent, so at least one of the two sees the other.
#pragma once

#include "record_ring.h"

namespace sanswitch::ring {

class Sleeper {
 public:
  // `epoch`: the word; we alone write it.
  explicit Sleeper(uint32_t* epoch) : epoch_(epoch) {}

  // Before sleeping. After it, everything that could have ended the wait must be looked at once more (reload,
  // reloadConsumed); only if there is nothing may the thread sleep.
  void prepare() { storeWord(epoch_, loadWord(epoch_) | 1); }

  // On waking, or when the last look found something.
  void awake() { storeWord(epoch_, (loadWord(epoch_) | 1) + 1); }

 private:
  uint32_t* epoch_;
};

class Waker {
 public:
  // `epoch`: the other side's word.
  explicit Waker(const uint32_t* epoch) : epoch_(epoch) {}

  // After publishing records or releasing space: whether a wake-up is to be sent. True once for each sleep.
  bool isDue() {
    uint32_t epoch = loadWord(epoch_);
    if ((epoch & 1) == 0 || epoch == sent_) return false;
    sent_ = epoch;
    return true;
  }

 private:
  const uint32_t* epoch_;
  uint32_t sent_ = 0;  // The odd value that the last wake-up was for.
};

}  // namespace sanswitch::ring
