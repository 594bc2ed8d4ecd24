// Windows: large pieces of JavaScript's address space (WebAssembly.Memory) into which segments, ours and the peers',
// are mapped, so that JavaScript reads and writes them as ordinary shared arrays. Beside them stands, with ids of the
// same kind, plain memory: SharedArrayBuffers that threads of this process share, in which words are watched.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace sanswitch {

// A window as the poller needs it: where it is and how many words it has.
struct WindowView {
  uint8_t* base;
  uint32_t words;
};

// The windows of one environment. Each is kept alive, with its mappings, until the environment ends; plain memory until
// it is removed.
class WindowTable {
 public:
  // Adds the memory that `view` covers. Returns its id (0, 1, ...), or -EINVAL if it is not page aligned or larger
  // than 4 GiB.
  int add(Napi::Uint8Array view);

  // Adds plain memory, anywhere, up to 4 GiB: nothing can be mapped into it. Returns its id, if possible one that was
  // given back, or -EINVAL.
  int addMemory(Napi::Uint8Array view);

  // Removes plain memory; its words are no words any more. 0, -EINVAL (no such memory), or -EBUSY: the reactor still
  // writes to a word of it, or the dedicated poller reads this thread's words.
  int removeMemory(uint32_t windowId);

  // Counts those who keep a pointer to a word of a window, so that it is not removed under them.
  void hold(uint32_t windowId) { windows_[windowId].holders++; }
  void letGo(uint32_t windowId) { windows_[windowId].holders--; }

  // While another thread looks at watched words, whichever: nothing is removed.
  void lend() { lent_++; }
  void takeBack() { lent_--; }

  // Makes a sealed memfd of `bytes`, mapped read-write at `offset` of the window. Returns its descriptor or -errno.
  int mapOwn(uint32_t windowId, uint64_t offset, uint64_t bytes);

  // Maps the peer's memfd read-only at `offset`, after checking its type, size and seals. 0 or -errno; -EPERM: what the
  // peer sent is not a segment as it must be. Does not take `fd`.
  int mapPeer(uint32_t windowId, uint64_t offset, uint64_t bytes, int fd);

  // Maps `fd`, a memfd of ours, read-write at `offset`; nobody else sees it. 0 or -errno. Does not take `fd`.
  int mapShared(uint32_t windowId, uint64_t offset, uint64_t bytes, int fd);

  // Puts anonymous pages back in place of a mapping that was made with exactly this offset and size. 0 or -errno.
  int unmap(uint32_t windowId, uint64_t offset, uint64_t bytes);

  // The word `wordIndex` of a window, or null if there is no such word.
  int32_t* word(uint32_t windowId, uint32_t wordIndex) const {
    if (windowId >= views_.size() || wordIndex >= views_[windowId].words) return nullptr;
    return reinterpret_cast<int32_t*>(views_[windowId].base) + wordIndex;
  }

  const std::vector<WindowView>& views() const { return views_; }

 private:
  struct Window {
    uint64_t bytes;
    // Plain memory, or the place of one that is gone: no segments.
    bool isPlain;
    uint32_t holders;
    // Mapped segments: offset to size.
    std::map<uint64_t, uint64_t> segments;
    Napi::Reference<Napi::Uint8Array> view;
  };

  // 0 if a segment may be mapped there, else -EINVAL (range, alignment) or -EEXIST (another stands there).
  int check(uint32_t windowId, uint64_t offset, uint64_t bytes) const;

  // Notes a segment and has `map` put it at its address; undoes the note if that fails. 0 or -errno. The note comes
  // first, for it may fail, and a mapping without one could not be taken back.
  template <typename Map>
  int place(uint32_t windowId, uint64_t offset, uint64_t bytes, Map map);

  std::vector<Window> windows_;
  std::vector<WindowView> views_;
  // Ids of plain memory that was removed.
  std::vector<uint32_t> freeIds_;
  int lent_ = 0;
};

}  // namespace sanswitch
