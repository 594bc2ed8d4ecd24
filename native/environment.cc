#include "environment.h"

#include <errno.h>
#include <unistd.h>

namespace sanswitch {

Environment::~Environment() {
  for (int fd : descriptors_) ::close(fd);
}

int Environment::own(int fd) {
  if (fd >= 0) descriptors_.insert(fd);
  return fd;
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
