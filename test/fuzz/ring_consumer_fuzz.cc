// The reading end of a ring beside a producer that writes anything anywhere: each input is a list of steps of both.
#include <memory>

#include "input.h"
#include "rings.h"

namespace {

// The reader under test, and what must hold of it.
class Reader {
 public:
  explicit Reader(fuzz::Rings* rings) : rings_(rings), consumer_(begin()) {}

  void reload() { judge(consumer_.reload()); }

  void next() {
    ring::Record record;
    uint32_t before = consumer_.position();
    ring::Status status = consumer_.next(&record);
    if (status == ring::Status::kOk) {
      check(record);
      if (consumer_.release()) commit();
      REQUIRE(consumer_.position() % layout::RECORD_ALIGN == 0);
    }
    REQUIRE(consumer_.position() - before <= rings_->capacity(slot_));
    judge(status);
  }

  void commit() {
    consumer_.commit();
    REQUIRE(consumer_.isCommitted());
    REQUIRE(*rings_->cons == consumer_.position());
  }

  // Goes on elsewhere, as told by the other side; never told so in the middle of a record.
  void rebase(uint32_t slot) {
    slot_ = slot;
    judge(consumer_.rebase(rings_->data(slot), rings_->capacity(slot)));
  }

  // The end of a connection: the next one with these words finds the ring drained.
  void discard() {
    uint32_t before = consumer_.position();
    if (consumer_.discard() == ring::Status::kOk) {
      REQUIRE(*rings_->cons - before <= fuzz::kLargest);
      REQUIRE(*rings_->cons % layout::RECORD_ALIGN == 0);
    }
    consumer_ = begin();
  }

  uint32_t position() const { return consumer_.position(); }
  uint32_t slot() const { return slot_; }

 private:
  ring::Consumer begin() {
    slot_ = 0;
    return ring::Consumer({rings_->prod, rings_->cons, rings_->data(0), rings_->capacity(0)}, fuzz::kLargest);
  }

  void check(const ring::Record& record) {
    const uint8_t* data = rings_->data(slot_);
    uint32_t capacity = rings_->capacity(slot_);
    REQUIRE(record.payload >= data + ring::kHeaderBytes);
    REQUIRE(record.length <= capacity / 2 - ring::kHeaderBytes);
    REQUIRE(record.payload + record.length <= data + capacity);
    REQUIRE(static_cast<size_t>(record.payload - data) % layout::RECORD_ALIGN == ring::kHeaderBytes);
    REQUIRE(record.type != layout::RECORD_PADDING);
    for (uint32_t i = 0; i < record.length; i++) sum_ += record.payload[i];
  }

  // A ring found corrupt ends its connection; another begins on the same words.
  void judge(ring::Status status) {
    REQUIRE(status == ring::Status::kOk || status == ring::Status::kEmpty || status == ring::Status::kCorrupt);
    if (status == ring::Status::kCorrupt) consumer_ = begin();
  }

  fuzz::Rings* rings_;
  uint32_t slot_ = 0;
  ring::Consumer consumer_;
  volatile uint32_t sum_ = 0;
};

// A header where the reader will look, or a word anywhere.
void spoil(fuzz::Input* input, fuzz::Rings* rings, const Reader& reader) {
  uint8_t* data = rings->data(reader.slot());
  uint32_t mask = rings->capacity(reader.slot()) - 1;
  uint32_t ahead = input->byte() * layout::RECORD_ALIGN;
  uint32_t at = (reader.position() + ahead) & mask & ~(layout::RECORD_ALIGN - 1);
  uint32_t how = input->below(3);
  uint32_t length = how == 0 ? input->byte() : how == 1 ? input->word() : mask + 1 - at - ring::kHeaderBytes;
  uint32_t type = input->below(5) == 4 ? input->word() : input->below(4);
  memcpy(data + at, &length, sizeof length);
  memcpy(data + at + sizeof length, &type, sizeof type);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t length) {
  fuzz::Input input(data, length);
  fuzz::Rings rings(input.word() & ~(layout::RECORD_ALIGN - 1));
  Reader reader(&rings);
  while (!input.isDone()) {
    switch (input.below(9)) {
      case 0:
        *rings.prod = reader.position() + input.byte() * layout::RECORD_ALIGN;
        break;
      case 1:
        // Between records, or anywhere.
        *rings.prod = input.below(2) == 0 ? reader.position() + input.byte() : input.word();
        break;
      case 2:
        spoil(&input, &rings, reader);
        break;
      case 3:
        reader.reload();
        break;
      case 4:
        reader.next();
        break;
      case 5:
        reader.commit();
        break;
      case 6:
        reader.rebase(input.below(fuzz::kSlotCount));
        break;
      case 7:
        reader.discard();
        break;
      default:
        // Several records on end, the usual visit.
        reader.reload();
        for (uint32_t count = input.below(8); count > 0; count--) reader.next();
    }
  }
  return 0;
}
