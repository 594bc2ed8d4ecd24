// A timer as a descriptor, for what must happen at a moment and not within a millisecond, as libuv's timers do.
#include "timer.h"

#include <sys/timerfd.h>

#include "arguments.h"
#include "environment.h"

namespace sanswitch {

namespace {

constexpr int64_t kNsPerSecond = 1000000000;
// An hour: whoever waits longer has no need of this.
constexpr int64_t kDelayLimitNs = 3600 * kNsPerSecond;

// createTimer() -> descriptor or -errno
Napi::Value createTimer(const Napi::CallbackInfo& info) {
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  return Napi::Number::New(info.Env(), fd < 0 ? -errno : Environment::of(info.Env())->own(fd));
}

// armTimer(fd, delayNs) -> 0 or -errno: readable after so long, once; 0: not at all. What it had to tell is forgotten.
Napi::Value armTimer(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto fd = static_cast<int>(arguments.integer(0, 0, INT32_MAX));
  int64_t delayNs = arguments.integer(1, 0, kDelayLimitNs);
  if (arguments.failed()) return info.Env().Undefined();
  itimerspec when{};
  when.it_value.tv_sec = delayNs / kNsPerSecond;
  when.it_value.tv_nsec = delayNs % kNsPerSecond;
  return Napi::Number::New(info.Env(), timerfd_settime(fd, 0, &when, nullptr) == 0 ? 0 : -errno);
}

}  // namespace

void exportTimer(Napi::Env env, Napi::Object exports) {
  exports.Set("createTimer", Napi::Function::New<guarded<createTimer>>(env, "createTimer"));
  exports.Set("armTimer", Napi::Function::New<guarded<armTimer>>(env, "armTimer"));
}

}  // namespace sanswitch
