#include "verbs/connection_table.h"

namespace sanswitch::verbs {

ConnectionTable* const ConnectionTable::instance_ = new ConnectionTable();

uint32_t ConnectionTable::add(Connection* connection, Engine* owner) {
  std::lock_guard<std::mutex> lock(mutex_);
  uint32_t index;
  if (free_.empty()) {
    if (used_ == kPlaces) return 0;
    std::atomic<Place*>& chunk = chunks_[used_ / kChunkPlaces];
    if (chunk.load(std::memory_order_relaxed) == nullptr) {
      // Room to give all of them back, which then can't fail.
      free_.reserve(used_ + kChunkPlaces);
      chunk.store(new Place[kChunkPlaces], std::memory_order_release);
    }
    index = used_++;
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Place* found = place(index);
  found->generation = (found->generation + 1) & ((1u << kGenerationBits) - 1);
  if (found->generation == 0) found->generation = 1;
  found->connection = connection;
  found->owner.store(owner, std::memory_order_relaxed);
  uint32_t handle = found->generation << kPlaceBits | index;
  found->handle.store(handle, std::memory_order_release);
  return handle;
}

void ConnectionTable::remove(uint32_t handle) {
  std::lock_guard<std::mutex> lock(mutex_);
  Place* found = place(handle);
  found->connection = nullptr;
  found->owner.store(nullptr, std::memory_order_relaxed);
  free_.push_back(handle & (kPlaces - 1));
}

}  // namespace sanswitch::verbs
