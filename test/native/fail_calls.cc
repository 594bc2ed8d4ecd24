// A library for LD_PRELOAD that makes the n-th system call or allocation of the addon fail. Calls of anybody else in
// the process go through untouched, except for the epoll_ctl by which libuv tries out a descriptor for the addon.
//
// What is to fail stands in a file that the environment variable SANSWITCH_FAIL_CALLS names and that the test writes
// (test/fault/fail-calls.ts): a `Control`. With SANSWITCH_NO_PEERPIDFD the kernel seems to be one before 6.5, on which
// the addon opens a pidfd by the process's number.
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <new>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

namespace {

struct Control {
  // The first call that fails, counted from 1; 0: none.
  int32_t at;
  int32_t errorNumber;
  // All later ones fail too.
  int32_t lasting;
  // Calls of this kind since it was armed, and how many of them failed. Written here.
  int32_t seen;
  int32_t failed;
  // Set when the library has found the file.
  int32_t attached;
  // Name of the function: "mmap", "operator new", ...
  char kind[40];
};

// Frames looked at for who has called: the library's own, libuv's or the C++ library's, the addon's.
constexpr int kFrames = 12;

struct Range {
  uintptr_t low;
  uintptr_t high;
  bool holds(const void* address) const {
    auto at = reinterpret_cast<uintptr_t>(address);
    return at >= low && at < high;
  }
};

Control* control = nullptr;
bool isWithoutPeerPidfd = false;
// Both empty until the objects are loaded.
Range addon;
Range cxxLibrary;

int findObjects(dl_phdr_info* info, size_t, void*) {
  Range* found = strstr(info->dlpi_name, "sanswitch.node") != nullptr  ? &addon
                 : strstr(info->dlpi_name, "libstdc++.so") != nullptr ? &cxxLibrary
                                                                      : nullptr;
  if (found == nullptr) return 0;
  uintptr_t high = 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr)& part = info->dlpi_phdr[i];
    uintptr_t end = info->dlpi_addr + part.p_vaddr + part.p_memsz;
    if (part.p_type == PT_LOAD && end > high) high = end;
  }
  found->high = high;
  found->low = info->dlpi_addr;
  return 0;
}

__attribute__((constructor)) void attach() {
  const char* path = getenv("SANSWITCH_FAIL_CALLS");
  if (path == nullptr) return;
  isWithoutPeerPidfd = getenv("SANSWITCH_NO_PEERPIDFD") != nullptr;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  auto real = reinterpret_cast<void* (*)(void*, size_t, int, int, int, off_t)>(dlsym(RTLD_NEXT, "mmap"));
  void* mapped = real(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped == MAP_FAILED) return;
  // The first call loads the unwinder; later ones allocate nothing.
  void* frames[2];
  backtrace(frames, 2);
  static_cast<Control*>(mapped)->attached = 1;
  control = static_cast<Control*>(mapped);
}

bool isArmed(const char* kind) {
  return control != nullptr && __atomic_load_n(&control->at, __ATOMIC_ACQUIRE) > 0 && strcmp(control->kind, kind) == 0;
}

bool isAddon(const void* caller) {
  if (addon.high == 0) dl_iterate_phdr(findObjects, nullptr);
  return addon.holds(caller);
}

// Whether the addon has called libuv or the C++ library, which has called us.
bool isAddonBehind(bool throughCxxLibraryOnly) {
  void* frames[kFrames];
  int count = backtrace(frames, kFrames);
  // 0 is this function, 1 the interposed one.
  for (int i = 2; i < count; i++) {
    if (isAddon(frames[i])) return true;
    if (throughCxxLibraryOnly && !cxxLibrary.holds(frames[i])) return false;
  }
  return false;
}

// Counts a call of the addon. True: it is to fail, errno says with what.
bool isToFail() {
  int32_t seen = __atomic_add_fetch(&control->seen, 1, __ATOMIC_SEQ_CST);
  if (seen < control->at || (seen > control->at && control->lasting == 0)) return false;
  __atomic_add_fetch(&control->failed, 1, __ATOMIC_SEQ_CST);
  errno = control->errorNumber;
  return true;
}

template <typename Function>
Function next(Function, const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void* allocate(size_t bytes, const void* caller) {
  if (isArmed("operator new")) {
    bool isOurs = isAddon(caller) || (cxxLibrary.holds(caller) && isAddonBehind(true));
    if (isOurs && isToFail()) return nullptr;
  }
  return malloc(bytes == 0 ? 1 : bytes);
}

}  // namespace

#define CALLER __builtin_return_address(0)

// Defines a function that fails with -1 when its turn has come, under its own name in the control file.
#define INTERPOSE(result, name, parameters, arguments) INTERPOSE_AS(result, name, #name, -1, parameters, arguments)
#define INTERPOSE_AS(result, name, kind, failure, parameters, arguments) \
  extern "C" result name parameters { \
    static auto real = next(&name, #name); \
    if (isArmed(kind) && isAddon(CALLER) && isToFail()) return (result)failure; \
    return real arguments; \
  }

#define MMAP_PARAMETERS (void* at, size_t bytes, int protection, int flags, int fd, off_t offset) noexcept
INTERPOSE_AS(void*, mmap, "mmap", MAP_FAILED, MMAP_PARAMETERS, (at, bytes, protection, flags, fd, offset))
INTERPOSE_AS(void*, mmap64, "mmap", MAP_FAILED, MMAP_PARAMETERS, (at, bytes, protection, flags, fd, offset))
INTERPOSE(int, memfd_create, (const char* name, unsigned flags) noexcept, (name, flags))
INTERPOSE_AS(int, ftruncate, "ftruncate", -1, (int fd, off_t bytes) noexcept, (fd, bytes))
INTERPOSE_AS(int, ftruncate64, "ftruncate", -1, (int fd, off_t bytes) noexcept, (fd, bytes))
INTERPOSE_AS(int, fstat, "fstat", -1, (int fd, struct stat* out) noexcept, (fd, out))
INTERPOSE_AS(int, fstat64, "fstat", -1, (int fd, struct stat64* out) noexcept, (fd, out))
INTERPOSE_AS(int, fstatfs, "fstatfs", -1, (int fd, struct statfs* out) noexcept, (fd, out))
INTERPOSE_AS(int, fstatfs64, "fstatfs", -1, (int fd, struct statfs64* out) noexcept, (fd, out))
INTERPOSE(int, socket, (int domain, int type, int protocol) noexcept, (domain, type, protocol))
INTERPOSE(int, bind, (int fd, const sockaddr* address, socklen_t length) noexcept, (fd, address, length))
INTERPOSE(int, connect, (int fd, const sockaddr* address, socklen_t length), (fd, address, length))
INTERPOSE(int, listen, (int fd, int backlog) noexcept, (fd, backlog))
INTERPOSE(int, accept4, (int fd, sockaddr* address, socklen_t* length, int flags), (fd, address, length, flags))
INTERPOSE(ssize_t, send, (int fd, const void* data, size_t bytes, int flags), (fd, data, bytes, flags))
INTERPOSE(ssize_t, sendmsg, (int fd, const msghdr* message, int flags), (fd, message, flags))
INTERPOSE(ssize_t, sendto, (int fd, const void* data, size_t bytes, int flags, const sockaddr* to, socklen_t length),
          (fd, data, bytes, flags, to, length))
INTERPOSE(ssize_t, recv, (int fd, void* data, size_t bytes, int flags), (fd, data, bytes, flags))
INTERPOSE(ssize_t, recvmsg, (int fd, msghdr* message, int flags), (fd, message, flags))
INTERPOSE(ssize_t, recvfrom, (int fd, void* data, size_t bytes, int flags, sockaddr* from, socklen_t* length),
          (fd, data, bytes, flags, from, length))
INTERPOSE(int, setsockopt, (int fd, int level, int name, const void* value, socklen_t length) noexcept,
          (fd, level, name, value, length))
INTERPOSE(int, getsockname, (int fd, sockaddr* address, socklen_t* length) noexcept, (fd, address, length))
INTERPOSE(int, timerfd_create, (int clock, int flags) noexcept, (clock, flags))
INTERPOSE(int, timerfd_settime, (int fd, int flags, const itimerspec* when, itimerspec* before) noexcept,
          (fd, flags, when, before))
INTERPOSE(int, poll, (pollfd * descriptors, nfds_t count, int timeoutMs), (descriptors, count, timeoutMs))

// The addon's are those that add, read and check seals.
#define INTERPOSE_FCNTL(name) \
  extern "C" int name(int fd, int command, ...) { \
    static auto real = next(&name, #name); \
    va_list list; \
    va_start(list, command); \
    void* argument = va_arg(list, void*); \
    va_end(list); \
    if (isArmed("fcntl") && isAddon(CALLER) && isToFail()) return -1; \
    return real(fd, command, argument); \
  }
INTERPOSE_FCNTL(fcntl)
INTERPOSE_FCNTL(fcntl64)

extern "C" int getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept {
  static auto real = next(&getsockopt, "getsockopt");
  bool isOurs = isAddon(CALLER);
  if (isOurs && isArmed("getsockopt") && isToFail()) return -1;
  if (isOurs && isWithoutPeerPidfd && level == SOL_SOCKET && name == SO_PEERPIDFD) {
    errno = ENOPROTOOPT;
    return -1;
  }
  return real(fd, level, name, value, length);
}

// For pidfd_open, which older C libraries have no function for. No system call has more than six arguments; those that
// the caller did not give are read from registers that mean nothing, and passed on for nothing.
extern "C" long syscall(long number, ...) noexcept {
  static auto real = next(&syscall, "syscall");
  long arguments[6];
  va_list list;
  va_start(list, number);
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  if (number == SYS_pidfd_open && isArmed("pidfd_open") && isAddon(CALLER) && isToFail()) return -1;
  return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

extern "C" int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
  static auto real = next(&epoll_ctl, "epoll_ctl");
  // libuv ends the process when one of its own fails in earnest; only the trial in uv_poll_init reports its failure.
  if (operation == EPOLL_CTL_ADD && isArmed("epoll_ctl") && isAddonBehind(false) && isToFail()) return -1;
  return real(epoll, operation, fd, event);
}

void* operator new(size_t bytes) {
  void* memory = allocate(bytes, CALLER);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void* operator new[](size_t bytes) {
  void* memory = allocate(bytes, CALLER);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, CALLER); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, CALLER); }
void operator delete(void* memory) noexcept { free(memory); }
void operator delete[](void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
void operator delete[](void* memory, size_t) noexcept { free(memory); }
