// The writing end of a record ring: claim, write the payload, commit, publish. As src/ring/producer.ts.
#pragma once

#include "record_ring.h"

namespace sanswitch::ring {

// Where a ring is, seen from its writing end. The words are at least 4-aligned, the data 16-aligned.
struct ProducerMemory {
  uint32_t* prod;
  const uint32_t* cons;
  uint8_t* data;
  uint32_t capacity;  // isCapacity
};

class Producer {
 public:
  // A claimed piece of the ring: write up to `room` bytes there, then commit.
  struct Claim {
    Status status;  // kOk, kFull, kTooLarge, kCorrupt
    uint8_t* payload;
    uint32_t room;
  };

  // Continues where the words stand; in zeroed memory that is an empty ring. `reserve`: bytes that claim never uses, 16
  // for a ring that is enlarged by writeSwitch, otherwise 0.
  explicit Producer(const ProducerMemory& memory, uint32_t reserve = 0) : memory_(memory), reserve_(reserve) {
    tail_ = published_ = loadWord(memory_.prod);
    consumed_ = tail_ - memory_.capacity;
    isCorrupt_ = reloadConsumed() == Status::kCorrupt;
  }

  // Position behind the last committed record.
  uint32_t position() const { return tail_; }

  // Largest payload of a record.
  uint32_t payloadLimit() const { return memory_.capacity / 2 - kHeaderBytes; }

  // Claims room for at least `minBytes` and, as far as it stands in one piece, up to `maxBytes` >= `minBytes`.
  Claim claim(uint32_t minBytes, uint32_t maxBytes) {
    if (minBytes > payloadLimit()) return {Status::kTooLarge, nullptr, 0};
    uint32_t contiguous = memory_.capacity - offset();
    uint32_t granted = grant(contiguous);
    // Short of the maximum only because our idea of the consumer is old, or too short at all: look again.
    if (granted < recordBytes(minBytes) || (granted < contiguous && granted - kHeaderBytes < maxBytes)) {
      if (reloadConsumed() != Status::kOk) return {Status::kCorrupt, nullptr, 0};
      wrapFor(recordBytes(minBytes));
      granted = grant(memory_.capacity - offset());
      if (granted < recordBytes(minBytes)) {
        room_ = -1;
        return {Status::kFull, nullptr, 0};
      }
    }
    uint32_t room = granted - kHeaderBytes < maxBytes ? granted - kHeaderBytes : maxBytes;
    room_ = room;
    return {Status::kOk, memory_.data + offset() + kHeaderBytes, room};
  }

  // Makes the claimed record final; it becomes visible with the next publish. False, and nothing done, without a claim
  // or if `length` is more than its room.
  bool commit(uint32_t type, uint32_t length) {
    if (static_cast<int64_t>(length) > room_) return false;
    room_ = -1;
    write(type, length);
    return true;
  }

  // Makes all committed records visible to the consumer.
  void publish() {
    if (tail_ == published_) return;
    published_ = tail_;
    storeWord(memory_.prod, tail_);
  }

  // The position that the consumer must reach before a claim that has just been refused can succeed. Until then at
  // least half of the ring is in use.
  uint32_t needPosition(uint32_t minBytes) const {
    uint32_t contiguous = memory_.capacity - offset();
    uint32_t record = recordBytes(minBytes);
    uint32_t wasted = contiguous < record ? contiguous : 0;
    return tail_ + wasted + record + reserve_ - memory_.capacity;
  }

  // Reads the consumer's position anew. kOk or kCorrupt.
  Status reloadConsumed() {
    uint32_t consumed = loadWord(memory_.cons);
    // It moves forward only, never beyond what is published, and by whole records.
    bool isPossible = consumed - consumed_ <= published_ - consumed_ && consumed % layout::RECORD_ALIGN == 0;
    if (isCorrupt_ || !isPossible) return Status::kCorrupt;
    consumed_ = consumed;
    return Status::kOk;
  }

  // Whether everything that was ever committed has been consumed, as of the last reloadConsumed.
  bool isDrained() const { return consumed_ == tail_; }

  // Commits a SWITCH record that names the slot where the next record stands; rebase must follow. False without a
  // reserve.
  bool writeSwitch(uint32_t slot) {
    if (reserve_ < layout::RECORD_ALIGN) return false;
    room_ = -1;
    __builtin_memcpy(memory_.data + offset() + kHeaderBytes, &slot, sizeof slot);
    write(layout::RECORD_SWITCH, sizeof slot);
    return true;
  }

  // Goes on writing at another place: after writeSwitch, of at least the same capacity, or when drained, of any.
  void rebase(uint8_t* data, uint32_t capacity) {
    room_ = -1;
    memory_.data = data;
    memory_.capacity = capacity;
  }

 private:
  uint32_t offset() const { return tail_ & (memory_.capacity - 1); }

  // Bytes that a record at the tail may take; 0 while the reserve is in use.
  uint32_t grant(uint32_t contiguous) const {
    uint32_t used = tail_ - consumed_ + reserve_;
    uint32_t granted = used < memory_.capacity ? memory_.capacity - used : 0;
    if (granted > contiguous) granted = contiguous;
    return granted < memory_.capacity / 2 ? granted : memory_.capacity / 2;
  }

  // Fills the rest of the ring with padding if a record of `record` bytes fits only behind the wrap.
  void wrapFor(uint32_t record) {
    uint32_t contiguous = memory_.capacity - offset();
    uint32_t used = tail_ - consumed_ + reserve_;
    if (contiguous >= record || used + contiguous > memory_.capacity) return;
    write(layout::RECORD_PADDING, contiguous - kHeaderBytes);
    // Blocked all the same: the consumer must see the padding, else it could find the ring less than half full, and
    // nothing left to do that would bring us our room.
    if (grant(memory_.capacity) < record) publish();
  }

  void write(uint32_t type, uint32_t length) {
    layout::RecordHeader header{length, type};
    __builtin_memcpy(memory_.data + offset(), &header, sizeof header);
    tail_ += recordBytes(length);
  }

  ProducerMemory memory_;
  uint32_t reserve_;
  uint32_t tail_;        // Where the next record starts.
  uint32_t published_;   // The position that the consumer can see.
  uint32_t consumed_;    // The consumer's position when we last looked.
  int64_t room_ = -1;    // Payload bytes of the claim; -1: nothing is claimed.
  bool isCorrupt_ = false;
};

}  // namespace sanswitch::ring
