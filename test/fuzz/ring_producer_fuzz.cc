// The writing end of a ring beside a consumer that says anything about how far it is. Whatever it says, no record is
// written outside the ring, nor over one that it has not consumed.
#include <deque>

#include "input.h"
#include "rings.h"

namespace {

constexpr uint32_t kReserve = layout::RECORD_ALIGN;

// A record as it must stand in memory.
struct Written {
  uint32_t position;
  uint32_t type;
  uint32_t length;
  const uint8_t* header;
  uint8_t fill;
};

class Writer {
 public:
  explicit Writer(fuzz::Rings* rings) : rings_(rings), producer_(begin()) { forget(); }

  void write(uint32_t least, uint32_t most, uint32_t kept, uint8_t fill) {
    look();
    auto claim = producer_.claim(least, most);
    if (claim.status == ring::Status::kTooLarge) {
      REQUIRE(least > producer_.payloadLimit());
    } else if (claim.status == ring::Status::kFull) {
      uint32_t consumed = *rings_->cons;
      REQUIRE(producer_.position() - consumed >= capacity() / 2);
      REQUIRE(static_cast<int32_t>(producer_.needPosition(least) - consumed) > 0);
      REQUIRE(!producer_.commit(layout::RECORD_DATA, 0));
    } else if (claim.status == ring::Status::kCorrupt) {
      restart();
    } else {
      check(claim, least, most);
      REQUIRE(!producer_.commit(layout::RECORD_DATA, claim.room + 1));
      uint32_t length = claim.room == 0 ? 0 : kept % (claim.room + 1);
      memset(claim.payload, fill, claim.room);
      note(layout::RECORD_DATA, length, claim.payload - ring::kHeaderBytes, fill);
      REQUIRE(producer_.commit(layout::RECORD_DATA, length));
    }
    look();
  }

  void publish() {
    producer_.publish();
    REQUIRE(*rings_->prod == producer_.position());
    look();
  }

  // Goes on in the next larger slot, which nobody reads yet.
  void grow() {
    if (slot_ + 1 >= fuzz::kSlotCount) return;
    const uint8_t* header = memory() + (producer_.position() & (capacity() - 1));
    slot_++;
    note(layout::RECORD_SWITCH, sizeof slot_, header, 0);
    REQUIRE(producer_.writeSwitch(slot_));
    producer_.rebase(memory(), capacity());
    look();
  }

  // Goes on anywhere, if everything is consumed.
  void move(uint32_t slot) {
    look();
    if (producer_.reloadConsumed() != ring::Status::kOk) return restart();
    if (!producer_.isDrained()) return;
    REQUIRE(records_.empty());
    slot_ = slot;
    producer_.rebase(memory(), capacity());
  }

  uint32_t position() const { return producer_.position(); }

 private:
  ring::Producer begin() {
    slot_ = 0;
    return ring::Producer({rings_->prod, rings_->cons, memory(), capacity()}, kReserve);
  }

  // A ring found corrupt ends its connection; another begins on the same words, if the other end has mended its own.
  void restart() {
    producer_ = begin();
    forget();
  }

  void forget() {
    records_.clear();
    floor_ = *rings_->prod - capacity();
    look();
  }

  void note(uint32_t type, uint32_t length, const uint8_t* header, uint8_t fill) {
    records_.push_back({producer_.position(), type, length, header, fill});
  }

  void check(const ring::Producer::Claim& claim, uint32_t least, uint32_t most) {
    const uint8_t* data = memory();
    REQUIRE(claim.room >= least && claim.room <= most);
    REQUIRE(claim.room <= producer_.payloadLimit());
    REQUIRE(claim.payload >= data + ring::kHeaderBytes && claim.payload + claim.room <= data + capacity());
    REQUIRE(static_cast<size_t>(claim.payload - data) % layout::RECORD_ALIGN == ring::kHeaderBytes);
  }

  // What the consumer may have consumed by its own word is given up; the rest must stand as it was written. `floor_` is
  // the furthest position that it has ever been allowed to name: what the producer believes is never ahead of it.
  void look() {
    uint32_t consumed = *rings_->cons;
    bool isPossible = consumed - floor_ <= *rings_->prod - floor_ && consumed % layout::RECORD_ALIGN == 0;
    if (isPossible) floor_ = consumed;
    while (!records_.empty() && static_cast<int32_t>(records_.front().position - floor_) < 0) records_.pop_front();
    for (const Written& record : records_) {
      layout::RecordHeader header;
      memcpy(&header, record.header, sizeof header);
      REQUIRE(header.type == record.type && header.length == record.length);
      if (record.type != layout::RECORD_DATA) continue;
      for (uint32_t i = 0; i < record.length; i++) REQUIRE(record.header[sizeof header + i] == record.fill);
    }
  }

  uint8_t* memory() { return rings_->data(slot_); }
  uint32_t capacity() const { return rings_->capacity(slot_); }

  fuzz::Rings* rings_;
  uint32_t slot_ = 0;
  ring::Producer producer_;
  std::deque<Written> records_;
  uint32_t floor_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t length) {
  fuzz::Input input(data, length);
  fuzz::Rings rings(input.word() & ~(layout::RECORD_ALIGN - 1));
  Writer writer(&rings);
  uint8_t serial = 0;
  while (!input.isDone()) {
    switch (input.below(7)) {
      case 0:
        *rings.cons = *rings.prod - input.byte() * layout::RECORD_ALIGN;
        break;
      case 1:
        // Between records, or anywhere.
        *rings.cons = input.below(2) == 0 ? *rings.prod - input.byte() : input.word();
        break;
      case 2:
        *rings.cons = *rings.prod;
        break;
      case 3: {
        uint32_t least = input.byte();
        writer.write(least, least + input.byte(), input.byte(), ++serial);
        break;
      }
      case 4:
        writer.publish();
        break;
      case 5:
        writer.grow();
        break;
      default:
        writer.move(input.below(fuzz::kSlotCount));
    }
  }
  return 0;
}
