#include "unix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "arguments.h"
#include "environment.h"
#include "exports.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

namespace sanswitch {

namespace {

constexpr int kSocketType = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;

// Room for a few descriptors, so that more than one can be told from one; the kernel drops what does not fit.
constexpr size_t kControlBytes = CMSG_SPACE(4 * sizeof(int));

socklen_t abstractAddress(const std::string& name, sockaddr_un* address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path + 1, name.data(), name.size());
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
}

using Connector = int (*)(int, const sockaddr*, socklen_t);

// A socket that `connector` (bind or connect) has given the name.
int namedSocket(const std::string& name, Connector connector) {
  if (name.empty() || name.size() > kUnixNameLimit) return -EINVAL;
  int fd = socket(AF_UNIX, kSocketType, 0);
  if (fd < 0) return -errno;
  sockaddr_un address;
  socklen_t length = abstractAddress(name, &address);
  if (connector(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0) {
    int error = -errno;
    ::close(fd);
    return error;
  }
  return fd;
}

// Closes the descriptors in `message`, but the first `keep` of them go to `kept`. Returns how many there were.
size_t takeDescriptors(msghdr* message, size_t keep, int* kept) {
  size_t count = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(message); part != nullptr; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    size_t inPart = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < inPart; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      if (count < keep) {
        kept[count] = fd;
      } else {
        ::close(fd);
      }
      count++;
    }
  }
  return count;
}

}  // namespace

int unixListen(const std::string& name, int backlog) {
  int fd = namedSocket(name, bind);
  if (fd >= 0 && listen(fd, backlog) != 0) {
    int error = -errno;
    ::close(fd);
    return error;
  }
  return fd;
}

int unixConnect(const std::string& name) { return namedSocket(name, connect); }

int unixPair(int fds[2]) { return socketpair(AF_UNIX, kSocketType, 0, fds) == 0 ? 0 : -errno; }

int unixAccept(int listener) {
  int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int sendMessage(int fd, const uint8_t* data, size_t length, int fdToPass) {
  iovec part{const_cast<uint8_t*>(data), length};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fdToPass >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &fdToPass, sizeof fdToPass);
  }
  ssize_t sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 ? -errno : static_cast<int>(sent);
}

int receiveMessage(int fd, uint8_t* data, size_t limit, int* received) {
  iovec part{data, limit};
  alignas(cmsghdr) char control[kControlBytes];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  *received = -1;
  ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (length < 0) return -errno;
  size_t count = takeDescriptors(&message, 1, received);
  if (count <= 1 && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0) return static_cast<int>(length);
  if (*received >= 0) ::close(*received);
  *received = -1;
  return -EPROTO;
}

namespace {

constexpr int64_t kMessageLimit = 64 * 1024;

int descriptorArgument(Arguments& arguments, size_t index) {
  return static_cast<int>(arguments.integer(index, 0, INT32_MAX));
}

// unixListen(name, backlog) -> descriptor or -errno
Napi::Value listenFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  std::string name = arguments.text(0, kUnixNameLimit);
  auto backlog = static_cast<int>(arguments.integer(1, 1, 65535));
  if (arguments.failed()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), Environment::of(info.Env())->own(unixListen(name, backlog)));
}

// unixConnect(name) -> descriptor or -errno
Napi::Value connectFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  std::string name = arguments.text(0, kUnixNameLimit);
  if (arguments.failed()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), Environment::of(info.Env())->own(unixConnect(name)));
}

// unixPair(out: Int32Array(2)) -> 0 or -errno; out: both descriptors
Napi::Value pairFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  int32_t* out = arguments.words(0, 2);
  if (arguments.failed()) return info.Env().Undefined();
  int fds[2];
  int error = unixPair(fds);
  if (error < 0) return Napi::Number::New(info.Env(), error);
  Environment* environment = Environment::of(info.Env());
  out[0] = environment->own(fds[0]);
  out[1] = environment->own(fds[1]);
  if (out[0] >= 0 && out[1] >= 0) return Napi::Number::New(info.Env(), 0);
  // One that could not be noted is closed already; then this changes nothing.
  for (int i = 0; i < 2; i++) environment->close(out[i]);
  return Napi::Number::New(info.Env(), -ENOMEM);
}

// duplicateDescriptor(fd) -> descriptor or -errno; of any thread of this process
Napi::Value duplicateFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  int fd = descriptorArgument(arguments, 0);
  if (arguments.failed()) return info.Env().Undefined();
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return Napi::Number::New(info.Env(), -errno);
  // Whoever opens it may close it before this thread has let go of it: what has a cookie is not taken for another then.
  uint64_t cookie = 0;
  socketCookieOf(copy, &cookie);
  return Napi::Number::New(info.Env(), Environment::of(info.Env())->own(copy, cookie));
}

// unixAccept(listener) -> descriptor or -errno
Napi::Value acceptFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  int listener = descriptorArgument(arguments, 0);
  if (arguments.failed()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), Environment::of(info.Env())->own(unixAccept(listener)));
}

// sendMessage(fd, bytes, fdToPass or -1) -> length or -errno
Napi::Value sendFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  int fd = descriptorArgument(arguments, 0);
  Bytes bytes = arguments.bytes(1);
  auto fdToPass = static_cast<int>(arguments.integerOr(2, -1, INT32_MAX, -1));
  if (arguments.failed()) return info.Env().Undefined();
  int result = bytes.length > kMessageLimit ? -EMSGSIZE : sendMessage(fd, bytes.data, bytes.length, fdToPass);
  return Napi::Number::New(info.Env(), result);
}

// receiveMessage(fd, bytes, received: Int32Array(1)) -> length (0: end) or -errno; received[0]: descriptor or -1
Napi::Value receiveFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  int fd = descriptorArgument(arguments, 0);
  Bytes bytes = arguments.bytes(1);
  int32_t* received = arguments.words(2, 1);
  if (arguments.failed()) return info.Env().Undefined();
  int descriptor = -1;
  int result = receiveMessage(fd, bytes.data, bytes.length, &descriptor);
  int owned = Environment::of(info.Env())->own(descriptor);
  *received = owned < 0 ? -1 : owned;
  return Napi::Number::New(info.Env(), descriptor >= 0 && owned < 0 ? owned : result);
}

// peerCredentials(fd, out: Int32Array(3)) -> 0 or -errno; out: pid, uid, gid
Napi::Value credentialsFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  int fd = descriptorArgument(arguments, 0);
  int32_t* out = arguments.words(1, 3);
  if (arguments.failed()) return info.Env().Undefined();
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return Napi::Number::New(info.Env(), -errno);
  }
  out[0] = credentials.pid;
  out[1] = static_cast<int32_t>(credentials.uid);
  out[2] = static_cast<int32_t>(credentials.gid);
  return Napi::Number::New(info.Env(), 0);
}

// peerPidfd(fd) -> descriptor or -errno; -ENOPROTOOPT: this kernel (before 6.5) has none
Napi::Value peerPidfdFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  int fd = descriptorArgument(arguments, 0);
  if (arguments.failed()) return info.Env().Undefined();
  int pidfd = -1;
  socklen_t length = sizeof pidfd;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) != 0) return Napi::Number::New(info.Env(), -errno);
  return Napi::Number::New(info.Env(), Environment::of(info.Env())->own(pidfd));
}

// openPidfd(pid) -> descriptor or -errno: for kernels without peerPidfd, where the pid may have been reused
Napi::Value openPidfdFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto pid = static_cast<pid_t>(arguments.integer(0, 1, INT32_MAX));
  if (arguments.failed()) return info.Env().Undefined();
  auto pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  return Napi::Number::New(info.Env(), pidfd < 0 ? -errno : Environment::of(info.Env())->own(pidfd));
}

// pidfdAlive(pidfd) -> 1 or 0 or -errno
Napi::Value pidfdAliveFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  int pidfd = descriptorArgument(arguments, 0);
  if (arguments.failed()) return info.Env().Undefined();
  pollfd state{pidfd, POLLIN, 0};
  int ready;
  // A signal that is pending interrupts it even though it does not wait: a profiler sends thousands a second.
  do {
    ready = poll(&state, 1, 0);
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) return Napi::Number::New(info.Env(), -errno);
  if (state.revents & POLLNVAL) return Napi::Number::New(info.Env(), -EBADF);
  // A pidfd becomes readable when its process has ended.
  return Napi::Number::New(info.Env(), ready == 0 ? 1 : 0);
}

// closeDescriptor(fd) -> 0 or -EBADF (the addon did not open it)
Napi::Value closeFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  int fd = descriptorArgument(arguments, 0);
  if (arguments.failed()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), Environment::of(info.Env())->close(fd));
}

// releaseDescriptor(fd) -> 0 or -EBADF: somebody else (libuv) owns it from now on
Napi::Value releaseFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  int fd = descriptorArgument(arguments, 0);
  if (arguments.failed()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), Environment::of(info.Env())->release(fd));
}

}  // namespace

void exportUnix(Napi::Env env, Napi::Object exports) {
  exports.Set("unixListen", Napi::Function::New<guarded<listenFunction>>(env, "unixListen"));
  exports.Set("unixConnect", Napi::Function::New<guarded<connectFunction>>(env, "unixConnect"));
  exports.Set("unixPair", Napi::Function::New<guarded<pairFunction>>(env, "unixPair"));
  exports.Set("duplicateDescriptor", Napi::Function::New<guarded<duplicateFunction>>(env, "duplicateDescriptor"));
  exports.Set("unixAccept", Napi::Function::New<guarded<acceptFunction>>(env, "unixAccept"));
  exports.Set("sendMessage", Napi::Function::New<guarded<sendFunction>>(env, "sendMessage"));
  exports.Set("receiveMessage", Napi::Function::New<guarded<receiveFunction>>(env, "receiveMessage"));
  exports.Set("peerCredentials", Napi::Function::New<guarded<credentialsFunction>>(env, "peerCredentials"));
  exports.Set("peerPidfd", Napi::Function::New<guarded<peerPidfdFunction>>(env, "peerPidfd"));
  exports.Set("openPidfd", Napi::Function::New<guarded<openPidfdFunction>>(env, "openPidfd"));
  exports.Set("pidfdAlive", Napi::Function::New<guarded<pidfdAliveFunction>>(env, "pidfdAlive"));
  exports.Set("closeDescriptor", Napi::Function::New<guarded<closeFunction>>(env, "closeDescriptor"));
  exports.Set("releaseDescriptor", Napi::Function::New<guarded<releaseFunction>>(env, "releaseDescriptor"));
}

}  // namespace sanswitch
