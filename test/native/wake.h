// The harness's own doorbell: one end of a socket pair, rung and awaited the way the product does it.
#pragma once

#include <cerrno>
#include <poll.h>
#include <sys/socket.h>

// Rings at the other end. A full socket is as good as a delivered wake-up: there are many in it already.
inline bool sendWake(int fd) {
  char byte = 1;
  return send(fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 || errno == EAGAIN;
}

// Sleeps until somebody rings, for at most `limit_ms`. True, and all rings taken off, if somebody did.
inline bool waitForWake(int fd, int limit_ms) {
  pollfd entry{fd, POLLIN, 0};
  if (poll(&entry, 1, limit_ms) <= 0) return false;
  char bytes[64];
  while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
  }
  return true;
}
