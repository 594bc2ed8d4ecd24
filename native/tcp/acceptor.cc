#include "tcp/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "arguments.h"
#include "environment.h"

namespace sanswitch {

namespace {

// How long nothing is accepted when the system is short of something: those who wait in the queue can wait.
constexpr uint64_t kShortagePauseMs = 50;

// Whether accept4's error concerns only the connection that it would have returned: its peer has gone, or, as Linux may
// report here what happened on the new socket, the network on the way to it. The next one is as good as any.
bool isOfOneConnection(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
      return true;
    default:
      return false;
  }
}

uv_handle_t* handleOf(uv_poll_t* poll) { return reinterpret_cast<uv_handle_t*>(poll); }
uv_handle_t* handleOf(uv_timer_t* timer) { return reinterpret_cast<uv_handle_t*>(timer); }

}  // namespace

void TcpAcceptor::exportClass(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor = DefineClass(env, "TcpAcceptor",
                                           {
                                               InstanceMethod<&TcpAcceptor::pause>("pause"),
                                               InstanceMethod<&TcpAcceptor::resume>("resume"),
                                               InstanceMethod<&TcpAcceptor::ref>("ref"),
                                               InstanceMethod<&TcpAcceptor::unref>("unref"),
                                               InstanceMethod<&TcpAcceptor::closeMethod>("close"),
                                               InstanceMethod<&TcpAcceptor::counters>("counters"),
                                           });
  exports.Set("TcpAcceptor", constructor);
}

TcpAcceptor::TcpAcceptor(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TcpAcceptor>(info) {
  // The thread is being terminated, and no JavaScript object holds this one.
  if (IsEmpty()) return;
  Arguments arguments(info);
  fd_ = static_cast<int>(arguments.integer(0, 0, INT32_MAX));
  if (arguments.failed()) return;
  if (!info[1].IsFunction() || !info[2].IsFunction()) {
    Napi::TypeError::New(info.Env(), "TcpAcceptor takes (fd, onBatch, onShortage)").ThrowAsJavaScriptException();
    return;
  }
  if (!attach(info.Env())) {
    Napi::Error::New(info.Env(), "this environment has no event loop").ThrowAsJavaScriptException();
    return;
  }
  Ref();
  int error = uv_poll_init(loop(), &poll_, fd_);
  if (error < 0) {
    // Undoes attach(); nothing has been opened.
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
  opened(handleOf(&poll_));
  // Never fails.
  uv_timer_init(loop(), &pauseTimer_);
  pauseTimer_.data = static_cast<LoopObject*>(this);
  opened(handleOf(&pauseTimer_));
  napi_create_reference(info.Env(), info[1], 1, &onBatch_);
  napi_create_reference(info.Env(), info[2], 1, &onShortage_);
  openReserve();
  updatePoll();
}

TcpAcceptor::~TcpAcceptor() {
  if (reserve_ >= 0) ::close(reserve_);
}

void TcpAcceptor::updatePoll() {
  if (closing()) return;
  if (pausedForShortage_) {
    // The timer keeps the loop alive instead.
    uv_poll_stop(&poll_);
    return;
  }
  // A listening socket is never disconnected: paused, it reports nothing, yet goes on keeping the loop alive if it is
  // referenced, as every listener does.
  uv_poll_start(&poll_, pausedByCaller_ ? UV_DISCONNECT : UV_READABLE, onReady);
}

void TcpAcceptor::onReady(uv_poll_t* handle, int status, int events) {
  auto* acceptor = static_cast<TcpAcceptor*>(static_cast<LoopObject*>(handle->data));
  acceptor->batchLength_ = 0;
  int error = status;
  // Disconnected after all: somebody who has the descriptor too has shut it down, as accept4 would say.
  if (status == 0) error = (events & UV_READABLE) != 0 ? acceptor->acceptBatch() : -EINVAL;
  if (acceptor->batchLength_ > 0) acceptor->deliver();
  if (error < 0 && !acceptor->closing()) acceptor->meetShortage(error);
}

int TcpAcceptor::acceptBatch() {
  for (size_t i = 0; i < kAcceptsPerTurn; i++) {
    int result = acceptOne(&batch_[batchLength_]);
    if (result < 0) return result == -EAGAIN ? 0 : result;
    if (result > 0) {
      batchLength_++;
      accepted_++;
      shortageTold_ = false;
    } else {
      aborted_++;
    }
  }
  return 0;
}

int TcpAcceptor::acceptOne(Accepted* accepted) {
  socklen_t length = sizeof accepted->remote;
  accepted->remote = {};
  int fd = accept4(fd_, &accepted->remote.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return isOfOneConnection(errno) ? 0 : -errno;
  length = sizeof accepted->local;
  int error = getsockname(fd, &accepted->local.any, &length) == 0 ? 0 : -errno;
  if (error == 0) error = socketCookieOf(fd, &accepted->cookie);
  if (error < 0) {
    ::close(fd);
    return error;
  }
  accepted->fd = Environment::of(Env())->own(fd, accepted->cookie);
  return accepted->fd < 0 ? accepted->fd : 1;
}

void TcpAcceptor::deliver() {
  napi_handle_scope scope = nullptr;
  napi_value batch = nullptr, callee = nullptr;
  bool isOpen = napi_open_handle_scope(env(), &scope) == napi_ok;
  if (isOpen && describe(&batch) && napi_get_reference_value(env(), onBatch_, &callee) == napi_ok) {
    napi_value returned = nullptr;
    // From here on they are JavaScript's to close, or the environment's at its end.
    callInScope(callee, 1, &batch, &returned);
  } else {
    Environment* environment = Environment::of(Env());
    for (size_t i = 0; i < batchLength_; i++) environment->closeSocket(batch_[i].fd, batch_[i].cookie);
  }
  if (isOpen) napi_close_handle_scope(env(), scope);
}

bool TcpAcceptor::describe(napi_value* batch) {
  // In the order of `values` below.
  static constexpr const char* kNames[] = {"fd",         "cookie",       "family",   "remoteAddress",
                                           "remotePort", "localAddress", "localPort"};
  constexpr size_t kCount = std::size(kNames);
  napi_property_descriptor properties[kCount] = {};
  for (size_t k = 0; k < kCount; k++) {
    if (napi_create_string_utf8(env(), kNames[k], NAPI_AUTO_LENGTH, &properties[k].name) != napi_ok) return false;
    properties[k].attributes = napi_enumerable;
  }
  if (napi_create_array_with_length(env(), batchLength_, batch) != napi_ok) return false;
  for (size_t i = 0; i < batchLength_; i++) {
    const Accepted& one = batch_[i];
    char remote[kAddressLimit], local[kAddressLimit];
    napi_value object = nullptr;
    if (!formatAddress(one.remote, remote) || !formatAddress(one.local, local) ||
        napi_create_object(env(), &object) != napi_ok ||
        napi_create_int32(env(), one.fd, &properties[0].value) != napi_ok ||
        napi_create_bigint_uint64(env(), one.cookie, &properties[1].value) != napi_ok ||
        napi_create_int32(env(), one.local.any.sa_family == AF_INET ? 4 : 6, &properties[2].value) != napi_ok ||
        napi_create_string_latin1(env(), remote, NAPI_AUTO_LENGTH, &properties[3].value) != napi_ok ||
        napi_create_int32(env(), one.remote.port(), &properties[4].value) != napi_ok ||
        napi_create_string_latin1(env(), local, NAPI_AUTO_LENGTH, &properties[5].value) != napi_ok ||
        napi_create_int32(env(), one.local.port(), &properties[6].value) != napi_ok ||
        napi_define_properties(env(), object, kCount, properties) != napi_ok ||
        napi_set_element(env(), *batch, static_cast<uint32_t>(i), object) != napi_ok) {
      return false;
    }
  }
  return true;
}

void TcpAcceptor::meetShortage(int error) {
  if (error == -EMFILE || error == -ENFILE) shedOne();
  pauses_++;
  pausedForShortage_ = true;
  updatePoll();
  uv_timer_start(&pauseTimer_, onPauseOver, kShortagePauseMs, 0);
  if (shortageTold_) return;
  shortageTold_ = true;
  int32_t arguments[] = {error};
  call(onShortage_, 1, arguments, nullptr);
}

void TcpAcceptor::onPauseOver(uv_timer_t* handle) {
  auto* acceptor = static_cast<TcpAcceptor*>(static_cast<LoopObject*>(handle->data));
  acceptor->openReserve();
  acceptor->pausedForShortage_ = false;
  acceptor->updatePoll();
}

void TcpAcceptor::shedOne() {
  if (reserve_ < 0) return;
  ::close(reserve_);
  reserve_ = -1;
  int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) {
    ::close(fd);
    shed_++;
  }
  openReserve();
}

void TcpAcceptor::openReserve() {
  // Another thread may have taken the number meanwhile; then it stays -1 until the next try.
  if (reserve_ < 0) reserve_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void TcpAcceptor::pause(const Napi::CallbackInfo&) {
  pausedByCaller_ = true;
  updatePoll();
}

void TcpAcceptor::resume(const Napi::CallbackInfo&) {
  pausedByCaller_ = false;
  updatePoll();
}

void TcpAcceptor::ref(const Napi::CallbackInfo&) {
  if (closing()) return;
  uv_ref(handleOf(&poll_));
  uv_ref(handleOf(&pauseTimer_));
}

void TcpAcceptor::unref(const Napi::CallbackInfo&) {
  if (closing()) return;
  uv_unref(handleOf(&poll_));
  uv_unref(handleOf(&pauseTimer_));
}

void TcpAcceptor::closeMethod(const Napi::CallbackInfo&) { close(); }

Napi::Value TcpAcceptor::counters(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("accepted", Napi::Number::New(info.Env(), static_cast<double>(accepted_)));
  result.Set("aborted", Napi::Number::New(info.Env(), static_cast<double>(aborted_)));
  result.Set("shed", Napi::Number::New(info.Env(), static_cast<double>(shed_)));
  result.Set("pauses", Napi::Number::New(info.Env(), static_cast<double>(pauses_)));
  return result;
}

void TcpAcceptor::closeHandles() {
  if (!started_) return;
  closeHandle(handleOf(&poll_));
  closeHandle(handleOf(&pauseTimer_));
}

void TcpAcceptor::closed() {
  if (onBatch_ != nullptr) napi_delete_reference(env(), onBatch_);
  if (onShortage_ != nullptr) napi_delete_reference(env(), onShortage_);
  onBatch_ = nullptr;
  onShortage_ = nullptr;
  if (reserve_ >= 0) ::close(reserve_);
  reserve_ = -1;
  letGo(*this);
}

}  // namespace sanswitch
