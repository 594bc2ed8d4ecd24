#include "netlink_parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <string_view>

namespace sanswitch {

namespace {

constexpr size_t kMessageAlign = 4;

constexpr size_t aligned(size_t length) { return (length + kMessageAlign - 1) & ~(kMessageAlign - 1); }

// Walks the messages of a datagram: `next` yields each header (copied, for the buffer may be unaligned) and its body.
class Messages {
 public:
  Messages(const uint8_t* data, size_t length) : data_(data), left_(length) {}

  // False at the end; `malformed` then says whether that was a message longer than the datagram.
  bool next(nlmsghdr* header, const uint8_t** body, size_t* bodyBytes) {
    if (left_ < sizeof *header) {
      malformed = left_ != 0;
      return false;
    }
    memcpy(header, data_, sizeof *header);
    if (header->nlmsg_len < sizeof *header || header->nlmsg_len > left_) {
      malformed = true;
      return false;
    }
    *body = data_ + sizeof *header;
    *bodyBytes = header->nlmsg_len - sizeof *header;
    size_t step = aligned(header->nlmsg_len);
    if (step > left_) step = left_;
    data_ += step;
    left_ -= step;
    return true;
  }

  bool malformed = false;

 private:
  const uint8_t* data_;
  size_t left_;
};

// The IPV6_V6ONLY attribute among those that follow a socket.
bool readV6only(const uint8_t* data, size_t left) {
  while (left >= sizeof(nlattr)) {
    nlattr attribute;
    memcpy(&attribute, data, sizeof attribute);
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > left) return false;
    if ((attribute.nla_type & NLA_TYPE_MASK) == INET_DIAG_SKV6ONLY && attribute.nla_len > sizeof attribute) {
      return data[sizeof attribute] != 0;
    }
    size_t step = aligned(attribute.nla_len);
    if (step > left) return false;
    data += step;
    left -= step;
  }
  return false;
}

// One socket of the dump, appended if it is on `port`.
void readSocket(const uint8_t* body, size_t bodyBytes, uint16_t port, std::vector<DiagSocket>* out) {
  inet_diag_msg message;
  memcpy(&message, body, sizeof message);
  if (ntohs(message.id.idiag_sport) != port) return;
  DiagSocket socket{};
  socket.family = message.idiag_family;
  socket.state = message.idiag_state;
  memcpy(socket.address, message.id.idiag_src, sizeof socket.address);
  socket.port = port;
  socket.interfaceIndex = message.id.idiag_if;
  socket.uid = message.idiag_uid;
  socket.inode = message.idiag_inode;
  socket.cookie = message.id.idiag_cookie[0] | static_cast<uint64_t>(message.id.idiag_cookie[1]) << 32;
  socket.v6only = socket.family == AF_INET6 && readV6only(body + sizeof message, bodyBytes - sizeof message);
  out->push_back(socket);
}

}  // namespace

void parseDiagDump(const uint8_t* data, size_t length, uint32_t sequence, uint16_t port, std::vector<DiagSocket>* out,
                   DumpState* state) {
  Messages messages(data, length);
  nlmsghdr header;
  const uint8_t* body;
  size_t bodyBytes;
  while (!state->done && messages.next(&header, &body, &bodyBytes)) {
    if (header.nlmsg_seq != sequence) continue;
    if (header.nlmsg_flags & NLM_F_DUMP_INTR) state->interrupted = true;
    if (header.nlmsg_type == NLMSG_DONE) {
      state->done = true;
    } else if (header.nlmsg_type == NLMSG_ERROR) {
      int32_t error = 0;
      if (bodyBytes >= sizeof error) memcpy(&error, body, sizeof error);
      state->error = error < 0 ? error : -EPROTO;
      state->done = true;
    } else if (header.nlmsg_type == SOCK_DIAG_BY_FAMILY && bodyBytes >= sizeof(inet_diag_msg)) {
      readSocket(body, bodyBytes, port, out);
    }
  }
  if (messages.malformed && state->error == 0) state->error = -EPROTO;
}

int countAddressChanges(const uint8_t* data, size_t length) {
  Messages messages(data, length);
  nlmsghdr header;
  const uint8_t* body;
  size_t bodyBytes;
  int count = 0;
  while (messages.next(&header, &body, &bodyBytes)) {
    if (header.nlmsg_type == RTM_NEWADDR || header.nlmsg_type == RTM_DELADDR) count++;
  }
  return count;
}

bool isRdmaDeviceEvent(const uint8_t* data, size_t length) {
  std::string_view rest(reinterpret_cast<const char*>(data), length);
  while (!rest.empty()) {
    std::string_view text = rest.substr(0, rest.find('\0'));
    for (std::string_view wanted : {"SUBSYSTEM=infiniband", "DEVNAME=infiniband/"}) {
      if (text.substr(0, wanted.size()) == wanted) return true;
    }
    rest.remove_prefix(std::min(rest.size(), text.size() + 1));
  }
  return false;
}

}  // namespace sanswitch
