#include "verbs/completion_queue.h"

#include <errno.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

#include "verbs/connection.h"
#include "verbs/connection_table.h"
#include "verbs/engine.h"
#include "verbs/shared_receives.h"
#include "verbs/work_id.h"

namespace sanswitch::verbs {

std::shared_ptr<CompletionQueue> CompletionQueue::create(const std::shared_ptr<Device>& device, uint32_t entries,
                                                         int* error) {
  auto queue = std::make_shared<CompletionQueue>(device);
  auto limit = static_cast<uint32_t>(std::max(device->attributes().max_cqe, 1));
  errno = 0;
  queue->channel_ = api().ibv_create_comp_channel(device->context());
  if (queue->channel_ != nullptr && setNonBlocking(queue->channel_->fd) == 0) {
    queue->cq_ = api().ibv_create_cq(device->context(), static_cast<int>(std::min(entries, limit)), queue.get(),
                                     queue->channel_, 0);
  }
  *error = 0;
  if (queue->cq_ != nullptr) {
    queue->room_ = static_cast<uint32_t>(queue->cq_->cqe);
    return queue;
  }
  *error = lastFailure(ENOMEM);
  return nullptr;
}

CompletionQueue::~CompletionQueue() {
  if (cq_ != nullptr) api().ibv_destroy_cq(cq_);
  if (channel_ != nullptr) api().ibv_destroy_comp_channel(channel_);
}

bool CompletionQueue::reserve(uint32_t entries, const std::shared_ptr<SharedReceives>& shared) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (shared_.expired()) {
    room_ += sharedRoom_;
    sharedRoom_ = 0;
  }
  bool isNew = shared != nullptr && sharedRoom_ == 0;
  uint32_t needed = isNew ? entries + shared->depth() : entries;
  if (isBroken_ || needed > room_) return false;
  room_ -= needed;
  if (isNew) {
    shared_ = shared;
    sharedRoom_ = shared->depth();
  }
  return true;
}

bool CompletionQueue::join(Connection* connection) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (isBroken_) return false;
  connections_.emplace(connection->id->qp->qp_num, connection);
  return true;
}

void CompletionQueue::leave(Connection* connection) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = connections_.find(connection->id->qp->qp_num);
  if (found != connections_.end() && found->second == connection) connections_.erase(found);
  ConnectionTable::instance().hide(connection->handle);
}

void CompletionQueue::giveBack(uint32_t entries) {
  std::lock_guard<std::mutex> lock(mutex_);
  // Some devices leave a dead queue pair's completions in the queue, where they take room.
  if (!isBroken_) drainLocked(cq_->cqe / kBatch + 1);
  room_ += entries;
}

CompletionQueue::Drained CompletionQueue::drain() {
  std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || isBroken_) return {0, false};
  return drainLocked(kBatches);
}

CompletionQueue::Drained CompletionQueue::drainLocked(int batches) {
  abi::ibv_wc found[kBatch];
  uint32_t total = 0;
  for (int i = 0; i < batches; i++) {
    int count = abi::ibv_poll_cq(cq_, kBatch, found);
    if (count < 0) {
      fail();
      return {total, false};
    }
    if (count > 0) dispatch(found, count);
    total += static_cast<uint32_t>(count);
    if (count < kBatch) return {total, false};
  }
  return {total, true};
}

namespace {

layout::VerbsCompletion completionOf(const abi::ibv_wc& found, uint32_t connection) {
  WorkId work = WorkId::unpack(found.wr_id);
  auto status = static_cast<uint32_t>(found.status);
  uint32_t length = 0;
  if (work.op == layout::VERBS_OP_RECEIVE && status == layout::VERBS_STATUS_OK) {
    length = found.byte_len;
    // What no honest device says.
    if (length > layout::VERBS_SLOT_BYTES) {
      return {connection, work.op, layout::VERBS_STATUS_LOCAL_LENGTH, 0, work.cookie, 0};
    }
  }
  return {connection, work.op, status, length, work.cookie, found.vendor_err};
}

// What has come into the oldest slot of a former owner goes into the oldest of the present one's, and that slot back.
void bring(Moved* moved, const Arena* arena, layout::VerbsCompletion* completion) {
  Moved::Receive receive = std::move(moved->receives.front());
  moved->receives.pop_front();
  completion->cookie = moved->slots.front();
  uint8_t* target = arena->slot(completion->cookie);
  moved->slots.pop_front();
  if (completion->length > 0) memcpy(target, receive.arena->slot(receive.slot), completion->length);
  receive.ring->slotBack(receive.slot);
}

// What is told of a message for which there was no slot: the peer has sent more than it may.
layout::VerbsCompletion withoutSlot(uint32_t connection) {
  return {connection, layout::VERBS_OP_RECEIVE, layout::VERBS_STATUS_GENERAL, 0, layout::VERBS_SLOT_COUNT, 0};
}

// The same for a message that has come into a shared queue of another engine's, which gets its slot again.
void bringShared(Connection* connection, layout::VerbsCompletion* completion) {
  uint32_t slot = completion->cookie;
  SharedReceives& shared = *connection->shared;
  std::deque<uint32_t>& slots = connection->moved->slots;
  if (slots.empty()) {
    *completion = withoutSlot(completion->connection);
  } else {
    completion->cookie = slots.front();
    slots.pop_front();
    const uint8_t* source = shared.arena()->slot(slot);
    if (completion->length > 0) memcpy(connection->arena->slot(completion->cookie), source, completion->length);
  }
  shared.repost(slot);
}

}  // namespace

Connection* CompletionQueue::connectionOf(const abi::ibv_wc& completion) const {
  uint32_t handle = WorkId::unpack(completion.wr_id).connection;
  if ((handle & WorkId::kShared) == 0) {
    ConnectionTable::Place* place = ConnectionTable::instance().find(handle);
    return place == nullptr ? nullptr : place->connection;
  }
  auto found = connections_.find(completion.qp_num);
  return found == connections_.end() ? nullptr : found->second;
}

// Writes to one ring after another, each locked for as long as what comes is for it; never two at a time.
class CompletionQueue::Delivery {
 public:
  void write(CompletionRing* ring, const layout::VerbsCompletion& completion) {
    if (ring != ring_) {
      close();
      batch_.emplace(ring);
      ring_ = ring;
    }
    batch_->completion(completion);
  }

  void close() {
    batch_.reset();
    ring_ = nullptr;
  }

 private:
  CompletionRing* ring_ = nullptr;
  std::optional<CompletionRing::Batch> batch_;
};

void CompletionQueue::deliver(Connection* connection, layout::VerbsCompletion completion, Delivery* delivery) {
  Engine* owner = ConnectionTable::instance().place(connection->handle)->owner.load(std::memory_order_relaxed);
  if (owner == nullptr) return hold(connection, completion);
  if (completion.op == layout::VERBS_OP_RECEIVE) {
    Moved* moved = connection->moved.get();
    if (connection->sharesElsewhere(&owner->ring())) {
      delivery->close();
      bringShared(connection, &completion);
      if (completion.length > 0) owner->countCopy();
    } else if (moved != nullptr && !moved->receives.empty()) {
      delivery->close();
      bring(moved, connection->arena.get(), &completion);
      if (completion.length > 0) owner->countCopy();
    } else if (connection->shared == nullptr && connection->posted.size() > 0) {
      connection->posted.pop();
    }
  }
  delivery->write(&owner->ring(), completion);
}

void CompletionQueue::hold(Connection* connection, const layout::VerbsCompletion& completion) {
  Moved& moved = *connection->moved;
  if (moved.held.size() < moved.held.capacity()) {
    moved.held.push_back(completion);
    return;
  }
  moved.isOverrun = true;
  bool isShared = connection->shared != nullptr && completion.op == layout::VERBS_OP_RECEIVE;
  if (isShared) connection->shared->repost(completion.cookie);
}

void CompletionQueue::stray(const abi::ibv_wc& found) {
  WorkId work = WorkId::unpack(found.wr_id);
  std::shared_ptr<SharedReceives> shared = shared_.lock();
  if (work.connection != WorkId::kShared || shared == nullptr) return;
  shared->remove(work.cookie);
  shared->repost(work.cookie);
}

void CompletionQueue::dispatch(const abi::ibv_wc* found, int count) {
  Delivery delivery;
  for (int i = 0; i < count; i++) {
    Connection* connection = connectionOf(found[i]);
    if (connection == nullptr) {
      // It has been destroyed.
      delivery.close();
      stray(found[i]);
      continue;
    }
    layout::VerbsCompletion completion = completionOf(found[i], connection->handle);
    bool isShared = connection->shared != nullptr && completion.op == layout::VERBS_OP_RECEIVE;
    if (isShared) connection->shared->remove(completion.cookie);
    deliver(connection, completion, &delivery);
  }
}

void CompletionQueue::deliverHeld(Connection* connection) {
  Delivery delivery;
  for (const layout::VerbsCompletion& completion : connection->moved->held) deliver(connection, completion, &delivery);
  connection->moved->held.clear();
  if (!connection->moved->isOverrun) return;
  connection->moved->isOverrun = false;
  Engine* owner = ConnectionTable::instance().place(connection->handle)->owner.load(std::memory_order_relaxed);
  delivery.write(&owner->ring(), withoutSlot(connection->handle));
}

void CompletionQueue::fail() {
  if (isBroken_) return;
  isBroken_ = true;
  for (const auto& [number, connection] : connections_) {
    Engine* owner = ConnectionTable::instance().place(connection->handle)->owner.load(std::memory_order_relaxed);
    if (owner == nullptr) {
      // Its next owner hears of it.
      connection->moved->isOverrun = true;
      continue;
    }
    // Its room is that of the completions that will not come.
    CompletionRing::Batch(&owner->ring()).completion({connection->handle, 0, layout::VERBS_STATUS_QUEUE_LOST, 0, 0, 0});
  }
}

void CompletionQueue::arm() {
  std::lock_guard<std::mutex> lock(mutex_);
  armLocked();
}

void CompletionQueue::armLocked() {
  if (isArmed_ || isBroken_) return;
  isArmed_ = abi::ibv_req_notify_cq(cq_, 0) == 0;
  // Nobody would be woken any more.
  if (!isArmed_) fail();
}

uint32_t CompletionQueue::takeEvents() {
  // Locked, so that nobody takes the queue for armed whose event has just been taken.
  std::lock_guard<std::mutex> lock(mutex_);
  uint32_t count = 0;
  abi::ibv_cq* cq = nullptr;
  void* ignored = nullptr;
  while (api().ibv_get_cq_event(channel_, &cq, &ignored) == 0) count++;
  // What ends the loop well is that there are no more.
  takesFailed_ = isNothingLeft() ? 0 : takesFailed_ + 1;
  if (takesFailed_ == kTakesFailed) fail();
  if (count == 0) return 0;
  api().ibv_ack_cq_events(cq_, count);
  isArmed_ = false;
  // Another thread may sleep, and must not wait for this one to sleep too.
  if (holders_.load(std::memory_order_relaxed) > 1) armLocked();
  return count;
}

}  // namespace sanswitch::verbs
