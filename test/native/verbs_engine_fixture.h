// An RDMA engine in a thread of its own, without JavaScript: a loop, and a reader of its completion ring.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "../../native/ring/ring_consumer.h"
#include "../../native/verbs/engine.h"
#include "verbs_fixture.h"

namespace fixture {

namespace layout = sanswitch::layout;
namespace ring = sanswitch::ring;

// poll(2) in place of libuv.
class PollLoop final : public Loop {
 public:
  PollLoop() : wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~PollLoop() { close(wake_); }

  int watch(int fd, Readable* who) override {
    watched_[fd] = who;
    return 0;
  }

  void unwatch(Readable* who) override {
    for (auto one = watched_.begin(); one != watched_.end(); ++one) {
      if (one->second != who) continue;
      watched_.erase(one);
      return;
    }
  }

  void look(Readable* who) override { who->readable(); }

  void wake() override {
    uint64_t one = 1;
    CHECK(write(wake_, &one, sizeof one) == sizeof one);
  }

  // Lets what is ready have its turn; waits for it for `timeoutMs` at most.
  void turn(int timeoutMs) {
    std::vector<pollfd> all = {{wake_, POLLIN, 0}};
    for (const auto& [fd, who] : watched_) all.push_back({fd, POLLIN, 0});
    if (::poll(all.data(), all.size(), timeoutMs) <= 0) return;
    uint64_t count;
    if (all[0].revents != 0) CHECK(read(wake_, &count, sizeof count) == sizeof count);
    for (size_t i = 1; i < all.size(); i++) {
      auto found = watched_.find(all[i].fd);
      if (all[i].revents != 0 && found != watched_.end()) found->second->readable();
    }
  }

 private:
  const int wake_;
  std::unordered_map<int, Readable*> watched_;
};

// One engine. All of it is its thread's own, but for source(), which others may drain.
class Seat {
 public:
  Seat() {
    int fd = segment_->create();
    CHECK(fd >= 0);
    close(fd);
    engine_ = std::make_shared<Engine>(segment_, &loop_, EngineOptions{8, 6, 7});
    CHECK(engine_->open() == 0);
    auto* words = segment_->ringWords();
    consumer_ = std::make_unique<ring::Consumer>(
        ring::ConsumerMemory{reinterpret_cast<uint32_t*>(&words->prod), reinterpret_cast<uint32_t*>(&words->cons),
                             segment_->ring(), layout::VERBS_RING_BYTES});
  }

  ~Seat() { engine_->close(); }

  Engine& engine() { return *engine_; }
  std::shared_ptr<sanswitch::Source> source() { return engine_; }
  uint8_t* slot(uint32_t number) { return segment_->slot(number); }

  std::function<void(const layout::VerbsCompletion&)> onCompletion = [](const auto&) {};
  std::deque<layout::VerbsCm> cms;

  // One turn as a reactor's: drains, reads, and sleeps for `sleepMs` at most if there was nothing.
  void turn(int sleepMs) {
    engine_->drain();
    if (read()) return loop_.turn(0);
    engine_->arm();
    bool isMore = engine_->drain();
    if (!isMore && !read()) loop_.turn(sleepMs);
    engine_->disarm();
  }

  // Turns until `isDone`; false: not within five seconds.
  bool until(const std::function<bool()>& isDone) {
    for (int i = 0; i < 5000; i++) {
      if (isDone()) return true;
      turn(1);
    }
    return false;
  }

  // Only sleeps, and reads what woke it, as a thread that has nothing to do. False: not within `limitMs`.
  bool sleepUntil(int limitMs, const std::function<bool()>& isDone) {
    uint64_t end = sanswitch::nowNs() + static_cast<uint64_t>(limitMs) * 1'000'000;
    for (;;) {
      read();
      if (isDone()) return true;
      uint64_t now = sanswitch::nowNs();
      if (now >= end) return false;
      loop_.turn(static_cast<int>((end - now) / 1'000'000 + 1));
    }
  }

  // Waits for an event; the connection that it is of, 0: it did not come.
  uint32_t event(uint32_t type) {
    uint32_t found = 0;
    until([&] {
      for (auto one = cms.begin(); one != cms.end(); ++one) {
        if (one->event != type) continue;
        found = one->connection;
        cms.erase(one);
        return true;
      }
      return false;
    });
    return found;
  }

  // Submits one operation out of, or into, a slot.
  void submit(uint32_t connection, uint32_t op, uint32_t slot, uint32_t length) {
    uint32_t flags = layout::VERBS_FLAG_SIGNALLED;
    entry(0, {connection, op, flags, slot, 0, slot * layout::VERBS_SLOT_BYTES, length, 0, 0, 0});
    CHECK(engine_->submit(1) == 1);
  }

  // Writes one of the submissions.
  void entry(uint32_t index, const layout::VerbsSubmission& submission) {
    const_cast<layout::VerbsSubmission*>(segment_->submissions())[index] = submission;
  }

  void receive(uint32_t connection, uint32_t slot) { submit(connection, layout::VERBS_OP_RECEIVE, slot, 0); }

  // Resolves a connection to a port of 127.0.0.1 and gives it a queue pair.
  uint32_t resolve(uint16_t port, uint32_t depth) {
    int handle = engine_->resolve(AF_INET, "", 0, "127.0.0.1", port, 1000);
    CHECK(handle > 0);
    CHECK(event(layout::VERBS_CM_ADDRESS_RESOLVED) == static_cast<uint32_t>(handle));
    CHECK(engine_->resolveRoute(handle, 1000) == 0);
    CHECK(event(layout::VERBS_CM_ROUTE_RESOLVED) == static_cast<uint32_t>(handle));
    prepare(handle, depth);
    return handle;
  }

  void prepare(uint32_t connection, uint32_t depth) {
    Engine::Granted granted{};
    CHECK(engine_->prepare(connection, depth, depth, 64, false, &granted) == 0);
  }

  // Reads what the ring holds. False: nothing.
  bool read() {
    if (consumer_->reload() != ring::Status::kOk) return false;
    ring::Record record;
    while (consumer_->next(&record) == ring::Status::kOk) {
      if (record.type == layout::RECORD_VERBS_COMPLETION) {
        layout::VerbsCompletion completion;
        memcpy(&completion, record.payload, sizeof completion);
        onCompletion(completion);
      } else if (record.type == layout::RECORD_VERBS_CM) {
        layout::VerbsCm cm{};
        memcpy(&cm, record.payload, record.length);
        cms.push_back(cm);
      }
      consumer_->release();
    }
    consumer_->commit();
    return true;
  }

 private:
  std::shared_ptr<Segment> segment_ = std::make_shared<Segment>();
  PollLoop loop_;
  std::shared_ptr<Engine> engine_;
  std::unique_ptr<ring::Consumer> consumer_;
};

// A connection between two seats of one thread.
struct Line {
  uint32_t client = 0;
  uint32_t server = 0;

  Line(Seat* from, Seat* to, uint32_t depth) {
    int listener = to->engine().listen(AF_INET, "127.0.0.1", 0, 8, false);
    CHECK(listener > 0);
    client = from->resolve(static_cast<uint16_t>(to->engine().listenerPort(listener)), depth);
    CHECK(from->engine().connect(client, nullptr, 0) == 0);
    server = to->event(layout::VERBS_CM_CONNECT_REQUEST);
    to->prepare(server, depth);
    CHECK(to->engine().accept(server, nullptr, 0) == 0);
    CHECK(from->event(layout::VERBS_CM_ESTABLISHED) == client);
    CHECK(to->event(layout::VERBS_CM_ESTABLISHED) == server);
  }
};

}  // namespace fixture
