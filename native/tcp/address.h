// IP addresses of TCP sockets, between the kernel's form and the text that JavaScript sees.
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace sanswitch {

// The longest textual address: an IPv6 one with a scope.
constexpr size_t kAddressLimit = INET6_ADDRSTRLEN + 1 + IF_NAMESIZE;

// An IPv4 or IPv6 address with its port, as accept4 and getsockname fill it in.
union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;

  uint16_t port() const { return ntohs(any.sa_family == AF_INET ? v4.sin_port : v6.sin6_port); }
};

// Fills `address` from text. Returns its size, or 0 if that is no address of the family (AF_INET or AF_INET6).
socklen_t parseAddress(const std::string& text, uint16_t port, int family, SocketAddress* address);

// Writes the address, without its port, as NUL-terminated text; an IPv6 address of a link gets its interface's name.
// False: it is neither IPv4 nor IPv6.
bool formatAddress(const SocketAddress& address, char (&text)[kAddressLimit]);

}  // namespace sanswitch
