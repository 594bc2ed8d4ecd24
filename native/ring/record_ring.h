// What both ends of a record ring share; src/ring/memory.ts describes the ring. Same bytes, same checks, no exceptions.
#pragma once

#include <cstdint>

#include "../layout.gen.h"

namespace sanswitch::ring {

// What a step on a ring came to.
enum class Status {
  kOk,
  kEmpty,     // Nothing (more) is published.
  kFull,      // No room; see Producer::needPosition.
  kTooLarge,  // The record is larger than half the ring: the caller's mistake.
  kCorrupt,   // The other end wrote what no honest one writes. The ring is unusable; nothing out of range was touched.
};

constexpr uint32_t kHeaderBytes = sizeof(layout::RecordHeader);

// Bytes that a record with `length` bytes of payload takes in the ring.
constexpr uint32_t recordBytes(uint32_t length) {
  return (length + kHeaderBytes + layout::RECORD_ALIGN - 1) & ~(layout::RECORD_ALIGN - 1);
}

// Whether a ring can have this capacity.
constexpr bool isCapacity(uint32_t capacity) {
  bool isPowerOfTwo = (capacity & (capacity - 1)) == 0;
  return isPowerOfTwo && capacity >= layout::RING_CAPACITY_MIN && capacity <= layout::RING_CAPACITY_MAX;
}

// A word that the other end writes at any moment: exactly one load, sequentially consistent as Atomics.load is.
inline uint32_t loadWord(const uint32_t* word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }

// The counterpart of Atomics.store. Sequentially consistent, because wake-ups are decided by a load that follows.
inline void storeWord(uint32_t* word, uint32_t value) { __atomic_store_n(word, value, __ATOMIC_SEQ_CST); }

}  // namespace sanswitch::ring
