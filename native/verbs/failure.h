// How calls of the libraries, and of the system, fail.
#pragma once

#include <errno.h>
#include <fcntl.h>

namespace sanswitch::verbs {

// The errno of a call that has just failed, negated; `fallback` if it has set none.
inline int lastFailure(int fallback = EIO) { return errno > 0 ? -errno : -fallback; }

// A call's result as 0 or -errno: libibverbs returns errnos, librdmacm -1 with errno.
inline int failureOf(int result) {
  if (result == 0) return 0;
  return result > 0 ? -result : lastFailure();
}

// Whether a call that takes what has come, and has just failed, has merely found nothing more.
inline bool isNothingLeft() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

// 0 or -errno.
inline int setNonBlocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 ? 0 : lastFailure();
}

}  // namespace sanswitch::verbs
