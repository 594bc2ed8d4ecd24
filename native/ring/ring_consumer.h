// The reading end of a record ring. As src/ring/consumer.ts: each header word is read exactly once, and what doesn't
// fit is kCorrupt before anything out of range could be touched. The payload may change while it is read, if the
// producer is hostile; who decides by it copies it first.
#pragma once

#include "record_ring.h"

namespace sanswitch::ring {

// Where a ring is, seen from its reading end.
struct ConsumerMemory {
  const uint32_t* prod;
  uint32_t* cons;
  const uint8_t* data;
  uint32_t capacity;  // isCapacity
};

// One record; its payload is valid until it is released and that is committed.
struct Record {
  uint32_t type;
  uint32_t length;
  const uint8_t* payload;
};

class Consumer {
 public:
  // Continues where the words stand. `capacityLimit`: the largest capacity that the producer may switch to; 0: none.
  explicit Consumer(const ConsumerMemory& memory, uint32_t capacityLimit = 0)
      : memory_(memory), capacityLimit_(capacityLimit > memory.capacity ? capacityLimit : memory.capacity) {
    head_ = end_ = published_ = committed_ = loadWord(memory_.cons);
  }

  // Position up to which records have been released.
  uint32_t position() const { return head_; }

  // Whether every released record has been committed.
  bool isCommitted() const { return head_ == committed_; }

  // Whether all that the last reload found published has been released.
  bool isDrained() const { return head_ == published_; }

  // Reads the producer's position anew: kOk if there is something to read, kEmpty, kCorrupt.
  Status reload() {
    uint32_t published = loadWord(memory_.prod);
    uint32_t ahead = published - head_;
    // What was published once can't be taken back.
    bool isPossible = ahead <= capacityLimit_ && ahead >= published_ - head_ && published % layout::RECORD_ALIGN == 0;
    if (!isPossible) return Status::kCorrupt;
    // Further ahead than the ring is large: it goes on elsewhere, behind a SWITCH record. Until then nothing beyond
    // this ring's own bytes may be read.
    isSwitchDue_ = ahead > memory_.capacity;
    published_ = isSwitchDue_ ? head_ + memory_.capacity : published;
    return ahead == 0 ? Status::kEmpty : Status::kOk;
  }

  // Goes to the next record that the last reload found published. Once per record, then release. kOk, kEmpty, kCorrupt.
  Status next(Record* record) {
    while (head_ != published_) {
      uint32_t offset = head_ & (memory_.capacity - 1);
      const auto* words = reinterpret_cast<const uint32_t*>(memory_.data + offset);
      // Each header word is read once: a second look could find another value.
      uint32_t length = __atomic_load_n(words, __ATOMIC_RELAXED);
      uint32_t type = __atomic_load_n(words + 1, __ATOMIC_RELAXED);
      if (length > memory_.capacity / 2 - kHeaderBytes) return Status::kCorrupt;
      uint32_t bytes = recordBytes(length);
      if (bytes > published_ - head_ || bytes > memory_.capacity - offset) return Status::kCorrupt;
      end_ = head_ + bytes;
      if (type != layout::RECORD_PADDING) {
        *record = {type, length, memory_.data + offset + kHeaderBytes};
        return Status::kOk;
      }
      // Padding ends where the ring ends.
      if (bytes != memory_.capacity - offset) return Status::kCorrupt;
      head_ = end_;
    }
    return isSwitchDue_ ? Status::kCorrupt : Status::kEmpty;
  }

  // Gives the record back. True when a quarter of the ring has been released since the last commit: the time for it.
  bool release() {
    head_ = end_;
    return head_ - committed_ >= memory_.capacity / 4;
  }

  // Tells the producer what has been released. True if at least half of the ring was in use until now: only then can
  // the producer be blocked.
  bool commit() {
    uint32_t before = committed_;
    if (head_ == before) return false;
    committed_ = head_;
    storeWord(memory_.cons, head_);
    // Read anew, after the store: the producer may have filled the ring and blocked since our last look.
    return loadWord(memory_.prod) - before >= memory_.capacity / 2;
  }

  // Releases and commits, unread, everything that is published now. kOk or kCorrupt.
  Status discard() {
    if (reload() == Status::kCorrupt) return Status::kCorrupt;
    if (isSwitchDue_) published_ = loadWord(memory_.prod) & ~(layout::RECORD_ALIGN - 1);
    isSwitchDue_ = false;
    end_ = published_;
    release();
    commit();
    return Status::kOk;
  }

  // Goes on reading at another place: after a SWITCH record, once released, or when drained. Status as of reload.
  Status rebase(const uint8_t* data, uint32_t capacity) {
    if (capacity > capacityLimit_) capacityLimit_ = capacity;
    memory_.data = data;
    memory_.capacity = capacity;
    published_ = end_ = head_;
    isSwitchDue_ = false;
    return reload();
  }

 private:
  ConsumerMemory memory_;
  uint32_t capacityLimit_;
  uint32_t head_;       // Where the current record starts.
  uint32_t end_;        // Where it ends; equal to head_ if there is none.
  uint32_t published_;  // Up to where records may be read.
  uint32_t committed_;  // The position that the producer can see.
  bool isSwitchDue_ = false;  // A SWITCH record must come before published_.
};

}  // namespace sanswitch::ring
