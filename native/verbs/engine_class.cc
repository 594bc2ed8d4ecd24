// VerbsEngine: construction, its part of the event loop, life and end.
#include "verbs/engine_class.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <string>

#include "environment.h"
#include "verbs/exports.h"
#include "verbs/library.h"

namespace sanswitch::verbs {

namespace {

// How long nobody looks at a descriptor that is readable, and can't be read: each time twice as long.
constexpr uint64_t kPauseMinMs = 1;
constexpr uint64_t kPauseMaxMs = 128;

void throwSystemError(Napi::Env env, int error, const char* call) {
  std::string name = uv_err_name(error);
  Napi::Error failure = Napi::Error::New(env, std::string(call) + " " + name);
  failure.Set("code", Napi::String::New(env, name));
  failure.Set("errno", Napi::Number::New(env, error));
  failure.Set("syscall", Napi::String::New(env, call));
  failure.ThrowAsJavaScriptException();
}

uv_handle_t* handleOf(uv_async_t* async) { return reinterpret_cast<uv_handle_t*>(async); }
uv_handle_t* handleOf(uv_poll_t* poll) { return reinterpret_cast<uv_handle_t*>(poll); }
uv_handle_t* handleOf(uv_timer_t* timer) { return reinterpret_cast<uv_handle_t*>(timer); }

uint8_t optionOf(Arguments& arguments, const Napi::Object& options, const char* name, int64_t high) {
  Napi::Value value = options.Get(name);
  double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (number >= 0 && number <= static_cast<double>(high) && number == static_cast<int>(number)) {
    return static_cast<uint8_t>(number);
  }
  std::string expected = std::string("options with ") + name + " from 0 to " + std::to_string(high);
  arguments.fail(2, expected.c_str());
  return 0;
}

}  // namespace

VerbsEngine::VerbsEngine(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<VerbsEngine>(info), environment_(Environment::of(info.Env())) {
  // The thread is being terminated, and no JavaScript object holds this one.
  if (IsEmpty()) return;
  Arguments arguments(info);
  auto windowId = static_cast<uint32_t>(arguments.integer(0, 0, UINT32_MAX));
  auto offset = static_cast<uint64_t>(arguments.integer(1, 0, UINT32_MAX));
  if (arguments.failed()) return;
  if (!info[2].IsObject()) {
    arguments.fail(2, "an object");
    return;
  }
  auto given = info[2].As<Napi::Object>();
  EngineOptions options{optionOf(arguments, given, "ackTimeout", 31), optionOf(arguments, given, "retryCount", 7),
                        optionOf(arguments, given, "rnrRetryCount", 7)};
  if (arguments.failed()) return;
  if (libraries().functions == nullptr) {
    throwSystemError(info.Env(), -ENOSYS, "dlopen");
    return;
  }
  if (!LoopObject::attach(info.Env())) {
    Napi::Error::New(info.Env(), "this environment has no event loop").ThrowAsJavaScriptException();
    return;
  }
  Ref();
  const char* call = "malloc";
  int error;
  try {
    error = make(windowId, offset, options, &call);
  } catch (const std::bad_alloc&) {
    error = -ENOMEM;
  }
  napi_value function = nullptr;
  if (error == 0 && (napi_create_function(info.Env(), "submit", NAPI_AUTO_LENGTH, submit, this, &function) != napi_ok ||
                     napi_set_named_property(info.Env(), info.This(), "submit", function) != napi_ok)) {
    error = -ENOMEM;
  }
  if (error == 0) return;
  close();
  // JavaScript, which gets no engine, takes its place for free.
  if (isMapped_) environment_->windows.unmap(windowId, offset, layout::VERBS_SEGMENT_BYTES);
  throwSystemError(info.Env(), error, call);
}

int VerbsEngine::make(uint32_t windowId, uint64_t offset, const EngineOptions& options, const char** call) {
  auto segment = std::make_shared<Segment>();
  *call = "memfd_create";
  int fd = segment->create();
  if (fd < 0) return fd;
  *call = "mmap";
  int error = environment_->windows.mapShared(windowId, offset, layout::VERBS_SEGMENT_BYTES, fd);
  ::close(fd);
  if (error < 0) return error;
  isMapped_ = true;
  *call = "uv_async_init";
  error = uv_async_init(loop(), &awaken_, [](uv_async_t*) {});
  if (error < 0) return error;
  awaken_.data = static_cast<LoopObject*>(this);
  opened(handleOf(&awaken_));
  // Never fails.
  uv_timer_init(loop(), &pauses_);
  pauses_.data = this;
  opened(handleOf(&pauses_));
  hasHandles_ = true;
  engine_ = std::make_shared<Engine>(segment, this, options);
  *call = "rdma_create_event_channel";
  error = engine_->open();
  if (error < 0) return error;
  environment_->sources.add(engine_);
  return 0;
}

int VerbsEngine::watch(int fd, Readable* who) {
  watches_.reserve(watches_.size() + 1);
  auto made = std::make_unique<Watch>();
  int error = uv_poll_init(loop(), &made->poll, fd);
  if (error < 0) return error;
  made->owner = this;
  made->who = who;
  opened(handleOf(&made->poll));
  watches_.push_back(made.get());
  error = startPoll(made.release());
  if (error < 0) unwatch(who);
  return error;
}

int VerbsEngine::startPoll(Watch* watch) {
  return uv_poll_start(&watch->poll, UV_READABLE, [](uv_poll_t* handle, int status, int) {
    auto* readable = reinterpret_cast<Watch*>(handle);
    readable->owner->take(readable, status);
  });
}

void VerbsEngine::take(Watch* watch, int status) {
  bool isTaken = watch->who->readable();
  // At an error of the descriptor itself libuv has stopped looking at it.
  if (isTaken && status == 0) watch->pauseMs = 0;
  else pause(watch);
}

void VerbsEngine::pause(Watch* watch) {
  uv_poll_stop(&watch->poll);
  watch->pauseMs = watch->pauseMs == 0 ? kPauseMinMs : std::min(2 * watch->pauseMs, kPauseMaxMs);
  // Who pauses already has all go on when his pause is over.
  if (uv_is_active(handleOf(&pauses_))) return;
  auto over = [](uv_timer_t* timer) { static_cast<VerbsEngine*>(timer->data)->resume(); };
  uv_timer_start(&pauses_, over, watch->pauseMs, 0);
}

void VerbsEngine::resume() {
  // A descriptor that is readable still says so again.
  for (Watch* watch : watches_) {
    if (!uv_is_active(handleOf(&watch->poll)) && startPoll(watch) < 0) pause(watch);
  }
}

void VerbsEngine::look(Readable* who) {
  auto found = findWatch(who);
  if (found != watches_.end()) take(*found, 0);
}

std::vector<VerbsEngine::Watch*>::iterator VerbsEngine::findWatch(const Readable* who) {
  return std::find_if(watches_.begin(), watches_.end(), [who](Watch* one) { return one->who == who; });
}

void VerbsEngine::unwatch(Readable* who) {
  auto found = findWatch(who);
  if (found == watches_.end()) return;
  Watch* watch = *found;
  watches_.erase(found);
  closeHandle(handleOf(&watch->poll), [](uv_handle_t* handle) {
    auto* owner = static_cast<LoopObject*>(handle->data);
    delete reinterpret_cast<Watch*>(handle);
    handleClosed(owner);
  });
}

void VerbsEngine::ref(const Napi::CallbackInfo&) {
  if (!closing() && hasHandles_) uv_ref(handleOf(&awaken_));
}

void VerbsEngine::unref(const Napi::CallbackInfo&) {
  if (!closing() && hasHandles_) uv_unref(handleOf(&awaken_));
}

void VerbsEngine::closeMethod(const Napi::CallbackInfo&) { close(); }

void VerbsEngine::closeHandles() {
  if (engine_ != nullptr) {
    environment_->sources.remove(engine_.get());
    engine_->close();
  }
  if (!hasHandles_) return;
  closeHandle(handleOf(&awaken_));
  closeHandle(handleOf(&pauses_));
}

void VerbsEngine::closed() { letGo(*this); }

}  // namespace sanswitch::verbs
