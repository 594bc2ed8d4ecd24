// Unix sockets: abstract SEQPACKET listeners and connections, messages with descriptors, and who the peer is. All are
// nonblocking and close-on-exec; all functions return a value >= 0 or a negative errno.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace sanswitch {

// Longest name in the abstract namespace, without the leading NUL.
constexpr size_t kUnixNameLimit = 107;

// Listens by an abstract name. Returns the descriptor.
int unixListen(const std::string& name, int backlog);

// Makes two sockets that are connected with each other. 0 or -errno.
int unixPair(int fds[2]);

// Connects to an abstract name, at once or not at all. Returns the descriptor; -ECONNREFUSED: nobody is there,
// -EAGAIN: its backlog is full.
int unixConnect(const std::string& name);

// Accepts a waiting connection. Returns the descriptor, -EAGAIN if there is none.
int unixAccept(int listener);

// Sends one message, with `fdToPass` if that is not -1. Returns `length`, -EAGAIN if the socket is full.
int sendMessage(int fd, const uint8_t* data, size_t length, int fdToPass);

// Receives one message and at most one descriptor, stored in `*received` (-1: none). Returns the message's length, 0
// at the end of the connection (or for an empty message, which no honest peer sends); -EPROTO for a message that is
// longer than `limit` or carries more than one descriptor: all of them are closed then.
int receiveMessage(int fd, uint8_t* data, size_t limit, int* received);

}  // namespace sanswitch
