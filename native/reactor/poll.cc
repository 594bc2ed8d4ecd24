#include "poll.h"

#include <errno.h>

#include <string>

#include "arguments.h"

namespace sanswitch {

void Poll::exportClass(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor = DefineClass(env, "Poll",
                                           {
                                               InstanceMethod<&Poll::start>("start"),
                                               InstanceMethod<&Poll::stop>("stop"),
                                               InstanceMethod<&Poll::ref>("ref"),
                                               InstanceMethod<&Poll::unref>("unref"),
                                               InstanceMethod<&Poll::closeMethod>("close"),
                                           });
  exports.Set("Poll", constructor);
}

Poll::Poll(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Poll>(info) {
  // The thread is being terminated, and no JavaScript object holds this one.
  if (IsEmpty()) return;
  Arguments arguments(info);
  auto fd = static_cast<int>(arguments.integer(0, 0, INT32_MAX));
  if (arguments.failed()) return;
  if (!info[1].IsFunction()) {
    Napi::TypeError::New(info.Env(), "Poll takes (fd, callback)").ThrowAsJavaScriptException();
    return;
  }
  if (!attach(info.Env())) {
    Napi::Error::New(info.Env(), "this environment has no event loop").ThrowAsJavaScriptException();
    return;
  }
  int error = uv_poll_init(loop(), &poll_, fd);
  if (error < 0) {
    // Undoes attach(); nothing has been opened.
    Ref();
    close();
    Napi::Error failure = Napi::Error::New(info.Env(), std::string("poll ") + uv_err_name(error));
    failure.Set("code", Napi::String::New(info.Env(), uv_err_name(error)));
    failure.Set("errno", Napi::Number::New(info.Env(), error));
    failure.Set("syscall", Napi::String::New(info.Env(), "poll"));
    failure.ThrowAsJavaScriptException();
    return;
  }
  started_ = true;
  poll_.data = static_cast<LoopObject*>(this);
  opened(reinterpret_cast<uv_handle_t*>(&poll_));
  napi_create_reference(info.Env(), info[1], 1, &callback_);
  Ref();
}

void Poll::onReady(uv_poll_t* handle, int status, int events) {
  auto* poll = static_cast<Poll*>(static_cast<LoopObject*>(handle->data));
  int32_t arguments[] = {status, events};
  poll->call(poll->callback_, 2, arguments, nullptr);
}

Napi::Value Poll::start(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto events = static_cast<int>(arguments.integer(0, 1, UV_READABLE | UV_WRITABLE));
  if (arguments.failed()) return info.Env().Undefined();
  int error = closing() ? -ECANCELED : uv_poll_start(&poll_, events, onReady);
  return Napi::Number::New(info.Env(), error);
}

Napi::Value Poll::stop(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), closing() ? 0 : uv_poll_stop(&poll_));
}

void Poll::ref(const Napi::CallbackInfo&) {
  if (!closing()) uv_ref(reinterpret_cast<uv_handle_t*>(&poll_));
}

void Poll::unref(const Napi::CallbackInfo&) {
  if (!closing()) uv_unref(reinterpret_cast<uv_handle_t*>(&poll_));
}

void Poll::closeMethod(const Napi::CallbackInfo&) { close(); }

void Poll::closeHandles() {
  if (started_) closeHandle(reinterpret_cast<uv_handle_t*>(&poll_));
}

void Poll::closed() {
  if (callback_ != nullptr) napi_delete_reference(env(), callback_);
  callback_ = nullptr;
  letGo(*this);
}

}  // namespace sanswitch
