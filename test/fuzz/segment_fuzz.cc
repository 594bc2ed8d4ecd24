// The check of a peer's segment, over descriptors of every kind, size and set of seals. Accepted is exactly what the
// protocol names, and what is accepted can't be resized, written or emptied by anybody any more.
#include "../../native/shm/window.cc"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include "input.h"

namespace {

constexpr uint64_t kBytes = 16 * 4096;
constexpr int kSealList[] = {F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE, F_SEAL_EXEC};

// What a descriptor is, as far as the verdict depends on it.
struct Offer {
  int fd;
  bool isMemfd;
};

int otherKind(uint32_t kind) {
  int pair[2];
  switch (kind) {
    case 0:
      return open("/dev/zero", O_RDWR | O_CLOEXEC);
    case 1:
      return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    case 2:
      return open("/", O_PATH | O_CLOEXEC);
    case 3:
      return eventfd(0, EFD_CLOEXEC);
    case 4:
      return open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    case 5:
      return open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    case 6:
      if (pipe2(pair, O_CLOEXEC) != 0) return -1;
      break;
    default:
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return -1;
  }
  close(pair[1]);
  return pair[0];
}

Offer makeOffer(fuzz::Input* input) {
  uint32_t kind = input->below(16);
  if (kind < 8) return {otherKind(kind), false};
  unsigned flags = MFD_CLOEXEC | (kind == 8 ? 0 : MFD_ALLOW_SEALING) | (kind == 9 ? MFD_HUGETLB : 0);
  return {memfd_create("sanswitch-fuzz", flags), kind > 9};
}

// Does what the input says to it: sizes and seals, in any order.
void shape(int fd, fuzz::Input* input) {
  for (int step = 0; step < 6 && !input->isDone(); step++) {
    uint32_t what = input->below(4);
    if (what == 0) {
      uint64_t bytes = input->below(4) == 0 ? input->word() % (4 * kBytes) : kBytes;
      if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) continue;
    } else if (what == 1) {
      int seals = 0;
      uint8_t chosen = input->byte();
      for (int i = 0; i < 6; i++) seals |= (chosen >> i & 1) != 0 ? kSealList[i] : 0;
      fcntl(fd, F_ADD_SEALS, seals);
    } else if (what == 2) {
      fcntl(fd, F_ADD_SEALS, sanswitch::kSeals);
    } else if (pwrite(fd, "x", 1, input->byte() * 256) < 0) {
      continue;
    }
  }
}

// The same file by a descriptor of another mode.
int reopen(int fd, fuzz::Input* input) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  const int modes[] = {O_RDONLY, O_RDWR, O_WRONLY, O_PATH};
  return open(path, modes[input->below(4)] | O_CLOEXEC | O_NONBLOCK);
}

bool isExact(const Offer& offer) {
  struct stat status;
  if (!offer.isMemfd || fstat(offer.fd, &status) != 0) return false;
  int seals = fcntl(offer.fd, F_GET_SEALS);
  return static_cast<uint64_t>(status.st_size) == kBytes && seals >= 0 && (seals & ~F_SEAL_EXEC) == sanswitch::kSeals;
}

// Nothing that anybody with the descriptor tries has an effect; every page can be read.
void tryToSpoil(int fd) {
  REQUIRE(ftruncate(fd, 0) != 0);
  REQUIRE(ftruncate(fd, 2 * kBytes) != 0);
  REQUIRE(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) != 0);
  REQUIRE(pwrite(fd, "x", 1, 0) < 0);
  REQUIRE(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) != 0);
  REQUIRE(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
  void* mapped = mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) return;  // By a descriptor that can't be read: the mapping fails cleanly.
  REQUIRE(mprotect(mapped, kBytes, PROT_READ | PROT_WRITE) != 0);
  volatile uint8_t sum = 0;
  for (uint64_t at = 0; at < kBytes; at += 4096) sum = sum + static_cast<const uint8_t*>(mapped)[at];
  munmap(mapped, kBytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t length) {
  fuzz::Input input(data, length);
  Offer offer = makeOffer(&input);
  // No huge pages here, or no /dev/shm: nothing to offer.
  if (offer.fd < 0) return 0;
  if (offer.isMemfd) shape(offer.fd, &input);
  if (input.below(3) == 2) {
    int other = reopen(offer.fd, &input);
    if (other >= 0) {
      close(offer.fd);
      offer.fd = other;
    }
  }
  int verdict = sanswitch::checkPeerSegment(offer.fd, kBytes);
  REQUIRE(verdict == 0 || verdict == -EPERM);
  REQUIRE((verdict == 0) == isExact(offer));
  if (verdict == 0) tryToSpoil(offer.fd);
  close(offer.fd);
  return 0;
}
