// An RDMA device as this process uses it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "verbs/failure.h"
#include "verbs/library.h"

namespace sanswitch::verbs {

class CompletionRing;

// The functions of the libraries; only after libraries() has loaded them.
inline const Functions& api() { return *libraries().functions; }

// What a device can do, as far as we use it. ibv_query_device's result: 0 or an errno.
int queryDevice(abi::ibv_context* context, abi::ibv_device_attr* attributes);

// A channel on which librdmacm reports, with its own descriptor.
class EventChannel {
 public:
  // Null with errno.
  static std::shared_ptr<EventChannel> create();
  explicit EventChannel(abi::rdma_event_channel* channel) : channel_(channel) {}
  ~EventChannel();
  EventChannel(const EventChannel&) = delete;
  EventChannel& operator=(const EventChannel&) = delete;

  abi::rdma_event_channel* get() const { return channel_; }

 private:
  abi::rdma_event_channel* const channel_;
};

// One per device and process, shared by all threads, made when the first connection gets to it. The context is
// librdmacm's, which closes it when the device is gone and nobody has an id on it: so an id of our own, the anchor,
// lives as long as anything made of the context.
class Device {
 public:
  // The device that `id` has been bound to. Null, with a negated errno in `*error`.
  static std::shared_ptr<Device> of(abi::rdma_cm_id* id, int* error);

  // Use of().
  Device(abi::rdma_cm_id* id, uint32_t number) : number_(number), context_(id->verbs) {}
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  uint32_t number() const { return number_; }
  const char* name() const { return context_->device->name; }
  abi::ibv_context* context() const { return context_; }
  abi::ibv_pd* domain() const { return domain_; }
  const abi::ibv_device_attr& attributes() const { return attributes_; }
  bool hasWindows() const;

  // Who hears of asynchronous events; each engine once. A ring must be removed before it goes.
  void addListener(CompletionRing* ring);
  void removeListener(CompletionRing* ring);

  // The device has failed or is removed: nothing new is made of it, and what there is goes with the last connection.
  bool isGone() const { return isGone_; }
  void setGone() { isGone_ = true; }

  // Takes the asynchronous events and tells whom they concern. False: those that are left can't be taken.
  bool takeAsyncEvents();

 private:
  enum class Taken { One, NothingLeft, Failed };

  int open(abi::rdma_cm_id* id);
  Taken takeAsyncEvent();

  const uint32_t number_;
  abi::ibv_context* const context_;
  std::shared_ptr<EventChannel> anchorChannel_;
  abi::rdma_cm_id* anchor_ = nullptr;
  abi::ibv_pd* domain_ = nullptr;
  abi::ibv_device_attr attributes_{};
  std::atomic<bool> isGone_{false};
  std::mutex mutex_;
  std::vector<CompletionRing*> listeners_;
};

}  // namespace sanswitch::verbs
