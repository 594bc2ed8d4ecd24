// What can be asked about any socket, and binding a TCP socket without connecting it.
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "arguments.h"
#include "environment.h"
#include "exports.h"

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

namespace sanswitch {

namespace {

// The longest textual address: an IPv6 one with a scope.
constexpr size_t kAddressLimit = INET6_ADDRSTRLEN + 1 + IF_NAMESIZE;

// Fills `storage` from text. Returns its size, or 0 if that is no address of the family.
socklen_t parseAddress(const std::string& text, uint16_t port, int family, sockaddr_storage* storage) {
  memset(storage, 0, sizeof *storage);
  if (family == AF_INET) {
    auto* address = reinterpret_cast<sockaddr_in*>(storage);
    address->sin_family = AF_INET;
    address->sin_port = htons(port);
    return inet_pton(AF_INET, text.c_str(), &address->sin_addr) == 1 ? sizeof *address : 0;
  }
  auto* address = reinterpret_cast<sockaddr_in6*>(storage);
  size_t percent = text.find('%');
  std::string plain = text.substr(0, percent);
  if (percent != std::string::npos) {
    std::string scope = text.substr(percent + 1);
    address->sin6_scope_id = if_nametoindex(scope.c_str());
    if (address->sin6_scope_id == 0) {
      char* end = nullptr;
      unsigned long index = strtoul(scope.c_str(), &end, 10);
      if (scope.empty() || *end != '\0' || index > UINT32_MAX) return 0;
      address->sin6_scope_id = static_cast<uint32_t>(index);
    }
  }
  address->sin6_family = AF_INET6;
  address->sin6_port = htons(port);
  return inet_pton(AF_INET6, plain.c_str(), &address->sin6_addr) == 1 ? sizeof *address : 0;
}

int bindTcpSocket(const std::string& text, uint16_t port, int family) {
  sockaddr_storage storage;
  socklen_t length = parseAddress(text, port, family, &storage);
  if (length == 0) return -EINVAL;
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  // As libuv binds: a port whose last connection is in TIME_WAIT may be used again.
  int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd, reinterpret_cast<sockaddr*>(&storage), length) != 0) {
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
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    return Napi::Number::New(info.Env(), -errno);
  }
  if (storage.ss_family == AF_INET) {
    return Napi::Number::New(info.Env(), ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    return Napi::Number::New(info.Env(), ntohs(reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port));
  }
  return Napi::Number::New(info.Env(), -EAFNOSUPPORT);
}

// socketCookie(fd) -> BigInt, the number that sock_diag knows the socket by, or -errno
Napi::Value socketCookie(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto fd = static_cast<int>(arguments.integer(0, 0, INT32_MAX));
  if (arguments.failed()) return info.Env().Undefined();
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0) return Napi::Number::New(info.Env(), -errno);
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
