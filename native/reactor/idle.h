// Idle strategies: how long whoever drives a poller goes on polling when it finds nothing.
#pragma once

#include <cstdint>

namespace sanswitch {

// Decides, in one driver, whether to spin on or to sleep. Times are nowNs().
//
// "Adaptive spin": spin for a window after the last work, at most the budget. A window that ends without work halves
// it, down to a sixteenth of the budget: traffic that spinning does not catch must not cost a processor. Work found
// while spinning restores the whole budget. So does a sleep so short that the whole budget would have caught its end;
// but if that too ends without work (two threads that share one processor do this), such hints are believed ever more
// rarely.
//
// "No spin" is the same with a budget of 0.
class AdaptiveSpin {
 public:
  // Sets the longest time to spin, in nanoseconds; 0: never. A new budget starts with the whole of it.
  void setBudget(uint32_t budgetNs);

  // The longest time that one slice of spinning may last, in nanoseconds.
  uint32_t sliceNs() const { return budgetNs_; }

  // Work was found at `now`, inside the window.
  void worked(uint64_t now);

  // Whether to go on polling at `now`.
  bool hot(uint64_t now) const { return budgetNs_ != 0 && now < hotUntil_; }

  // The window has ended without work: the driver is about to sleep. `spun`: it really polled meanwhile.
  void cooled(uint64_t now, bool spun);

  // There was work at `now`, after the window had ended: spinning did not catch it.
  void wokeToWork(uint64_t now);

 private:
  uint32_t budgetNs_ = 0;
  uint32_t windowNs_ = 0;
  uint64_t hotUntil_ = 0;
  uint64_t cooledAt_ = 0;
  // A hint that a longer window would pay is believed every `hintInterval_`-th time.
  uint32_t hintInterval_ = 1;
  uint32_t hintsLeft_ = 1;
  // The present window was restored by such a hint.
  bool hinted_ = false;
};

}  // namespace sanswitch
