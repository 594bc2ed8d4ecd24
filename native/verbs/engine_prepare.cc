// Engine: the queue pair of a connection.
#include <errno.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "verbs/device_use.h"
#include "verbs/engine.h"

namespace sanswitch::verbs {

namespace {

// RDMA reads that a queue pair may have under way in either direction; beyond it nothing gets faster.
constexpr int kReads = 16;

uint8_t readsOf(int deviceLimit) { return static_cast<uint8_t>(std::clamp(deviceLimit, 0, kReads)); }

// As much inline as the device can, which nothing tells but its refusal. 0 or -errno.
int createWithInline(abi::rdma_cm_id* id, abi::ibv_pd* domain, abi::ibv_qp_init_attr* attributes) {
  const abi::ibv_qp_cap wanted = attributes->cap;
  for (uint32_t inlineBytes = wanted.max_inline_data;; inlineBytes /= 2) {
    attributes->cap = wanted;
    attributes->cap.max_inline_data = inlineBytes;
    if (api().rdma_create_qp(id, domain, attributes) == 0) return 0;
    int error = lastFailure();
    if (error != -EINVAL || inlineBytes == 0) return error;
  }
}

}  // namespace

int Engine::prepare(uint32_t handle, uint32_t sendDepth, uint32_t receiveDepth, uint32_t maxInline, bool isShared,
                    Granted* granted) {
  Connection* connection = find(handle);
  if (connection == nullptr) return -ENOTCONN;
  if (connection->queue != nullptr) return -EALREADY;
  int error = 0;
  DeviceUse* use = useOf(connection, &error);
  if (use == nullptr) return error;
  std::shared_ptr<SharedReceives> shared;
  if (isShared) shared = use->sharedReceives(receiveDepth, &error);
  if (error < 0) return error;
  const abi::ibv_device_attr& device = connection->device->attributes();
  uint8_t readsOut = readsOf(device.max_qp_init_rd_atom);
  uint8_t readsIn = readsOf(device.max_qp_rd_atom);
  // Who accepts grants at most what was asked for.
  connection->readsOut = connection->isRequest ? std::min(connection->readsOut, readsOut) : readsOut;
  connection->readsIn = connection->isRequest ? std::min(connection->readsIn, readsIn) : readsIn;
  connection->sendDepth = sendDepth;
  connection->receiveDepth = isShared ? 0 : receiveDepth;
  connection->shared = std::move(shared);
  error = makeQueuePair(connection, use, maxInline);
  if (error < 0) {
    connection->shared.reset();
    return error;
  }
  *granted = {connection->inlineBytes, connection->readsOut, isShared};
  return 0;
}

int Engine::makeQueuePair(Connection* connection, DeviceUse* use, uint32_t maxInline) {
  uint32_t entries = connection->reserved();
  int error = 0;
  std::shared_ptr<CompletionQueue> queue = use->queueFor(entries, connection->shared, &error);
  if (queue == nullptr) return error;
  bool hasRoom = false;
  try {
    connection->posted.resize(connection->receiveDepth);
    ring_->reserve(entries);
    hasRoom = true;
    error = createQueuePair(connection, queue, maxInline);
    if (error == 0 && !updateQueues()) error = -ENOMEM;
    // Another thread that drains may have found it broken just now.
    if (error == 0 && !queue->join(connection)) error = -EIO;
  } catch (const std::bad_alloc&) {
    error = -ENOMEM;
  }
  if (error == 0) {
    connection->queue = std::move(queue);
    connection->queueRoom = entries;
    connection->arena = use->arena();
    return 0;
  }
  if (connection->id->qp != nullptr) api().rdma_destroy_qp(connection->id);
  if (hasRoom) ring_->giveBack(entries);
  queue->giveBack(entries);
  leave(use->device().get(), queue.get());
  return error;
}

int Engine::createQueuePair(Connection* connection, const std::shared_ptr<CompletionQueue>& queue,
                            uint32_t maxInline) {
  abi::ibv_qp_init_attr attributes{};
  attributes.qp_context = reinterpret_cast<void*>(static_cast<uintptr_t>(connection->handle));
  attributes.send_cq = attributes.recv_cq = queue->get();
  attributes.srq = connection->shared == nullptr ? nullptr : connection->shared->get();
  attributes.qp_type = abi::IBV_QPT_RC;
  attributes.cap = {connection->sendDepth, connection->receiveDepth, 1, 1, maxInline};
  int error = createWithInline(connection->id, connection->device->domain(), &attributes);
  connection->inlineBytes = std::min(attributes.cap.max_inline_data, maxInline);
  return error;
}

}  // namespace sanswitch::verbs
