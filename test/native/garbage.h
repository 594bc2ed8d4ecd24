// Roles "garbage-produce" and "garbage-consume" write nonsense into every word that they own; "survive-consume" and
// "survive-produce" are the honest other end, which must get clean errors and touch nothing out of range.
// As in test/fixtures/ring-garbage.ts.
#pragma once

#include "stress.h"

namespace arena {

// Runs `step` until `duration_ms` have passed, or the other end says stop.
template <typename Step>
void repeatFor(uint8_t* base, uint64_t duration_ms, Step step) {
  double end_s = now_s() + static_cast<double>(duration_ms) * 1e-3;
  while (ring::loadWord(wordAt(base, kStop)) == 0 && now_s() < end_s) {
    for (int i = 0; i < 256; i++) step();
  }
}

// A hostile producer: positions and headers that are now plausible, now not.
inline Result garbageProduce(uint8_t* base, uint32_t seed, uint64_t duration_ms) {
  Result result;
  Random random(seed);
  layout::Cell* cell = cellOf(base, 0, false);
  uint32_t* cons = asWord(&cellOf(base, 0, true)->cons);
  repeatFor(base, duration_ms, [&] {
    uint32_t a = random.next();
    uint32_t b = random.next();
    uint32_t near = ring::loadWord(cons);
    uint32_t slot = (a >> 4) % kSlotCount;
    uint32_t at = kSlotOffset[slot] + (((a & 16) != 0 ? near : b) & (kSlotBytes[slot] - 1) & ~15u);
    const uint32_t lengths[4] = {b, b & 127, b & 4095, 0u - (b & 127)};
    const uint32_t types[4] = {b, layout::RECORD_DATA, layout::RECORD_PADDING, layout::RECORD_SWITCH};
    __atomic_store_n(wordAt(base, at), lengths[a >> 8 & 3], __ATOMIC_RELAXED);
    __atomic_store_n(wordAt(base, at + 4), types[a >> 10 & 3], __ATOMIC_RELAXED);
    __atomic_store_n(wordAt(base, at + 8), (a & 8) != 0 ? b : b % kSlotCount, __ATOMIC_RELAXED);
    const uint32_t positions[4] = {b, near + (b & 0xfff0), near + (b & 0xff0), near + (b & 0xff)};
    ring::storeWord(asWord(&cell->prod), positions[a >> 12 & 3]);
    __atomic_store_n(&cell->slot, (a & 4) != 0 ? b : b % kSlotCount, __ATOMIC_RELAXED);
    __atomic_store_n(&cell->slotSeq, b, __ATOMIC_RELAXED);
    result.records++;
  });
  return result;
}

// A hostile consumer.
inline Result garbageConsume(uint8_t* base, uint32_t seed, uint64_t duration_ms) {
  Result result;
  Random random(seed);
  uint32_t* cons = asWord(&cellOf(base, 0, true)->cons);
  uint32_t* prod = asWord(&cellOf(base, 0, false)->prod);
  repeatFor(base, duration_ms, [&] {
    uint32_t a = random.next();
    uint32_t b = random.next();
    uint32_t near = ring::loadWord(prod);
    const uint32_t positions[4] = {b, near - (b & 0xfff0), near - (b & 0xff0), near};
    ring::storeWord(cons, positions[a & 3]);
    result.records++;
  });
  return result;
}

inline Result surviveConsume(uint8_t* base, uint32_t, uint64_t duration_ms) {
  Result result;
  ring::ConsumerMemory memory = consumerMemory(base);
  ring::Consumer consumer(memory, kSlotBytes[kSlotCount - 1]);
  uint32_t slot = 0;
  auto goTo = [&](uint32_t to) {
    if (to >= kSlotCount) return ring::Status::kCorrupt;
    slot = to;
    return consumer.rebase(base + kSlotOffset[to], kSlotBytes[to]);
  };
  auto visit = [&]() -> ring::Status {
    ring::Status status = consumer.reload();
    if (status == ring::Status::kOk) status = goTo(__atomic_load_n(&cellOf(base, 0, false)->slot, __ATOMIC_RELAXED));
    ring::Record record;
    while (status == ring::Status::kOk && (status = consumer.next(&record)) == ring::Status::kOk) {
      size_t offset = static_cast<size_t>(record.payload - base - kSlotOffset[slot]);
      if (offset + record.length > kSlotBytes[slot]) result.fail("out of range");
      result.records++;
      uint32_t to = slot;
      if (record.type == layout::RECORD_SWITCH && record.length >= 4) {
        to = ring::loadWord(reinterpret_cast<const uint32_t*>(record.payload));
      }
      if (consumer.release()) consumer.commit();
      if (to != slot) status = goTo(to);
    }
    consumer.commit();
    return status;
  };
  repeatFor(base, duration_ms, [&] {
    if (visit() != ring::Status::kCorrupt) return;
    result.errors++;
    // The connection would be lost now; begin another on the same words.
    memory.data = base + kSlotOffset[0];
    memory.capacity = kSlotBytes[0];
    slot = 0;
    consumer = ring::Consumer(memory, kSlotBytes[kSlotCount - 1]);
  });
  return result;
}

inline Result surviveProduce(uint8_t* base, uint32_t seed, uint64_t duration_ms) {
  Result result;
  Random random(seed);
  ring::ProducerMemory memory = producerMemory(base);
  ring::Producer producer(memory, layout::RECORD_ALIGN);
  repeatFor(base, duration_ms, [&] {
    uint32_t least = random.next() % (producer.payloadLimit() + 1);
    auto claim = producer.claim(least, least + random.next() % 512);
    if (claim.status == ring::Status::kCorrupt) {
      result.errors++;
      producer = ring::Producer(memory, layout::RECORD_ALIGN);
    } else if (claim.status == ring::Status::kOk) {
      size_t offset = static_cast<size_t>(claim.payload - memory.data);
      if (offset + claim.room > memory.capacity || claim.room < least) result.fail("out of range");
      memset(claim.payload, 0x5a, claim.room);
      if (!producer.commit(layout::RECORD_DATA, claim.room)) result.fail("commit refused");
      producer.publish();
      result.records++;
    }
  });
  return result;
}

}  // namespace arena
