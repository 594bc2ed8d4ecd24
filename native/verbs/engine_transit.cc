// Engine: giving connections to other threads, and taking them.
#include <errno.h>

#include <algorithm>
#include <memory>

#include "verbs/device_use.h"
#include "verbs/engine.h"
#include "verbs/transit.h"

namespace sanswitch::verbs {

namespace {

// Messages of a connection with shared receives that are held: more than any peer may send.
constexpr uint32_t kHeldShared = 256;

}  // namespace

int Engine::detach(uint32_t handle, uint64_t* token) {
  Connection* connection = find(handle);
  if (connection == nullptr) return -ENOTCONN;
  bool isBound = windows_.search([&](const Window& one) { return one.connection == handle && one.isBound; }) != 0;
  if (isBound) return -EBUSY;
  Transit& transit = Transit::instance();
  int error = 0;
  std::shared_ptr<EventChannel> channel = transit.channel(&error);
  if (channel == nullptr) return error;
  TravellerNode node;
  node.push_back({0, connection, 0});
  auto moved = std::make_unique<Moved>();
  moved->held.reserve(connection->sendDepth + std::max(connection->receiveDepth, kHeldShared));
  // Events that stand, and all that follow.
  if (api().rdma_migrate_id(connection->id, channel->get()) != 0) return lastFailure();
  freeWindowsOf(handle);
  connections_.erase(std::find(connections_.begin(), connections_.end(), connection));
  ConnectionTable::Place* place = ConnectionTable::instance().place(handle);
  if (connection->queue == nullptr) {
    place->owner.store(nullptr, std::memory_order_release);
  } else {
    try {
      connection->queue->locked([&] { leaveReceives(connection, std::move(moved)); });
    } catch (const std::bad_alloc&) {
      // It stays here, unless its events don't find the way back either.
      connections_.push_back(connection);
      if (api().rdma_migrate_id(connection->id, channel_->get()) != 0) return lastFailure();
      return -ENOMEM;
    }
    leave(connection->device.get(), connection->queue.get());
  }
  *token = transit.put(&node);
  return 0;
}

void Engine::leaveReceives(Connection* connection, std::unique_ptr<Moved> moved) {
  // What still stands of former owners is older.
  if (connection->moved != nullptr) moved->receives = connection->moved->receives;
  size_t older = moved->receives.size();
  uint32_t standing = connection->posted.size();
  // First what may fail.
  moved->receives.resize(older + standing);
  for (size_t i = older; i < moved->receives.size(); i++) {
    moved->receives[i] = {ring_, connection->arena, connection->posted.pop()};
  }
  ConnectionTable::instance().place(connection->handle)->owner.store(nullptr, std::memory_order_release);
  // Each slot that comes back gives its own room back.
  size_t unused = connection->moved == nullptr ? 0 : connection->moved->slots.size();
  ring_->giveBack(connection->reserved() - standing - unused);
  for (size_t i = 0; i < unused; i++) ring_->slotBack(connection->moved->slots[i]);
  connection->moved = std::move(moved);
}

int Engine::attach(uint64_t token, const int32_t* slots, uint32_t count, uint32_t* taken) {
  *taken = 0;
  Transit& transit = Transit::instance();
  TravellerNode node;
  if (!transit.take(token, &node)) return -ESTALE;
  Connection* connection = node.front().connection;
  int error;
  try {
    error = adoptFrom(connection, slots, count, taken);
  } catch (const std::bad_alloc&) {
    error = -ENOMEM;
  }
  if (error < 0) {
    transit.putBack(&node);
    return error;
  }
  // The kernel moves events that wait along with the id, and wakes nobody for them.
  loop_->look(this);
  return static_cast<int>(connection->handle);
}

int Engine::adoptFrom(Connection* connection, const int32_t* slots, uint32_t count, uint32_t* taken) {
  connections_.reserve(connections_.size() + 1);
  int error = 0;
  DeviceUse* use = connection->id->verbs == nullptr ? nullptr : useOf(connection, &error);
  if (error < 0) return error;
  ConnectionTable::Place* place = ConnectionTable::instance().place(connection->handle);
  if (connection->queue == nullptr) {
    if (api().rdma_migrate_id(connection->id, channel_->get()) != 0) return lastFailure();
    place->owner.store(this, std::memory_order_release);
    connections_.push_back(connection);
    return 0;
  }
  // Nobody changes how many these are while it belongs to nobody.
  auto needed = static_cast<uint32_t>(connection->moved->receives.size());
  if (connection->shared != nullptr) {
    // Elsewhere, what comes is copied; at home it comes into this engine's own slots again.
    needed = connection->sharesElsewhere(ring_.get()) ? count : 0;
    connection->receiveDepth = needed;
  }
  if (needed > count) return -ENOBUFS;
  connection->moved->slots.assign(slots, slots + needed);
  connection->posted.resize(connection->shared == nullptr ? connection->receiveDepth : 0);
  ring_->reserve(connection->reserved());
  error = use->enter(connection->queue);
  if (error == 0) {
    error = updateQueues() ? 0 : -ENOMEM;
    if (error == 0 && api().rdma_migrate_id(connection->id, channel_->get()) != 0) error = lastFailure();
    if (error < 0) leave(connection->device.get(), connection->queue.get());
  }
  if (error < 0) {
    ring_->giveBack(connection->reserved());
    return error;
  }
  connections_.push_back(connection);
  connection->queue->locked([&] {
    connection->arena = use->arena();
    place->owner.store(this, std::memory_order_release);
    CompletionQueue::deliverHeld(connection);
  });
  *taken = needed;
  return 0;
}

}  // namespace sanswitch::verbs
