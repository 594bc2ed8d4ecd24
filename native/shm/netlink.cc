// Netlink: notifications of address and device changes, and sock_diag, which says who owns a TCP port.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <new>
#include <string>
#include <vector>

#include "arguments.h"
#include "environment.h"
#include "exports.h"
#include "shm/netlink_parse.h"

namespace sanswitch {

namespace {

constexpr uint32_t kTcpListenState = 10;
// TCP_BOUND_INACTIVE: bound, neither listening nor connected. Kernels before 6.8 report none of those.
constexpr uint32_t kTcpBoundInactiveState = 13;
// A dump that the kernel calls interrupted is asked for again, this often.
constexpr int kDumpAttempts = 4;
// LOOPBACK_IFINDEX, the same in every network namespace.
constexpr uint32_t kLoopbackInterface = 1;
// The group of what the kernel itself says of devices; udev has the other.
constexpr uint32_t kKernelEvents = 1;
constexpr size_t kReceiveBytes = 32 * 1024;

struct DiagRequest {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

int openNetlink(int protocol, uint32_t groups) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0) return -errno;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    int error = -errno;
    ::close(fd);
    return error;
  }
  return fd;
}

// One datagram from the kernel; what other processes send is dropped. Length, or -errno.
ssize_t receiveFromKernel(int fd, uint8_t* data, size_t limit) {
  for (;;) {
    sockaddr_nl sender{};
    socklen_t senderBytes = sizeof sender;
    ssize_t length = recvfrom(fd, data, limit, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&sender), &senderBytes);
    if (length < 0) {
      if (errno == EINTR) continue;
      return -errno;
    }
    if (sender.nl_pid == 0) return length;
  }
}

// Tells apart the answers to the questions of this thread.
thread_local uint32_t lastSequence = 0;

DiagRequest diagRequest(uint8_t family, uint32_t states, uint16_t flags) {
  DiagRequest request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | flags;
  request.header.nlmsg_seq = ++lastSequence;
  request.body.sdiag_family = family;
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = states;
  return request;
}

int ask(int fd, const DiagRequest& request) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent =
      sendto(fd, &request, sizeof request, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
  return sent < 0 ? -errno : 0;
}

// Asks once for the sockets of one family. The kernel answers synchronously, so nothing here ever waits.
DumpState dumpOnce(int fd, uint8_t family, uint32_t states, uint16_t port, std::vector<DiagSocket>* out) {
  static thread_local uint8_t buffer[kReceiveBytes];
  DiagRequest request = diagRequest(family, states, NLM_F_DUMP);
  request.body.id.idiag_sport = htons(port);
  uint32_t sequence = request.header.nlmsg_seq;
  DumpState state;
  state.error = ask(fd, request);
  while (state.error == 0 && !state.done) {
    ssize_t length = receiveFromKernel(fd, buffer, sizeof buffer);
    if (length < 0) {
      state.error = static_cast<int>(length);
    } else {
      parseDiagDump(buffer, static_cast<size_t>(length), sequence, port, out, &state);
    }
  }
  return state;
}

// The thread's socket for questions, opened when it is first needed: a descriptor or -errno.
int diagSocket(Environment* environment) {
  if (environment->diagSocket < 0) environment->diagSocket = environment->own(openNetlink(NETLINK_SOCK_DIAG, 0));
  return environment->diagSocket;
}

// An answer that was not read to its end would answer the next question: start afresh then.
void dropDiagSocket(Environment* environment) {
  environment->close(environment->diagSocket);
  environment->diagSocket = -1;
}

// All TCP sockets on `port` in one of `states`, both families. 0 or -errno.
int dumpSockets(Environment* environment, uint32_t states, uint16_t port, std::vector<DiagSocket>* out) {
  int fd = diagSocket(environment);
  if (fd < 0) return fd;
  for (uint8_t family : {static_cast<uint8_t>(AF_INET), static_cast<uint8_t>(AF_INET6)}) {
    size_t before = out->size();
    DumpState state;
    for (int attempt = 0; attempt < kDumpAttempts; attempt++) {
      out->resize(before);
      try {
        state = dumpOnce(fd, family, states, port, out);
      } catch (const std::bad_alloc&) {
        state.error = -ENOMEM;
      }
      if (state.error != 0 || !state.interrupted) break;
    }
    // An answer that may miss somebody is no answer.
    if (state.error == 0 && state.interrupted) state.error = -EAGAIN;
    // A host without IPv6 answers -ENOENT for that family: it has no such sockets.
    if (state.error != 0 && !(family == AF_INET6 && state.error == -ENOENT)) {
      dropDiagSocket(environment);
      return state.error;
    }
  }
  return 0;
}

// Has the kernel look up the socket that a connection between these two ends would reach, as it does for a SYN. 0 or
// -errno; -ENOENT: none.
int lookUp(Environment* environment, const DiagRequest& request, DiagSocket* found) {
  int fd = diagSocket(environment);
  if (fd < 0) return fd;
  uint8_t buffer[1024];
  DumpState state;
  std::vector<DiagSocket> sockets;
  state.error = ask(fd, request);
  while (state.error == 0 && sockets.empty()) {
    ssize_t length = receiveFromKernel(fd, buffer, sizeof buffer);
    if (length < 0) {
      state.error = static_cast<int>(length);
    } else {
      parseDiagDump(buffer, static_cast<size_t>(length), request.header.nlmsg_seq,
                    ntohs(request.body.id.idiag_sport), &sockets, &state);
      if (sockets.empty() && state.error == 0) state.error = -EPROTO;
    }
  }
  if (sockets.empty()) {
    if (state.error != -ENOENT) dropDiagSocket(environment);
    return state.error;
  }
  *found = sockets[0];
  return 0;
}

Napi::Object toObject(Napi::Env env, const DiagSocket& socket) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(socket.family, socket.address, text, sizeof text);
  Napi::Object object = Napi::Object::New(env);
  object.Set("family", Napi::Number::New(env, socket.family == AF_INET6 ? 6 : 4));
  object.Set("address", Napi::String::New(env, text));
  object.Set("port", Napi::Number::New(env, socket.port));
  object.Set("uid", Napi::Number::New(env, socket.uid));
  object.Set("inode", Napi::Number::New(env, socket.inode));
  object.Set("cookie", Napi::BigInt::New(env, socket.cookie));
  object.Set("v6only", Napi::Boolean::New(env, socket.v6only));
  object.Set("interfaceIndex", Napi::Number::New(env, socket.interfaceIndex));
  return object;
}

Napi::Value socketsInState(const Napi::CallbackInfo& info, uint32_t states) {
  Arguments arguments(info);
  auto port = static_cast<uint16_t>(arguments.integer(0, 1, 65535));
  if (arguments.failed()) return info.Env().Undefined();
  std::vector<DiagSocket> sockets;
  int error = dumpSockets(Environment::of(info.Env()), states, port, &sockets);
  if (error < 0) return Napi::Number::New(info.Env(), error);
  Napi::Array array = Napi::Array::New(info.Env(), sockets.size());
  for (size_t i = 0; i < sockets.size(); i++) array.Set(static_cast<uint32_t>(i), toObject(info.Env(), sockets[i]));
  return array;
}

// listeningSockets(port) -> array of sockets or -errno
Napi::Value listeningSockets(const Napi::CallbackInfo& info) { return socketsInState(info, 1u << kTcpListenState); }

// reachedListener(family, source, sourcePort, destination, destinationPort) -> cookie of the listening socket that TCP
// would choose, 0n: none, or one that is bound to an interface; or -errno
Napi::Value reachedListener(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto family = static_cast<uint8_t>(arguments.integer(0, 4, 6) == 6 ? AF_INET6 : AF_INET);
  std::string source = arguments.text(1, INET6_ADDRSTRLEN);
  auto sourcePort = static_cast<uint16_t>(arguments.integer(2, 1, 65535));
  std::string destination = arguments.text(3, INET6_ADDRSTRLEN);
  auto destinationPort = static_cast<uint16_t>(arguments.integer(4, 1, 65535));
  if (arguments.failed()) return info.Env().Undefined();
  DiagRequest request = diagRequest(family, 1u << kTcpListenState, 0);
  // The names are those of the socket that is looked for: we are its peer.
  inet_diag_sockid& id = request.body.id;
  if (inet_pton(family, source.c_str(), id.idiag_dst) != 1 ||
      inet_pton(family, destination.c_str(), id.idiag_src) != 1) {
    return Napi::Number::New(info.Env(), -EINVAL);
  }
  id.idiag_dport = htons(sourcePort);
  id.idiag_sport = htons(destinationPort);
  // What goes to an address of this host comes in by the loopback interface.
  id.idiag_if = kLoopbackInterface;
  id.idiag_cookie[0] = id.idiag_cookie[1] = static_cast<uint32_t>(INET_DIAG_NOCOOKIE);
  DiagSocket socket{};
  int error = lookUp(Environment::of(info.Env()), request, &socket);
  if (error < 0 && error != -ENOENT) return Napi::Number::New(info.Env(), error);
  bool reached = error == 0 && socket.state == kTcpListenState && socket.interfaceIndex == 0;
  return Napi::BigInt::New(info.Env(), reached ? socket.cookie : uint64_t{0});
}

// boundSockets(port) -> array of sockets or -errno; always empty on kernels before 6.8
Napi::Value boundSockets(const Napi::CallbackInfo& info) { return socketsInState(info, 1u << kTcpBoundInactiveState); }

// addressChanges() -> descriptor that becomes readable when an address comes or goes, or -errno
Napi::Value addressChanges(const Napi::CallbackInfo& info) {
  int fd = openNetlink(NETLINK_ROUTE, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
  return Napi::Number::New(info.Env(), Environment::of(info.Env())->own(fd));
}

// deviceChanges() -> descriptor that becomes readable when a device of the host comes or goes, or -errno
Napi::Value deviceChanges(const Napi::CallbackInfo& info) {
  int fd = openNetlink(NETLINK_KOBJECT_UEVENT, kKernelEvents);
  return Napi::Number::New(info.Env(), Environment::of(info.Env())->own(fd));
}

// Reads all that waits and adds up what `count` makes of each datagram (an overflow counts as one). -errno: it failed.
template <int (*count)(const uint8_t* data, size_t length)>
Napi::Value drain(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto fd = static_cast<int>(arguments.integer(0, 0, INT32_MAX));
  if (arguments.failed()) return info.Env().Undefined();
  static thread_local uint8_t buffer[kReceiveBytes];
  int total = 0;
  for (;;) {
    ssize_t length = receiveFromKernel(fd, buffer, sizeof buffer);
    if (length == -EAGAIN) return Napi::Number::New(info.Env(), total);
    if (length == -ENOBUFS) {
      total++;
    } else if (length < 0) {
      return Napi::Number::New(info.Env(), static_cast<int>(length));
    } else {
      total += count(buffer, static_cast<size_t>(length));
    }
  }
}

// drainAddressChanges(fd) -> how many changes were waiting or -errno
Napi::Value drainAddressChanges(const Napi::CallbackInfo& info) { return drain<countAddressChanges>(info); }

int countRdmaEvents(const uint8_t* data, size_t length) { return isRdmaDeviceEvent(data, length) ? 1 : 0; }

// drainDeviceChanges(fd) -> how many of the changes that were waiting are about RDMA devices, or -errno
Napi::Value drainDeviceChanges(const Napi::CallbackInfo& info) { return drain<countRdmaEvents>(info); }

}  // namespace

void exportNetlink(Napi::Env env, Napi::Object exports) {
  exports.Set("listeningSockets", Napi::Function::New<guarded<listeningSockets>>(env, "listeningSockets"));
  exports.Set("reachedListener", Napi::Function::New<guarded<reachedListener>>(env, "reachedListener"));
  exports.Set("boundSockets", Napi::Function::New<guarded<boundSockets>>(env, "boundSockets"));
  exports.Set("addressChanges", Napi::Function::New<guarded<addressChanges>>(env, "addressChanges"));
  exports.Set("drainAddressChanges", Napi::Function::New<guarded<drainAddressChanges>>(env, "drainAddressChanges"));
  exports.Set("deviceChanges", Napi::Function::New<guarded<deviceChanges>>(env, "deviceChanges"));
  exports.Set("drainDeviceChanges", Napi::Function::New<guarded<drainDeviceChanges>>(env, "drainDeviceChanges"));
}

}  // namespace sanswitch
