// What a message costs an RDMA engine in native instructions: a program for callgrind (verbs-cost.mjs), over the fake
// libraries. verbs_cost ECHOES: between two engines, with one call to submit and one to drain for each message.

#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <map>

#include "ring/ring_consumer.h"
#include "verbs/engine.h"
#include "verbs/segment.h"

using namespace sanswitch;
using namespace sanswitch::verbs;

namespace {

constexpr uint32_t kDepth = 64;
constexpr uint32_t kReceives = 16;
constexpr uint32_t kBytes = 64;
constexpr uint32_t kSignalEvery = 16;
// What the fake wire needs to bring a message: both ends then look once, and find it.
constexpr useconds_t kWire_us = 300;

[[noreturn]] void fail(const char* what, int error) {
  fprintf(stderr, "verbs_cost: %s: %d\n", what, error);
  exit(1);
}

// An engine's event loop: its descriptors are looked at when somebody waits.
struct SmallLoop final : Loop {
  std::map<Readable*, int> watched;

  int watch(int fd, Readable* who) override {
    watched[who] = fd;
    return 0;
  }
  void unwatch(Readable* who) override { watched.erase(who); }
  void look(Readable* who) override { who->readable(); }
  void wake() override {}

  void run() {
    for (auto [who, fd] : std::map<Readable*, int>(watched)) {
      pollfd one = {fd, POLLIN, 0};
      if (::poll(&one, 1, 1) > 0) who->readable();
    }
  }
};

struct End {
  std::shared_ptr<Segment> segment = std::make_shared<Segment>();
  SmallLoop loop;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<ring::Consumer> consumer;
  uint32_t connection = 0;
  uint32_t sent = 0;

  End() {
    int fd = segment->create();
    if (fd < 0) fail("segment", fd);
    ::close(fd);
    engine = std::make_unique<Engine>(segment, &loop, EngineOptions{14, 6, 7});
    if (int error = engine->open()) fail("open", error);
    layout::RingWords* words = segment->ringWords();
    auto* prod = reinterpret_cast<uint32_t*>(&words->prod);
    auto* cons = reinterpret_cast<uint32_t*>(&words->cons);
    ring::ConsumerMemory memory{prod, cons, segment->ring(), layout::VERBS_RING_BYTES};
    consumer = std::make_unique<ring::Consumer>(memory);
  }

  // Calls `see` for each record that is there.
  template <typename See>
  void read(See see) {
    if (consumer->reload() != ring::Status::kOk) return;
    ring::Record record;
    while (consumer->next(&record) == ring::Status::kOk) {
      see(record);
      consumer->release();
    }
    consumer->commit();
  }

  // Waits for an event of the connection manager; `other` goes on meanwhile.
  layout::VerbsCm await(uint32_t event, End* other = nullptr) {
    layout::VerbsCm found = {};
    bool isFound = false;
    while (!isFound) {
      loop.run();
      if (other != nullptr) other->loop.run();
      engine->drain();
      read([&](const ring::Record& record) {
        if (record.type != layout::RECORD_VERBS_CM) return;
        auto* cm = reinterpret_cast<const layout::VerbsCm*>(record.payload);
        if (cm->event != event) return;
        memcpy(&found, cm, record.length);
        isFound = true;
      });
    }
    return found;
  }

  void prepare() {
    Engine::Granted granted;
    if (int error = engine->prepare(connection, kDepth, kReceives, kBytes, false, &granted)) fail("prepare", error);
    if (int error = engine->useChunk(connection, 0)) fail("useChunk", error);
    for (uint32_t i = 0; i < kReceives; i++) receive(i, 1 + i);
    engine->submit(kReceives);
  }

  layout::VerbsSubmission* entry(uint32_t at) {
    return const_cast<layout::VerbsSubmission*>(segment->submissions()) + at;
  }

  void receive(uint32_t at, uint32_t slot) {
    *entry(at) = {};
    entry(at)->connection = connection;
    entry(at)->op = layout::VERBS_OP_RECEIVE;
    entry(at)->cookie = slot;
  }

  // A message, and the receive that has brought the last one again: as the provider does it, with one call.
  void send(uint32_t slot) {
    *entry(0) = {};
    entry(0)->connection = connection;
    entry(0)->op = layout::VERBS_OP_SEND;
    entry(0)->length = kBytes;
    entry(0)->flags = ++sent % kSignalEvery == 0 ? layout::VERBS_FLAG_SIGNALLED : 0;
    if (slot > 0) receive(1, slot);
    engine->submit(slot > 0 ? 2 : 1);
  }

  // The slot of the message that has come.
  uint32_t take() {
    uint32_t slot = 0;
    while (slot == 0) {
      usleep(kWire_us);
      engine->drain();
      read([&](const ring::Record& record) {
        if (record.type != layout::RECORD_VERBS_COMPLETION) return;
        auto* completion = reinterpret_cast<const layout::VerbsCompletion*>(record.payload);
        if (completion->op == layout::VERBS_OP_RECEIVE) slot = completion->cookie;
      });
    }
    return slot;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  End near, far;
  int listener = far.engine->listen(AF_INET, "127.0.0.1", 0, 4, false);
  if (listener < 0) fail("listen", listener);
  auto port = static_cast<uint16_t>(far.engine->listenerPort(static_cast<uint32_t>(listener)));
  near.connection = static_cast<uint32_t>(near.engine->resolve(AF_INET, "127.0.0.1", 0, "127.0.0.1", port, 2000));
  near.await(layout::VERBS_CM_ADDRESS_RESOLVED);
  near.engine->resolveRoute(near.connection, 2000);
  near.await(layout::VERBS_CM_ROUTE_RESOLVED);
  near.prepare();
  if (int error = near.engine->connect(near.connection, nullptr, 0)) fail("connect", error);
  far.connection = far.await(layout::VERBS_CM_CONNECT_REQUEST).connection;
  far.prepare();
  if (int error = far.engine->accept(far.connection, nullptr, 0)) fail("accept", error);
  near.await(layout::VERBS_CM_ESTABLISHED, &far);
  far.await(layout::VERBS_CM_ESTABLISHED);
  uint32_t slot = 0;
  for (long i = atol(argv[1]); i > 0; i--) {
    near.send(slot);
    far.send(far.take());
    slot = near.take();
  }
  near.engine->close();
  far.engine->close();
  return 0;
}
