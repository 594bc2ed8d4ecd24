// The poller: sources, words in memory, and one doWork() that looks at all of them. A reactor drives it inline, in its
// thread's event loop; while that sleeps, the dedicated poller may watch the same words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "reactor/poller_slot.h"
#include "reactor/source.h"
#include "shm/window.h"

namespace sanswitch {

// The words in shared memory that JavaScript wants to hear about. It writes the entries itself, into the control block
// that both sides hold; the layout is ReactorControl and WatchEntry in src/layout/schema.ts.
class Poller {
 public:
  Poller(const WindowTable* windows, const SourceList* sources) : windows_(windows), sources_(sources) {}

  // Polls what stands behind the control block `control` of `words` words from now on. The caller keeps that alive.
  void setControl(int32_t* control, size_t words);

  // Drains the sources, then passes over the words until one has something to do. Returns how many are known to have:
  // 0 or 1, for JavaScript looks at all of them anyway once it is called.
  int doWork() const;

  // Appends what doWork() looks at, for somebody else to watch.
  void collect(std::vector<WatchedWord>* words) const;

  // Watch entries in use.
  size_t watchCount() const;

 private:
  const WindowTable* windows_;
  const SourceList* sources_;
  const int32_t* control_ = nullptr;
  size_t watchLimit_ = 0;
};

}  // namespace sanswitch
