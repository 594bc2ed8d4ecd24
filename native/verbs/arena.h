// A segment's arena as one device knows it.
#pragma once

#include <cstdint>
#include <memory>

#include "verbs/device.h"
#include "verbs/segment.h"

namespace sanswitch::verbs {

// The registrations of an arena's chunks, each made when first used: to lock all of it at once would take too long and
// too much. The engine's thread alone uses it; whoever has receives in it keeps it alive.
class Arena {
 public:
  Arena(std::shared_ptr<Segment> segment, std::shared_ptr<Device> device)
      : segment_(std::move(segment)), device_(std::move(device)) {}
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Registers chunk `number` unless it is. 0 or -errno.
  int use(uint32_t number);

  // Describes `length` bytes from byte `offset` of the arena on. 0, -EINVAL: they are not within one chunk, or -errno.
  int describe(uint32_t offset, uint32_t length, abi::ibv_sge* out);

  uint8_t* slot(uint32_t number) const { return segment_->slot(number); }

  // Chunks that are registered.
  uint32_t chunks() const { return chunks_; }

 private:
  const std::shared_ptr<Segment> segment_;
  const std::shared_ptr<Device> device_;
  abi::ibv_mr* regions_[layout::VERBS_CHUNK_COUNT] = {};
  uint32_t chunks_ = 0;
};

}  // namespace sanswitch::verbs
