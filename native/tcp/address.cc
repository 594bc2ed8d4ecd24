#include "address.h"

#include <arpa/inet.h>
#include <string.h>

#include <cstdlib>

namespace sanswitch {

socklen_t parseAddress(const std::string& text, uint16_t port, int family, SocketAddress* address) {
  memset(address, 0, sizeof *address);
  if (family == AF_INET) {
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons(port);
    return inet_pton(AF_INET, text.c_str(), &address->v4.sin_addr) == 1 ? sizeof address->v4 : 0;
  }
  sockaddr_in6* v6 = &address->v6;
  size_t percent = text.find('%');
  std::string plain = text.substr(0, percent);
  if (percent != std::string::npos) {
    std::string scope = text.substr(percent + 1);
    v6->sin6_scope_id = if_nametoindex(scope.c_str());
    if (v6->sin6_scope_id == 0) {
      char* end = nullptr;
      unsigned long index = strtoul(scope.c_str(), &end, 10);
      if (scope.empty() || *end != '\0' || index > UINT32_MAX) return 0;
      v6->sin6_scope_id = static_cast<uint32_t>(index);
    }
  }
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  return inet_pton(AF_INET6, plain.c_str(), &v6->sin6_addr) == 1 ? sizeof *v6 : 0;
}

bool formatAddress(const SocketAddress& address, char (&text)[kAddressLimit]) {
  if (address.any.sa_family == AF_INET) {
    return inet_ntop(AF_INET, &address.v4.sin_addr, text, sizeof text) != nullptr;
  }
  if (address.any.sa_family != AF_INET6) return false;
  if (inet_ntop(AF_INET6, &address.v6.sin6_addr, text, sizeof text) == nullptr) return false;
  if (!IN6_IS_ADDR_LINKLOCAL(&address.v6.sin6_addr)) return true;
  char name[IF_NAMESIZE];
  // The interface may be gone by now: the address is then all there is to say.
  if (if_indextoname(address.v6.sin6_scope_id, name) == nullptr) return true;
  strncat(text, "%", sizeof text - strlen(text) - 1);
  strncat(text, name, sizeof text - strlen(text) - 1);
  return true;
}

}  // namespace sanswitch
