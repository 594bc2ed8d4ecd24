// Connections of librdmacm: request, answer, the way to the queue pairs' states, and the end.
#include <errno.h>
#include <string.h>

#include <algorithm>

#include "fabric.h"

namespace fake {

namespace {

// What a peer that is not there any more is heard to have said.
constexpr int kRejectTimeout = 4;
// How long a request waits for an answer before it is sent again, and a disconnect before it counts as answered: a
// quarter of the kernel's times.
constexpr uint64_t kAnswerTimeoutUs = 1000000;
// Seconds with a real device. Early is worse for a program that expects nothing any more.
constexpr uint64_t kTimewaitUs = 50000;

int fail(int error) {
  errno = error;
  return -1;
}

// An event with private data: always the whole field of the message, which ends in zeros; by iWARP what was given.
void pushWithData(Id* id, rdma_cm_event_type type, int status, const std::vector<uint8_t>& data, size_t fieldBytes) {
  Event* event = push(id, type, status);
  event->privateData = data;
  if (!isIwarp(id->verbs)) event->privateData.resize(fieldBytes);
  event->param.conn = id->offered;
  event->param.conn.private_data = event->privateData.empty() ? nullptr : event->privateData.data();
  event->param.conn.private_data_len = static_cast<uint8_t>(event->privateData.size());
}

std::vector<uint8_t> bytesOf(const void* data, size_t bytes) {
  const uint8_t* from = static_cast<const uint8_t*>(data);
  return bytes == 0 ? std::vector<uint8_t>() : std::vector<uint8_t>(from, from + bytes);
}

void pushRejected(Id* id, int reason, const std::vector<uint8_t>& data) {
  id->state = IdState::RouteResolved;
  int status = isIwarp(id->verbs) ? -ECONNREFUSED : reason;
  pushWithData(id, RDMA_CM_EVENT_REJECTED, status, data, RDMA_REJECT_PRIVATE_BYTES);
}

void pushUnreachable(uint64_t serial, IdState state) {
  startTimer(fabric().connectTimeoutMs * 1000ull, [serial, state] {
    Id* id = findId(serial);
    if (id == nullptr || id->state != state) return;
    id->state = IdState::Disconnected;
    push(id, RDMA_CM_EVENT_UNREACHABLE, -ETIMEDOUT);
  });
}

void pushTimewaitExit(uint64_t serial) {
  startTimer(kTimewaitUs, [serial] {
    if (Id* id = findId(serial)) push(id, RDMA_CM_EVENT_TIMEWAIT_EXIT, 0);
  });
}

void pushDisconnected(Id* id) {
  id->state = IdState::Disconnected;
  push(id, RDMA_CM_EVENT_DISCONNECTED, 0);
  if (!isIwarp(id->verbs)) return pushTimewaitExit(id->serial);
  // The TCP connection has ended, and the queue pair with it.
  if (id->qp != nullptr) enterError(static_cast<QueuePair*>(id->qp));
}

// What one end offers is what the other is asked for.
rdma_conn_param turned(const rdma_conn_param& param) {
  rdma_conn_param other = param;
  std::swap(other.responder_resources, other.initiator_depth);
  other.private_data = nullptr;
  other.private_data_len = 0;
  return other;
}

// Sets what stands for "as much as can be", and checks the rest. 0 or an errno.
int settle(const Id* id, rdma_conn_param* param, uint8_t maxServed, uint8_t maxReads) {
  const ibv_device_attr& attr = deviceOf(id->verbs)->attr;
  uint8_t served = static_cast<uint8_t>(std::min(attr.max_qp_rd_atom, 0xfe));
  uint8_t reads = static_cast<uint8_t>(std::min(attr.max_qp_init_rd_atom, 0xfe));
  if (param->responder_resources == 0xff) param->responder_resources = std::min(served, maxServed);
  if (param->initiator_depth == 0xff) param->initiator_depth = std::min(reads, maxReads);
  return param->responder_resources > served || param->initiator_depth > reads ? EINVAL : 0;
}

// To the state in which the queue pair sends and receives.
void connectPair(Id* id, Id* peer) {
  QueuePair* qp = static_cast<QueuePair*>(id->qp);
  if (qp == nullptr || qp->actual != IBV_QPS_INIT) return;
  qp->peer = peer->ownPair;
  qp->maxServedReads = id->own.responder_resources;
  qp->maxReads = id->own.initiator_depth;
  qp->accessFlags = IBV_ACCESS_REMOTE_WRITE;
  if (qp->maxServedReads > 0) qp->accessFlags |= IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC;
  qp->timeout = static_cast<uint8_t>(id->ackTimeout >= 0 ? id->ackTimeout : 19);
  qp->retryCount = id->own.retry_count;
  qp->rnrRetry = id->offered.rnr_retry_count;
  qp->actual = qp->state = IBV_QPS_RTS;
  enterReady(qp);
}

// The kernel at the other end hears of a request, for the first time or again.
void arriveRequest(uint64_t serial, const std::vector<uint8_t>& data, bool isFirst) {
  Id* id = findId(serial);
  if (id == nullptr || id->state != IdState::Connecting) return;
  const sockaddr* destination = &id->route.addr.dst_addr;
  Device* device = deviceFor(destination);
  bool isLost = device == nullptr || fabric().isCut || isSilent(destination);
  Id* listener = isLost ? nullptr : findListener(destination);
  // A full backlog is no answer either: there may be room when the request comes again.
  if (isLost || (listener != nullptr && listener->backlog == 0)) {
    if (isFirst) pushUnreachable(serial, IdState::Connecting);
    startTimer(kAnswerTimeoutUs, [serial, data] { arriveRequest(serial, data, false); });
    return;
  }
  if (listener == nullptr) {
    pushRejected(id, RDMA_REJECT_INVALID_SERVICE_ID, {});
    return;
  }
  listener->backlog--;
  Id* request = newId(static_cast<EventChannel*>(listener->channel), listener->context);
  attachTo(request, device);
  request->route.addr.src_storage = id->route.addr.dst_storage;
  request->route.addr.dst_storage = id->route.addr.src_storage;
  request->route.num_paths = 1;
  request->state = IdState::Requested;
  request->listener = listener->serial;
  request->ackTimeout = listener->ackTimeout;
  request->peer = serial;
  request->offered = turned(id->own);
  id->peer = request->serial;
  pushWithData(request, RDMA_CM_EVENT_CONNECT_REQUEST, 0, data, RDMA_CONNECT_PRIVATE_BYTES);
  Event* event = static_cast<EventChannel*>(listener->channel)->events.back();
  event->listen_id = listener;
  event->counted = listener;
}

void arriveResponse(uint64_t serial, const std::vector<uint8_t>& data) {
  Id* passive = findId(serial);
  if (passive == nullptr || passive->state != IdState::Accepted) return;
  Id* active = findId(passive->peer);
  if (active == nullptr || fabric().isCut) {
    pushUnreachable(serial, IdState::Accepted);
    return;
  }
  if (active->state != IdState::Connecting) return;
  active->offered = turned(passive->own);
  pushWithData(active, RDMA_CM_EVENT_CONNECT_RESPONSE, 0, data, RDMA_ACCEPT_PRIVATE_BYTES);
}

// librdmacm's part when the program takes an event.
void process(Event* event) {
  Id* id = static_cast<Id*>(event->id);
  if (event->event == RDMA_CM_EVENT_CONNECT_REQUEST) {
    id->listener = 0;
    static_cast<Id*>(event->listen_id)->backlog++;
  } else if (event->event == RDMA_CM_EVENT_REJECTED && id->qp != nullptr) {
    enterError(static_cast<QueuePair*>(id->qp));
  } else if (event->event == RDMA_CM_EVENT_CONNECT_RESPONSE) {
    event->event = RDMA_CM_EVENT_ESTABLISHED;
    Id* passive = findId(id->peer);
    if (id->state != IdState::Connecting) return;
    id->state = IdState::Connected;
    if (passive == nullptr) return;
    connectPair(id, passive);
    if (passive->state != IdState::Accepted) return;
    passive->state = IdState::Connected;
    push(passive, RDMA_CM_EVENT_ESTABLISHED, 0);
  }
}

}  // namespace

void leave(Id* id) {
  Id* peer = findId(id->peer);
  if (peer == nullptr || fabric().isCut) return;
  switch (id->state) {
    case IdState::Connecting:
      if (peer->state == IdState::Accepted) {
        pushWithData(peer, RDMA_CM_EVENT_REJECTED, kRejectTimeout, {}, RDMA_REJECT_PRIVATE_BYTES);
        peer->state = IdState::Disconnected;
      } else if (peer->state == IdState::Requested) {
        // Nobody is told before it is accepted, which fails then.
        peer->state = IdState::Disconnected;
      }
      return;
    case IdState::Requested:
    case IdState::Accepted:
      if (peer->state == IdState::Connecting) pushRejected(peer, RDMA_REJECT_CONSUMER_DEFINED, {});
      return;
    case IdState::Connected:
    case IdState::Disconnected:
      if (peer->state == IdState::Connected || peer->state == IdState::Disconnecting) pushDisconnected(peer);
      return;
    default:
      return;
  }
}

}  // namespace fake

using namespace fake;

extern "C" {

int rdma_connect(rdma_cm_id* connecting, rdma_conn_param* param) {
  Lock lock(fabric().mutex);
  if (int error = intercept("rdma_connect")) return fail(error);
  Id* id = static_cast<Id*>(connecting);
  if (id->state != IdState::RouteResolved || id->qp == nullptr) return fail(EINVAL);
  if (deviceOf(id->verbs)->isGone) return fail(ENODEV);
  if (param->private_data_len > RDMA_CONNECT_PRIVATE_BYTES) return fail(EINVAL);
  id->own = *param;
  if (int error = settle(id, &id->own, 0xfe, 0xfe)) return fail(error);
  id->ownPair = id->qp->qp_num;
  id->state = IdState::Connecting;
  uint64_t serial = id->serial;
  std::vector<uint8_t> data = bytesOf(param->private_data, param->private_data_len);
  deliver("request", [serial, data] { arriveRequest(serial, data, true); });
  return 0;
}

int rdma_accept(rdma_cm_id* accepting, rdma_conn_param* param) {
  Lock lock(fabric().mutex);
  if (int error = intercept("rdma_accept")) return fail(error);
  Id* id = static_cast<Id*>(accepting);
  Id* active = findId(id->peer);
  if (id->state != IdState::Requested || id->qp == nullptr) return fail(EINVAL);
  if (deviceOf(id->verbs)->isGone) return fail(ENODEV);
  if (param->private_data_len > RDMA_ACCEPT_PRIVATE_BYTES) return fail(EINVAL);
  id->own = *param;
  // The active end has said how often to try.
  id->own.retry_count = id->offered.retry_count;
  if (int error = settle(id, &id->own, id->offered.responder_resources, id->offered.initiator_depth)) {
    return fail(error);
  }
  id->ownPair = id->qp->qp_num;
  id->state = IdState::Accepted;
  if (active != nullptr) connectPair(id, active);
  uint64_t serial = id->serial;
  std::vector<uint8_t> data = bytesOf(param->private_data, param->private_data_len);
  deliver("response", [serial, data] { arriveResponse(serial, data); });
  return 0;
}

int rdma_reject(rdma_cm_id* rejecting, const void* privateData, uint8_t privateBytes) {
  Lock lock(fabric().mutex);
  if (int error = intercept("rdma_reject")) return fail(error);
  Id* id = static_cast<Id*>(rejecting);
  if (id->state != IdState::Requested || privateBytes > RDMA_REJECT_PRIVATE_BYTES) return fail(EINVAL);
  id->state = IdState::Disconnected;
  uint64_t peer = id->peer;
  std::vector<uint8_t> data = bytesOf(privateData, privateBytes);
  deliver("response", [peer, data] {
    Id* active = findId(peer);
    if (active == nullptr || active->state != IdState::Connecting || fabric().isCut) return;
    pushRejected(active, RDMA_REJECT_CONSUMER_DEFINED, data);
  });
  return 0;
}

int rdma_disconnect(rdma_cm_id* ended) {
  Lock lock(fabric().mutex);
  if (int error = intercept("rdma_disconnect")) return fail(error);
  Id* id = static_cast<Id*>(ended);
  bool isLive = id->state == IdState::Connected || id->state == IdState::Accepted;
  if (!isLive && id->state != IdState::Disconnected && id->state != IdState::Disconnecting) return fail(EINVAL);
  if (id->qp != nullptr) enterError(static_cast<QueuePair*>(id->qp));
  Id* peer = fabric().isCut ? nullptr : findId(id->peer);
  if (!isLive) {
    // The answer that the other end waits for.
    if (peer != nullptr && peer->state == IdState::Disconnecting) pushDisconnected(peer);
    return 0;
  }
  id->state = IdState::Disconnecting;
  if (peer != nullptr && peer->state == IdState::Connected) pushDisconnected(peer);
  if (isIwarp(id->verbs)) {
    pushDisconnected(id);
    return 0;
  }
  if (peer != nullptr && peer->state == IdState::Connecting) pushRejected(peer, RDMA_REJECT_CONSUMER_DEFINED, {});
  uint64_t serial = id->serial;
  startTimer(kAnswerTimeoutUs, [serial] {
    Id* late = findId(serial);
    if (late != nullptr && late->state == IdState::Disconnecting) pushDisconnected(late);
  });
  return 0;
}

int rdma_get_cm_event(rdma_event_channel* opened, rdma_cm_event** taken) {
  EventChannel* channel = static_cast<EventChannel*>(opened);
  {
    Lock lock(fabric().mutex);
    if (int error = intercept("rdma_get_cm_event")) return fail(error);
  }
  for (;;) {
    if (!takeEvent(channel->fd)) return -1;
    Lock lock(fabric().mutex);
    // It was dropped between its count and this.
    if (channel->events.empty()) continue;
    Event* event = channel->events.front();
    channel->events.pop_front();
    event->counted->eventsTaken++;
    process(event);
    *taken = event;
    return 0;
  }
}

int rdma_ack_cm_event(rdma_cm_event* acknowledged) {
  Lock lock(fabric().mutex);
  Event* event = static_cast<Event*>(acknowledged);
  event->counted->eventsAcknowledged++;
  fabric().acknowledged.notify_all();
  delete event;
  return 0;
}

}  // extern "C"
