#include "window.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <utility>

#include "arguments.h"
#include "environment.h"
#include "exports.h"
#include "memory_file.h"

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace sanswitch {

namespace {

constexpr uint64_t kWindowLimit = uint64_t{1} << 32;

// The seals of a segment: its size is fixed, nobody but the owner's standing mapping can write it, and no seal can be
// added. SEAL_EXEC stands beside them where the system forbids executable memfds.
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;

uint64_t pageBytes() { return static_cast<uint64_t>(sysconf(_SC_PAGESIZE)); }

// Puts anonymous pages, like those that the window was made of, at `address`.
int putAnonymous(void* address, uint64_t bytes) {
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  void* put = mmap(address, bytes, PROT_READ | PROT_WRITE, kFlags, -1, 0);
  return put == MAP_FAILED ? -errno : 0;
}

// Maps all of `fd` at `address`. 0 or -errno; the window is whole again after a failure.
int mapAll(void* address, uint64_t bytes, int protection, int fd) {
  if (mmap(address, bytes, protection, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED) return 0;
  int error = -errno;
  // What stood there may be unmapped already, and the gap would be given to whoever maps next.
  putAnonymous(address, bytes);
  return error;
}

// Sizes, maps and seals a new memfd. The mapping must stand before FUTURE_WRITE: later ones can't write.
int sizeMapAndSeal(int fd, uint8_t* address, uint64_t bytes) {
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) return -errno;
  int error = mapAll(address, bytes, PROT_READ | PROT_WRITE, fd);
  if (error < 0) return error;
  if (fcntl(fd, F_ADD_SEALS, kSeals) != 0) {
    error = -errno;
    putAnonymous(address, bytes);
  }
  return error;
}

// Whether `fd` is a segment as the protocol demands it: a memfd in ordinary pages, of exactly this size, sealed.
int checkPeerSegment(int fd, uint64_t bytes) {
  struct stat status;
  if (fstat(fd, &status) != 0) return -errno;
  if (!S_ISREG(status.st_mode)) return -EPERM;
  int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & ~F_SEAL_EXEC) != kSeals) return -EPERM;
  // The seals stand, so the size can't change any more after this look at it.
  if (fstat(fd, &status) != 0) return -errno;
  if (static_cast<uint64_t>(status.st_size) != bytes) return -EPERM;
  // A memfd of huge pages can be sealed too, but a read of it may end in SIGBUS when the pool is empty.
  struct statfs system;
  if (fstatfs(fd, &system) != 0) return -errno;
  return system.f_type == TMPFS_MAGIC ? 0 : -EPERM;
}

}  // namespace

int WindowTable::add(Napi::Uint8Array view) {
  Bytes memory;
  if (!bytesOf(view.Env(), view, &memory)) return -EINVAL;
  uint64_t page = pageBytes();
  if (memory.length == 0 || memory.length > kWindowLimit || memory.length % page != 0) return -EINVAL;
  if (reinterpret_cast<uintptr_t>(memory.data) % page != 0) return -EINVAL;
  // Room first: the two tables must not disagree.
  views_.reserve(views_.size() + 1);
  windows_.push_back(Window{memory.length, false, 0, {}, Napi::Reference<Napi::Uint8Array>::New(view, 1)});
  views_.push_back(WindowView{memory.data, static_cast<uint32_t>(memory.length / sizeof(int32_t))});
  return static_cast<int>(windows_.size()) - 1;
}

int WindowTable::addMemory(Napi::Uint8Array view) {
  Bytes memory;
  if (!bytesOf(view.Env(), view, &memory)) return -EINVAL;
  if (memory.length == 0 || memory.length > kWindowLimit) return -EINVAL;
  if (reinterpret_cast<uintptr_t>(memory.data) % alignof(int32_t) != 0) return -EINVAL;
  WindowView place{memory.data, static_cast<uint32_t>(memory.length / sizeof(int32_t))};
  auto reference = Napi::Reference<Napi::Uint8Array>::New(view, 1);
  if (!freeIds_.empty()) {
    uint32_t id = freeIds_.back();
    freeIds_.pop_back();
    windows_[id].bytes = memory.length;
    windows_[id].view = std::move(reference);
    views_[id] = place;
    return static_cast<int>(id);
  }
  // Room first, also for giving the id back, which then can't fail.
  views_.reserve(views_.size() + 1);
  freeIds_.reserve(windows_.size() + 1);
  windows_.push_back(Window{memory.length, true, 0, {}, std::move(reference)});
  views_.push_back(place);
  return static_cast<int>(windows_.size()) - 1;
}

int WindowTable::removeMemory(uint32_t windowId) {
  if (windowId >= windows_.size() || !windows_[windowId].isPlain || views_[windowId].base == nullptr) return -EINVAL;
  if (windows_[windowId].holders > 0 || lent_ > 0) return -EBUSY;
  windows_[windowId].view.Reset();
  views_[windowId] = WindowView{nullptr, 0};
  freeIds_.push_back(windowId);
  return 0;
}

int WindowTable::check(uint32_t windowId, uint64_t offset, uint64_t bytes) const {
  if (windowId >= windows_.size()) return -EINVAL;
  const Window& window = windows_[windowId];
  if (window.isPlain) return -EINVAL;
  uint64_t page = pageBytes();
  if (bytes == 0 || offset % page != 0 || bytes % page != 0) return -EINVAL;
  if (bytes > window.bytes || offset > window.bytes - bytes) return -EINVAL;
  auto next = window.segments.lower_bound(offset);
  if (next != window.segments.end() && next->first < offset + bytes) return -EEXIST;
  if (next != window.segments.begin()) {
    auto before = std::prev(next);
    if (before->first + before->second > offset) return -EEXIST;
  }
  return 0;
}

template <typename Map>
int WindowTable::place(uint32_t windowId, uint64_t offset, uint64_t bytes, Map map) {
  std::map<uint64_t, uint64_t>& segments = windows_[windowId].segments;
  std::map<uint64_t, uint64_t>::iterator noted;
  try {
    noted = segments.emplace(offset, bytes).first;
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  }
  int error = map(views_[windowId].base + offset);
  if (error < 0) segments.erase(noted);
  return error;
}

int WindowTable::mapOwn(uint32_t windowId, uint64_t offset, uint64_t bytes) {
  int error = check(windowId, offset, bytes);
  if (error < 0) return error;
  int fd = createSealable("sanswitch");
  if (fd < 0) return fd;
  error = place(windowId, offset, bytes, [&](uint8_t* address) { return sizeMapAndSeal(fd, address, bytes); });
  if (error == 0) return fd;
  ::close(fd);
  return error;
}

int WindowTable::mapPeer(uint32_t windowId, uint64_t offset, uint64_t bytes, int fd) {
  int error = check(windowId, offset, bytes);
  if (error == 0) error = checkPeerSegment(fd, bytes);
  if (error < 0) return error;
  return place(windowId, offset, bytes, [&](uint8_t* address) { return mapAll(address, bytes, PROT_READ, fd); });
}

int WindowTable::mapShared(uint32_t windowId, uint64_t offset, uint64_t bytes, int fd) {
  int error = check(windowId, offset, bytes);
  if (error < 0) return error;
  constexpr int kBoth = PROT_READ | PROT_WRITE;
  return place(windowId, offset, bytes, [&](uint8_t* address) { return mapAll(address, bytes, kBoth, fd); });
}

int WindowTable::unmap(uint32_t windowId, uint64_t offset, uint64_t bytes) {
  if (windowId >= windows_.size()) return -EINVAL;
  auto found = windows_[windowId].segments.find(offset);
  if (found == windows_[windowId].segments.end() || found->second != bytes) return -EINVAL;
  int error = putAnonymous(views_[windowId].base + offset, bytes);
  if (error == 0) windows_[windowId].segments.erase(found);
  return error;
}

namespace {

constexpr int64_t kDescriptorLimit = INT32_MAX;

// Has `add` take argument 0, a Uint8Array.
Napi::Value addView(const Napi::CallbackInfo& info, int (WindowTable::*add)(Napi::Uint8Array)) {
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    Napi::TypeError::New(info.Env(), "argument 0 must be a Uint8Array").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  int result = (Environment::of(info.Env())->windows.*add)(info[0].As<Napi::Uint8Array>());
  return Napi::Number::New(info.Env(), result);
}

// registerWindow(view: Uint8Array over a WebAssembly.Memory) -> windowId or -errno
Napi::Value registerWindow(const Napi::CallbackInfo& info) { return addView(info, &WindowTable::add); }

// registerMemory(view: Uint8Array over a SharedArrayBuffer) -> windowId or -errno
Napi::Value registerMemory(const Napi::CallbackInfo& info) { return addView(info, &WindowTable::addMemory); }

// unregisterMemory(windowId) -> 0 or -errno
Napi::Value unregisterMemory(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto windowId = static_cast<uint32_t>(arguments.integer(0, 0, UINT32_MAX));
  if (arguments.failed()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), Environment::of(info.Env())->windows.removeMemory(windowId));
}

// mapOwnSegment(windowId, offset, bytes) -> descriptor of the sealed memfd or -errno
Napi::Value mapOwnSegment(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto windowId = static_cast<uint32_t>(arguments.integer(0, 0, UINT32_MAX));
  auto offset = static_cast<uint64_t>(arguments.integer(1, 0, kWindowLimit));
  auto bytes = static_cast<uint64_t>(arguments.integer(2, 0, kWindowLimit));
  if (arguments.failed()) return info.Env().Undefined();
  Environment* environment = Environment::of(info.Env());
  int mapped = environment->windows.mapOwn(windowId, offset, bytes);
  int fd = environment->own(mapped);
  if (mapped >= 0 && fd < 0) environment->windows.unmap(windowId, offset, bytes);
  return Napi::Number::New(info.Env(), fd);
}

// mapPeerSegment(windowId, offset, bytes, fd) -> 0 or -errno
Napi::Value mapPeerSegment(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto windowId = static_cast<uint32_t>(arguments.integer(0, 0, UINT32_MAX));
  auto offset = static_cast<uint64_t>(arguments.integer(1, 0, kWindowLimit));
  auto bytes = static_cast<uint64_t>(arguments.integer(2, 0, kWindowLimit));
  auto fd = static_cast<int>(arguments.integer(3, 0, kDescriptorLimit));
  if (arguments.failed()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), Environment::of(info.Env())->windows.mapPeer(windowId, offset, bytes, fd));
}

// unmapSegment(windowId, offset, bytes) -> 0 or -errno
Napi::Value unmapSegment(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto windowId = static_cast<uint32_t>(arguments.integer(0, 0, UINT32_MAX));
  auto offset = static_cast<uint64_t>(arguments.integer(1, 0, kWindowLimit));
  auto bytes = static_cast<uint64_t>(arguments.integer(2, 0, kWindowLimit));
  if (arguments.failed()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), Environment::of(info.Env())->windows.unmap(windowId, offset, bytes));
}

}  // namespace

void exportWindows(Napi::Env env, Napi::Object exports) {
  exports.Set("registerWindow", Napi::Function::New<guarded<registerWindow>>(env, "registerWindow"));
  exports.Set("registerMemory", Napi::Function::New<guarded<registerMemory>>(env, "registerMemory"));
  exports.Set("unregisterMemory", Napi::Function::New<guarded<unregisterMemory>>(env, "unregisterMemory"));
  exports.Set("mapOwnSegment", Napi::Function::New<guarded<mapOwnSegment>>(env, "mapOwnSegment"));
  exports.Set("mapPeerSegment", Napi::Function::New<guarded<mapPeerSegment>>(env, "mapPeerSegment"));
  exports.Set("unmapSegment", Napi::Function::New<guarded<unmapSegment>>(env, "unmapSegment"));
}

}  // namespace sanswitch
