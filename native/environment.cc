#include "environment.h"

#include <errno.h>
#include <unistd.h>

#include <new>

namespace sanswitch {

Environment::~Environment() {
  for (int fd : descriptors_) ::close(fd);
}

int Environment::own(int fd) {
  if (fd < 0) return fd;
  try {
    descriptors_.insert(fd);
    return fd;
  } catch (const std::bad_alloc&) {
    ::close(fd);
    return -ENOMEM;
  }
}

int Environment::release(int fd) {
  return descriptors_.erase(fd) == 1 ? 0 : -EBADF;
}

int Environment::close(int fd) {
  if (descriptors_.erase(fd) != 1) return -EBADF;
  // EINTR leaves the descriptor closed on Linux; there is nothing to repeat.
  ::close(fd);
  return 0;
}

}  // namespace sanswitch
