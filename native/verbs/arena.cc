#include "verbs/arena.h"

#include <errno.h>

namespace sanswitch::verbs {

Arena::~Arena() {
  for (abi::ibv_mr* region : regions_) {
    if (region != nullptr) api().ibv_dereg_mr(region);
  }
}

int Arena::use(uint32_t number) {
  if (number >= layout::VERBS_CHUNK_COUNT) return -EINVAL;
  if (regions_[number] != nullptr) return 0;
  uint8_t* start = segment_->arena() + size_t{number} * layout::VERBS_CHUNK_BYTES;
  errno = 0;
  regions_[number] =
      api().ibv_reg_mr(device_->domain(), start, layout::VERBS_CHUNK_BYTES, abi::IBV_ACCESS_LOCAL_WRITE);
  if (regions_[number] == nullptr) return lastFailure(ENOMEM);
  chunks_++;
  return 0;
}

int Arena::describe(uint32_t offset, uint32_t length, abi::ibv_sge* out) {
  uint32_t number = offset / layout::VERBS_CHUNK_BYTES;
  uint32_t inChunk = offset % layout::VERBS_CHUNK_BYTES;
  if (number >= layout::VERBS_CHUNK_COUNT || length > layout::VERBS_CHUNK_BYTES - inChunk) return -EINVAL;
  if (regions_[number] == nullptr) {
    int error = use(number);
    if (error < 0) return error;
  }
  out->addr = reinterpret_cast<uint64_t>(segment_->arena() + offset);
  out->length = length;
  out->lkey = regions_[number]->lkey;
  return 0;
}

}  // namespace sanswitch::verbs
