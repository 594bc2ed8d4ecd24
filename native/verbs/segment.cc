#include "verbs/segment.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

namespace sanswitch::verbs {

Segment::~Segment() {
  if (base_ != nullptr) munmap(base_, layout::VERBS_SEGMENT_BYTES);
}

int Segment::create() {
  int fd = memfd_create("sanswitch-verbs", MFD_CLOEXEC);
  if (fd < 0) return -errno;
  int error = 0;
  void* mapped = MAP_FAILED;
  if (ftruncate(fd, layout::VERBS_SEGMENT_BYTES) != 0) {
    error = -errno;
  } else {
    mapped = mmap(nullptr, layout::VERBS_SEGMENT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) error = -errno;
  }
  if (error < 0) {
    close(fd);
    return error;
  }
  base_ = static_cast<uint8_t*>(mapped);
  return fd;
}

}  // namespace sanswitch::verbs
