// JavaScript's class VerbsEngine.
#pragma once

#include <napi.h>
#include <uv.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "arguments.h"
#include "reactor/loop_object.h"
#include "verbs/engine.h"
#include "verbs/exports.h"

namespace sanswitch {
class Environment;
}

namespace sanswitch::verbs {

// Gives an engine its thread's event loop and its calls from JavaScript; each says what it does in
// src/native/verbs.ts.
class VerbsEngine : public Napi::ObjectWrap<VerbsEngine>, public LoopObject, public Loop {
 public:
  explicit VerbsEngine(const Napi::CallbackInfo& info);

 private:
  friend void exportVerbsEngine(Napi::Env env, Napi::Object exports);

  // A descriptor in the loop. Freed when libuv lets go of it.
  struct Watch {
    uv_poll_t poll;
    VerbsEngine* owner;
    Readable* who;
    // The last pause, which the next one doubles; 0: what was there could be taken.
    uint64_t pauseMs;
  };

  template <int (VerbsEngine::*kMethod)(Arguments&)>
  Napi::Value call(const Napi::CallbackInfo& info);

  int listen(Arguments& arguments);
  int listenerPort(Arguments& arguments);
  int unlisten(Arguments& arguments);
  int resolve(Arguments& arguments);
  int resolveRoute(Arguments& arguments);
  int prepare(Arguments& arguments);
  int useChunk(Arguments& arguments);
  int connect(Arguments& arguments);
  int accept(Arguments& arguments);
  int reject(Arguments& arguments);
  int disconnect(Arguments& arguments);
  int destroy(Arguments& arguments);
  int registerMemory(Arguments& arguments);
  int deregister(Arguments& arguments);
  int allocateWindow(Arguments& arguments);
  int bindWindow(Arguments& arguments);
  int invalidateWindow(Arguments& arguments);
  int freeWindow(Arguments& arguments);
  int attach(Arguments& arguments);
  Napi::Value detach(const Napi::CallbackInfo& info);
  Napi::Value connectionDevice(const Napi::CallbackInfo& info);
  Napi::Value stats(const Napi::CallbackInfo& info);
  void ref(const Napi::CallbackInfo& info);
  void unref(const Napi::CallbackInfo& info);
  void closeMethod(const Napi::CallbackInfo& info);
  static napi_value submit(napi_env env, napi_callback_info info);

  int watch(int fd, Readable* who) override;
  void unwatch(Readable* who) override;
  void look(Readable* who) override;
  void wake() override { uv_async_send(&awaken_); }

  std::vector<Watch*>::iterator findWatch(const Readable* who);
  // 0 or -errno.
  int startPoll(Watch* watch);
  // Has whoever watches take what is there; if that fails, pauses.
  void take(Watch* watch, int status);
  void pause(Watch* watch);
  // All pauses are over.
  void resume();

  // Makes segment and engine. 0 or -errno, and in `call` which system call has failed.
  int make(uint32_t windowId, uint64_t offset, const EngineOptions& options, const char** call);
  void closeHandles() override;
  void closed() override;

  Environment* environment_;
  std::shared_ptr<Engine> engine_;
  uv_async_t awaken_;
  // Runs while a watch pauses, or several.
  uv_timer_t pauses_;
  // Its segment is in a window of JavaScript's.
  bool isMapped_ = false;
  bool hasHandles_ = false;
  std::vector<Watch*> watches_;
};

}  // namespace sanswitch::verbs
