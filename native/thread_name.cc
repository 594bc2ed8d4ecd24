// The name of a thread as the system shows it (ps, top, perf), where all workers look alike otherwise.
#include "thread_name.h"

#include <pthread.h>

#include "arguments.h"

namespace sanswitch {

namespace {

// Without the NUL: the kernel's limit.
constexpr size_t kThreadNameLimit = 15;

// setThreadName(name) -> 0 or -errno
Napi::Value setThreadName(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  std::string name = arguments.text(0, kThreadNameLimit);
  if (arguments.failed()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), -pthread_setname_np(pthread_self(), name.c_str()));
}

}  // namespace

void exportThreadName(Napi::Env env, Napi::Object exports) {
  exports.Set("setThreadName", Napi::Function::New<guarded<setThreadName>>(env, "setThreadName"));
}

}  // namespace sanswitch
