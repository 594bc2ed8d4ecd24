// The dedicated poller and its slots, with threads that sleep on a condition instead of an event loop.
#include "../../native/reactor/dedicated_poller.cc"
#include "../../native/reactor/idle.cc"
#include "../../native/reactor/poller_slot.cc"

#include <thread>

#include "check.h"

using sanswitch::DedicatedPoller;
using sanswitch::IdleStrategy;
using sanswitch::PollerSlot;

namespace {

constexpr int kLimit_s = 20;

// A thread that sleeps, and is woken by the poller, or, while that sleeps too, by its peer (kicked by its epoch).
struct Sleeper {
  std::mutex mutex;
  std::condition_variable condition;
  bool isWoken = false;
  alignas(128) int32_t word = 0;   // The peer writes it.
  alignas(128) int32_t epoch = 0;  // The peer reads it.
  int32_t seen = 0;
  std::shared_ptr<PollerSlot> slot;

  Sleeper() {
    slot = std::make_shared<PollerSlot>([](void* self) { static_cast<Sleeper*>(self)->wake(); }, this);
    slot->spinBudgetNs = 20000;
  }

  void wake() {
    std::lock_guard<std::mutex> lock(mutex);
    isWoken = true;
    condition.notify_one();
  }

  // Sleeps until `word` differs from `seen`. False: nobody woke it in time.
  bool await() {
    for (;;) {
      int32_t value = __atomic_load_n(&word, __ATOMIC_ACQUIRE);
      if (value != seen) {
        seen = value;
        return true;
      }
      slot->next().words.push_back({&word, seen});
      slot->next().epochs.push_back(&epoch);
      slot->fallAsleep();
      DedicatedPoller::instance().signal();
      {
        std::unique_lock<std::mutex> lock(mutex);
        bool isInTime = condition.wait_for(lock, std::chrono::seconds(kLimit_s), [this] { return isWoken; });
        isWoken = false;
        lock.unlock();
        slot->takeBack();
        slot->takeRecords();
        if (!isInTime) return false;
      }
      if ((__atomic_load_n(&epoch, __ATOMIC_SEQ_CST) & 1) != 0) return false;
    }
  }

  // The peer's half: publish, then look whether a wake-up is due.
  void publish(int32_t value, int32_t* wokenEpoch) {
    __atomic_store_n(&word, value, __ATOMIC_SEQ_CST);
    int32_t now = __atomic_load_n(&epoch, __ATOMIC_SEQ_CST);
    if ((now & 1) == 0 || now == *wokenEpoch) return;
    *wokenEpoch = now;
    wake();
  }
};

// Two threads hand a number to and fro, both polled for by the dedicated poller. How far they came.
int32_t handOver(IdleStrategy strategy, uint32_t spinBudgetNs, int32_t rounds) {
  Sleeper left, right;
  left.slot->spinBudgetNs = right.slot->spinBudgetNs = spinBudgetNs;
  DedicatedPoller& poller = DedicatedPoller::instance();
  if (poller.join(left.slot, strategy) != 0 || poller.join(right.slot, strategy) != 0) return -1;
  std::atomic<int32_t> reached{0};
  std::thread other([&] {
    int32_t woken = 0;
    for (int32_t i = 1; i <= rounds && right.await(); i++) left.publish(i, &woken);
  });
  int32_t woken = 0;
  for (int32_t i = 1; i <= rounds; i++) {
    right.publish(i, &woken);
    if (!left.await()) break;
    reached = i;
  }
  if (reached != rounds) {
    // Lets the other thread go.
    for (int32_t i = 0; i < 2; i++) right.publish(-1 - i, &woken), right.wake();
  }
  other.join();
  poller.leave(left.slot);
  poller.leave(right.slot);
  return reached;
}

}  // namespace

TEST(blocking, "blocking: no wake-up is lost, with and without spinning") {
  CHECK(handOver(IdleStrategy::kBlocking, 0, 3000) == 3000);
  CHECK(handOver(IdleStrategy::kBlocking, 2000, 3000) == 3000);
  CHECK(handOver(IdleStrategy::kBlocking, 50000, 3000) == 3000);
}

TEST(eager, "back-off, yield, spin: peers need not wake anybody") {
  CHECK(handOver(IdleStrategy::kBackOff, 0, 1000) == 1000);
  CHECK(handOver(IdleStrategy::kYield, 0, 1000) == 1000);
  CHECK(handOver(IdleStrategy::kSpin, 0, 1000) == 1000);
}

TEST(membership, "threads join and leave while others are polled for") {
  Sleeper steady;
  DedicatedPoller& poller = DedicatedPoller::instance();
  CHECK(poller.join(steady.slot, IdleStrategy::kBlocking) == 0);
  std::thread churn([&] {
    for (int i = 0; i < 300; i++) {
      auto sleeper = std::make_unique<Sleeper>();
      poller.join(sleeper->slot, IdleStrategy::kBlocking);
      sleeper->slot->next().words.push_back({&sleeper->word, i % 2});
      sleeper->slot->next().epochs.push_back(&sleeper->epoch);
      sleeper->slot->fallAsleep();
      poller.signal();
      // Gone at once, asleep or just woken: nothing of it may be touched any more.
      sleeper->slot->takeBack();
      poller.leave(sleeper->slot);
    }
  });
  int32_t woken = 0;
  std::thread peer([&] {
    for (int32_t i = 1; i <= 300; i++) {
      steady.publish(i, &woken);
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  });
  while (steady.seen != 300) {
    if (!steady.await()) break;
  }
  CHECK(steady.seen == 300);
  churn.join();
  peer.join();
  poller.leave(steady.slot);
}

TEST(left, "one that leaves does not keep those that stay from being polled for") {
  DedicatedPoller& poller = DedicatedPoller::instance();
  Sleeper stays, goes;
  CHECK(poller.join(stays.slot, IdleStrategy::kBlocking) == 0);
  for (int32_t i = 1; i <= 20; i++) {
    CHECK(poller.join(goes.slot, IdleStrategy::kBlocking) == 0);
    // The poller blocks now.
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    poller.leave(goes.slot);
    int32_t woken = 0;
    std::thread peer([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      stays.publish(i, &woken);
    });
    CHECK(stays.await());
    peer.join();
  }
  poller.leave(stays.slot);
}

TEST(records, "each changed word is a record, and a full ring loses no wake-up") {
  Sleeper sleeper;
  int32_t words[400] = {};
  for (int32_t& word : words) {
    word = 1;
    sleeper.slot->next().words.push_back({&word, 0});
  }
  sleeper.slot->next().words.push_back({&sleeper.word, 0});
  sleeper.slot->fallAsleep();
  CHECK(sleeper.slot->poll());
  CHECK(sleeper.isWoken);
  size_t records = sleeper.slot->takeRecords();
  CHECK(records > 100 && records < 400);
  CHECK(sleeper.slot->takeRecords() == 0);
  // Whoever has been woken is left alone.
  CHECK(!sleeper.slot->poll());
  CHECK(!sleeper.slot->announceSleep());
  sleeper.slot->takeBack();
}

TEST_MAIN()
