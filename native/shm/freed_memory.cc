#include "shm/freed_memory.h"

#include <napi.h>

#include <mutex>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "environment.h"
#include "shm/exports.h"

namespace sanswitch {

namespace {

std::mutex mutex;
// Environments that wish freed memory to be kept. Under the mutex.
int wishes = 0;

#if defined(__GLIBC__)

constexpr int kKibibyte = 1024;
constexpr int kMebibyte = 1024 * kKibibyte;

void keepAll() {
  mallopt(M_MMAP_THRESHOLD, 4 * kMebibyte);
  mallopt(M_TRIM_THRESHOLD, 128 * kMebibyte);
  mallopt(M_TOP_PAD, 8 * kMebibyte);
}

// Near what glibc does by itself: it tunes its thresholds only as long as nobody has set one. The garbage that is freed
// later is given back then, too.
void keepLittle() {
  mallopt(M_TRIM_THRESHOLD, 2 * kMebibyte);
  mallopt(M_TOP_PAD, 128 * kKibibyte);
}

void giveBack() { malloc_trim(0); }

#else

void keepAll() {}
void keepLittle() {}
void giveBack() {}

#endif

// keepFreedMemory(keep): see FreedMemory.
void keepFreedMemory(const Napi::CallbackInfo& info) {
  Environment::of(info.Env())->freedMemory.keep(info[0].ToBoolean());
}

}  // namespace

void FreedMemory::keep(bool wished) {
  if (wished == wished_) return;
  wished_ = wished;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    wishes += wished ? 1 : -1;
    if (wished && wishes == 1) keepAll();
    if (wishes > 0) return;
    keepLittle();
  }
  giveBack();
}

void exportFreedMemory(Napi::Env env, Napi::Object exports) {
  exports.Set("keepFreedMemory", Napi::Function::New(env, keepFreedMemory, "keepFreedMemory"));
}

}  // namespace sanswitch
