// Role "litmus": two sides hand a turn to and fro, in bursts with random gaps, and sleep after spinning for 1 us, so
// that publishing and falling asleep meet again and again. A wake-up that never comes is a failure. As in
// test/fixtures/ring-litmus.ts.
#pragma once

#include "stress.h"
#include "wake.h"

namespace arena {

constexpr uint32_t kTurn = layout::RECORD_PRIVATE;  // Record types: the last of a burst,
constexpr uint32_t kMore = kTurn + 1;               // and those before it.
constexpr uint32_t kPayloadBytes = 24;
constexpr uint32_t kSmallBytes = 256;
constexpr double kSpin_s = 1e-6;
constexpr int kNap_ms = 10;       // How long to sleep before looking whether something is wrong.
constexpr int kGrace_ms = 5'000;  // How late a wake-up may be: its sender may have been put aside by the kernel.

class Litmus {
 public:
  // `side` 0 begins. `fd`: its end of the socket pair.
  Litmus(uint8_t* base, uint32_t side, uint32_t seed, int fd)
      : base_(base),
        side_(side),
        fd_(fd),
        producer_({prodOf(side), consOf(side), dataOf(side), kSmallBytes}),
        consumer_({prodOf(1 - side), consOf(1 - side), dataOf(1 - side), kSmallBytes}),
        sleeper_(wordAt(base, kEpochs + 128 * side)),
        waker_(wordAt(base, kEpochs + 128 * (1 - side))),
        random_(seed + side) {}

  // Ends when both sides have slept `sleeps` times, or after `limit_ms`.
  Result run(uint64_t sleeps, double limit_ms) {
    double end_s = now_s() + limit_ms * 1e-3;
    bool isMyTurn = side_ == 0;
    while (result_.isOk && !isStopped()) {
      isMyTurn = isMyTurn ? !sendBurst() : receiveBurst();
      ring::storeWord(sleepsOf(side_), static_cast<uint32_t>(result_.sleeps));
      bool isEnough = result_.sleeps >= static_cast<double>(sleeps) && ring::loadWord(sleepsOf(1 - side_)) >= sleeps;
      if (isEnough || now_s() > end_s) break;
    }
    ring::storeWord(wordAt(base_, kStop), 1);
    sendWake(fd_);
    return result_;
  }

 private:
  uint32_t* prodOf(uint32_t direction) { return asWord(&cellOf(base_, direction, false)->prod); }
  uint32_t* consOf(uint32_t direction) { return asWord(&cellOf(base_, direction, true)->cons); }
  uint8_t* dataOf(uint32_t direction) { return base_ + kSmallRings + 1024 * direction; }
  bool isStopped() { return ring::loadWord(wordAt(base_, kStop)) != 0; }

  // A word for the harness alone.
  uint32_t* waitsOf(uint32_t side) { return wordAt(base_, kWaits + 4 * side); }
  uint32_t* sleepsOf(uint32_t side) { return wordAt(base_, kSleeps + 4 * side); }

  // Keeps the processor busy for a random time: mostly about as long as the other side spins, sometimes much longer.
  void pause() {
    uint32_t r = random_.next();
    double end_s = now_s() + ((r & 31) == 0 ? 60e-6 : 3e-6) * (r >> 16) / 65536;
    while (now_s() < end_s) {
    }
  }

  void wakeOther() {
    if (waker_.isDue() && !sendWake(fd_)) result_.fail("can't send");
  }

  void commit() {
    if (consumer_.isCommitted()) return;
    consumer_.commit();
    wakeOther();
    awaitNoticed();
  }

  // True when the last record, which hands the turn over, is out. A burst either goes in step with the receiver, so
  // that no later record makes good for a lost wake-up, or floods him, so that the sender sleeps for lack of room.
  bool sendBurst() {
    bool isFlood = (random_.next() & 3) == 0;
    uint32_t count = 1 + random_.next() % 32;
    for (uint32_t i = 1; i <= count; i++) {
      if (!isFlood) pause();
      ring::Producer::Claim claim{};
      auto hasRoom = [&] {
        claim = producer_.claim(kPayloadBytes, kPayloadBytes);
        return claim.status == ring::Status::kOk;
      };
      if (!hasRoom() && !waitForRoom(hasRoom)) return false;
      memcpy(claim.payload, &sent_, sizeof sent_);
      sent_++;
      producer_.commit(i == count ? kTurn : kMore, kPayloadBytes);
      producer_.publish();
      wakeOther();
      if (!isFlood && !awaitConsumed()) return false;
    }
    return true;
  }

  // As waitUntil; and tells the receiver which position we wait for, so that he can go in step with us.
  template <typename Condition>
  bool waitForRoom(Condition hasRoom) {
    ring::storeWord(waitsOf(side_), producer_.needPosition(kPayloadBytes) | 1);
    bool isThere = waitUntil(hasRoom);
    ring::storeWord(waitsOf(side_), 0);
    return isThere;
  }

  // Waits, awake, until a sender who waits for room has noticed it if there is enough now.
  void awaitNoticed() {
    uint32_t waits = ring::loadWord(waitsOf(1 - side_));
    if ((waits & 1) == 0 || static_cast<int32_t>(consumer_.position() - (waits & ~15u)) < 0) return;
    double end_s = now_s() + kGrace_ms * 1e-3;
    while (ring::loadWord(waitsOf(1 - side_)) == waits && !isStopped()) {
      if (now_s() > end_s) return void(result_.fail("lost wake-up for room"));
    }
  }

  // Waits, awake, until the receiver has everything.
  bool awaitConsumed() {
    double end_s = now_s() + kGrace_ms * 1e-3;
    while (producer_.reloadConsumed() == ring::Status::kOk && !producer_.isDrained()) {
      if (isStopped()) return false;
      if (now_s() > end_s) return result_.fail("lost wake-up"), false;
    }
    return true;
  }

  // True when the turn came.
  bool receiveBurst() {
    bool isTurn = false;
    while (!isTurn) {
      if (!waitUntil([&] { return consumer_.reload() == ring::Status::kOk; })) return false;
      ring::Record record;
      while (consumer_.next(&record) == ring::Status::kOk) {
        uint32_t number;
        memcpy(&number, record.payload, sizeof number);
        if (number != received_) return result_.fail("records out of order"), false;
        received_++;
        result_.records++;
        isTurn = record.type == kTurn;
        if ((random_.next() & 3) == 0) pause();
        if (consumer_.release()) commit();
      }
      commit();
    }
    return true;
  }

  // Spins for 1 us, then sleeps until `condition` holds. False when the test is over.
  template <typename Condition>
  bool waitUntil(Condition condition) {
    for (;;) {
      double end_s = now_s() + kSpin_s;
      do {
        if (condition()) return true;
      } while (now_s() < end_s);
      sleeper_.prepare();
      bool isReady = condition();
      if (!isReady && !isStopped()) sleep(condition);
      sleeper_.awake();
      if (isReady) return true;
      if (isStopped() || !result_.isOk) return false;
    }
  }

  template <typename Condition>
  void sleep(Condition condition) {
    result_.sleeps++;
    while (!waitForWake(fd_, kNap_ms)) {
      if (isStopped()) return;
      if (!condition()) continue;
      if (!waitForWake(fd_, kGrace_ms) && !isStopped()) result_.fail("lost wake-up");
      return;
    }
  }

  uint8_t* base_;
  uint32_t side_;
  int fd_;
  ring::Producer producer_;
  ring::Consumer consumer_;
  ring::Sleeper sleeper_;
  ring::Waker waker_;
  Random random_;
  uint32_t sent_ = 0;
  uint32_t received_ = 0;
  Result result_;
};

}  // namespace arena
