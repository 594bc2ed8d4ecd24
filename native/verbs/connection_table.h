// All RDMA connections of the process by their handles, which completions carry.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace sanswitch::verbs {

class Engine;
struct Connection;

// A handle is a place in the table and a generation, so that one that is old fits no connection. Never 0 or negative.
class ConnectionTable {
 public:
  static constexpr uint32_t kPlaceBits = 17;
  static constexpr uint32_t kGenerationBits = 31 - kPlaceBits;

  // What may be looked at from any thread: the connection itself only under its queue's lock, or by its owner.
  struct Place {
    // 0: the place is free, or its connection is being destroyed.
    std::atomic<uint32_t> handle{0};
    // Who alone may destroy the connection or give it away; null: nobody has it now.
    std::atomic<Engine*> owner{nullptr};
    Connection* connection = nullptr;
    uint32_t generation = 0;
  };

  // The process's. Never destroyed.
  static ConnectionTable& instance() { return *instance_; }

  // Gives a connection a place and its handle. 0: the table is full. May throw std::bad_alloc.
  uint32_t add(Connection* connection, Engine* owner);

  // Makes the handle unknown; the place is not used again before remove().
  void hide(uint32_t handle) { place(handle)->handle.store(0, std::memory_order_release); }

  // Gives the place of a hidden handle back.
  void remove(uint32_t handle);

  // The place of a handle, or null if nothing has it (any more).
  Place* find(uint32_t handle) {
    Place* found = place(handle);
    return found != nullptr && found->handle.load(std::memory_order_acquire) == handle && handle != 0 ? found : nullptr;
  }

  // The place that a handle had, whatever is there now; null: there never was one.
  Place* place(uint32_t handle) {
    uint32_t index = handle & (kPlaces - 1);
    Place* chunk = chunks_[index / kChunkPlaces].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : chunk + index % kChunkPlaces;
  }

 private:
  static constexpr uint32_t kPlaces = 1u << kPlaceBits;
  static constexpr uint32_t kChunkPlaces = 1024;

  static ConnectionTable* const instance_;

  ConnectionTable() = default;

  std::mutex mutex_;
  std::atomic<Place*> chunks_[kPlaces / kChunkPlaces] = {};
  uint32_t used_ = 0;
  std::vector<uint32_t> free_;
};

}  // namespace sanswitch::verbs
