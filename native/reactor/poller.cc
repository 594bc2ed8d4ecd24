#include "poller.h"

#include "layout.gen.h"

namespace sanswitch {

namespace {

constexpr size_t kControlWords = sizeof(layout::ReactorControl) / sizeof(int32_t);
constexpr size_t kEntryWords = sizeof(layout::WatchEntry) / sizeof(int32_t);

}  // namespace

void Poller::setControl(int32_t* control, size_t words) {
  control_ = control;
  watchLimit_ = (words - kControlWords) / kEntryWords;
}

size_t Poller::watchCount() const {
  size_t count = reinterpret_cast<const layout::ReactorControl*>(control_)->watchCount;
  return count < watchLimit_ ? count : watchLimit_;
}

int Poller::doWork() const {
  bool isMore = false;
  for (const auto& source : sources_->all()) isMore = source->drain() || isMore;
  if (isMore) return 1;
  const auto* entry = reinterpret_cast<const layout::WatchEntry*>(control_ + kControlWords);
  const auto* end = entry + watchCount();
  for (; entry != end; entry++) {
    const int32_t* word = windows_->word(entry->windowId, entry->wordIndex);
    // Acquire, so that on every processor what was written before the word is seen behind it.
    if (word != nullptr && __atomic_load_n(word, __ATOMIC_ACQUIRE) != entry->seen) return 1;
  }
  return 0;
}

void Poller::collect(std::vector<WatchedWord>* words) const {
  const auto* entry = reinterpret_cast<const layout::WatchEntry*>(control_ + kControlWords);
  const auto* end = entry + watchCount();
  for (; entry != end; entry++) {
    const int32_t* word = windows_->word(entry->windowId, entry->wordIndex);
    if (word != nullptr) words->push_back({word, entry->seen});
  }
}

}  // namespace sanswitch
