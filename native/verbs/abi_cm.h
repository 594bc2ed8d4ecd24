// The binary interface of librdmacm, as far as the addon uses it: connections of RDMA. See abi.h.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

#include "abi.h"

namespace sanswitch::verbs::abi {

struct ibv_sa_path_rec;
struct rdma_cm_event;

enum rdma_cm_event_type {
  RDMA_CM_EVENT_ADDR_RESOLVED,
  RDMA_CM_EVENT_ADDR_ERROR,
  RDMA_CM_EVENT_ROUTE_RESOLVED,
  RDMA_CM_EVENT_ROUTE_ERROR,
  RDMA_CM_EVENT_CONNECT_REQUEST,
  RDMA_CM_EVENT_CONNECT_RESPONSE,
  RDMA_CM_EVENT_CONNECT_ERROR,
  RDMA_CM_EVENT_UNREACHABLE,
  RDMA_CM_EVENT_REJECTED,
  RDMA_CM_EVENT_ESTABLISHED,
  RDMA_CM_EVENT_DISCONNECTED,
  RDMA_CM_EVENT_DEVICE_REMOVAL,
  RDMA_CM_EVENT_MULTICAST_JOIN,
  RDMA_CM_EVENT_MULTICAST_ERROR,
  RDMA_CM_EVENT_ADDR_CHANGE,
  RDMA_CM_EVENT_TIMEWAIT_EXIT,
};

// Reasons for RDMA_CM_EVENT_REJECTED: rdma_cm_event::status as InfiniBand and RoCE have it. iWARP has an errno there.
enum rdma_reject_reason {
  RDMA_REJECT_INVALID_SERVICE_ID = 8,  // nobody listens there
  RDMA_REJECT_STALE_CONNECTION = 10,
  RDMA_REJECT_CONSUMER_DEFINED = 28,  // the program at the other end refused, and may have said why in private data
};

enum rdma_port_space { RDMA_PS_TCP = 0x0106, RDMA_PS_UDP = 0x0111 };

struct rdma_ib_addr {
  ibv_gid sgid;
  ibv_gid dgid;
  uint16_t pkey;  // big endian
};

struct rdma_addr {
  union {
    sockaddr src_addr;
    sockaddr_in src_sin;
    sockaddr_in6 src_sin6;
    sockaddr_storage src_storage;
  };
  union {
    sockaddr dst_addr;
    sockaddr_in dst_sin;
    sockaddr_in6 dst_sin6;
    sockaddr_storage dst_storage;
  };
  union {
    rdma_ib_addr ibaddr;
  } addr;
};

struct rdma_route {
  rdma_addr addr;
  ibv_sa_path_rec* path_rec;
  int num_paths;
};

struct rdma_event_channel {
  int fd;  // readable while rdma_get_cm_event has something to give
};

struct rdma_cm_id {
  ibv_context* verbs;  // null until an address is bound to a device
  rdma_event_channel* channel;
  void* context;
  ibv_qp* qp;
  rdma_route route;
  rdma_port_space ps;
  uint8_t port_num;
  rdma_cm_event* event;
  ibv_comp_channel* send_cq_channel;
  ibv_cq* send_cq;
  ibv_comp_channel* recv_cq_channel;
  ibv_cq* recv_cq;
  ibv_srq* srq;
  ibv_pd* pd;
  ibv_qp_type qp_type;
};

// Bytes of private data that arrive at the other end over the TCP port space; more can't be given.
constexpr size_t RDMA_CONNECT_PRIVATE_BYTES = 56;
constexpr size_t RDMA_ACCEPT_PRIVATE_BYTES = 196;
constexpr size_t RDMA_REJECT_PRIVATE_BYTES = 148;

struct rdma_conn_param {
  const void* private_data;
  uint8_t private_data_len;  // of an event: at least what was given, padded with zeros
  uint8_t responder_resources;
  uint8_t initiator_depth;
  uint8_t flow_control;
  uint8_t retry_count;  // rdma_accept ignores it
  uint8_t rnr_retry_count;
  uint8_t srq;      // this and the next: ignored if the id has a queue pair
  uint32_t qp_num;
};

struct rdma_ud_param {
  const void* private_data;
  uint8_t private_data_len;
  ibv_ah_attr ah_attr;
  uint32_t qp_num;
  uint32_t qkey;
};

struct rdma_cm_event {
  rdma_cm_id* id;         // of a connect request: a new one, which belongs to the program
  rdma_cm_id* listen_id;  // of a connect request
  rdma_cm_event_type event;
  int status;  // 0, -errno, or a reason for a rejection
  union {
    rdma_conn_param conn;
    rdma_ud_param ud;
  } param;
};

// Levels and names of rdma_set_option.
enum { RDMA_OPTION_ID = 0 };
enum {
  RDMA_OPTION_ID_TOS = 0,          // uint8_t
  RDMA_OPTION_ID_REUSEADDR = 1,    // int
  RDMA_OPTION_ID_AFONLY = 2,       // int, like IPV6_V6ONLY
  RDMA_OPTION_ID_ACK_TIMEOUT = 3,  // uint8_t: 4.096 us << value
};

}  // namespace sanswitch::verbs::abi
