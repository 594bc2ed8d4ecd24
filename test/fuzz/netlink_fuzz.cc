// The parsers of netlink answers over one datagram of any bytes.
#include "../../native/shm/netlink_parse.cc"

#include <algorithm>
#include <memory>

#include "input.h"

using sanswitch::countAddressChanges;
using sanswitch::DiagSocket;
using sanswitch::DumpState;
using sanswitch::isRdmaDeviceEvent;
using sanswitch::parseDiagDump;

namespace {

// What the seeds ask for; see seeds.py.
constexpr uint32_t kSequence = 1;
constexpr uint16_t kPort = 4711;

struct Dump {
  DumpState state;
  std::vector<DiagSocket> sockets;
};

// Parses a copy that ends where its memory ends, so that the sanitizer sees one byte too far.
Dump parse(const uint8_t* data, size_t length) {
  std::unique_ptr<uint8_t[]> exact(new uint8_t[length]);
  std::copy(data, data + length, exact.get());
  Dump dump;
  parseDiagDump(exact.get(), length, kSequence, kPort, &dump.sockets, &dump.state);
  return dump;
}

bool isSame(const DiagSocket& a, const DiagSocket& b) {
  return a.family == b.family && a.state == b.state && a.v6only == b.v6only && a.port == b.port && a.uid == b.uid &&
         a.interfaceIndex == b.interfaceIndex && a.inode == b.inode && a.cookie == b.cookie &&
         memcmp(a.address, b.address, sizeof a.address) == 0;
}

void checkDump(const Dump& dump, size_t length) {
  REQUIRE(dump.sockets.size() <= length / (sizeof(nlmsghdr) + sizeof(inet_diag_msg)));
  REQUIRE(dump.state.error <= 0);
  for (const DiagSocket& socket : dump.sockets) {
    REQUIRE(socket.port == kPort);
    REQUIRE(!socket.v6only || socket.family == AF_INET6);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t length) {
  Dump whole = parse(data, length);
  checkDump(whole, length);

  // A shorter datagram yields no more, and what it yields is the same.
  Dump part = parse(data, length / 2);
  checkDump(part, length / 2);
  REQUIRE(part.sockets.size() <= whole.sockets.size());
  for (size_t i = 0; i < part.sockets.size(); i++) REQUIRE(isSame(part.sockets[i], whole.sockets[i]));
  REQUIRE(!part.state.done || whole.state.done);

  // A second datagram goes on where the first ended: the same again, or nothing behind the end of the dump.
  size_t count = whole.sockets.size();
  bool isOver = whole.state.done;
  parseDiagDump(data, length, kSequence, kPort, &whole.sockets, &whole.state);
  REQUIRE(whole.sockets.size() == (isOver ? count : 2 * count));
  for (size_t i = count; i < whole.sockets.size(); i++) REQUIRE(isSame(whole.sockets[i], whole.sockets[i - count]));

  int changes = countAddressChanges(data, length);
  REQUIRE(changes >= 0 && static_cast<size_t>(changes) <= length / sizeof(nlmsghdr));
  // What is cut off can only take the words away.
  REQUIRE(!isRdmaDeviceEvent(data, length / 2) || isRdmaDeviceEvent(data, length));
  return 0;
}
