#include "poller_slot.h"

#include <cstring>
#include <utility>

namespace sanswitch {

PollerSlot::PollerSlot(void (*wake)(void* owner), void* owner)
    : wake_(wake),
      owner_(owner),
      producer_(ring::ProducerMemory{&prod_.word, &cons_.word, data_, kRingBytes}),
      consumer_(ring::ConsumerMemory{&prod_.word, &cons_.word, data_, kRingBytes}) {}

void PollerSlot::setSources(Sources sources) {
  std::lock_guard<std::mutex> lock(mutex_);
  callOffWaking();
  sources_ = std::move(sources);
  hasSources_.store(!sources_.empty(), std::memory_order_relaxed);
}

void PollerSlot::fallAsleep() {
  std::lock_guard<std::mutex> lock(mutex_);
  asleep_.store(true, std::memory_order_relaxed);
}

int32_t PollerSlot::takeBack() {
  std::lock_guard<std::mutex> lock(mutex_);
  asleep_.store(false, std::memory_order_relaxed);
  callOffWaking();
  watched_.words.clear();
  watched_.epochs.clear();
  int32_t timesOdd = timesOdd_;
  timesOdd_ = 0;
  return timesOdd;
}

size_t PollerSlot::takeRecords() {
  size_t count = 0;
  ring::Record record;
  if (consumer_.reload() == ring::Status::kOk) {
    for (; consumer_.next(&record) == ring::Status::kOk; count++) consumer_.release();
    consumer_.commit();
  }
  return count;
}

bool PollerSlot::poll() {
  if (!isAsleep() && !hasSources_.load(std::memory_order_relaxed)) return false;
  // An owner that is just taking its place back, or leaving it, looks at everything itself.
  std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return false;
  if (asleep_.load(std::memory_order_relaxed)) return report();
  // Not work that would keep the poller spinning: the owner polls as well.
  drain();
  return false;
}

bool PollerSlot::announceSleep() {
  if (!isAsleep()) return false;
  std::lock_guard<std::mutex> lock(mutex_);
  if (!asleep_.load(std::memory_order_relaxed)) return false;
  if (!isAnnounced_) timesOdd_++;
  isAnnounced_ = true;
  for (int32_t* epoch : watched_.epochs) {
    if ((*epoch & 1) == 0) __atomic_store_n(epoch, *epoch + 1, __ATOMIC_SEQ_CST);
  }
  for (const auto& source : sources_) source->arm();
  // The other half of Dekker's pattern: a peer publishes first and then reads the epoch. Either it sees the odd epoch
  // and wakes the owner, or we see what it has published. Devices likewise: armed first, drained after that.
  return report();
}

void PollerSlot::announceAwake() {
  if (!isAsleep()) return;
  std::lock_guard<std::mutex> lock(mutex_);
  if (asleep_.load(std::memory_order_relaxed)) callOffWaking();
}

bool PollerSlot::drain() {
  bool isMore = false;
  for (const auto& source : sources_) isMore = source->drain() || isMore;
  return isMore;
}

bool PollerSlot::report() {
  uint32_t place = 0;
  bool isReady = drain();
  for (const WatchedWord& watched : watched_.words) {
    // Sequentially consistent, for announceSleep.
    int32_t value = __atomic_load_n(watched.word, __ATOMIC_SEQ_CST);
    if (value != watched.seen) {
      layout::ReadyRecord ready{place, value};
      ring::Producer::Claim claim = producer_.claim(sizeof ready, sizeof ready);
      if (claim.status == ring::Status::kOk) {
        memcpy(claim.payload, &ready, sizeof ready);
        producer_.commit(layout::RECORD_READY, sizeof ready);
      }
      isReady = true;
    }
    place++;
  }
  if (!isReady) return false;
  producer_.publish();
  asleep_.store(false, std::memory_order_relaxed);
  callOffWaking();
  wake_(owner_);
  return true;
}

void PollerSlot::callOffWaking() {
  if (!isAnnounced_) return;
  isAnnounced_ = false;
  for (const auto& source : sources_) source->disarm();
  for (int32_t* epoch : watched_.epochs) {
    if ((*epoch & 1) != 0) __atomic_store_n(epoch, *epoch + 1, __ATOMIC_SEQ_CST);
  }
}

}  // namespace sanswitch
