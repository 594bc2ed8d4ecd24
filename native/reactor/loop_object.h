// What every native object with libuv handles needs in order to die safely: at close(), at garbage collection and at
// the end of its thread, whichever comes first.
#pragma once

#include <node_api.h>
#include <uv.h>

namespace sanswitch {

// Owns libuv handles in the event loop of one environment. While any is open, the environment waits for it: a cleanup
// hook closes the handles, and is taken back only when libuv has let go of the last one. Thread: the loop's own.
class LoopObject {
 public:
  LoopObject(const LoopObject&) = delete;
  LoopObject& operator=(const LoopObject&) = delete;

  // Closes all handles; safe to call at any time and any number of times, from inside callbacks too.
  void close();

  // True from close() on: no callback into JavaScript happens any more.
  bool closing() const { return closing_; }

 protected:
  LoopObject() = default;
  // All handles are closed by then.
  virtual ~LoopObject() = default;

  // Finds the loop and registers the cleanup hook. False: the environment can't do that.
  bool attach(napi_env env);

  // Counts `handle`, which has been initialised in loop() and belongs to this object.
  void opened(uv_handle_t* handle);

  // Closes one handle; allocates nothing, for it must not fail. `released` is called once libuv is done with the
  // handle's memory, with this object in its data: the last thing that it does is handleClosed.
  void closeHandle(uv_handle_t* handle, uv_close_cb released = onHandleClosed);

  // One handle of `owner`, which may be gone when this returns, is closed.
  static void handleClosed(LoopObject* owner);

  uv_loop_t* loop() const { return loop_; }
  napi_env env() const { return env_; }

  // Called once by close(): call closeHandle for every handle.
  virtual void closeHandles() = 0;

  // Called once, when the last handle is closed: release what is held for JavaScript. JavaScript must not be called.
  virtual void closed() = 0;

  // Gives up the reference that kept the JavaScript object while handles were open. Never throws: libuv is the caller.
  void letGo(napi_ref object) { napi_reference_unref(env_, object, nullptr); }

  // Calls `function` as libuv callbacks do: with async hooks, microtasks and process.nextTick behind it. An exception
  // goes where every uncaught exception goes. `result`, if not null, gets the returned number, 0 if there is none.
  // False: an exception was thrown or JavaScript can't be called any more.
  bool call(napi_ref function, size_t count, const int32_t* arguments, int32_t* result);

  // The same for a caller that has a handle scope open and the function at hand. `*returned` is valid if this returns
  // true.
  bool callInScope(napi_value function, size_t count, const napi_value* arguments, napi_value* returned);

 private:
  static void onEnvironmentEnd(napi_async_cleanup_hook_handle hook, void* data);
  static void onHandleClosed(uv_handle_t* handle) { handleClosed(static_cast<LoopObject*>(handle->data)); }
  void finishIfClosed();

  napi_env env_ = nullptr;
  uv_loop_t* loop_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  napi_async_context asyncContext_ = nullptr;
  int openHandles_ = 0;
  bool closing_ = false;
  bool finished_ = false;
};

}  // namespace sanswitch
