// Watching one descriptor from JavaScript: listeners, handshakes, netlink.
#pragma once

#include <napi.h>
#include <uv.h>

#include "reactor/loop_object.h"

namespace sanswitch {

// JavaScript's class Poll: calls back when its descriptor is ready. Does not own the descriptor, which may be closed
// as soon as stop() or close() has returned.
class Poll : public Napi::ObjectWrap<Poll>, public LoopObject {
 public:
  explicit Poll(const Napi::CallbackInfo& info);

  // Adds the class to the addon.
  static void exportClass(Napi::Env env, Napi::Object exports);

 private:
  // JavaScript's methods; each says what it takes in src/native/addon.ts.
  Napi::Value start(const Napi::CallbackInfo& info);
  Napi::Value stop(const Napi::CallbackInfo& info);
  void ref(const Napi::CallbackInfo& info);
  void unref(const Napi::CallbackInfo& info);
  void closeMethod(const Napi::CallbackInfo& info);

  static void onReady(uv_poll_t* handle, int status, int events);

  void closeHandles() override;
  void closed() override;

  uv_poll_t poll_{};
  // poll_ has been initialised.
  bool started_ = false;
  napi_ref callback_ = nullptr;
};

}  // namespace sanswitch
