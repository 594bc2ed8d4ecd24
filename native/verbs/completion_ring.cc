#include "verbs/completion_ring.h"

#include <cstring>
#include <utility>

namespace sanswitch::verbs {

namespace {

ring::ProducerMemory memoryOf(const Segment& segment) {
  auto* words = segment.ringWords();
  return {reinterpret_cast<uint32_t*>(&words->prod), reinterpret_cast<uint32_t*>(&words->cons), segment.ring(),
          layout::VERBS_RING_BYTES};
}

}  // namespace

CompletionRing::CompletionRing(std::shared_ptr<Segment> segment)
    : segment_(std::move(segment)), producer_(memoryOf(*segment_)), waiting_(kUnreserved) {}

void CompletionRing::reserve(size_t count) {
  std::lock_guard<std::mutex> lock(mutex_);
  size_t needed = kUnreserved + reserved_ + count;
  if (needed > waiting_.size()) {
    std::vector<layout::VerbsCompletion> larger(needed + needed / 2);
    for (size_t i = 0; i < waitingCount_; i++) larger[i] = waiting_[(first_ + i) % waiting_.size()];
    waiting_.swap(larger);
    first_ = 0;
  }
  reserved_ += count;
}

void CompletionRing::giveBack(size_t count) {
  std::lock_guard<std::mutex> lock(mutex_);
  reserved_ -= count;
}

void CompletionRing::slotBack(uint32_t slot) {
  std::lock_guard<std::mutex> lock(mutex_);
  putCompletion({0, layout::VERBS_OP_RECEIVE, layout::VERBS_STATUS_SLOT_BACK, 0, slot, 0});
  reserved_--;
  publish();
}

void CompletionRing::setWake(void (*wake)(void* owner), void* owner) {
  std::lock_guard<std::mutex> lock(mutex_);
  wake_ = wake;
  owner_ = owner;
}

void CompletionRing::setAsleep(bool isAsleep) {
  std::lock_guard<std::mutex> lock(mutex_);
  isAsleep_ = isAsleep;
}

bool CompletionRing::flush() {
  std::lock_guard<std::mutex> lock(mutex_);
  bool isLeft = flushLocked();
  publish();
  return isLeft;
}

bool CompletionRing::write(uint32_t type, const void* payload, uint32_t bytes) {
  // A reader that has broken the ring gets nothing more; what comes waits, and no longer than the engine lives.
  ring::Producer::Claim claim = producer_.claim(bytes, bytes);
  if (claim.status != ring::Status::kOk) return false;
  memcpy(claim.payload, payload, bytes);
  isNew_ = true;
  return producer_.commit(type, bytes);
}

bool CompletionRing::writeCompletion(const layout::VerbsCompletion& completion) {
  // As write(), with a size that the compiler knows: there is one for each message.
  ring::Producer::Claim claim = producer_.claim(sizeof completion, sizeof completion);
  if (claim.status != ring::Status::kOk) return false;
  __builtin_memcpy(claim.payload, &completion, sizeof completion);
  isNew_ = true;
  return producer_.commit(layout::RECORD_VERBS_COMPLETION, sizeof completion);
}

void CompletionRing::putCompletion(const layout::VerbsCompletion& completion) {
  if (waitingCount_ == 0 && writeCompletion(completion)) return;
  // Only a device that completes a request twice gets here.
  if (waitingCount_ == waiting_.size()) return;
  waiting_[(first_ + waitingCount_) % waiting_.size()] = completion;
  waitingCount_++;
  backlogged_++;
}

void CompletionRing::putEvent(EventNode* node) {
  const Event& event = node->front();
  // Its payload is the union; every kind of it starts at the same place.
  if (waitingEvents_.empty() && write(event.type, &event.cm, event.bytes)) return;
  waitingEvents_.splice(waitingEvents_.end(), *node);
  backlogged_++;
}

bool CompletionRing::flushLocked() {
  while (waitingCount_ > 0 && writeCompletion(waiting_[first_])) {
    first_ = (first_ + 1) % waiting_.size();
    waitingCount_--;
  }
  while (!waitingEvents_.empty()) {
    const Event& event = waitingEvents_.front();
    if (!write(event.type, &event.cm, event.bytes)) break;
    waitingEvents_.pop_front();
  }
  return waitingCount_ > 0 || !waitingEvents_.empty();
}

void CompletionRing::publish() {
  if (!isNew_) return;
  isNew_ = false;
  producer_.publish();
  if (!isAsleep_ || wake_ == nullptr) return;
  isAsleep_ = false;
  wake_(owner_);
}

uint64_t CompletionRing::backlogged() {
  std::lock_guard<std::mutex> lock(mutex_);
  return backlogged_;
}

}  // namespace sanswitch::verbs
