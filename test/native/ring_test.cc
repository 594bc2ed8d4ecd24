// The C++ ring alone, under the sanitizers: in memory of exactly its size, so that one byte too far is noticed.
#include <memory>

#include "arena.h"
#include "check.h"

namespace {

using namespace arena;
using ring::Status;

constexpr uint32_t kCapacity = 256;

// A ring whose data is an allocation of its own.
struct Ring {
  uint32_t prod;
  uint32_t cons;
  std::unique_ptr<uint8_t[]> data{new uint8_t[kCapacity]()};

  explicit Ring(uint32_t position = 0) : prod(position), cons(position) {}
  ring::Producer producer(uint32_t reserve = 0) {
    return ring::Producer({&prod, &cons, data.get(), kCapacity}, reserve);
  }
  ring::Consumer consumer() { return ring::Consumer({&prod, &cons, data.get(), kCapacity}); }
  void putHeader(uint32_t position, uint32_t length, uint32_t type) {
    layout::RecordHeader header{length, type};
    memcpy(data.get() + position % kCapacity, &header, sizeof header);
  }
};

}  // namespace

TEST(order, "records arrive once, in order and whole, wherever positions start") {
  for (uint32_t start : {0u, 0x7fffff00u, 0xffffff00u, 0xfffffff0u}) {
    Ring memory(start);
    auto producer = memory.producer();
    auto consumer = memory.consumer();
    Random random(start + 1);
    uint32_t sent = 0;
    uint32_t received = 0;
    while (received < 20'000) {
      uint32_t length = 4 + random.next() % 100;
      auto claim = producer.claim(length, length);
      CHECK(claim.status == Status::kOk || claim.status == Status::kFull);
      if (claim.status == Status::kOk) {
        memset(claim.payload, static_cast<int>(sent), length);
        memcpy(claim.payload, &sent, sizeof sent);
        CHECK(producer.commit(layout::RECORD_DATA, length));
        sent++;
      }
      producer.publish();
      if (claim.status == Status::kOk && random.next() % 2 == 0) continue;
      CHECK(consumer.reload() != Status::kCorrupt);
      ring::Record record{};
      while (consumer.next(&record) == Status::kOk) {
        uint32_t number;
        memcpy(&number, record.payload, sizeof number);
        CHECK(number == received);
        auto fill = static_cast<uint8_t>(number);
        for (uint32_t i = sizeof number; i < record.length; i++) CHECK(record.payload[i] == fill);
        received++;
        if (consumer.release()) consumer.commit();
      }
      consumer.commit();
    }
  }
}

TEST(switches, "a switch leads on to a larger ring with everything before it unharmed") {
  Ring memory;
  std::unique_ptr<uint8_t[]> larger(new uint8_t[4 * kCapacity]());
  auto producer = memory.producer(layout::RECORD_ALIGN);
  ring::Consumer consumer({&memory.prod, &memory.cons, memory.data.get(), kCapacity}, 4 * kCapacity);
  uint32_t before = 0;
  while (producer.claim(24, 24).status == Status::kOk && producer.commit(100, 24)) before++;
  CHECK(producer.writeSwitch(7));
  producer.rebase(larger.get(), 4 * kCapacity);
  CHECK(producer.claim(400, 400).status == Status::kOk);
  CHECK(producer.commit(101, 400));
  producer.publish();
  CHECK(consumer.reload() == Status::kOk);
  ring::Record record{};
  for (uint32_t i = 0; i < before; i++) {
    CHECK(consumer.next(&record) == Status::kOk && record.type == 100);
    consumer.release();
  }
  CHECK(consumer.next(&record) == Status::kOk && record.type == layout::RECORD_SWITCH);
  CHECK(record.payload[0] == 7);
  consumer.release();
  CHECK(consumer.rebase(larger.get(), 4 * kCapacity) == Status::kOk);
  CHECK(consumer.next(&record) == Status::kOk && record.type == 101 && record.length == 400);
  consumer.release();
  CHECK(consumer.next(&record) == Status::kEmpty);
}

TEST(garbage_headers, "headers of any content are refused or lie in the ring") {
  Random random(5);
  uint32_t refused = 0;
  for (int round = 0; round < 200'000; round++) {
    Ring memory(random.next() & ~15u);
    auto consumer = memory.consumer();
    uint32_t position = memory.cons;
    for (int i = 0; i < 4; i++) {
      uint32_t length = (random.next() & 1) != 0 ? random.next() % 130 : random.next();
      uint32_t type = (random.next() & 1) != 0 ? layout::RECORD_PADDING : random.next();
      memory.putHeader(position + (random.next() & 0xf0), length, type);
    }
    memory.prod = position + (random.next() & 0x1f0);
    Status status = consumer.reload();
    ring::Record record{};
    for (int i = 0; i < 64 && status == Status::kOk; i++) {
      status = consumer.next(&record);
      if (status != Status::kOk) break;
      // Every byte of it may be touched: the sanitizer looks on.
      uint32_t sum = 0;
      for (uint32_t j = 0; j < record.length; j++) sum += record.payload[j];
      CHECK(sum < 0x80000000u);
      consumer.release();
    }
    CHECK(status != Status::kOk);
    if (status == Status::kCorrupt) refused++;
  }
  CHECK(refused > 1'000);
}

TEST(garbage_positions, "a consumer's position of any value is refused or gives room in the ring") {
  Random random(6);
  uint32_t refused = 0;
  uint32_t granted = 0;
  Ring memory;
  auto producer = memory.producer();
  for (int round = 0; round < 200'000; round++) {
    memory.cons = (random.next() & 3) != 0 ? memory.prod - (random.next() & 0x1f0) : random.next();
    uint32_t least = random.next() % (kCapacity / 2);
    auto claim = producer.claim(least, least + random.next() % kCapacity);
    if (claim.status == Status::kOk) {
      memset(claim.payload, 0xff, claim.room);
      CHECK(producer.commit(layout::RECORD_DATA, claim.room));
      producer.publish();
      granted++;
    } else if (claim.status == Status::kCorrupt) {
      memory.cons = memory.prod;
      producer = memory.producer();
      refused++;
    }
  }
  CHECK(refused > 1'000 && granted > 1'000);
}

TEST(misuse, "mistakes of the caller are refused") {
  Ring memory;
  auto producer = memory.producer();
  CHECK(!producer.commit(1, 0));
  CHECK(producer.claim(kCapacity / 2 - 7, kCapacity).status == Status::kTooLarge);
  CHECK(producer.claim(8, 8).status == Status::kOk);
  CHECK(!producer.commit(1, 9));
  CHECK(producer.commit(1, 8));
  CHECK(!producer.commit(1, 8));
  CHECK(!producer.writeSwitch(1));
}

TEST_MAIN()
