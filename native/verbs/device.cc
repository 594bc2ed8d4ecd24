#include "verbs/device.h"

#include <errno.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "verbs/completion_ring.h"
#include "verbs/connection_table.h"

namespace sanswitch::verbs {

namespace {

// The devices of the process. Not destroyed at exit: threads that end late may still use it.
struct Registry {
  std::mutex mutex;
  std::vector<std::weak_ptr<Device>> devices;
  uint32_t nextNumber = 0;
};

Registry& registry() {
  static auto* instance = new Registry();
  return *instance;
}

}  // namespace

int queryDevice(abi::ibv_context* context, abi::ibv_device_attr* attributes) {
  int error = api().ibv_query_device(context, attributes);
  // Where an iWARP device is to write what it reads, the peer may write from then on, by a key that it is told: not for
  // memory that stays registered (rule 6.1). Large messages are written then, each by a key of its own.
  if (context->device->transport_type == abi::IBV_TRANSPORT_IWARP) {
    attributes->max_qp_rd_atom = attributes->max_qp_init_rd_atom = 0;
  }
  return error;
}

std::shared_ptr<EventChannel> EventChannel::create() {
  abi::rdma_event_channel* channel = api().rdma_create_event_channel();
  if (channel == nullptr) return nullptr;
  std::shared_ptr<EventChannel> made;
  try {
    made = std::make_shared<EventChannel>(channel);
  } catch (const std::bad_alloc&) {
    api().rdma_destroy_event_channel(channel);
    errno = ENOMEM;
    return nullptr;
  }
  return setNonBlocking(channel->fd) == 0 ? made : nullptr;
}

EventChannel::~EventChannel() { api().rdma_destroy_event_channel(channel_); }

std::shared_ptr<Device> Device::of(abi::rdma_cm_id* id, int* error) {
  *error = 0;
  if (id->verbs == nullptr) {
    *error = -ENODEV;
    return nullptr;
  }
  Registry& known = registry();
  std::lock_guard<std::mutex> lock(known.mutex);
  auto& devices = known.devices;
  devices.erase(std::remove_if(devices.begin(), devices.end(), [](const auto& one) { return one.expired(); }),
                devices.end());
  for (const auto& one : devices) {
    std::shared_ptr<Device> device = one.lock();
    if (device != nullptr && device->context_ == id->verbs) return device;
  }
  // Room first: a device that is not in the list would be made again.
  devices.reserve(devices.size() + 1);
  auto device = std::make_shared<Device>(id, known.nextNumber++);
  *error = device->open(id);
  if (*error < 0) return nullptr;
  devices.push_back(device);
  return device;
}

int Device::open(abi::rdma_cm_id* id) {
  anchorChannel_ = EventChannel::create();
  if (anchorChannel_ == nullptr) return lastFailure(ENOMEM);
  // Not in the space of the companions: there it would hold a port that belongs to whoever has it of TCP/IP (rule 2.5).
  if (api().rdma_create_id(anchorChannel_->get(), &anchor_, nullptr, abi::RDMA_PS_UDP) != 0) {
    anchor_ = nullptr;
    return lastFailure(ENOMEM);
  }
  sockaddr_storage address = id->route.addr.src_storage;
  // Any port will do.
  if (address.ss_family == AF_INET) reinterpret_cast<sockaddr_in*>(&address)->sin_port = 0;
  else reinterpret_cast<sockaddr_in6*>(&address)->sin6_port = 0;
  if (api().rdma_bind_addr(anchor_, reinterpret_cast<sockaddr*>(&address)) != 0) return lastFailure(EADDRNOTAVAIL);
  // The address has moved to another device meanwhile.
  if (anchor_->verbs != context_) return -ENODEV;
  int error = failureOf(queryDevice(context_, &attributes_));
  if (error < 0) return error;
  error = setNonBlocking(context_->async_fd);
  if (error < 0) return error;
  domain_ = api().ibv_alloc_pd(context_);
  return domain_ == nullptr ? lastFailure(ENOMEM) : 0;
}

Device::~Device() {
  if (domain_ != nullptr) api().ibv_dealloc_pd(domain_);
  if (anchor_ != nullptr) api().rdma_destroy_id(anchor_);
}

bool Device::hasWindows() const {
  constexpr unsigned kWindows = abi::IBV_DEVICE_MEM_WINDOW_TYPE_2A | abi::IBV_DEVICE_MEM_WINDOW_TYPE_2B;
  return context_->ops.alloc_mw != nullptr && (attributes_.device_cap_flags & kWindows) != 0;
}

void Device::addListener(CompletionRing* ring) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (std::find(listeners_.begin(), listeners_.end(), ring) == listeners_.end()) listeners_.push_back(ring);
}

void Device::removeListener(CompletionRing* ring) {
  std::lock_guard<std::mutex> lock(mutex_);
  listeners_.erase(std::remove(listeners_.begin(), listeners_.end(), ring), listeners_.end());
}

}  // namespace sanswitch::verbs
