// Device: its asynchronous events, and whom they concern.
#include <optional>

#include "verbs/completion_ring.h"
#include "verbs/connection.h"
#include "verbs/connection_table.h"
#include "verbs/device.h"
#include "verbs/engine.h"

namespace sanswitch::verbs {

namespace {

bool isOfQueuePair(abi::ibv_event_type type) {
  switch (type) {
    case abi::IBV_EVENT_QP_FATAL:
    case abi::IBV_EVENT_QP_REQ_ERR:
    case abi::IBV_EVENT_QP_ACCESS_ERR:
    case abi::IBV_EVENT_COMM_EST:
    case abi::IBV_EVENT_SQ_DRAINED:
    case abi::IBV_EVENT_PATH_MIG:
    case abi::IBV_EVENT_PATH_MIG_ERR:
    case abi::IBV_EVENT_QP_LAST_WQE_REACHED:
      return true;
    default:
      return false;
  }
}

bool isOfPort(abi::ibv_event_type type) {
  switch (type) {
    case abi::IBV_EVENT_PORT_ACTIVE:
    case abi::IBV_EVENT_PORT_ERR:
    case abi::IBV_EVENT_LID_CHANGE:
    case abi::IBV_EVENT_PKEY_CHANGE:
    case abi::IBV_EVENT_SM_CHANGE:
    case abi::IBV_EVENT_CLIENT_REREGISTER:
    case abi::IBV_EVENT_GID_CHANGE:
      return true;
    default:
      return false;
  }
}

void fill(EventNode* node, abi::ibv_event_type type, uint32_t connection, uint32_t device, uint32_t port) {
  Event& event = node->front();
  event.type = layout::RECORD_VERBS_ASYNC;
  event.bytes = sizeof event.async;
  event.async = {static_cast<uint32_t>(type), connection, device, port};
}

// Tells the owner of a queue pair. That can't be destroyed before the event is acknowledged, so neither is its
// connection, whatever its owner is doing.
void tellOwner(const abi::ibv_async_event& event, uint32_t device, EventNode* node) {
  auto handle = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(event.element.qp->qp_context));
  auto& table = ConnectionTable::instance();
  ConnectionTable::Place* place = table.find(handle);
  if (place == nullptr) return;
  place->connection->queue->locked([&] {
    if (table.find(handle) == nullptr) return;
    Engine* owner = place->owner.load(std::memory_order_relaxed);
    if (owner == nullptr) return;
    fill(node, event.event_type, handle, device, 0);
    CompletionRing::Batch(&owner->ring()).event(node);
  });
}

}  // namespace

bool Device::takeAsyncEvents() {
  Taken taken = Taken::One;
  while (taken == Taken::One) taken = takeAsyncEvent();
  return taken == Taken::NothingLeft;
}

Device::Taken Device::takeAsyncEvent() {
  std::unique_lock<std::mutex> lock(mutex_);
  EventNode nodes;
  try {
    // First, so that nothing is taken that can't be told.
    nodes.resize(listeners_.size() + 1);
  } catch (const std::bad_alloc&) {
    return Taken::Failed;
  }
  abi::ibv_async_event event{};
  if (api().ibv_get_async_event(context_, &event) != 0) return isNothingLeft() ? Taken::NothingLeft : Taken::Failed;
  if (isOfQueuePair(event.event_type)) {
    lock.unlock();
    tellOwner(event, number_, &nodes);
  } else {
    uint32_t port = isOfPort(event.event_type) ? static_cast<uint32_t>(event.element.port_num) : 0;
    if (event.event_type == abi::IBV_EVENT_DEVICE_FATAL) isGone_ = true;
    for (CompletionRing* ring : listeners_) {
      EventNode node;
      node.splice(node.end(), nodes, nodes.begin());
      fill(&node, event.event_type, 0, number_, port);
      CompletionRing::Batch(ring).event(&node);
    }
  }
  api().ibv_ack_async_event(&event);
  return Taken::One;
}

}  // namespace sanswitch::verbs
