// The memory that an engine shares with its thread's JavaScript: completion ring, submissions, arena.
#pragma once

#include <cstddef>
#include <cstdint>

#include "layout.gen.h"

namespace sanswitch::verbs {

// One memfd, mapped here for as long as anybody needs it: devices write into its arena, and other threads into its
// ring, also when the thread that it belongs to, and the mapping in JavaScript's window, are gone.
class Segment {
 public:
  Segment() = default;
  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  // Makes and maps it, once. Returns its descriptor, which the caller closes, or -errno.
  int create();

  layout::RingWords* ringWords() const { return reinterpret_cast<layout::RingWords*>(base_); }
  uint8_t* ring() const { return base_ + layout::VERBS_RING_OFFSET; }
  const layout::VerbsSubmission* submissions() const {
    return reinterpret_cast<const layout::VerbsSubmission*>(base_ + layout::VERBS_SUBMISSIONS_OFFSET);
  }
  uint8_t* arena() const { return base_ + layout::VERBS_ARENA_OFFSET; }
  uint8_t* slot(uint32_t number) const { return arena() + size_t{number} * layout::VERBS_SLOT_BYTES; }

 private:
  uint8_t* base_ = nullptr;
};

}  // namespace sanswitch::verbs
