// The parsers of netlink answers: what the kernel sends, and what it never would.
#include "../../native/shm/netlink_parse.cc"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "check.h"

using sanswitch::countAddressChanges;
using sanswitch::DiagSocket;
using sanswitch::DumpState;
using sanswitch::isRdmaDeviceEvent;
using sanswitch::parseDiagDump;

namespace {

using Datagram = std::vector<uint8_t>;

// Appends a message of `type` with `body` to a datagram, padded as the kernel does.
void append(Datagram* datagram, uint16_t type, uint32_t sequence, const void* body, size_t bodyBytes,
            uint16_t flags = 0) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<uint32_t>(sizeof header + bodyBytes);
  header.nlmsg_type = type;
  header.nlmsg_seq = sequence;
  header.nlmsg_flags = flags;
  const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
  datagram->insert(datagram->end(), bytes, bytes + sizeof header);
  bytes = static_cast<const uint8_t*>(body);
  datagram->insert(datagram->end(), bytes, bytes + bodyBytes);
  datagram->resize((datagram->size() + 3) & ~size_t{3});
}

// The body of one socket: family, port, and the attribute INET_DIAG_SKV6ONLY unless `v6only` is negative.
Datagram socketBody(uint8_t family, uint16_t port, int v6only) {
  inet_diag_msg message{};
  message.idiag_family = family;
  message.idiag_state = 10;
  message.id.idiag_sport = htons(port);
  message.id.idiag_src[0] = htonl(0x7f000001);
  message.id.idiag_if = 3;
  message.id.idiag_cookie[0] = 0x89abcdef;
  message.id.idiag_cookie[1] = 0x01234567;
  message.idiag_uid = 1000;
  message.idiag_inode = 4711;
  const auto* bytes = reinterpret_cast<const uint8_t*>(&message);
  Datagram body(bytes, bytes + sizeof message);
  if (v6only < 0) return body;
  // Another attribute before it, of odd length.
  const uint8_t value = static_cast<uint8_t>(v6only);
  const uint8_t attributes[] = {5, 0, INET_DIAG_TOS, 0, 9, 0, 0, 0, 5, 0, INET_DIAG_SKV6ONLY, 0, value};
  body.insert(body.end(), attributes, attributes + sizeof attributes);
  return body;
}

// Parses a copy that ends where its memory ends, so that the sanitizer sees one byte too far.
DumpState parse(const Datagram& datagram, uint32_t sequence, uint16_t port, std::vector<DiagSocket>* out) {
  std::unique_ptr<uint8_t[]> exact(new uint8_t[datagram.size()]);
  std::copy(datagram.begin(), datagram.end(), exact.get());
  DumpState state;
  parseDiagDump(exact.get(), datagram.size(), sequence, port, out, &state);
  return state;
}

}  // namespace

TEST(dump, "a dump yields the sockets of the port, with all their fields") {
  Datagram datagram;
  Datagram v4 = socketBody(AF_INET, 80, -1), v6 = socketBody(AF_INET6, 80, 1), other = socketBody(AF_INET, 81, -1);
  append(&datagram, SOCK_DIAG_BY_FAMILY, 7, v4.data(), v4.size());
  append(&datagram, SOCK_DIAG_BY_FAMILY, 7, other.data(), other.size());
  append(&datagram, SOCK_DIAG_BY_FAMILY, 7, v6.data(), v6.size());
  std::vector<DiagSocket> sockets;
  DumpState state = parse(datagram, 7, 80, &sockets);
  CHECK(!state.done && state.error == 0 && !state.interrupted);
  CHECK(sockets.size() == 2);
  CHECK(sockets[0].family == AF_INET && sockets[0].port == 80 && !sockets[0].v6only);
  CHECK(sockets[0].uid == 1000 && sockets[0].inode == 4711 && sockets[0].interfaceIndex == 3);
  CHECK(sockets[0].cookie == 0x0123456789abcdef);
  CHECK(sockets[0].address[0] == 127 && sockets[0].address[3] == 1);
  CHECK(sockets[1].family == AF_INET6 && sockets[1].v6only);
}

TEST(v6only, "an IPv6 socket without the attribute, or with 0, takes IPv4 too") {
  for (int v6only : {-1, 0}) {
    Datagram datagram, body = socketBody(AF_INET6, 80, v6only);
    append(&datagram, SOCK_DIAG_BY_FAMILY, 1, body.data(), body.size());
    std::vector<DiagSocket> sockets;
    parse(datagram, 1, 80, &sockets);
    CHECK(sockets.size() == 1 && !sockets[0].v6only);
  }
}

TEST(done, "DONE ends a dump, an interruption is remembered, an error is passed on") {
  std::vector<DiagSocket> sockets;
  Datagram done, interrupted, failed, nonsense;
  int32_t zero = 0, error = -ENOENT;
  append(&done, NLMSG_DONE, 1, &zero, sizeof zero);
  CHECK(parse(done, 1, 80, &sockets).done);
  append(&interrupted, NLMSG_DONE, 1, &zero, sizeof zero, NLM_F_DUMP_INTR);
  CHECK(parse(interrupted, 1, 80, &sockets).interrupted);
  append(&failed, NLMSG_ERROR, 1, &error, sizeof error);
  DumpState state = parse(failed, 1, 80, &sockets);
  CHECK(state.done && state.error == -ENOENT);
  append(&nonsense, NLMSG_ERROR, 1, &zero, 0);
  CHECK(parse(nonsense, 1, 80, &sockets).error == -EPROTO);
  CHECK(sockets.empty());
}

TEST(sequence, "answers to other questions are skipped") {
  Datagram datagram, body = socketBody(AF_INET, 80, -1);
  int32_t error = -EPERM;
  append(&datagram, SOCK_DIAG_BY_FAMILY, 1, body.data(), body.size());
  append(&datagram, NLMSG_ERROR, 1, &error, sizeof error);
  append(&datagram, SOCK_DIAG_BY_FAMILY, 2, body.data(), body.size());
  std::vector<DiagSocket> sockets;
  DumpState state = parse(datagram, 2, 80, &sockets);
  CHECK(state.error == 0 && !state.done && sockets.size() == 1);
}

TEST(truncated, "a datagram cut anywhere is a protocol error or shorter, never read beyond its end") {
  Datagram whole;
  for (int i = 0; i < 3; i++) {
    Datagram body = socketBody(AF_INET6, 80, 1);
    append(&whole, SOCK_DIAG_BY_FAMILY, 1, body.data(), body.size());
  }
  for (size_t length = 0; length <= whole.size(); length++) {
    std::vector<DiagSocket> sockets;
    DumpState state = parse(Datagram(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length)), 1, 80, &sockets);
    CHECK(sockets.size() <= 3);
    CHECK(state.error == 0 || state.error == -EPROTO);
    // The padding of the last message may be missing.
    if (length != 0 && length <= whole.size() - 4) CHECK(state.error == -EPROTO || sockets.size() < 3);
  }
}

TEST(garbage, "random bytes in a plausible dump do no harm") {
  srand(20261122);
  for (int round = 0; round < 20000; round++) {
    Datagram datagram;
    for (int i = rand() % 4; i >= 0; i--) {
      Datagram body = socketBody(rand() % 2 != 0 ? AF_INET : AF_INET6, 80, rand() % 3 - 1);
      append(&datagram, SOCK_DIAG_BY_FAMILY, 1, body.data(), static_cast<size_t>(rand()) % (body.size() + 1));
    }
    for (int i = rand() % 8; i > 0; i--) {
      size_t at = static_cast<size_t>(rand()) % datagram.size();
      datagram[at] = static_cast<uint8_t>(rand() % 4 != 0 ? rand() % 8 : rand());
    }
    std::vector<DiagSocket> sockets;
    parse(datagram, 1, 80, &sockets);
    CHECK(sockets.size() <= 4);
    CHECK(countAddressChanges(datagram.data(), datagram.size()) <= 4);
  }
}

TEST(addresses, "address changes are counted among other notifications") {
  Datagram datagram;
  uint8_t body[8] = {};
  append(&datagram, RTM_NEWADDR, 0, body, 8);
  append(&datagram, RTM_NEWLINK, 0, body, 5);
  append(&datagram, RTM_DELADDR, 0, body, 3);
  CHECK(countAddressChanges(datagram.data(), datagram.size()) == 2);
  CHECK(countAddressChanges(datagram.data(), 0) == 0);
  CHECK(countAddressChanges(datagram.data(), 15) == 0);
}

namespace {

// Asks about a copy that ends where its memory ends.
bool isRdma(const std::string& event) {
  std::unique_ptr<uint8_t[]> exact(new uint8_t[event.size()]);
  std::copy(event.begin(), event.end(), exact.get());
  return isRdmaDeviceEvent(exact.get(), event.size());
}

}  // namespace

TEST(devices, "RDMA devices and their files are told from other devices, and from what is no event") {
  using namespace std::string_literals;
  CHECK(isRdma("add@/devices/virtual/infiniband/rxe0\0ACTION=add\0SUBSYSTEM=infiniband\0NAME=rxe0\0"s));
  CHECK(isRdma("add@/devices/x\0SUBSYSTEM=infiniband_verbs"s));
  CHECK(isRdma("add@/devices/virtual/misc/rdma_cm\0SUBSYSTEM=misc\0DEVNAME=infiniband/rdma_cm\0"s));
  CHECK(!isRdma("add@/devices/virtual/infiniband/rxe0\0ACTION=add\0SUBSYSTEM=net\0"s));
  CHECK(!isRdma("add@/x\0XSUBSYSTEM=infiniband\0SUBSYSTEM=infini\0"s));
  CHECK(!isRdma(""s));
  CHECK(!isRdma("\0\0\0"s));
  CHECK(!isRdma("SUBSYSTEM=infiniban"s));
}

TEST_MAIN()
