#include "idle.h"

namespace sanswitch {

namespace {

constexpr uint32_t kFloorDivisor = 16;
constexpr uint32_t kHintIntervalLimit = 1024;
// A wake-up across processors takes longer than the sleep that it ends would have: so long is still called short.
constexpr uint32_t kShortSleepBudgets = 2;

}  // namespace

void AdaptiveSpin::setBudget(uint32_t budgetNs) {
  if (budgetNs == budgetNs_) return;
  budgetNs_ = budgetNs;
  windowNs_ = budgetNs;
  hintInterval_ = 1;
  hintsLeft_ = 1;
  hinted_ = false;
}

void AdaptiveSpin::worked(uint64_t now) {
  windowNs_ = budgetNs_;
  hotUntil_ = now + windowNs_;
  hinted_ = false;
  hintInterval_ = 1;
  hintsLeft_ = 1;
}

void AdaptiveSpin::cooled(uint64_t now, bool spun) {
  cooledAt_ = now;
  if (!spun) return;
  uint32_t floorNs = budgetNs_ / kFloorDivisor;
  windowNs_ = windowNs_ / 2 > floorNs ? windowNs_ / 2 : floorNs;
  if (hinted_) {
    hinted_ = false;
    if (hintInterval_ < kHintIntervalLimit) hintInterval_ *= 2;
    hintsLeft_ = hintInterval_;
  }
}

void AdaptiveSpin::wokeToWork(uint64_t now) {
  if (now - cooledAt_ < static_cast<uint64_t>(budgetNs_) * kShortSleepBudgets && --hintsLeft_ == 0) {
    windowNs_ = budgetNs_;
    hinted_ = true;
    hintsLeft_ = hintInterval_;
  }
  hotUntil_ = now + windowNs_;
}

}  // namespace sanswitch
