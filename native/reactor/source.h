// What the poller looks at besides words in memory: queues that a device fills.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace sanswitch {

// Moves what it finds into rings whose words are watched, so that nothing else needs to know what it is.
class Source {
 public:
  virtual ~Source() = default;

  // Moves what has come. Bounded, and never waits: what another thread is moving at this moment is left to that. True
  // if there is more than it could move now, so that nobody must sleep. Any thread.
  virtual bool drain() = 0;

  // The thread falls asleep, and nobody polls for it any more: whatever comes from now on wakes it. The caller drains
  // once more after this, for what came before. The owner's thread, or the dedicated poller's while the owner sleeps.
  virtual void arm() = 0;

  // The owner is awake, or somebody polls for it again: nothing needs to wake it. Likewise.
  virtual void disarm() = 0;
};

using Sources = std::vector<std::shared_ptr<Source>>;

// The sources of one environment. Its thread alone changes it.
class SourceList {
 public:
  const Sources& all() const { return sources_; }

  // Changes with every change of the list.
  uint32_t version() const { return version_; }

  void add(std::shared_ptr<Source> source) {
    sources_.push_back(std::move(source));
    version_++;
  }

  void remove(const Source* source) {
    for (size_t i = 0; i < sources_.size(); i++) {
      if (sources_[i].get() != source) continue;
      sources_.erase(sources_.begin() + static_cast<ptrdiff_t>(i));
      version_++;
      return;
    }
  }

 private:
  Sources sources_;
  uint32_t version_ = 0;
};

}  // namespace sanswitch
