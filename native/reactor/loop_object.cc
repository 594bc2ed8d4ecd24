#include "loop_object.h"

namespace sanswitch {

bool LoopObject::attach(napi_env env) {
  env_ = env;
  napi_value name = nullptr;
  if (napi_get_uv_event_loop(env, &loop_) != napi_ok ||
      napi_create_string_utf8(env, "sanswitch:reactor", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env, nullptr, name, &asyncContext_) != napi_ok) {
    return false;
  }
  if (napi_add_async_cleanup_hook(env, onEnvironmentEnd, this, &hook_) == napi_ok) return true;
  napi_async_destroy(env, asyncContext_);
  asyncContext_ = nullptr;
  return false;
}

void LoopObject::opened(uv_handle_t* handle) {
  openHandles_++;
  uv_unref(handle);
}

void LoopObject::closeHandle(uv_handle_t* handle, uv_close_cb released) {
  if (uv_is_closing(handle)) return;
  handle->data = this;
  uv_close(handle, released);
}

void LoopObject::handleClosed(LoopObject* owner) {
  owner->openHandles_--;
  owner->finishIfClosed();
}

void LoopObject::close() {
  if (closing_) return;
  closing_ = true;
  closeHandles();
  finishIfClosed();
}

void LoopObject::finishIfClosed() {
  if (!closing_ || finished_ || openHandles_ > 0) return;
  finished_ = true;
  napi_async_cleanup_hook_handle hook = hook_;
  if (asyncContext_ != nullptr) napi_async_destroy(env_, asyncContext_);
  closed();
  // Last: at the end of an environment this lets it go on, and `this` may be gone with it.
  if (hook != nullptr) napi_remove_async_cleanup_hook(hook);
}

void LoopObject::onEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) {
  static_cast<LoopObject*>(data)->close();
}

bool LoopObject::callInScope(napi_value function, size_t count, const napi_value* arguments, napi_value* returned) {
  // The function is its own receiver: any object will do, and this one is at hand.
  napi_status status = napi_make_callback(env_, asyncContext_, function, function, count, arguments, returned);
  if (status == napi_pending_exception) {
    napi_value exception = nullptr;
    bool pending = false;
    napi_is_exception_pending(env_, &pending);
    if (pending && napi_get_and_clear_last_exception(env_, &exception) == napi_ok) {
      napi_fatal_exception(env_, exception);
    }
  }
  return status == napi_ok;
}

bool LoopObject::call(napi_ref function, size_t count, const int32_t* arguments, int32_t* result) {
  constexpr size_t kArgumentLimit = 4;
  napi_handle_scope scope = nullptr;
  if (count > kArgumentLimit || napi_open_handle_scope(env_, &scope) != napi_ok) return false;
  napi_value callee = nullptr, returned = nullptr;
  napi_value values[kArgumentLimit];
  for (size_t i = 0; i < count; i++) napi_create_int32(env_, arguments[i], &values[i]);
  napi_get_reference_value(env_, function, &callee);
  bool isDone = callInScope(callee, count, values, &returned);
  if (isDone && result != nullptr && napi_get_value_int32(env_, returned, result) != napi_ok) *result = 0;
  napi_close_handle_scope(env_, scope);
  return isDone;
}

}  // namespace sanswitch
