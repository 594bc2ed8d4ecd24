// The dedicated poller: one native thread of the process that polls for all threads that want it
// (`poller: 'dedicated'`), so that K workers share one spinning thread instead of spinning each by itself. It starts
// with the first of them and ends with the last. The only state of the addon that is the process's and not an
// environment's.
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "reactor/idle.h"
#include "reactor/poller_slot.h"

namespace sanswitch {

// What the poller does when it finds nothing. The numbers are POLLER_IDLE_* of the layout.
enum class IdleStrategy : int32_t {
  // Spin for the adaptive window, then block until a thread falls asleep; peers wake sleeping threads themselves.
  kBlocking = layout::POLLER_IDLE_BLOCKING,
  // Spin, then yield, then sleep for ever longer times, at most a millisecond. Peers never need to wake anybody.
  kBackOff = layout::POLLER_IDLE_BACK_OFF,
  // Offer the processor after every pass. Takes what nobody else wants.
  kYield = layout::POLLER_IDLE_YIELD,
  // Never give the processor up. For machines with a core to spare.
  kSpin = layout::POLLER_IDLE_SPIN,
};

class DedicatedPoller {
 public:
  // The process's. Never destroyed.
  static DedicatedPoller& instance();

  // Adds a slot, and starts the thread if it is the first; the last strategy that is named counts. 0 or -errno, and
  // then the slot has not been added.
  int join(std::shared_ptr<PollerSlot> slot, IdleStrategy strategy);

  // Removes a slot: it is not looked at any more. The last one ends the thread before this returns.
  void leave(const std::shared_ptr<PollerSlot>& slot);

  // A thread has fallen asleep: there is something to watch.
  void signal();

 private:
  using Slots = std::vector<std::shared_ptr<PollerSlot>>;

  DedicatedPoller() = default;
  static void* run(void* self);
  void loop();
  // Under mutex_: takes over who has joined and left. False: no memory for it now; the slots known so far are safe.
  bool copySlots(Slots* slots);
  // Waits until signal(), or returns at once if that has come meanwhile.
  void block();
  // One pass. True if there was work.
  static bool pass(const Slots& slots);
  // After a pass without work: what the strategy says.
  void idle(IdleStrategy strategy, const Slots& slots);
  void spinThenBlock(const Slots& slots);
  void backOff();
  void worked();

  // Serialises join and leave, so that a thread that ends and one that starts don't meet.
  std::mutex membership_;
  std::mutex mutex_;
  std::condition_variable signalled_;
  // Under mutex_.
  Slots slots_;
  IdleStrategy strategy_ = IdleStrategy::kBlocking;
  // slots_ is another one than the thread knows.
  bool isChanged_ = false;
  bool isSignalled_ = false;
  bool isStopping_ = false;
  pthread_t thread_{};
  // The thread's own.
  AdaptiveSpin spin_;
  bool spun_ = false;
  bool cooled_ = true;
  uint32_t emptyPasses_ = 0;
};

}  // namespace sanswitch
