// An engine's completion ring, seen from native code: any thread may write to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "ring/ring_producer.h"
#include "verbs/segment.h"

namespace sanswitch::verbs {

// A record that is no completion, in memory of its own in case that it has to wait: whoever asks a library for an
// event makes this first, so that no event is lost for want of memory.
struct Event {
  uint32_t type;
  uint32_t bytes;
  union {
    layout::VerbsCm cm;
    layout::VerbsAsync async;
  };
};

// A list of one, which can become part of another list without an allocation.
using EventNode = std::list<Event>;

// Records that find no room wait here; completions in order, and the others in order, but not the ones after the
// others: queues of their own bring them to us. Room for completions is reserved when requests are allowed to be
// posted, so that nothing that a device brings needs an allocation.
class CompletionRing {
 public:
  // May throw std::bad_alloc.
  explicit CompletionRing(std::shared_ptr<Segment> segment);
  CompletionRing(const CompletionRing&) = delete;
  CompletionRing& operator=(const CompletionRing&) = delete;

  // Makes sure that `count` more completions find room, whatever the reader does. May throw std::bad_alloc.
  void reserve(size_t count);
  void giveBack(size_t count);

  // How the owner is woken, from any thread and with the ring locked; null: not any more.
  void setWake(void (*wake)(void* owner), void* owner);

  // The owner sleeps, so that a record that comes must wake it; or it is awake.
  void setAsleep(bool isAsleep);

  // Moves what waits into the ring as far as there is room. True: some of it still waits.
  bool flush();

  // A slot whose receive was reserved here is free again; the reservation goes with it.
  void slotBack(uint32_t slot);

  // Writes several records with one lock and one publication.
  class Batch {
   public:
    explicit Batch(CompletionRing* ring) : ring_(ring), lock_(ring->mutex_) {}
    ~Batch() { ring_->publish(); }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;

    // Of a request for which room was reserved, or one of those that canMakeUp allowed.
    void completion(const layout::VerbsCompletion& completion) { ring_->putCompletion(completion); }

    // Takes what is in `node`, if it must wait.
    void event(EventNode* node) { ring_->putEvent(node); }

    // Whether `count` completions can be written for which no room was reserved.
    bool canMakeUp(size_t count) const { return ring_->waitingCount_ + count <= kUnreserved; }

   private:
    CompletionRing* const ring_;
    std::lock_guard<std::mutex> lock_;
  };

  // Records that have had to wait so far.
  uint64_t backlogged();

 private:
  // Completions that nobody reserves room for: those that submit() makes up.
  static constexpr size_t kUnreserved = layout::VERBS_SUBMISSIONS_LIMIT;

  bool write(uint32_t type, const void* payload, uint32_t bytes);
  bool writeCompletion(const layout::VerbsCompletion& completion);
  void putCompletion(const layout::VerbsCompletion& completion);
  void putEvent(EventNode* node);
  bool flushLocked();
  void publish();

  const std::shared_ptr<Segment> segment_;
  std::mutex mutex_;
  ring::Producer producer_;
  // A queue that begins at `first_` and goes round.
  std::vector<layout::VerbsCompletion> waiting_;
  size_t first_ = 0;
  size_t waitingCount_ = 0;
  size_t reserved_ = 0;
  EventNode waitingEvents_;
  uint64_t backlogged_ = 0;
  // Something was written since the last publication.
  bool isNew_ = false;
  bool isAsleep_ = false;
  void (*wake_)(void* owner) = nullptr;
  void* owner_ = nullptr;
};

}  // namespace sanswitch::verbs
