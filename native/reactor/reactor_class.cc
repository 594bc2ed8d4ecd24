// The JavaScript side of class Reactor: construction, links, life and end.
#include <errno.h>

#include "arguments.h"
#include "environment.h"
#include "reactor.h"
#include "reactor/dedicated_poller.h"

namespace sanswitch {

namespace {

// More links than a process can have descriptors for.
constexpr int64_t kLinkLimit = 1 << 20;

}  // namespace

void Reactor::exportClass(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor =
      DefineClass(env, "Reactor",
                  {
                      InstanceMethod<&Reactor::addLink>("addLink"),
                      InstanceMethod<&Reactor::removeLink>("removeLink"),
                      InstanceMethod<&Reactor::setControl>("setControl"),
                      InstanceMethod<&Reactor::setDedicated>("setDedicated"),
                      InstanceMethod<&Reactor::ref>("ref"),
                      InstanceMethod<&Reactor::unref>("unref"),
                      InstanceMethod<&Reactor::closeMethod>("close"),
                  });
  exports.Set("Reactor", constructor);
}

Reactor::Reactor(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Reactor>(info),
      environment_(Environment::of(info.Env())),
      poller_(&environment_->windows, &environment_->sources) {
  // The thread is being terminated, and no JavaScript object holds this one.
  if (IsEmpty()) return;
  if (!info[1].IsFunction() || !info[2].IsFunction() || !info[3].IsFunction()) {
    Napi::TypeError::New(info.Env(), "Reactor takes (control, onReady, onBeforeSleep, onLinkEvent)")
        .ThrowAsJavaScriptException();
    return;
  }
  if (!addWake(info) || !takeControl(info[0])) return;
  if (!attach(info.Env())) {
    napi_delete_reference(info.Env(), controlReference_);
    Napi::Error::New(info.Env(), "this environment has no event loop for a reactor").ThrowAsJavaScriptException();
    return;
  }
  napi_create_reference(info.Env(), info[1], 1, &onReady_);
  napi_create_reference(info.Env(), info[2], 1, &onBeforeSleep_);
  napi_create_reference(info.Env(), info[3], 1, &onLinkEvent_);
  startHandles();
  // While its handles are open, the object stays, whether JavaScript still refers to it or not.
  Ref();
}

bool Reactor::addWake(const Napi::CallbackInfo& info) {
  napi_value function = nullptr;
  return napi_create_function(info.Env(), "wake", NAPI_AUTO_LENGTH, wake, this, &function) == napi_ok &&
         napi_set_named_property(info.Env(), info.This(), "wake", function) == napi_ok;
}

bool Reactor::takeControl(Napi::Value value) {
  constexpr size_t kWords = sizeof(layout::ReactorControl) / sizeof(int32_t);
  Bytes bytes;
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array ||
      !bytesOf(value.Env(), value, &bytes) || bytes.length / sizeof(int32_t) < kWords ||
      reinterpret_cast<uintptr_t>(bytes.data) % alignof(layout::ReactorControl) != 0) {
    Napi::TypeError::New(value.Env(), "the control block must be an Int32Array that is large enough and aligned")
        .ThrowAsJavaScriptException();
    return false;
  }
  if (controlReference_ != nullptr) napi_delete_reference(value.Env(), controlReference_);
  napi_create_reference(value.Env(), value, 1, &controlReference_);
  control_ = reinterpret_cast<layout::ReactorControl*>(bytes.data);
  poller_.setControl(reinterpret_cast<int32_t*>(bytes.data), bytes.length / sizeof(int32_t));
  return true;
}

void Reactor::startHandles() {
  // None of these can fail but for a null callback.
  uv_prepare_init(loop(), &prepare_);
  uv_check_init(loop(), &check_);
  uv_idle_init(loop(), &keepRunning_);
  prepare_.data = check_.data = keepRunning_.data = static_cast<LoopObject*>(this);
  opened(reinterpret_cast<uv_handle_t*>(&prepare_));
  opened(reinterpret_cast<uv_handle_t*>(&check_));
  opened(reinterpret_cast<uv_handle_t*>(&keepRunning_));
  uv_prepare_start(&prepare_, onPrepare);
  uv_check_start(&check_, onCheck);
}

Napi::Value Reactor::setControl(const Napi::CallbackInfo& info) {
  if (!closing()) takeControl(info[0]);
  return info.Env().Undefined();
}

Napi::Value Reactor::setDedicated(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto strategy = static_cast<int32_t>(arguments.integer(0, -1, layout::POLLER_IDLE_SPIN));
  if (arguments.failed()) return info.Env().Undefined();
  if (closing()) return Napi::Number::New(info.Env(), -ECANCELED);
  // Whoever is asleep has its links in the hands of who polls now.
  if (asleep_) wakeUp();
  if (strategy >= 0) return Napi::Number::New(info.Env(), joinDedicated(strategy));
  leaveDedicated();
  return Napi::Number::New(info.Env(), 0);
}

int Reactor::joinDedicated(int32_t strategy) {
  if (!hasAwaken_) {
    // onCheck, later in the same turn, does what there is to do.
    int error = uv_async_init(loop(), &awaken_, [](uv_async_t*) {});
    if (error < 0) return error;
    awaken_.data = static_cast<LoopObject*>(this);
    opened(reinterpret_cast<uv_handle_t*>(&awaken_));
    hasAwaken_ = true;
  }
  std::shared_ptr<PollerSlot> slot = slot_;
  if (slot == nullptr) {
    slot = std::make_shared<PollerSlot>(
        [](void* handle) { uv_async_send(static_cast<uv_async_t*>(handle)); }, &awaken_);
  }
  slot->setSources(environment_->sources.all());
  sourcesVersion_ = environment_->sources.version();
  int error = DedicatedPoller::instance().join(slot, static_cast<IdleStrategy>(strategy));
  if (error == 0) slot_ = slot;
  return error;
}

void Reactor::leaveDedicated() {
  if (slot_ == nullptr) return;
  slot_->takeBack();
  DedicatedPoller::instance().leave(slot_);
  slot_.reset();
}

Napi::Value Reactor::addLink(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto id = static_cast<size_t>(arguments.integer(0, 0, kLinkLimit));
  auto fd = static_cast<int>(arguments.integer(1, 0, INT32_MAX));
  auto windowId = static_cast<uint32_t>(arguments.integer(2, 0, UINT32_MAX));
  auto wordIndex = static_cast<uint32_t>(arguments.integer(3, 0, UINT32_MAX));
  if (arguments.failed()) return info.Env().Undefined();
  int32_t* epochWord = environment_->windows.word(windowId, wordIndex);
  if (closing()) return Napi::Number::New(info.Env(), -ECANCELED);
  if (epochWord == nullptr) return Napi::Number::New(info.Env(), -EINVAL);
  if (id < links_.size() && links_[id] != nullptr) return Napi::Number::New(info.Env(), -EEXIST);
  // Everything that may fail comes before the handle, which only closing it would give back.
  if (id >= links_.size()) links_.resize(id + 1, nullptr);
  readable_.reserve(links_.size());
  Link* link = new Link{};
  int error = uv_poll_init(loop(), &link->poll, fd);
  if (error < 0) {
    delete link;
    return Napi::Number::New(info.Env(), error);
  }
  link->owner = this;
  link->id = static_cast<int32_t>(id);
  link->fd = fd;
  link->windowId = windowId;
  link->epochWord = epochWord;
  environment_->windows.hold(windowId);
  link->poll.data = link;
  opened(reinterpret_cast<uv_handle_t*>(&link->poll));
  links_[id] = link;
  error = uv_poll_start(&link->poll, UV_READABLE, onSocket);
  if (error < 0) closeLink(id);
  return Napi::Number::New(info.Env(), error);
}

Napi::Value Reactor::removeLink(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto id = static_cast<size_t>(arguments.integer(0, 0, kLinkLimit));
  if (arguments.failed()) return info.Env().Undefined();
  if (closing() || id >= links_.size() || links_[id] == nullptr) return Napi::Number::New(info.Env(), -ENOTCONN);
  // In the middle of a turn the dedicated poller may still hold what is about to be unmapped.
  if (asleep_ && slot_ != nullptr) wakeUp();
  closeLink(id);
  return Napi::Number::New(info.Env(), 0);
}

void Reactor::closeLink(size_t id) {
  Link* link = links_[id];
  if (link == nullptr) return;
  links_[id] = nullptr;
  environment_->windows.letGo(link->windowId);
  closeHandle(reinterpret_cast<uv_handle_t*>(&link->poll), [](uv_handle_t* handle) {
    auto* owner = static_cast<LoopObject*>(handle->data);
    delete reinterpret_cast<Link*>(handle);
    handleClosed(owner);
  });
}

void Reactor::ref(const Napi::CallbackInfo&) {
  if (!closing()) uv_ref(reinterpret_cast<uv_handle_t*>(&prepare_));
}

void Reactor::unref(const Napi::CallbackInfo&) {
  if (!closing()) uv_unref(reinterpret_cast<uv_handle_t*>(&prepare_));
}

void Reactor::closeMethod(const Napi::CallbackInfo&) { close(); }

void Reactor::closeHandles() {
  // Nobody is left asleep behind an odd epoch; and nothing of the windows is touched after this.
  wakeUp();
  leaveDedicated();
  if (hasAwaken_) closeHandle(reinterpret_cast<uv_handle_t*>(&awaken_));
  closeHandle(reinterpret_cast<uv_handle_t*>(&prepare_));
  closeHandle(reinterpret_cast<uv_handle_t*>(&check_));
  closeHandle(reinterpret_cast<uv_handle_t*>(&keepRunning_));
  for (size_t id = 0; id < links_.size(); id++) closeLink(id);
}

void Reactor::closed() {
  napi_delete_reference(env(), onReady_);
  napi_delete_reference(env(), onBeforeSleep_);
  napi_delete_reference(env(), onLinkEvent_);
  napi_delete_reference(env(), controlReference_);
  onReady_ = onBeforeSleep_ = onLinkEvent_ = controlReference_ = nullptr;
  letGo(*this);
}

}  // namespace sanswitch
