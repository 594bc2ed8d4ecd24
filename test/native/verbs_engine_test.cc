// The RDMA engine over the fake libraries, with real threads: messages, a poller beside it, moves, the end.
#include "../../native/tcp/address.cc"
#include "../../native/verbs/arena.cc"
#include "../../native/verbs/async_events.cc"
#include "../../native/verbs/completion_queue.cc"
#include "../../native/verbs/completion_ring.cc"
#include "../../native/verbs/connection.cc"
#include "../../native/verbs/connection_table.cc"
#include "../../native/verbs/device.cc"
#include "../../native/verbs/device_use.cc"
#include "../../native/verbs/engine.cc"
#include "../../native/verbs/engine_connect.cc"
#include "../../native/verbs/engine_events.cc"
#include "../../native/verbs/engine_prepare.cc"
#include "../../native/verbs/engine_transit.cc"
#include "../../native/verbs/library.cc"
#include "../../native/verbs/memory.cc"
#include "../../native/verbs/segment.cc"
#include "../../native/verbs/shared_receives.cc"
#include "../../native/verbs/submit.cc"
#include "../../native/verbs/transit.cc"
#include <chrono>

#include "verbs_engine_fixture.h"

using namespace fixture;

namespace {

constexpr uint32_t kDepth = 16;
constexpr uint32_t kReceives = 8;

// Sends numbered messages, never more under way than receives stand at the other end.
class Sender {
 public:
  Sender(Seat* seat, uint32_t connection) : seat_(seat), connection_(connection) {}

  void send(uint32_t number) {
    uint32_t slot = number % kReceives;
    memcpy(seat_->slot(slot), &number, sizeof number);
    seat_->submit(connection_, layout::VERBS_OP_SEND, slot, sizeof number);
  }

 private:
  Seat* const seat_;
  const uint32_t connection_;
};

// Reads numbered messages and counts those that are not the next one.
struct Numbers {
  uint32_t next = 0;
  uint32_t wrong = 0;

  void read(Seat* seat, const layout::VerbsCompletion& completion) {
    uint32_t number = 0;
    memcpy(&number, seat->slot(completion.cookie), sizeof number);
    if (completion.length != sizeof number || number != next) wrong++;
    next++;
  }
};

bool isMessage(const layout::VerbsCompletion& completion) {
  return completion.op == layout::VERBS_OP_RECEIVE && completion.status == layout::VERBS_STATUS_OK;
}

}  // namespace

TEST(echo, "messages of two engines in one thread arrive in order, whoever drains") {
  {
    Seat one, two;
    Line line(&one, &two, kDepth);
    std::atomic<bool> isOver{false};
    // As the dedicated poller does it, also while the owner is awake.
    std::thread poller([&, sources = std::vector{one.source(), two.source()}] {
      while (!isOver.load()) {
        for (const auto& source : sources) source->drain();
        std::this_thread::yield();
      }
    });
    Sender there(&one, line.client), back(&two, line.server);
    Numbers forth, home;
    for (uint32_t i = 0; i < kReceives; i++) {
      one.receive(line.client, 100 + i);
      two.receive(line.server, 100 + i);
    }
    two.onCompletion = [&](const auto& completion) {
      if (!isMessage(completion)) return;
      forth.read(&two, completion);
      two.receive(line.server, completion.cookie);
      back.send(forth.next - 1);
    };
    constexpr uint32_t kRounds = 2000;
    one.onCompletion = [&](const auto& completion) {
      if (!isMessage(completion)) return;
      home.read(&one, completion);
      one.receive(line.client, completion.cookie);
      if (home.next < kRounds) there.send(home.next);
    };
    there.send(0);
    for (int i = 0; i < 200000 && home.next < kRounds; i++) {
      one.turn(0);
      two.turn(0);
    }
    isOver = true;
    poller.join();
    CHECK(home.next == kRounds);
    CHECK(home.wrong == 0 && forth.wrong == 0);
  }
  CHECK(control("live") == 0);
}

TEST(wake, "a thread that sleeps is woken by what comes, every time") {
  {
    constexpr uint32_t kRounds = 300;
    // Far longer than all of it takes on a busy machine.
    constexpr int kSleepMs = 30000;
    std::atomic<int> port{0};
    Numbers numbers;
    std::thread server([&] {
      Seat seat;
      int listener = seat.engine().listen(AF_INET, "127.0.0.1", 0, 8, false);
      port = seat.engine().listenerPort(listener);
      uint32_t connection = seat.event(layout::VERBS_CM_CONNECT_REQUEST);
      seat.prepare(connection, kDepth);
      for (uint32_t i = 0; i < kReceives; i++) seat.receive(connection, 100 + i);
      CHECK(seat.engine().accept(connection, nullptr, 0) == 0);
      Sender back(&seat, connection);
      seat.onCompletion = [&](const auto& completion) {
        if (!isMessage(completion)) return;
        numbers.read(&seat, completion);
        seat.receive(connection, completion.cookie);
        back.send(numbers.next - 1);
      };
      // Sleeps until it is woken: a wake-up that is lost makes the test late.
      while (numbers.next < kRounds) seat.turn(kSleepMs);
      seat.event(layout::VERBS_CM_DISCONNECTED);
    });
    Seat seat;
    while (port == 0) std::this_thread::yield();
    uint32_t connection = seat.resolve(static_cast<uint16_t>(port), kDepth);
    for (uint32_t i = 0; i < kReceives; i++) seat.receive(connection, 100 + i);
    CHECK(seat.engine().connect(connection, nullptr, 0) == 0);
    CHECK(seat.event(layout::VERBS_CM_ESTABLISHED) == connection);
    Sender there(&seat, connection);
    Numbers home;
    seat.onCompletion = [&](const auto& completion) {
      if (!isMessage(completion)) return;
      home.read(&seat, completion);
      seat.receive(connection, completion.cookie);
      if (home.next < kRounds) there.send(home.next);
    };
    auto start = std::chrono::steady_clock::now();
    there.send(0);
    auto isInTime = [&] { return std::chrono::steady_clock::now() - start < std::chrono::milliseconds(kSleepMs); };
    while (home.next < kRounds && isInTime()) seat.turn(kSleepMs);
    CHECK(home.next == kRounds && home.wrong == 0);
    // None of them can have waited for the end of a sleep.
    CHECK(isInTime());
    CHECK(seat.engine().disconnect(connection) == 0);
    server.join();
  }
  CHECK(control("live") == 0);
}

// A connection that two threads pass to and fro, and what they have in common.
struct Passing {
  static constexpr uint32_t kMessages = 3000;
  static constexpr uint32_t kPerStay = 50;

  Numbers numbers;
  std::atomic<uint32_t> read{0};
  // It leaves a thread when it is quiet; from then on, so while nobody has it, the next ones may come.
  std::atomic<uint32_t> allowed{kPerStay};
  std::atomic<uint64_t> tokens[2] = {};
  std::atomic<int> port{0};

  bool isOver() const { return read >= kMessages; }
};

// One of the two.
class Stay {
 public:
  Stay(Passing* passing, int me) : passing_(passing), me_(me) {
    for (uint32_t i = 0; i < 64; i++) free_.push_back(100 + i);
    seat_.onCompletion = [this](const auto& completion) { completed(completion); };
  }

  // The first one accepts it.
  void accept() {
    int listener = seat_.engine().listen(AF_INET, "127.0.0.1", 0, 8, false);
    passing_->port = seat_.engine().listenerPort(listener);
    connection_ = seat_.event(layout::VERBS_CM_CONNECT_REQUEST);
    seat_.prepare(connection_, kDepth);
    for (uint32_t i = 0; i < kReceives; i++) seat_.receive(connection_, take());
    CHECK(seat_.engine().accept(connection_, nullptr, 0) == 0);
  }

  void run() {
    while (!passing_->isOver()) {
      if (connection_ == 0 && passing_->tokens[me_] != 0) attach(passing_->tokens[me_].exchange(0));
      seat_.turn(1);
      if (connection_ != 0 && passing_->read >= passing_->allowed && !passing_->isOver()) detach();
    }
  }

 private:
  void completed(const layout::VerbsCompletion& completion) {
    if (completion.status == layout::VERBS_STATUS_SLOT_BACK) free_.push_back(completion.cookie);
    if (!isMessage(completion)) return;
    passing_->numbers.read(&seat_, completion);
    free_.push_back(completion.cookie);
    seat_.receive(connection_, take());
    passing_->read = passing_->numbers.next;
  }

  uint32_t take() {
    uint32_t slot = free_.back();
    free_.pop_back();
    return slot;
  }

  void attach(uint64_t token) {
    int32_t slots[kReceives];
    for (auto& slot : slots) slot = static_cast<int32_t>(take());
    uint32_t taken = 0;
    int handle = seat_.engine().attach(token, slots, kReceives, &taken);
    CHECK(handle > 0 && taken == kReceives);
    connection_ = static_cast<uint32_t>(handle);
  }

  void detach() {
    uint64_t token = 0;
    CHECK(seat_.engine().detach(connection_, &token) == 0);
    connection_ = 0;
    passing_->allowed += Passing::kPerStay;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    passing_->tokens[1 - me_] = token;
  }

  Passing* const passing_;
  const int me_;
  Seat seat_;
  std::vector<uint32_t> free_;
  uint32_t connection_ = 0;
};

TEST(moves, "a connection that goes to and fro between two threads loses nothing") {
  {
    Passing passing;
    std::thread one([&] {
      Stay stay(&passing, 0);
      stay.accept();
      stay.run();
    });
    std::thread two([&] { Stay(&passing, 1).run(); });
    Seat client;
    while (passing.port == 0) std::this_thread::yield();
    uint32_t connection = client.resolve(static_cast<uint16_t>(passing.port), kDepth);
    CHECK(client.engine().connect(connection, nullptr, 0) == 0);
    CHECK(client.event(layout::VERBS_CM_ESTABLISHED) == connection);
    Sender sender(&client, connection);
    // A send has its place in the send queue until its completion is read, whatever the peer has read.
    uint32_t sent = 0, done = 0;
    client.onCompletion = [&](const auto& completion) {
      CHECK(completion.status == layout::VERBS_STATUS_OK);
      if (completion.op == layout::VERBS_OP_SEND) done++;
    };
    for (int i = 0; i < 100000 && !passing.isOver(); i++) {
      uint32_t limit = std::min({passing.kMessages, passing.allowed.load(), passing.read + kReceives, done + kDepth});
      while (sent < limit) sender.send(sent++);
      client.turn(1);
    }
    CHECK(passing.numbers.next == passing.kMessages && passing.numbers.wrong == 0);
    passing.read = passing.kMessages;
    one.join();
    two.join();
  }
  CHECK(control("live") == 0);
}

// A completion queue that the device fails: by each of the functions that it lives by, for good.
void loseQueue(const std::string& function) {
  Seat one, two;
  Line line(&one, &two, kDepth);
  uint32_t lost = 0;
  one.onCompletion = two.onCompletion = [&](const layout::VerbsCompletion& completion) {
    if (completion.status == layout::VERBS_STATUS_QUEUE_LOST) lost++;
  };
  two.receive(line.server, 100);
  // Both sleep, until something comes.
  one.turn(0);
  two.turn(0);
  CHECK(control("live cq") == 2);
  control("fail " + function + " 1 5 always");
  Sender(&one, line.client).send(0);
  for (int i = 0; i < 5000 && lost < 2; i++) {
    one.turn(0);
    two.turn(0);
  }
  CHECK(lost == 2);
  CHECK(one.engine().destroy(line.client) == 0);
  CHECK(two.engine().destroy(line.server) == 0);
  CHECK(control("live cq") == 0);
  control("reset");
  // What is made now is made anew.
  Line next(&one, &two, kDepth);
  two.receive(next.server, 101);
  bool hasArrived = false;
  two.onCompletion = [&](const auto& completion) { hasArrived = hasArrived || isMessage(completion); };
  Sender(&one, next.client).send(1);
  CHECK(two.until([&] {
    one.turn(0);
    return hasArrived;
  }));
}

TEST(lost, "a completion queue that fails is told of once, goes with its connections, and the next are served") {
  for (const char* function : {"ibv_poll_cq", "ibv_req_notify_cq", "ibv_get_cq_event"}) {
    loseQueue(function);
    CHECK(control("live") == 0);
  }
}

TEST(end, "an engine ends in the midst of everything, and nothing is left") {
  for (int round = 0; round < 20; round++) {
    Seat two;
    {
      Seat one;
      Line line(&one, &two, kDepth);
      for (uint32_t i = 0; i < kReceives; i++) one.receive(line.client, 100 + i);
      Sender there(&one, line.client);
      for (uint32_t i = 0; i < kReceives; i++) there.send(i);
      uint64_t token = 0;
      if (round % 2 == 0) CHECK(one.engine().detach(line.client, &token) == 0);
    }
    two.turn(0);
  }
  CHECK(control("live") == 0);
}

TEST(late, "nobody fetches a connection: it ends after two seconds, though who gave it is gone and all others sleep") {
  Seat client;
  Seat other;
  {
    Seat giver;
    Line line(&client, &giver, kDepth);
    uint64_t token = 0;
    CHECK(giver.engine().detach(line.server, &token) == 0);
  }
  auto isOver = [&] {
    for (const auto& cm : client.cms) {
      if (cm.event == layout::VERBS_CM_DISCONNECTED) return true;
    }
    return false;
  };
  uint64_t begin = sanswitch::nowNs();
  CHECK(!client.sleepUntil(1500, isOver));
  CHECK(client.sleepUntil(2000, isOver));
  // Whoever has ended it, the alarm is over for all: they sleep on.
  uint64_t end = sanswitch::nowNs();
  CHECK(end - begin < 3'000'000'000);
  other.sleepUntil(300, [] { return false; });
  int wakes = 0;
  other.sleepUntil(300, [&] { return ++wakes < 0; });
  CHECK(wakes <= 2);
}

TEST_MAIN()
