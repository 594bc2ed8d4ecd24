// The memory of a ring in slots of three sizes. Each piece is an allocation of its own, so that the sanitizer sees the
// first byte beside it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "../../native/layout.gen.h"
#include "../../native/ring/ring_consumer.h"
#include "../../native/ring/ring_producer.h"

namespace layout = sanswitch::layout;
namespace ring = sanswitch::ring;

namespace fuzz {

constexpr uint32_t kSlotCount = 3;
constexpr uint32_t kSlotBytes[kSlotCount] = {256, 1024, 4096};
constexpr uint32_t kLargest = kSlotBytes[kSlotCount - 1];

class Rings {
 public:
  // An empty ring whose positions stand at `position`.
  explicit Rings(uint32_t position) : prodWord_(new uint32_t(position)), consWord_(new uint32_t(position)) {
    prod = prodWord_.get();
    cons = consWord_.get();
    for (uint32_t i = 0; i < kSlotCount; i++) {
      slots_[i].reset(static_cast<uint8_t*>(aligned_alloc(layout::RECORD_ALIGN, kSlotBytes[i])));
      memset(slots_[i].get(), 0, kSlotBytes[i]);
    }
  }

  uint8_t* data(uint32_t slot) { return slots_[slot].get(); }
  uint32_t capacity(uint32_t slot) const { return kSlotBytes[slot]; }

  uint32_t* prod;
  uint32_t* cons;

 private:
  struct Free {
    void operator()(uint8_t* memory) const { free(memory); }
  };

  std::unique_ptr<uint32_t> prodWord_, consWord_;
  std::unique_ptr<uint8_t, Free> slots_[kSlotCount];
};

}  // namespace fuzz
