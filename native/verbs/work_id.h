// What a work request carries through the device and back: its 64-bit wr_id.
#pragma once

#include <cstdint>

#include "layout.gen.h"

namespace sanswitch::verbs {

// Completions that failed say nothing else for certain, so all that is needed to tell whose they are must be in it.
struct WorkId {
  // Its handle. kShared: a receive of a shared queue, whose connection is known by the number of its queue pair.
  uint32_t connection;
  // VERBS_OP_*
  uint32_t op;
  // At most VERBS_COOKIE_MAX. Receives: the slot.
  uint32_t cookie;

  static constexpr uint32_t kOpBits = 4;
  // No handle has this bit.
  static constexpr uint32_t kShared = 1u << 31;

  uint64_t pack() const { return static_cast<uint64_t>(connection) << 32 | cookie << kOpBits | op; }

  static WorkId unpack(uint64_t id) {
    auto low = static_cast<uint32_t>(id);
    return {static_cast<uint32_t>(id >> 32), low & ((1u << kOpBits) - 1), low >> kOpBits};
  }
};

static_assert(layout::VERBS_COOKIE_MAX == (1u << (32 - WorkId::kOpBits)) - 1, "a cookie must fit");

}  // namespace sanswitch::verbs
