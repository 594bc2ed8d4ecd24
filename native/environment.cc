#include "environment.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <new>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

namespace sanswitch {

namespace {

bool isSocket(int fd, uint64_t cookie) {
  uint64_t found = 0;
  return socketCookieOf(fd, &found) == 0 && found == cookie;
}

}  // namespace

int socketCookieOf(int fd, uint64_t* cookie) {
  socklen_t length = sizeof *cookie;
  return getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &length) == 0 ? 0 : -errno;
}

Environment::~Environment() {
  for (auto [fd, cookie] : descriptors_) {
    if (cookie == kNoCookie || isSocket(fd, cookie)) ::close(fd);
  }
}

int Environment::own(int fd, uint64_t cookie) {
  if (fd < 0) return fd;
  try {
    // The system has given this number anew: what was noted of it, if anything, was closed elsewhere.
    descriptors_[fd] = cookie;
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

int Environment::releaseSocket(int fd, uint64_t cookie) {
  auto noted = descriptors_.find(fd);
  if (cookie == kNoCookie || noted == descriptors_.end() || noted->second != cookie) return -EBADF;
  descriptors_.erase(noted);
  return 0;
}

int Environment::closeSocket(int fd, uint64_t cookie) {
  int error = releaseSocket(fd, cookie);
  if (error < 0) return error;
  if (!isSocket(fd, cookie)) return -ESTALE;
  ::close(fd);
  return 0;
}

}  // namespace sanswitch
