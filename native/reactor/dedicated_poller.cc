#include "dedicated_poller.h"

#include <sched.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <new>

#include "reactor/clock.h"

namespace sanswitch {

namespace {

// Passes without work between two looks at the clock, and at who has joined or left.
constexpr uint32_t kPassesPerClock = 16;
// Passes without work before the processor is offered to others: they may be the peers.
constexpr uint32_t kPassesPerYield = 64;
// Backing off: passes that spin, then passes that yield; then sleeps that double.
constexpr uint32_t kSpinPasses = 256;
constexpr uint32_t kYieldPasses = 64;
constexpr uint32_t kSleepDoublings = 10;
constexpr long kShortestSleepNs = 1000;

}  // namespace

DedicatedPoller& DedicatedPoller::instance() {
  // Not destroyed at exit: threads that end late may still leave.
  static DedicatedPoller* poller = new DedicatedPoller();
  return *poller;
}

int DedicatedPoller::join(std::shared_ptr<PollerSlot> slot, IdleStrategy strategy) {
  std::lock_guard<std::mutex> membership(membership_);
  bool isFirst;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    strategy_ = strategy;
    isChanged_ = isSignalled_ = true;
    isStopping_ = false;
    isFirst = slots_.empty();
    if (std::find(slots_.begin(), slots_.end(), slot) == slots_.end()) slots_.push_back(slot);
  }
  signalled_.notify_one();
  if (!isFirst) return 0;
  // The process's signals are for its other threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&thread_, nullptr, run, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error == 0) {
    pthread_setname_np(thread_, "poller");
    return 0;
  }
  std::lock_guard<std::mutex> lock(mutex_);
  slots_.clear();
  return -error;
}

void DedicatedPoller::leave(const std::shared_ptr<PollerSlot>& slot) {
  std::lock_guard<std::mutex> membership(membership_);
  bool isLast;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    auto place = std::find(slots_.begin(), slots_.end(), slot);
    if (place == slots_.end()) return;
    slots_.erase(place);
    isChanged_ = isSignalled_ = true;
    isStopping_ = isLast = slots_.empty();
  }
  signalled_.notify_one();
  if (isLast) pthread_join(thread_, nullptr);
}

void DedicatedPoller::signal() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (isSignalled_) return;
    isSignalled_ = true;
  }
  signalled_.notify_one();
}

void* DedicatedPoller::run(void* self) {
  static_cast<DedicatedPoller*>(self)->loop();
  return nullptr;
}

void DedicatedPoller::loop() {
  Slots slots;
  IdleStrategy strategy = IdleStrategy::kBlocking;
  spin_ = AdaptiveSpin();
  spun_ = false;
  cooled_ = true;
  emptyPasses_ = 0;
  for (;;) {
    if (emptyPasses_ % kPassesPerClock == 0) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (isStopping_) return;
      isSignalled_ = isChanged_ && !copySlots(&slots);
      strategy = strategy_;
    }
    if (pass(slots)) {
      worked();
    } else {
      emptyPasses_++;
      idle(strategy, slots);
    }
  }
}

bool DedicatedPoller::copySlots(Slots* slots) {
  try {
    *slots = slots_;
    isChanged_ = false;
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

bool DedicatedPoller::pass(const Slots& slots) {
  bool isWork = false;
  for (const auto& slot : slots) isWork = slot->poll() || isWork;
  return isWork;
}

void DedicatedPoller::worked() {
  uint64_t now = nowNs();
  if (cooled_) spin_.wokeToWork(now);
  else spin_.worked(now);
  spun_ = cooled_ = false;
  emptyPasses_ = 0;
}

void DedicatedPoller::idle(IdleStrategy strategy, const Slots& slots) {
  switch (strategy) {
    case IdleStrategy::kBlocking:
      spinThenBlock(slots);
      return;
    case IdleStrategy::kBackOff:
      backOff();
      return;
    case IdleStrategy::kYield:
      sched_yield();
      return;
    case IdleStrategy::kSpin:
      pauseProcessor();
      return;
  }
}

void DedicatedPoller::spinThenBlock(const Slots& slots) {
  if (emptyPasses_ % kPassesPerClock != 0) return pauseProcessor();
  uint32_t budgetNs = 0;
  for (const auto& slot : slots) {
    budgetNs = std::max(budgetNs, slot->spinBudgetNs.load(std::memory_order_relaxed));
  }
  spin_.setBudget(budgetNs);
  uint64_t now = nowNs();
  if (spin_.hot(now)) {
    spun_ = true;
    if (emptyPasses_ % kPassesPerYield == 0) sched_yield();
    return;
  }
  if (!cooled_) spin_.cooled(now, spun_);
  cooled_ = true;
  spun_ = false;
  bool isWork = false;
  for (const auto& slot : slots) isWork = slot->announceSleep() || isWork;
  if (isWork) return worked();
  block();
  for (const auto& slot : slots) slot->announceAwake();
  // Whoever has fallen asleep may be answered at once: the window, as far as it has paid of late.
  spin_.wokeToWork(nowNs());
  cooled_ = false;
  emptyPasses_ = 0;
}

void DedicatedPoller::backOff() {
  if (emptyPasses_ < kSpinPasses) return pauseProcessor();
  if (emptyPasses_ < kSpinPasses + kYieldPasses) {
    sched_yield();
    return;
  }
  uint32_t doublings = std::min((emptyPasses_ - kSpinPasses - kYieldPasses) / kPassesPerClock, kSleepDoublings);
  timespec time{0, kShortestSleepNs << doublings};
  nanosleep(&time, nullptr);
}

void DedicatedPoller::block() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!isSignalled_) signalled_.wait(lock);
}

}  // namespace sanswitch
