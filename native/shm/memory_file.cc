#include "memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "arguments.h"
#include "environment.h"
#include "exports.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace sanswitch {

int createSealable(const char* name) {
  int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  // Kernels before 6.3 don't know the last of them.
  if (fd < 0 && errno == EINVAL) fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  return fd < 0 ? -errno : fd;
}

namespace {

constexpr size_t kNameLimit = 249;  // memfd_create(2)
constexpr int64_t kBytesLimit = int64_t{1} << 30;

// Whoever opens the file through /proc gets it for reading only; this descriptor stays writable.
int sizeAndSeal(int fd, int64_t bytes) {
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) return -errno;
  if (fchmod(fd, S_IRUSR) != 0) return -errno;
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return -errno;
  return 0;
}

// createMemoryFile(name, bytes) -> descriptor or -errno
Napi::Value createFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  std::string name = arguments.text(0, kNameLimit);
  int64_t bytes = arguments.integer(1, 1, kBytesLimit);
  if (arguments.failed()) return info.Env().Undefined();
  int fd = createSealable(name.c_str());
  if (fd < 0) return Napi::Number::New(info.Env(), fd);
  int error = sizeAndSeal(fd, bytes);
  if (error < 0) {
    ::close(fd);
    return Napi::Number::New(info.Env(), error);
  }
  return Napi::Number::New(info.Env(), Environment::of(info.Env())->own(fd));
}

}  // namespace

void exportMemoryFile(Napi::Env env, Napi::Object exports) {
  exports.Set("createMemoryFile", Napi::Function::New<guarded<createFunction>>(env, "createMemoryFile"));
}

}  // namespace sanswitch
