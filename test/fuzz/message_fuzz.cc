// Messages with descriptors over a real Unix socket, as a peer may send them: any length, any number of descriptors in
// any number of parts, an end in between. What is no honest message is refused, and no descriptor is left behind.
#include "../../native/shm/unix.cc"

#include <fcntl.h>

#include <vector>

#include "input.h"

namespace {

constexpr size_t kLimit = 64;
// More than a message with at most 3 x 10 descriptors can open.
constexpr int kDescriptors = 128;

int openDescriptors() {
  int count = 0;
  for (int fd = 0; fd < kDescriptors; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

// What one message was made of.
struct Sent {
  bool isSent;
  size_t length;
  size_t descriptors;
};

// Sends a message whose descriptors are all copies of `file`.
Sent sendAny(int socket, fuzz::Input* input, int file) {
  uint8_t bytes[2 * kLimit] = {};
  Sent sent{false, input->below(sizeof bytes), 0};
  bytes[0] = 1;
  iovec part{bytes, sent.length};
  alignas(cmsghdr) char control[3 * CMSG_SPACE(10 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  size_t at = 0;
  for (uint32_t parts = input->below(4); parts > 0; parts--) {
    size_t count = input->below(11);
    auto* header = reinterpret_cast<cmsghdr*>(control + at);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    for (size_t i = 0; i < count; i++) memcpy(CMSG_DATA(header) + i * sizeof(int), &file, sizeof file);
    at += CMSG_SPACE(count * sizeof(int));
    sent.descriptors += count;
  }
  message.msg_control = at == 0 ? nullptr : control;
  message.msg_controllen = at;
  sent.isSent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
  return sent;
}

bool isSameFile(int a, int b) {
  struct stat first, second;
  REQUIRE(fstat(a, &first) == 0 && fstat(b, &second) == 0);
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

void receiveOne(int socket, const Sent& sent, int file) {
  uint8_t bytes[kLimit];
  int received = 0;
  int result = sanswitch::receiveMessage(socket, bytes, sizeof bytes, &received);
  if (sent.length > kLimit || sent.descriptors > 1) {
    REQUIRE(result == -EPROTO && received == -1);
    return;
  }
  REQUIRE(result == static_cast<int>(sent.length));
  REQUIRE((received >= 0) == (sent.descriptors == 1));
  if (received < 0) return;
  REQUIRE((fcntl(received, F_GETFD) & FD_CLOEXEC) != 0);
  REQUIRE(isSameFile(received, file));
  close(received);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t length) {
  fuzz::Input input(data, length);
  int before = openDescriptors();
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
  int file = fcntl(pair[0], F_DUPFD_CLOEXEC, 0);
  std::vector<Sent> waiting;
  for (int round = 0; round < 4 && !input.isDone(); round++) {
    for (uint32_t count = input.below(4); count > 0; count--) {
      Sent sent = sendAny(pair[0], &input, file);
      if (sent.isSent) waiting.push_back(sent);
    }
    // Some are left for the end: whoever closes the socket closes what they carry.
    for (uint32_t count = input.below(4); count > 0 && !waiting.empty(); count--) {
      receiveOne(pair[1], waiting.front(), file);
      waiting.erase(waiting.begin());
    }
  }
  int received = 0;
  uint8_t bytes[kLimit];
  if (waiting.empty()) {
    REQUIRE(sanswitch::receiveMessage(pair[1], bytes, sizeof bytes, &received) == -EAGAIN && received == -1);
  }
  close(file);
  close(pair[0]);
  if (waiting.empty()) {
    REQUIRE(sanswitch::receiveMessage(pair[1], bytes, sizeof bytes, &received) == 0 && received == -1);
  }
  close(pair[1]);
  REQUIRE(openDescriptors() == before);
  return 0;
}
