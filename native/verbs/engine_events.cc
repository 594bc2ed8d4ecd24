// Engine: what librdmacm reports, as records.
#include <errno.h>

#include <cstring>
#include <memory>

#include "verbs/engine.h"

namespace sanswitch::verbs {

namespace {

// Events taken in one turn of the loop: others must get on too.
constexpr int kEventsPerTurn = 64;

void putAddress(const sockaddr& address, uint8_t (&out)[16], uint16_t* port) {
  memset(out, 0, sizeof out);
  if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    memcpy(out, &v6.sin6_addr, sizeof v6.sin6_addr);
    *port = ntohs(v6.sin6_port);
  } else {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    memcpy(out, &v4.sin_addr, sizeof v4.sin_addr);
    *port = ntohs(v4.sin_port);
  }
}

// Whether the event carries private data, and not something else in the same place.
bool hasPrivateData(abi::rdma_cm_event_type event) {
  return event == abi::RDMA_CM_EVENT_CONNECT_REQUEST || event == abi::RDMA_CM_EVENT_ESTABLISHED ||
         event == abi::RDMA_CM_EVENT_REJECTED;
}

// How long the peer waits before it repeats a message for which no receive stood. librdmacm leaves it at 655 ms. Where
// a device does not take it, it stays at that.
void setPatience(abi::rdma_cm_id* id) {
  if (id->qp == nullptr) return;
  constexpr uint8_t kAbout640Us = 12;
  abi::ibv_qp_attr attributes{};
  attributes.min_rnr_timer = kAbout640Us;
  api().ibv_modify_qp(id->qp, &attributes, abi::IBV_QP_MIN_RNR_TIMER);
}

void write(const abi::rdma_cm_event& event, uint32_t connection, uint32_t listener, Event* out) {
  layout::VerbsCm& cm = out->cm;
  const abi::rdma_addr& address = event.id->route.addr;
  cm.event = static_cast<uint32_t>(event.event);
  cm.connection = connection;
  cm.listener = listener;
  cm.status = event.status;
  cm.family = address.src_addr.sa_family == AF_INET6 ? 6 : 4;
  putAddress(address.src_addr, cm.localAddress, &cm.localPort);
  putAddress(address.dst_addr, cm.remoteAddress, &cm.remotePort);
  cm.privateBytes = 0;
  if (hasPrivateData(event.event) && event.param.conn.private_data != nullptr) {
    cm.privateBytes = event.param.conn.private_data_len;
    static_assert(sizeof cm.privateData > UINT8_MAX, "whatever a length byte says must fit");
    memcpy(cm.privateData, event.param.conn.private_data, cm.privateBytes);
  }
  out->type = layout::RECORD_VERBS_CM;
  out->bytes = offsetof(layout::VerbsCm, privateData) + cm.privateBytes;
}

}  // namespace

bool Engine::readable() {
  for (int i = 0; i < kEventsPerTurn; i++) {
    EventNode node;
    try {
      // First, so that nothing is taken that can't be kept.
      node.emplace_back();
    } catch (const std::bad_alloc&) {
      return false;
    }
    abi::rdma_cm_event* event = nullptr;
    if (api().rdma_get_cm_event(channel_->get(), &event) != 0) return isNothingLeft();
    abi::rdma_cm_id* refused = nullptr;
    if (event->event == abi::RDMA_CM_EVENT_CONNECT_REQUEST && adopt(*event) == nullptr) refused = event->id;
    else handleEvent(*event, &node);
    api().rdma_ack_cm_event(event);
    // Only now: an id with an event that is not acknowledged can't go.
    if (refused != nullptr) {
      api().rdma_reject(refused, nullptr, 0);
      api().rdma_destroy_id(refused);
    }
  }
  return true;
}

void Engine::handleEvent(const abi::rdma_cm_event& event, EventNode* node) {
  auto* connection = static_cast<Connection*>(event.id->context);
  uint32_t handle = connection == nullptr ? 0 : connection->handle;
  uint32_t listener = 0;
  const abi::rdma_cm_id* listening = handle == 0 ? event.id : event.listen_id;
  if (listening != nullptr) {
    listener = listeners_.search([&](const Listener& one) { return one.id == listening; });
  }
  if (event.event == abi::RDMA_CM_EVENT_DEVICE_REMOVAL && connection != nullptr && connection->device != nullptr) {
    connection->device->setGone();
  }
  if (event.event == abi::RDMA_CM_EVENT_ESTABLISHED) setPatience(event.id);
  // The answer that the peer waits for. What this side has under way is flushed.
  if (event.event == abi::RDMA_CM_EVENT_DISCONNECTED) api().rdma_disconnect(event.id);
  write(event, handle, listener, &node->front());
  CompletionRing::Batch(ring_.get()).event(node);
}

Connection* Engine::adopt(const abi::rdma_cm_event& event) {
  try {
    connections_.reserve(connections_.size() + 1);
    auto connection = std::make_unique<Connection>();
    connection->handle = ConnectionTable::instance().add(connection.get(), this);
    if (connection->handle == 0) return nullptr;
    connection->id = event.id;
    connection->isRequest = true;
    // What the peer serves, and what it wants to be served.
    connection->readsOut = event.param.conn.initiator_depth;
    connection->readsIn = event.param.conn.responder_resources;
    event.id->context = connection.get();
    connections_.push_back(connection.get());
    return connection.release();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

}  // namespace sanswitch::verbs
