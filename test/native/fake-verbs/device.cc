// Devices and their ports, what librdmacm opens of them, and asynchronous events.
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "fabric.h"

namespace fake {

namespace {

// The bytes of an address, and how many there are.
size_t bytesOf(const sockaddr* address, const uint8_t** bytes) {
  if (address->sa_family == AF_INET) {
    *bytes = reinterpret_cast<const uint8_t*>(&reinterpret_cast<const sockaddr_in*>(address)->sin_addr);
    return 4;
  }
  *bytes = reinterpret_cast<const uint8_t*>(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
  return 16;
}

int queryPort(ibv_context* context, uint8_t port, ibv_port_attr* attr) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_query_port")) return error;
  Device* device = deviceOf(context);
  if (device->isGone) return EIO;
  if (port != 1) return EINVAL;
  *attr = device->port;
  return 0;
}

}  // namespace

Device* deviceOf(const ibv_context* context) { return static_cast<const Context*>(context)->owner; }

bool isIwarp(const ibv_context* context) { return deviceOf(context)->transport_type == IBV_TRANSPORT_IWARP; }

bool holdsAddress(const Subnet& subnet, const sockaddr* address) {
  if (subnet.family != address->sa_family) return false;
  const uint8_t* bytes;
  bytesOf(address, &bytes);
  for (unsigned bit = 0; bit < subnet.bits; bit++) {
    uint8_t mask = static_cast<uint8_t>(0x80 >> (bit % 8));
    if ((bytes[bit / 8] & mask) != (subnet.address[bit / 8] & mask)) return false;
  }
  return true;
}

bool parseSubnet(const std::string& text, Subnet* subnet) {
  size_t slash = text.find('/');
  std::string address = text.substr(0, slash);
  memset(subnet, 0, sizeof *subnet);
  subnet->family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (inet_pton(subnet->family, address.c_str(), subnet->address) != 1) return false;
  unsigned whole = subnet->family == AF_INET ? 32 : 128;
  subnet->bits = slash == std::string::npos ? whole : static_cast<unsigned>(atoi(text.c_str() + slash + 1));
  return subnet->bits <= whole;
}

Device* deviceFor(const sockaddr* address) {
  for (Device* device : fabric().devices) {
    if (device->isGone) continue;
    for (const Subnet& subnet : device->subnets) {
      if (holdsAddress(subnet, address)) return device;
    }
  }
  return nullptr;
}

bool isWildcard(const sockaddr* address) {
  const uint8_t* bytes;
  size_t count = bytesOf(address, &bytes);
  return std::all_of(bytes, bytes + count, [](uint8_t byte) { return byte == 0; });
}

bool isSilent(const sockaddr* address) {
  for (const Subnet& subnet : fabric().silent) {
    if (holdsAddress(subnet, address)) return true;
  }
  return false;
}

// ---- asynchronous events

static void raiseAt(Context* context, const ibv_async_event& event) {
  context->events.push_back(event);
  signalEvent(context->async_fd);
}

void raise(Device* device, ibv_event_type type, int port) {
  ibv_async_event event{};
  event.event_type = type;
  event.element.port_num = port;
  for (Context* context : device->contexts) raiseAt(context, event);
}

void raise(QueuePair* qp, ibv_event_type type) {
  ibv_async_event event{};
  event.event_type = type;
  event.element.qp = qp;
  raiseAt(static_cast<Context*>(qp->context), event);
}

void raise(CompletionQueue* cq, ibv_event_type type) {
  ibv_async_event event{};
  event.event_type = type;
  event.element.cq = cq;
  raiseAt(static_cast<Context*>(cq->context), event);
}

void raise(SharedReceives* srq, ibv_event_type type) {
  ibv_async_event event{};
  event.event_type = type;
  event.element.srq = srq;
  raiseAt(static_cast<Context*>(srq->context), event);
}

namespace {

// The count of events taken, of the object that an event is about; null: it is about the port or the device.
uint32_t* takenOf(const ibv_async_event& event) {
  switch (event.event_type) {
    case IBV_EVENT_CQ_ERR:
      return &static_cast<CompletionQueue*>(event.element.cq)->asyncEvents;
    case IBV_EVENT_QP_FATAL:
    case IBV_EVENT_QP_REQ_ERR:
    case IBV_EVENT_QP_ACCESS_ERR:
    case IBV_EVENT_COMM_EST:
    case IBV_EVENT_SQ_DRAINED:
    case IBV_EVENT_PATH_MIG:
    case IBV_EVENT_PATH_MIG_ERR:
    case IBV_EVENT_QP_LAST_WQE_REACHED:
      return &static_cast<QueuePair*>(event.element.qp)->asyncEvents;
    case IBV_EVENT_SRQ_ERR:
    case IBV_EVENT_SRQ_LIMIT_REACHED:
      return &static_cast<SharedReceives*>(event.element.srq)->asyncEvents;
    default:
      return nullptr;
  }
}

uint32_t* acknowledgedOf(const ibv_async_event& event) {
  switch (event.event_type) {
    case IBV_EVENT_CQ_ERR:
      return &event.element.cq->async_events_completed;
    case IBV_EVENT_SRQ_ERR:
    case IBV_EVENT_SRQ_LIMIT_REACHED:
      return &event.element.srq->events_completed;
    default:
      return &event.element.qp->events_completed;
  }
}

}  // namespace

void dropAsyncEvents(ibv_context* context, const void* element) {
  Context* owner = static_cast<Context*>(context);
  for (auto event = owner->events.begin(); event != owner->events.end();) {
    if (takenOf(*event) != nullptr && event->element.qp == element) {
      event = owner->events.erase(event);
      unsignalEvent(owner->async_fd);
    } else {
      ++event;
    }
  }
}

Context* openContext(Device* device);

}  // namespace fake

using namespace fake;

extern "C" {

// ---- the list of devices

ibv_device** ibv_get_device_list(int* count) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_get_device_list")) {
    errno = error;
    return nullptr;
  }
  std::vector<Device*> present;
  for (Device* device : fabric().devices) {
    if (!device->isGone) present.push_back(device);
  }
  ibv_device** list = static_cast<ibv_device**>(calloc(present.size() + 1, sizeof *list));
  std::copy(present.begin(), present.end(), list);
  if (count != nullptr) *count = static_cast<int>(present.size());
  return list;
}

void ibv_free_device_list(ibv_device** list) { free(list); }

uint64_t ibv_get_device_guid(ibv_device* device) { return static_cast<Device*>(device)->guid; }

ibv_context* ibv_open_device(ibv_device* device) {
  Lock lock(fabric().mutex);
  int error = intercept("ibv_open_device");
  if (error == 0 && static_cast<Device*>(device)->isGone) error = EIO;
  if (error != 0) {
    errno = error;
    return nullptr;
  }
  return openContext(static_cast<Device*>(device));
}

int ibv_close_device(ibv_context* opened) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_close_device")) return error;
  Context* context = static_cast<Context*>(opened);
  if (context->users > 0) return EBUSY;
  std::vector<Context*>& all = context->owner->contexts;
  all.erase(std::find(all.begin(), all.end(), context));
  close(context->async_fd);
  fabric().live[kContexts]--;
  delete context;
  return 0;
}

// ---- queries

int ibv_query_device(ibv_context* context, ibv_device_attr* attr) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_query_device")) return error;
  Device* device = deviceOf(context);
  if (device->isGone) return EIO;
  *attr = device->attr;
  return 0;
}

int ibv_query_port(ibv_context* context, uint8_t port, ibv_port_attr* attr) { return queryPort(context, port, attr); }

#ifndef FAKE_WITHOUT_OPTIONAL

int ibv_fork_init() {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_fork_init")) return error;
  // As the library does: too late once memory is registered.
  if (fabric().live[kRegions] > 0) return EINVAL;
  fabric().isForkProtected = true;
  return 0;
}

ibv_fork_status ibv_is_fork_initialized() {
  Lock lock(fabric().mutex);
  return fabric().isForkProtected ? IBV_FORK_ENABLED : IBV_FORK_DISABLED;
}

#endif

// ---- asynchronous events

int ibv_get_async_event(ibv_context* opened, ibv_async_event* event) {
  Context* context = static_cast<Context*>(opened);
  {
    Lock lock(fabric().mutex);
    if (int error = intercept("ibv_get_async_event")) {
      errno = error;
      return -1;
    }
  }
  for (;;) {
    if (!takeEvent(context->async_fd)) return -1;
    Lock lock(fabric().mutex);
    // It was dropped between its count and this.
    if (context->events.empty()) continue;
    *event = context->events.front();
    context->events.pop_front();
    if (uint32_t* taken = takenOf(*event)) ++*taken;
    return 0;
  }
}

void ibv_ack_async_event(ibv_async_event* event) {
  Lock lock(fabric().mutex);
  if (takenOf(*event) == nullptr) return;
  ++*acknowledgedOf(*event);
  fabric().acknowledged.notify_all();
}

}  // extern "C"
