// Windows: large pieces of JavaScript's address space (WebAssembly.Memory) into which segments, ours and the peers',
// are mapped, so that JavaScript reads and writes them as ordinary shared arrays.
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

// The windows of one environment. Each is kept alive, with its mappings, until the environment ends.
class WindowTable {
 public:
  // Adds the memory that `view` covers. Returns its id (0, 1, ...), or -EINVAL if it is not page aligned or larger
  // than 4 GiB.
  int add(Napi::Uint8Array view);

  // Makes a sealed memfd of `bytes`, mapped read-write at `offset` of the window. Returns its descriptor or -errno.
  int mapOwn(uint32_t windowId, uint64_t offset, uint64_t bytes);

  // Maps the peer's memfd read-only at `offset`, after checking its type, size and seals. 0 or -errno; -EPERM: what the
  // peer sent is not a segment as it must be. Does not take `fd`.
  int mapPeer(uint32_t windowId, uint64_t offset, uint64_t bytes, int fd);

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
};

}  // namespace sanswitch
