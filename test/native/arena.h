// The memory that two ends of the ring tests share, in one piece; the same as in test/fixtures/ring-arena.ts. It stands
// for two segments: there is a writer's and a reader's cell for each direction, and slots of three sizes.
#pragma once

#include <cstdint>
#include <cstring>

#include "../../native/layout.gen.h"
#include "../../native/ring/ring_consumer.h"
#include "../../native/ring/ring_producer.h"
#include "../../native/ring/sleep_epoch.h"

namespace arena {

namespace layout = sanswitch::layout;
namespace ring = sanswitch::ring;

constexpr uint32_t kBytes = 131072;
constexpr uint32_t kEpochs = 512;       // Two sleep epochs, 128 bytes apart.
constexpr uint32_t kStop = 768;         // Not 0: one side has failed or is done, the other ends too.
constexpr uint32_t kSleeps = 776;       // How often each of two sides has slept.
constexpr uint32_t kWaits = 784;        // The position that side waits for, plus 1; or 0.
constexpr uint32_t kSmallRings = 2048;  // One ring of 256 bytes for each direction, 1024 bytes apart.
constexpr uint32_t kSlotCount = 3;
constexpr uint32_t kSlotOffset[kSlotCount] = {4096, 8192, 32768};
constexpr uint32_t kSlotBytes[kSlotCount] = {4096, 16384, 65536};

inline uint32_t* wordAt(uint8_t* base, uint32_t offset) { return reinterpret_cast<uint32_t*>(base + offset); }

// The cell of the writer (first) or of the reader of a direction.
inline layout::Cell* cellOf(uint8_t* base, uint32_t direction, bool isReader) {
  return reinterpret_cast<layout::Cell*>(base + direction * 256 + (isReader ? 128 : 0));
}

inline uint32_t* asWord(int32_t* word) { return reinterpret_cast<uint32_t*>(word); }

// The ends of the ring of direction 0 in slot 0.
inline ring::ProducerMemory producerMemory(uint8_t* base) {
  return {asWord(&cellOf(base, 0, false)->prod), asWord(&cellOf(base, 0, true)->cons), base + kSlotOffset[0],
          kSlotBytes[0]};
}
inline ring::ConsumerMemory consumerMemory(uint8_t* base) {
  return {asWord(&cellOf(base, 0, false)->prod), asWord(&cellOf(base, 0, true)->cons), base + kSlotOffset[0],
          kSlotBytes[0]};
}

// The pseudo-random numbers of both languages (xorshift32); never seeded with 0.
struct Random {
  uint32_t state;
  explicit Random(uint32_t seed) : state(seed == 0 ? 1 : seed) {}
  uint32_t next() {
    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
  }
};

// What a role reports; printed as JSON or handed to JavaScript.
struct Result {
  bool isOk = true;
  const char* problem = "";
  uint32_t checksum = 0;
  double records = 0;
  double errors = 0;  // kCorrupt seen and survived
  double sleeps = 0;
  double switches = 0;

  Result& fail(const char* what) {
    if (isOk) problem = what;
    isOk = false;
    return *this;
  }
};

}  // namespace arena
