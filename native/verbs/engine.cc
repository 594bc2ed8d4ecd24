#include "verbs/engine.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "verbs/device_use.h"
#include "verbs/transit.h"

namespace sanswitch::verbs {

Engine::Engine(std::shared_ptr<Segment> segment, Loop* loop, const EngineOptions& options)
    : segment_(std::move(segment)), loop_(loop), options_(options), ring_(std::make_shared<CompletionRing>(segment_)) {
  ring_->setWake([](void* loop) { static_cast<Loop*>(loop)->wake(); }, loop);
}

Engine::~Engine() = default;

int Engine::open() {
  channel_ = EventChannel::create();
  if (channel_ == nullptr) return lastFailure(ENOMEM);
  int error = loop_->watch(channel_->get()->fd, this);
  isWatched_ = error == 0;
  if (error != 0) return error;
  Transit& transit = Transit::instance();
  transit.engineOpened();
  alarm_.fd = transit.alarm();
  return alarm_.fd < 0 ? alarm_.fd : loop_->watch(alarm_.fd, &alarm_);
}

bool Engine::Alarm::readable() {
  Transit::instance().sweep();
  return true;
}

void Engine::close() {
  if (isClosed_) return;
  isClosed_ = true;
  // Nobody wakes a loop that is about to end.
  ring_->setWake(nullptr, nullptr);
  while (!connections_.empty()) release(connections_.back());
  releaseMemory();
  listeners_.forEach([](Listener& listener) { api().rdma_destroy_id(listener.id); });
  listeners_ = HandleTable<Listener>();
  {
    std::lock_guard<std::mutex> lock(queuesMutex_);
    queues_.clear();
  }
  devices_.clear();
  if (isWatched_) {
    loop_->unwatch(this);
    loop_->unwatch(&alarm_);
    if (alarm_.fd >= 0) ::close(alarm_.fd);
    Transit::instance().engineClosed();
  }
  channel_.reset();
}

bool Engine::drain() {
  std::unique_lock<std::mutex> lock(queuesMutex_, std::try_to_lock);
  // Who has it drains, or is about to change the list, and then looks again.
  if (!lock.owns_lock() || queues_.empty()) return false;
  // What waits for room keeps its order, and what is in the queues can stay there.
  if (ring_->flush()) return true;
  bool isMore = false;
  for (const auto& queue : queues_) {
    CompletionQueue::Drained drained = queue->drain();
    isMore = isMore || drained.isMore;
    if (drained.count == 0) continue;
    drained_.completions += drained.count;
    drained_.batches++;
    if (std::this_thread::get_id() != thread_) drained_.foreignBatches++;
  }
  return isMore;
}

void Engine::arm() {
  // First of all: what comes to the ring from other threads wakes the owner.
  ring_->setAsleep(true);
  std::lock_guard<std::mutex> lock(queuesMutex_);
  for (const auto& queue : queues_) queue->arm();
}

void Engine::disarm() { ring_->setAsleep(false); }

Engine::Stats Engine::stats() {
  Stats stats{};
  {
    std::lock_guard<std::mutex> lock(queuesMutex_);
    stats.completions = drained_.completions;
    stats.batches = drained_.batches;
    stats.foreignBatches = drained_.foreignBatches;
  }
  for (const auto& use : devices_) {
    stats.events += use->events();
    stats.chunks += use->arena()->chunks();
  }
  stats.copiedReceives = copies_.load(std::memory_order_relaxed);
  stats.posted = counters_.posted;
  stats.posts = counters_.posts;
  stats.backlogged = ring_->backlogged();
  stats.connections = connections_.size();
  stats.listeners = listeners_.count();
  stats.regions = regions_.count();
  stats.windows = windows_.count();
  return stats;
}

Connection* Engine::find(uint32_t handle) {
  ConnectionTable::Place* place = ConnectionTable::instance().find(handle);
  // Ours: nobody else can destroy it or take it away.
  if (place == nullptr || place->owner.load(std::memory_order_acquire) != this) return nullptr;
  return place->connection;
}

DeviceUse* Engine::useOf(Connection* connection, int* error) {
  *error = 0;
  if (connection->device == nullptr) connection->device = Device::of(connection->id, error);
  if (connection->device == nullptr) return nullptr;
  for (const auto& use : devices_) {
    if (use->device() == connection->device) return use.get();
  }
  devices_.reserve(devices_.size() + 1);
  auto use = std::make_unique<DeviceUse>(connection->device, segment_, loop_, ring_);
  *error = use->open();
  if (*error < 0) return nullptr;
  devices_.push_back(std::move(use));
  return devices_.back().get();
}

void Engine::release(Connection* connection) {
  std::shared_ptr<Device> device = connection->device;
  std::shared_ptr<CompletionQueue> queue = connection->queue;
  uint32_t reserved = connection->queue == nullptr ? 0 : connection->reserved();
  connections_.erase(std::find(connections_.begin(), connections_.end(), connection));
  freeWindowsOf(connection->handle);
  Connection::destroy(connection);
  if (queue != nullptr) {
    ring_->giveBack(reserved);
    leave(device.get(), queue.get());
  }
  if (device != nullptr && device->isGone()) forget(device.get());
}

void Engine::leave(const Device* device, const CompletionQueue* queue) {
  for (const auto& use : devices_) {
    if (use->device().get() == device) use->leave(queue);
  }
  updateQueues();
}

bool Engine::updateQueues() {
  std::vector<std::shared_ptr<CompletionQueue>> queues;
  try {
    for (const auto& use : devices_) {
      use->forEachQueue([&](const auto& queue) { queues.push_back(queue); });
    }
  } catch (const std::bad_alloc&) {
    return false;
  }
  std::lock_guard<std::mutex> lock(queuesMutex_);
  queues_.swap(queues);
  return true;
}

void Engine::forget(const Device* device) {
  auto isOnIt = [&](const Connection* one) { return one->device.get() == device; };
  if (std::any_of(connections_.begin(), connections_.end(), isOnIt)) return;
  auto isIt = [&](const auto& use) { return use->device().get() == device; };
  auto found = std::find_if(devices_.begin(), devices_.end(), isIt);
  if (found == devices_.end()) return;
  devices_.erase(found);
  updateQueues();
}

}  // namespace sanswitch::verbs
