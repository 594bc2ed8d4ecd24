// Roles "produce" and "consume": a stream of records that both ends can compute, through all sizes of slots.
// As in test/fixtures/ring-stress.ts.
#pragma once

#include <sched.h>

#include <ctime>

#include "arena.h"

namespace arena {

constexpr double kPatience_s = 20;

inline double now_s() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// Spins, now and then lets others run, and notices when nothing has happened for too long.
class Patience {
 public:
  void reset() { turns_ = 0; }
  bool isLost() {
    if (++turns_ % 1024 != 0) return false;
    sched_yield();
    if (turns_ == 1024) start_s_ = now_s();
    return now_s() - start_s_ > kPatience_s;
  }

 private:
  uint32_t turns_ = 0;
  double start_s_ = 0;
};

// The content of one record; both ends make the same sequence of them.
struct Expected {
  uint32_t length;
  uint32_t type;
  uint32_t content;

  explicit Expected(Random* random) {
    uint32_t a = random->next();
    content = random->next();
    length = (a & 15) == 0 ? content % 2041 : content % 129;
    type = layout::RECORD_PRIVATE + ((a >> 8) & 63);
  }
  uint32_t word(uint32_t index) const { return content + index * 0x9e3779b1u; }
  uint8_t tail(uint32_t index) const { return static_cast<uint8_t>(content + index); }
};

inline uint32_t mix(uint32_t hash, uint32_t word) { return (hash ^ word) * 0x01000193u; }

class StreamProducer {
 public:
  StreamProducer(uint8_t* base, uint32_t seed)
      : base_(base),
        cell_(cellOf(base, 0, false)),
        ring_(producerMemory(base), layout::RECORD_ALIGN),
        content_(seed),
        choice_(seed ^ 0x5bd1e995) {}

  Result run(uint64_t count) {
    for (uint64_t i = 0; i < count && result_.isOk; i++) {
      Expected record(&content_);
      uint8_t* payload = claim(record.length);
      if (payload == nullptr) return result_;
      fill(record, payload);
      if (!ring_.commit(record.type, record.length)) return result_.fail("commit refused");
      uint32_t choice = choice_.next();
      if ((choice & 7) == 0) ring_.publish();
      if ((choice >> 8 & 127) == 0) moveIfDrained(choice >> 16);
      result_.records++;
    }
    ring_.publish();
    return result_;
  }

 private:
  // Waits for room; a full ring is sometimes enlarged instead.
  uint8_t* claim(uint32_t length) {
    Patience patience;
    for (;;) {
      auto claim = ring_.claim(length, length);
      if (claim.status == ring::Status::kOk) return claim.payload;
      if (claim.status != ring::Status::kFull) return result_.fail("claim: corrupt"), nullptr;
      ring_.publish();
      if (slot_ + 1 < kSlotCount && (choice_.next() & 3) == 0) {
        slot_++;
        ring_.writeSwitch(slot_);
        ring_.rebase(base_ + kSlotOffset[slot_], kSlotBytes[slot_]);
        result_.switches++;
      } else if (patience.isLost()) {
        return result_.fail("no room for too long"), nullptr;
      }
    }
  }

  void fill(const Expected& record, uint8_t* payload) {
    uint32_t words = record.length / 4;
    result_.checksum = mix(mix(result_.checksum, record.length), record.type);
    for (uint32_t i = 0; i < words; i++) {
      uint32_t word = record.word(i);
      memcpy(payload + 4 * i, &word, 4);
      result_.checksum = mix(result_.checksum, word);
    }
    for (uint32_t i = words * 4; i < record.length; i++) payload[i] = record.tail(i);
  }

  // Publishes everything and, if the consumer has caught up, goes on in any slot, without a record.
  void moveIfDrained(uint32_t choice) {
    ring_.publish();
    if (ring_.reloadConsumed() != ring::Status::kOk || !ring_.isDrained()) return;
    slot_ = choice % kSlotCount;
    __atomic_store_n(&cell_->slot, slot_, __ATOMIC_RELAXED);
    __atomic_store_n(&cell_->slotSeq, cell_->slotSeq + 1, __ATOMIC_RELEASE);
    ring_.rebase(base_ + kSlotOffset[slot_], kSlotBytes[slot_]);
  }

  uint8_t* base_;
  layout::Cell* cell_;
  ring::Producer ring_;
  Random content_;
  Random choice_;
  uint32_t slot_ = 0;
  Result result_;
};

class StreamConsumer {
 public:
  StreamConsumer(uint8_t* base, uint32_t seed)
      : base_(base),
        cell_(cellOf(base, 0, false)),
        ring_(consumerMemory(base), kSlotBytes[kSlotCount - 1]),
        content_(seed) {}

  Result run(uint64_t count) {
    Patience patience;
    while (result_.isOk && result_.records < static_cast<double>(count)) {
      ring::Status status = ring_.reload();
      if (status == ring::Status::kCorrupt) return result_.fail("reload: corrupt");
      if (status == ring::Status::kOk) {
        patience.reset();
        if (isDrained_) followSlot();
        drain();
      } else if (patience.isLost()) {
        return result_.fail("no records for too long");
      }
    }
    return result_;
  }

 private:
  void followSlot() {
    uint32_t seq = __atomic_load_n(&cell_->slotSeq, __ATOMIC_ACQUIRE);
    if (seq == slotSeq_) return;
    slotSeq_ = seq;
    goTo(__atomic_load_n(&cell_->slot, __ATOMIC_RELAXED));
  }

  void goTo(uint32_t slot) {
    if (slot >= kSlotCount) return void(result_.fail("no such slot"));
    ring::Status status = ring_.rebase(base_ + kSlotOffset[slot], kSlotBytes[slot]);
    if (status == ring::Status::kCorrupt) result_.fail("rebase: corrupt");
  }

  void drain() {
    ring::Record record;
    ring::Status status;
    while ((status = ring_.next(&record)) == ring::Status::kOk && result_.isOk) {
      bool isSwitch = record.type == layout::RECORD_SWITCH;
      uint32_t slot = 0;
      if (isSwitch) memcpy(&slot, record.payload, sizeof slot);
      else check(record);
      if (ring_.release()) ring_.commit();
      if (isSwitch) goTo(slot);
    }
    if (status == ring::Status::kCorrupt) result_.fail("next: corrupt");
    isDrained_ = true;
    ring_.commit();
  }

  void check(const ring::Record& record) {
    Expected expected(&content_);
    bool isSame = record.length == expected.length && record.type == expected.type;
    result_.checksum = mix(mix(result_.checksum, record.length), record.type);
    uint32_t words = isSame ? record.length / 4 : 0;
    for (uint32_t i = 0; i < words; i++) {
      uint32_t word;
      memcpy(&word, record.payload + 4 * i, 4);
      isSame = isSame && word == expected.word(i);
      result_.checksum = mix(result_.checksum, word);
    }
    for (uint32_t i = words * 4; isSame && i < record.length; i++) isSame = record.payload[i] == expected.tail(i);
    if (!isSame) result_.fail("another record than was written");
    result_.records++;
  }

  uint8_t* base_;
  layout::Cell* cell_;
  ring::Consumer ring_;
  Random content_;
  uint32_t slotSeq_ = 0;
  bool isDrained_ = true;
  Result result_;
};

}  // namespace arena
