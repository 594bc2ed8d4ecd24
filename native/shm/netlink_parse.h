// Pure parsers of netlink answers. They see bytes only, never a socket, so that they are tested without a kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sanswitch {

// One TCP socket as sock_diag reports it.
struct DiagSocket {
  // AF_INET or AF_INET6.
  uint8_t family;
  // TCP state number of the kernel.
  uint8_t state;
  // AF_INET6 only: whether it refuses IPv4 (IPV6_V6ONLY). False if the kernel did not say.
  bool v6only;
  // Local address in network order: 4 bytes of an IPv4 one, 16 of an IPv6 one.
  uint8_t address[16];
  // Local port in host order.
  uint16_t port;
  // Interface that it is bound to (SO_BINDTODEVICE or scope), 0: any.
  uint32_t interfaceIndex;
  uint32_t uid;
  uint32_t inode;
  uint64_t cookie;
};

// How far a dump has come.
struct DumpState {
  // NLMSG_DONE was seen: the dump is complete.
  bool done = false;
  // The tables changed meanwhile (NLM_F_DUMP_INTR): the answer may miss sockets, ask again.
  bool interrupted = false;
  // 0, or the negative errno that the kernel answered, or -EPROTO for what is no netlink message.
  int error = 0;
};

// Reads one datagram of the answer to a sock_diag dump with sequence number `sequence` and appends the sockets whose
// local port is `port` to `out`. Messages with other sequence numbers (answers that nobody waited for) are skipped.
void parseDiagDump(const uint8_t* data, size_t length, uint32_t sequence, uint16_t port, std::vector<DiagSocket>* out,
                   DumpState* state);

// Counts the address changes (RTM_NEWADDR, RTM_DELADDR) in one datagram of rtnetlink notifications.
int countAddressChanges(const uint8_t* data, size_t length);

// Whether one datagram of the kernel's device events (NETLINK_KOBJECT_UEVENT: texts that end with a zero each) is about
// an RDMA device, or about a file by which RDMA is reached (/dev/infiniband/...).
bool isRdmaDeviceEvent(const uint8_t* data, size_t length);

}  // namespace sanswitch
