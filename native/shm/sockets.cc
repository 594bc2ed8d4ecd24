// What can be asked about any socket, and binding a TCP socket without connecting it.
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "arguments.h"
#include "environment.h"
#include "exports.h"
#include "tcp/address.h"

namespace sanswitch {

namespace {

int bindTcpSocket(const std::string& text, uint16_t port, int family) {
  SocketAddress address;
  socklen_t length = parseAddress(text, port, family, &address);
  if (length == 0) return -EINVAL;
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  // As libuv binds: a port whose last connection is in TIME_WAIT may be used again.
  int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd, &address.any, length) != 0) {
    int error = -errno;
    ::close(fd);
    return error;
  }
  return fd;
}

// bindTcp(address, port, family: 4 or 6) -> descriptor or -errno
Napi::Value bindTcp(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  std::string address = arguments.text(0, kAddressLimit);
  auto port = static_cast<uint16_t>(arguments.integer(1, 0, 65535));
  int family = arguments.integer(2, 4, 6) == 6 ? AF_INET6 : AF_INET;
  if (arguments.failed()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), Environment::of(info.Env())->own(bindTcpSocket(address, port, family)));
}

// localPort(fd) -> the port that a TCP socket is bound to or -errno
Napi::Value localPort(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto fd = static_cast<int>(arguments.integer(0, 0, INT32_MAX));
  if (arguments.failed()) return info.Env().Undefined();
  SocketAddress address{};
  socklen_t length = sizeof address;
  if (getsockname(fd, &address.any, &length) != 0) return Napi::Number::New(info.Env(), -errno);
  bool isInternet = address.any.sa_family == AF_INET || address.any.sa_family == AF_INET6;
  return Napi::Number::New(info.Env(), isInternet ? address.port() : -EAFNOSUPPORT);
}

// socketCookie(fd) -> BigInt, the number that sock_diag knows the socket by, or -errno
Napi::Value socketCookie(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto fd = static_cast<int>(arguments.integer(0, 0, INT32_MAX));
  if (arguments.failed()) return info.Env().Undefined();
  uint64_t cookie = 0;
  int error = socketCookieOf(fd, &cookie);
  if (error < 0) return Napi::Number::New(info.Env(), error);
  return Napi::BigInt::New(info.Env(), cookie);
}

// descriptorInode(fd) -> inode number or -errno
Napi::Value descriptorInode(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto fd = static_cast<int>(arguments.integer(0, 0, INT32_MAX));
  if (arguments.failed()) return info.Env().Undefined();
  struct stat status;
  if (fstat(fd, &status) != 0) return Napi::Number::New(info.Env(), -errno);
  return Napi::Number::New(info.Env(), static_cast<double>(status.st_ino));
}

}  // namespace

void exportSockets(Napi::Env env, Napi::Object exports) {
  exports.Set("bindTcp", Napi::Function::New<guarded<bindTcp>>(env, "bindTcp"));
  exports.Set("localPort", Napi::Function::New<guarded<localPort>>(env, "localPort"));
  exports.Set("socketCookie", Napi::Function::New<guarded<socketCookie>>(env, "socketCookie"));
  exports.Set("descriptorInode", Napi::Function::New<guarded<descriptorInode>>(env, "descriptorInode"));
}

}  // namespace sanswitch
