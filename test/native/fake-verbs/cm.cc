// librdmacm's ids: their addresses and ports, their events, and the queue pairs that are made on them.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "fabric.h"

namespace fake {

namespace {

int fail(int error) {
  errno = error;
  return -1;
}

size_t sizeOf(const sockaddr* address) {
  return address->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

bool isAddress(const sockaddr* address) { return address->sa_family == AF_INET || address->sa_family == AF_INET6; }

bool isSameHost(const sockaddr* one, const sockaddr* other) {
  if (one->sa_family != other->sa_family) return false;
  if (one->sa_family == AF_INET) {
    return reinterpret_cast<const sockaddr_in*>(one)->sin_addr.s_addr ==
           reinterpret_cast<const sockaddr_in*>(other)->sin_addr.s_addr;
  }
  return memcmp(&reinterpret_cast<const sockaddr_in6*>(one)->sin6_addr,
                &reinterpret_cast<const sockaddr_in6*>(other)->sin6_addr, sizeof(in6_addr)) == 0;
}

// As the kernel does for addresses that were bound: a wildcard stands in everybody's way, an IPv6 one also for IPv4.
int conflictOf(const Id* one, const Id* other) {
  const sockaddr* mine = &one->route.addr.src_addr;
  const sockaddr* theirs = &other->route.addr.src_addr;
  if (one->ps != other->ps || portOf(mine) != portOf(theirs)) return 0;
  if (other->state != IdState::Listening && one->isReusing && other->isReusing) return 0;
  if (mine->sa_family != theirs->sa_family) {
    const Id* v6 = mine->sa_family == AF_INET6 ? one : other;
    return !v6->isV6only && isWildcard(&v6->route.addr.src_addr) ? EADDRINUSE : 0;
  }
  if (isSameHost(mine, theirs)) return EADDRINUSE;
  return isWildcard(mine) || isWildcard(theirs) ? EADDRNOTAVAIL : 0;
}

int checkPort(const Id* id) {
  for (auto& entry : fabric().ids) {
    const Id* other = entry.second;
    if (other == id || !other->ownsPort) continue;
    if (int error = conflictOf(id, other)) return error;
  }
  return 0;
}

// 0 or an errno.
int bind(Id* id, const sockaddr* address) {
  if (id->state != IdState::Idle || !isAddress(address)) return EINVAL;
  Device* device = isWildcard(address) ? nullptr : deviceFor(address);
  if (device == nullptr && !isWildcard(address)) return ENODEV;
  memcpy(&id->route.addr.src_storage, address, sizeOf(address));
  if (portOf(address) != 0) {
    if (int error = checkPort(id)) {
      memset(&id->route.addr.src_storage, 0, sizeof id->route.addr.src_storage);
      return error;
    }
  } else {
    do {
      setPort(&id->route.addr.src_addr, fabric().nextPort++);
      if (fabric().nextPort < 49152) fabric().nextPort = 49152;
    } while (checkPort(id) != 0);
  }
  if (device != nullptr) attachTo(id, device);
  id->ownsPort = true;
  id->state = IdState::Bound;
  return 0;
}

// The source that a host would choose: the device's own address in that family.
void chooseSource(Id* id, const Device* device) {
  sockaddr* source = &id->route.addr.src_addr;
  if (!isWildcard(source)) return;
  for (const Subnet& subnet : device->subnets) {
    if (subnet.family != source->sa_family) continue;
    if (subnet.family == AF_INET) {
      memcpy(&id->route.addr.src_sin.sin_addr, subnet.address, 4);
    } else {
      memcpy(&id->route.addr.src_sin6.sin6_addr, subnet.address, 16);
    }
    return;
  }
}

void finishResolve(uint64_t serial, int timeoutMs) {
  Id* id = findId(serial);
  if (id == nullptr || id->state != IdState::Resolving) return;
  const sockaddr* destination = &id->route.addr.dst_addr;
  Device* device = id->verbs != nullptr ? deviceOf(id->verbs) : deviceFor(destination);
  if (isSilent(destination)) {
    startTimer(timeoutMs * 1000ull, [serial] {
      Id* late = findId(serial);
      if (late == nullptr || late->state != IdState::Resolving) return;
      late->state = IdState::Bound;
      push(late, RDMA_CM_EVENT_ADDR_ERROR, -ETIMEDOUT);
    });
    return;
  }
  if (device == nullptr || device->isGone || deviceFor(destination) == nullptr) {
    id->state = IdState::Bound;
    push(id, RDMA_CM_EVENT_ADDR_ERROR, -ENODEV);
    return;
  }
  if (id->verbs == nullptr) attachTo(id, device);
  chooseSource(id, device);
  id->state = IdState::AddressResolved;
  push(id, RDMA_CM_EVENT_ADDR_RESOLVED, 0);
}

// Requests that a listener has not handed out go with it.
void dropRequests(Id* listener) {
  std::vector<Id*> pending;
  for (auto& entry : fabric().ids) {
    if (entry.second->listener == listener->serial) pending.push_back(entry.second);
  }
  for (Id* request : pending) {
    leave(request);
    dropEvents(request->channel, request);
    removeId(request);
  }
}

}  // namespace

uint16_t portOf(const sockaddr* address) {
  return ntohs(address->sa_family == AF_INET ? reinterpret_cast<const sockaddr_in*>(address)->sin_port
                                             : reinterpret_cast<const sockaddr_in6*>(address)->sin6_port);
}

void setPort(sockaddr* address, uint16_t port) {
  if (address->sa_family == AF_INET) {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = htons(port);
  }
}

void attachTo(Id* id, Device* device) {
  id->verbs = sharedContext(device);
  id->port_num = 1;
}

Id* findId(uint64_t serial) {
  auto found = fabric().ids.find(serial);
  return found == fabric().ids.end() ? nullptr : found->second;
}

Id* newId(EventChannel* channel, void* context) {
  Id* id = new Id;
  memset(static_cast<rdma_cm_id*>(id), 0, sizeof(rdma_cm_id));
  id->channel = channel;
  id->context = context;
  id->ps = RDMA_PS_TCP;
  id->qp_type = IBV_QPT_RC;
  id->serial = fabric().nextId++;
  fabric().ids[id->serial] = id;
  fabric().live[kIds]++;
  return id;
}

void removeId(Id* id) {
  fabric().ids.erase(id->serial);
  fabric().live[kIds]--;
  delete id;
}

Id* findListener(const sockaddr* address) {
  for (auto& entry : fabric().ids) {
    Id* id = entry.second;
    const sockaddr* bound = &id->route.addr.src_addr;
    if (id->state != IdState::Listening || portOf(bound) != portOf(address)) continue;
    if (isSameHost(bound, address)) return id;
    bool isFamily = bound->sa_family == address->sa_family || (bound->sa_family == AF_INET6 && !id->isV6only);
    if (isWildcard(bound) && isFamily) return id;
  }
  return nullptr;
}

Event* push(Id* id, rdma_cm_event_type type, int status) {
  Event* event = new Event;
  memset(static_cast<rdma_cm_event*>(event), 0, sizeof(rdma_cm_event));
  event->id = id;
  event->event = type;
  event->status = status;
  event->counted = id;
  EventChannel* channel = static_cast<EventChannel*>(id->channel);
  channel->events.push_back(event);
  signalEvent(channel->fd);
  return event;
}

void dropEvents(rdma_event_channel* from, const Id* id) {
  EventChannel* channel = static_cast<EventChannel*>(from);
  for (auto event = channel->events.begin(); event != channel->events.end();) {
    if ((*event)->id != id && (*event)->counted != id) {
      ++event;
      continue;
    }
    delete *event;
    event = channel->events.erase(event);
    unsignalEvent(channel->fd);
  }
}

void removeIdsOf(Device* device) {
  for (auto& entry : fabric().ids) {
    Id* id = entry.second;
    // Who has not accepted is told nothing, see leave().
    if (id->verbs == nullptr || deviceOf(id->verbs) != device || id->state == IdState::Requested) continue;
    push(id, RDMA_CM_EVENT_DEVICE_REMOVAL, 0);
  }
}

}  // namespace fake

using namespace fake;

extern "C" {

rdma_event_channel* rdma_create_event_channel() {
  Lock lock(fabric().mutex);
  if (int error = intercept("rdma_create_event_channel")) {
    errno = error;
    return nullptr;
  }
  EventChannel* channel = new EventChannel;
  channel->fd = makeEventFd();
  fabric().live[kEventChannels]++;
  return channel;
}

void rdma_destroy_event_channel(rdma_event_channel* freed) {
  Lock lock(fabric().mutex);
  EventChannel* channel = static_cast<EventChannel*>(freed);
  // The kernel ends whatever is left on it.
  std::vector<Id*> left;
  for (auto& entry : fabric().ids) {
    if (entry.second->channel == channel) left.push_back(entry.second);
  }
  for (Id* id : left) {
    leave(id);
    fabric().ids.erase(id->serial);
    bury(id, kIds, 0);
  }
  for (Event* event : channel->events) delete event;
  close(channel->fd);
  fabric().live[kEventChannels]--;
  delete channel;
}

int rdma_create_id(rdma_event_channel* channel, rdma_cm_id** id, void* context, rdma_port_space space) {
  Lock lock(fabric().mutex);
  if (int error = intercept("rdma_create_id")) return fail(error);
  // Without a channel the calls would block: nobody does that here.
  if (channel == nullptr || (space != RDMA_PS_TCP && space != RDMA_PS_UDP)) return fail(EINVAL);
  *id = newId(static_cast<EventChannel*>(channel), context);
  (*id)->ps = space;
  return 0;
}

int rdma_destroy_id(rdma_cm_id* freed) {
  Lock lock(fabric().mutex);
  if (int error = intercept("rdma_destroy_id")) return fail(error);
  Id* id = static_cast<Id*>(freed);
  leave(id);
  id->state = IdState::Idle;
  id->ownsPort = false;
  dropRequests(id);
  dropEvents(id->channel, id);
  awaitAcknowledged(&lock, "rdma_destroy_id", [id] { return id->eventsTaken == id->eventsAcknowledged; });
  removeId(id);
  return 0;
}

int rdma_bind_addr(rdma_cm_id* bound, sockaddr* address) {
  Lock lock(fabric().mutex);
  int error = intercept("rdma_bind_addr");
  if (error == 0) error = bind(static_cast<Id*>(bound), address);
  return error == 0 ? 0 : fail(error);
}

int rdma_resolve_addr(rdma_cm_id* resolved, sockaddr* source, sockaddr* destination, int timeoutMs) {
  Lock lock(fabric().mutex);
  if (int error = intercept("rdma_resolve_addr")) return fail(error);
  Id* id = static_cast<Id*>(resolved);
  // An id for datagrams can be bound, and that is all.
  if (!isAddress(destination) || id->ps != RDMA_PS_TCP) return fail(EINVAL);
  if (id->state == IdState::Idle) {
    sockaddr_storage any{};
    any.ss_family = destination->sa_family;
    if (int error = bind(id, source != nullptr ? source : reinterpret_cast<sockaddr*>(&any))) return fail(error);
  }
  if (id->state != IdState::Bound || id->route.addr.src_addr.sa_family != destination->sa_family) return fail(EINVAL);
  memcpy(&id->route.addr.dst_storage, destination, sizeOf(destination));
  id->state = IdState::Resolving;
  uint64_t serial = id->serial;
  deliver("resolve", [serial, timeoutMs] { finishResolve(serial, timeoutMs); });
  return 0;
}

int rdma_resolve_route(rdma_cm_id* resolved, int) {
  Lock lock(fabric().mutex);
  if (int error = intercept("rdma_resolve_route")) return fail(error);
  Id* id = static_cast<Id*>(resolved);
  if (id->state != IdState::AddressResolved) return fail(EINVAL);
  uint64_t serial = id->serial;
  deliver("route", [serial] {
    Id* waiting = findId(serial);
    if (waiting == nullptr || waiting->state != IdState::AddressResolved) return;
    waiting->state = IdState::RouteResolved;
    waiting->route.num_paths = 1;
    push(waiting, RDMA_CM_EVENT_ROUTE_RESOLVED, 0);
  });
  return 0;
}

int rdma_listen(rdma_cm_id* listening, int backlog) {
  Lock lock(fabric().mutex);
  if (int error = intercept("rdma_listen")) return fail(error);
  Id* id = static_cast<Id*>(listening);
  if (id->state != IdState::Bound || id->ps != RDMA_PS_TCP) return fail(EINVAL);
  for (auto& entry : fabric().ids) {
    if (entry.second == id || entry.second->state != IdState::Listening) continue;
    if (int error = conflictOf(id, entry.second)) return fail(error);
  }
  constexpr int kMaxBacklog = 1024;
  id->backlog = backlog > 0 && backlog < kMaxBacklog ? backlog : kMaxBacklog;
  id->state = IdState::Listening;
  return 0;
}

int rdma_set_option(rdma_cm_id* changed, int level, int name, void* value, size_t length) {
  Lock lock(fabric().mutex);
  if (int error = intercept("rdma_set_option")) return fail(error);
  Id* id = static_cast<Id*>(changed);
  if (level != RDMA_OPTION_ID) return fail(ENOSYS);
  bool isByte = name == RDMA_OPTION_ID_TOS || name == RDMA_OPTION_ID_ACK_TIMEOUT;
  if (length != (isByte ? sizeof(uint8_t) : sizeof(int))) return fail(EINVAL);
  int number = isByte ? *static_cast<uint8_t*>(value) : *static_cast<int*>(value);
  switch (name) {
    case RDMA_OPTION_ID_TOS:
      return 0;
    case RDMA_OPTION_ID_REUSEADDR:
      id->isReusing = number != 0;
      return 0;
    case RDMA_OPTION_ID_AFONLY:
      if (id->state != IdState::Idle) return fail(EINVAL);
      id->isV6only = number != 0;
      return 0;
    case RDMA_OPTION_ID_ACK_TIMEOUT:
      if (number > 31) return fail(EINVAL);
      id->ackTimeout = number;
      return 0;
    default:
      return fail(ENOSYS);
  }
}

int rdma_migrate_id(rdma_cm_id* migrated, rdma_event_channel* channel) {
  Lock lock(fabric().mutex);
  if (int error = intercept("rdma_migrate_id")) return fail(error);
  Id* id = static_cast<Id*>(migrated);
  EventChannel* from = static_cast<EventChannel*>(id->channel);
  EventChannel* to = static_cast<EventChannel*>(channel);
  if (to == nullptr) return fail(EINVAL);
  id->channel = to;
  for (auto& entry : fabric().ids) {
    if (entry.second->listener == id->serial) entry.second->channel = to;
  }
  for (auto event = from->events.begin(); from != to && event != from->events.end();) {
    if ((*event)->counted != id && (*event)->id->channel != to) {
      ++event;
      continue;
    }
    to->events.push_back(*event);
    signalEvent(to->fd);
    event = from->events.erase(event);
    unsignalEvent(from->fd);
  }
  awaitAcknowledged(&lock, "rdma_migrate_id", [id] { return id->eventsTaken == id->eventsAcknowledged; });
  return 0;
}

int rdma_create_qp(rdma_cm_id* made, ibv_pd* pd, ibv_qp_init_attr* attr) {
  Lock lock(fabric().mutex);
  if (int error = intercept("rdma_create_qp")) return fail(error);
  Id* id = static_cast<Id*>(made);
  if (id->verbs == nullptr || id->qp != nullptr || pd == nullptr) return fail(EINVAL);
  if (deviceOf(id->verbs)->isGone) return fail(EIO);
  int error = 0;
  QueuePair* qp = createPair(static_cast<Context*>(id->verbs), pd, attr, &error);
  if (qp == nullptr) return fail(error);
  qp->actual = qp->state = IBV_QPS_INIT;
  id->qp = qp;
  id->pd = pd;
  id->send_cq = attr->send_cq;
  id->recv_cq = attr->recv_cq;
  id->srq = attr->srq;
  return 0;
}

void rdma_destroy_qp(rdma_cm_id* owner) {
  Lock lock(fabric().mutex);
  QueuePair* qp = static_cast<QueuePair*>(owner->qp);
  owner->qp = nullptr;
  destroyPair(qp, &lock);
}

}  // extern "C"
