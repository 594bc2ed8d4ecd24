// Listening TCP sockets, and giving up or closing what was accepted on them.
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "environment.h"
#include "tcp/acceptor.h"
#include "tcp/address.h"
#include "tcp/exports.h"

namespace sanswitch {

namespace {

bool setOption(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

// Whether closing the socket, whoever does it, resets its connection instead of ending it in order.
bool setResetOnClose(int fd, bool isOn) {
  linger value{};
  value.l_onoff = isOn ? 1 : 0;
  return setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value) == 0;
}

int listenOn(const SocketAddress& address, socklen_t length, int backlog, bool v6only) {
  int family = address.any.sa_family;
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  // As libuv listens: a port whose last connection is in TIME_WAIT may be used again, and whether the IPv6 wildcard
  // takes IPv4 too is never left to the system's default. What is accepted inherits the reset on close: a connection
  // that is not taken, or goes down with its thread, is seen by its peer for what it is.
  if (setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
      (family == AF_INET || setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only ? 1 : 0)) &&
      setResetOnClose(fd, true) && bind(fd, &address.any, length) == 0 && listen(fd, backlog) == 0) {
    return fd;
  }
  int error = -errno;
  ::close(fd);
  return error;
}

// listenTcp(address, port, family: 4 or 6, backlog, v6only: 0 or 1) -> descriptor or -errno
Napi::Value listenTcp(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  std::string text = arguments.text(0, kAddressLimit);
  auto port = static_cast<uint16_t>(arguments.integer(1, 0, 65535));
  int family = arguments.integer(2, 4, 6) == 6 ? AF_INET6 : AF_INET;
  auto backlog = static_cast<int>(arguments.integer(3, 0, INT32_MAX));
  bool v6only = arguments.integer(4, 0, 1) == 1;
  if (arguments.failed()) return info.Env().Undefined();
  SocketAddress address;
  socklen_t length = parseAddress(text, port, family, &address);
  int fd = length == 0 ? -EINVAL : listenOn(address, length, backlog, v6only);
  return Napi::Number::New(info.Env(), Environment::of(info.Env())->own(fd));
}

// setResetOnClose(fd, 0 or 1) -> 0 or -errno
Napi::Value setResetOnCloseOf(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto fd = static_cast<int>(arguments.integer(0, 0, INT32_MAX));
  bool isOn = arguments.integer(1, 0, 1) == 1;
  if (arguments.failed()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), setResetOnClose(fd, isOn) ? 0 : -errno);
}

// pendingError(fd) -> 0, or the error that the socket has not told yet, negated; or -errno
Napi::Value pendingError(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto fd = static_cast<int>(arguments.integer(0, 0, INT32_MAX));
  if (arguments.failed()) return info.Env().Undefined();
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  return Napi::Number::New(info.Env(), -error);
}

// localAddress(fd) -> text or -errno
Napi::Value localAddress(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto fd = static_cast<int>(arguments.integer(0, 0, INT32_MAX));
  if (arguments.failed()) return info.Env().Undefined();
  SocketAddress address{};
  socklen_t length = sizeof address;
  if (getsockname(fd, &address.any, &length) != 0) return Napi::Number::New(info.Env(), -errno);
  char text[kAddressLimit];
  if (!formatAddress(address, text)) return Napi::Number::New(info.Env(), -EAFNOSUPPORT);
  return Napi::String::New(info.Env(), text);
}

// The cookie at `index`, which JavaScript has from an acceptor. False: that is none, and an exception is pending.
bool cookieArgument(const Napi::CallbackInfo& info, size_t index, uint64_t* cookie) {
  bool isLossless = false;
  if (info[index].IsBigInt()) *cookie = info[index].As<Napi::BigInt>().Uint64Value(&isLossless);
  if (isLossless) return true;
  Napi::TypeError::New(info.Env(), "a cookie must be a BigInt of 64 bits").ThrowAsJavaScriptException();
  return false;
}

using SocketEnd = int (Environment::*)(int fd, uint64_t cookie);

template <SocketEnd kEnd>
Napi::Value endSocket(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto fd = static_cast<int>(arguments.integer(0, 0, INT32_MAX));
  uint64_t cookie = 0;
  if (arguments.failed() || !cookieArgument(info, 1, &cookie)) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), (Environment::of(info.Env())->*kEnd)(fd, cookie));
}

}  // namespace

void exportTcp(Napi::Env env, Napi::Object exports) {
  exports.Set("listenTcp", Napi::Function::New<guarded<listenTcp>>(env, "listenTcp"));
  exports.Set("setResetOnClose", Napi::Function::New<guarded<setResetOnCloseOf>>(env, "setResetOnClose"));
  exports.Set("pendingError", Napi::Function::New<guarded<pendingError>>(env, "pendingError"));
  exports.Set("localAddress", Napi::Function::New<guarded<localAddress>>(env, "localAddress"));
  exports.Set("closeSocket", Napi::Function::New<guarded<endSocket<&Environment::closeSocket>>>(env, "closeSocket"));
  exports.Set("releaseSocket",
              Napi::Function::New<guarded<endSocket<&Environment::releaseSocket>>>(env, "releaseSocket"));
  TcpAcceptor::exportClass(env, exports);
}

}  // namespace sanswitch
