// Entry point of the one native addon: makes the environment's state and exports every part's functions.
#include <napi.h>

#include "environment.h"
#include "layout.gen.h"
#include "reactor/poll.h"
#include "reactor/reactor.h"
#include "shm/exports.h"
#include "tcp/exports.h"
#include "thread_name.h"
#include "timer.h"
#include "verbs/exports.h"

namespace sanswitch {

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData<Environment>(new Environment());
  exports.Set("napiVersion", Napi::Number::New(env, NAPI_VERSION));
  exports.Set("layoutHash", Napi::Number::New(env, layout::LAYOUT_HASH));
  exportWindows(env, exports);
  exportUnix(env, exports);
  exportSockets(env, exports);
  exportNetlink(env, exports);
  exportCopy(env, exports);
  exportMemoryFile(env, exports);
  exportFreedMemory(env, exports);
  exportThreadName(env, exports);
  exportTimer(env, exports);
  exportTcp(env, exports);
  verbs::exportVerbsDevices(env, exports);
  verbs::exportVerbsEngine(env, exports);
  Poll::exportClass(env, exports);
  Reactor::exportClass(env, exports);
  return exports;
}

}  // namespace

}  // namespace sanswitch

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return sanswitch::init(env, exports); }

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
