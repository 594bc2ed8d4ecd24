"""Writes the first inputs of test/fuzz/corpus/netlink: what a kernel really says, in a network namespace that holds
nothing but the sockets made here. Run it in one of its own: unshare --map-root-user --net python3 test/fuzz/make-seeds.py
"""
import fcntl
import os
import socket
import struct

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "netlink")
SEQUENCE = 1  # As in netlink_fuzz.cc.
PORT = 4711
NETLINK_SOCK_DIAG, NETLINK_ROUTE = 4, 0
SOCK_DIAG_BY_FAMILY, INET_DIAG_SKV6ONLY = 20, 11
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR = 0x10, 0x100
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
COOKIE_AT, UID_AT = 16 + 44, 16 + 64  # In a message of a dump; the inode follows the user.


def set_loopback(up):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        flags = flags | IFF_UP if up else flags & ~IFF_UP
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags))


def listen(family, address, v6only=None):
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if v6only is not None:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    listener.bind((address, PORT))
    listener.listen()
    return listener


def dump(family, states, sequence=SEQUENCE):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        body = struct.pack("=BBBxI", family, socket.IPPROTO_TCP, 0xFF, states) + bytes(48)
        header = struct.pack("=IHHII", 16 + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, sequence, 0)
        kernel.send(header + body)
        return [anonymous(kernel.recv(65536)), anonymous(kernel.recv(65536))]


def refusal():
    """The kernel's answer to a question that it does not understand."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.send(struct.pack("=IHHII", 20, 99, NLM_F_REQUEST | NLM_F_DUMP, SEQUENCE, 0) + bytes(4))
        return anonymous(kernel.recv(65536))


def anonymous(datagram):
    """A dump with made-up user, inode, cookie and sender."""
    data = bytearray(datagram)
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        struct.pack_into("=I", data, at + 12, 1)
        if kind == SOCK_DIAG_BY_FAMILY:
            struct.pack_into("=II", data, at + COOKIE_AT, 7, 0)
            struct.pack_into("=II", data, at + UID_AT, 1000, 4712)
        at += (length + 3) & ~3
    return bytes(data)


def cut_behind(datagram, attribute):
    """The first message alone, whose last attribute lacks its value."""
    end = datagram.index(attribute) + len(attribute)
    return struct.pack("=I", end) + datagram[4:end]


def keep(name, datagram):
    with open(os.path.join(FOLDER, name), "wb") as seed:
        seed.write(datagram)


os.makedirs(FOLDER, exist_ok=True)
set_loopback(True)
sockets = [listen(socket.AF_INET, "127.0.0.1"), listen(socket.AF_INET, "0.0.0.0")]
v4, end = dump(socket.AF_INET, 1 << 10)
keep("real-dump-v4", v4)
keep("real-end", end)
keep("real-dump-v4-and-end", v4 + end)
keep("real-other-question", dump(socket.AF_INET, 1 << 10, sequence=2)[0])
sockets += [listen(socket.AF_INET6, "::1", 1), listen(socket.AF_INET6, "::", 1)]
v6 = dump(socket.AF_INET6, 1 << 10)[0]
keep("real-dump-v6", v6)
keep("cut-v6only", cut_behind(v6, struct.pack("=HH", 5, INET_DIAG_SKV6ONLY)))
keep("real-refusal", refusal())
with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE) as changes:
    changes.bind((0, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR))
    set_loopback(False)
    set_loopback(True)
    changes.settimeout(1)
    for number in range(2):
        try:
            keep(f"real-change-{number}", changes.recv(65536))
        except TimeoutError:
            break
