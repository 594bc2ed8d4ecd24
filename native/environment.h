// What the addon knows per environment (a thread that runs JavaScript), so that a worker's end concerns nobody else.
// What is the process's by nature (the dedicated poller, the allocator) counts the environments that want it.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "reactor/source.h"
#include "shm/freed_memory.h"
#include "shm/window.h"

namespace sanswitch {

// The state of one environment. Made when the addon loads there, destroyed after the environment's last object.
class Environment {
 public:
  Environment() = default;
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // The state of the environment that `env` names.
  static Environment* of(Napi::Env env) { return env.GetInstanceData<Environment>(); }

  // Notes that this environment owns `fd`, so that it is closed with it at the latest. Negative numbers (errors) are
  // passed through. Returns `fd`, or -ENOMEM: it can't be noted, and is closed. What another thread may open, and then
  // close without a word to this one, is noted with its socket's cookie.
  int own(int fd, uint64_t cookie = kNoCookie);

  // Hands `fd` over to somebody else: no longer closed by the addon. 0, or -EBADF if it is not owned here.
  int release(int fd);

  // Closes `fd`. 0, or -EBADF if it is not owned here: the addon closes nothing that it did not open.
  int close(int fd);

  // The same for a descriptor that was noted with a cookie. Another thread may have closed it, and its number may stand
  // for something else by now: -EBADF, this is not owned here (any more); -ESTALE, close only: it was closed elsewhere.
  // Nothing is closed in either case. While another thread that has opened it lives, it must not be closed here.
  int releaseSocket(int fd, uint64_t cookie);
  int closeSocket(int fd, uint64_t cookie);

  // The windows of this thread.
  WindowTable windows;

  // What this thread's reactor polls besides words.
  SourceList sources;

  // Whether this thread receives in bulk.
  FreedMemory freedMemory;

  // Netlink socket for sock_diag queries, opened on first use; -1 before.
  int diagSocket = -1;

 private:
  // Cookies are never 0.
  static constexpr uint64_t kNoCookie = 0;

  // Descriptors by their cookies.
  std::unordered_map<int, uint64_t> descriptors_;
};

// SO_COOKIE of a socket, never reused while the machine runs. 0 or -errno.
int socketCookieOf(int fd, uint64_t* cookie);

}  // namespace sanswitch
