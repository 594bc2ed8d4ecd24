#include "verbs/device_use.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace sanswitch::verbs {

namespace {

// Completions that one queue holds, unless a single queue pair needs more: room for a hundred connections or so.
constexpr uint32_t kQueueEntries = 8192;

}  // namespace

Watched::~Watched() {
  if (isWatched_) loop_->unwatch(this);
  if (fd_ >= 0) ::close(fd_);
}

int Watched::start(int fd) {
  fd_ = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (fd_ < 0) return -errno;
  int error = loop_->watch(fd_, this);
  isWatched_ = error == 0;
  return error;
}

DeviceUse::DeviceUse(std::shared_ptr<Device> device, const std::shared_ptr<Segment>& segment, Loop* loop,
                     std::shared_ptr<CompletionRing> ring)
    : device_(std::move(device)),
      arena_(std::make_shared<Arena>(segment, device_)),
      loop_(loop),
      ring_(std::move(ring)),
      asyncEvents_(
          loop, [](void* context) { return static_cast<Device*>(context)->takeAsyncEvents(); }, device_.get()) {}

DeviceUse::~DeviceUse() { device_->removeListener(ring_.get()); }

int DeviceUse::open() {
  device_->addListener(ring_.get());
  return asyncEvents_.start(device_->context()->async_fd);
}

DeviceUse::QueueUse::QueueUse(std::shared_ptr<CompletionQueue> held, uint64_t* counter)
    : queue(std::move(held)), events(counter) {
  queue->addHolder();
}

DeviceUse::QueueUse::~QueueUse() { queue->removeHolder(); }

int DeviceUse::add(std::shared_ptr<CompletionQueue> queue, bool isForeign, Loop* loop) {
  // Room first.
  queues_.reserve(queues_.size() + 1);
  auto use = std::make_unique<QueueUse>(std::move(queue), &events_);
  use->isForeign = isForeign;
  use->watched = std::make_unique<Watched>(
      loop,
      [](void* context) {
        // The reactor, which runs next, drains.
        auto* one = static_cast<QueueUse*>(context);
        *one->events += one->queue->takeEvents();
        return !one->queue->isBroken();
      },
      use.get());
  int error = use->watched->start(use->queue->channelFd());
  if (error == 0) queues_.push_back(std::move(use));
  return error;
}

std::shared_ptr<SharedReceives> DeviceUse::sharedReceives(uint32_t depth, int* error) {
  *error = 0;
  std::shared_ptr<SharedReceives> shared = shared_.lock();
  if (shared != nullptr) return shared;
  shared = SharedReceives::create(device_, arena_, ring_, depth, error);
  shared_ = shared;
  return shared;
}

std::shared_ptr<CompletionQueue> DeviceUse::queueFor(uint32_t entries, const std::shared_ptr<SharedReceives>& shared,
                                                     int* error) {
  *error = 0;
  for (const auto& use : queues_) {
    if (use->isForeign || !use->queue->reserve(entries, shared)) continue;
    use->connections++;
    connections_++;
    return use->queue;
  }
  uint32_t depth = shared == nullptr ? 0 : shared->depth();
  std::shared_ptr<CompletionQueue> made =
      CompletionQueue::create(device_, std::max(entries + depth, kQueueEntries), error);
  if (made == nullptr) return nullptr;
  if (!made->reserve(entries, shared)) *error = -ENOBUFS;
  else *error = add(made, false, loop_);
  if (*error < 0) return nullptr;
  queues_.back()->connections++;
  connections_++;
  return made;
}

int DeviceUse::enter(const std::shared_ptr<CompletionQueue>& queue) {
  auto found = std::find_if(queues_.begin(), queues_.end(), [&](const auto& one) { return one->queue == queue; });
  if (found == queues_.end()) {
    int error = add(queue, true, loop_);
    if (error < 0) return error;
    found = std::prev(queues_.end());
  }
  (*found)->connections++;
  connections_++;
  return 0;
}

void DeviceUse::leave(const CompletionQueue* queue) {
  auto found = std::find_if(queues_.begin(), queues_.end(), [&](const auto& one) { return one->queue.get() == queue; });
  if (found == queues_.end()) return;
  connections_--;
  bool isOfNoUse = (*found)->isForeign || (*found)->queue->isBroken();
  if (--(*found)->connections == 0 && isOfNoUse) queues_.erase(found);
}

}  // namespace sanswitch::verbs
