// libibverbs and librdmacm, loaded by dlopen once per process and never unloaded: a host without them runs the addon
// as well.
#pragma once

#include <string>
#include <vector>

#include "abi.h"
#include "abi_cm.h"

namespace sanswitch::verbs {

// The functions that the addon calls, under their own names. What libibverbs calls inline is in abi.h.
struct Functions {
  // libibverbs: required.
  abi::ibv_device** (*ibv_get_device_list)(int* num_devices);
  void (*ibv_free_device_list)(abi::ibv_device** list);
  uint64_t (*ibv_get_device_guid)(abi::ibv_device* device);  // big endian
  abi::ibv_context* (*ibv_open_device)(abi::ibv_device* device);
  int (*ibv_close_device)(abi::ibv_context* context);
  int (*ibv_query_device)(abi::ibv_context* context, abi::ibv_device_attr* attr);
  int (*ibv_query_port)(abi::ibv_context* context, uint8_t port, abi::ibv_port_attr* attr);
  abi::ibv_pd* (*ibv_alloc_pd)(abi::ibv_context* context);
  int (*ibv_dealloc_pd)(abi::ibv_pd* pd);
  abi::ibv_mr* (*ibv_reg_mr)(abi::ibv_pd* pd, void* address, size_t length, int access);
  int (*ibv_dereg_mr)(abi::ibv_mr* mr);
  abi::ibv_comp_channel* (*ibv_create_comp_channel)(abi::ibv_context* context);
  int (*ibv_destroy_comp_channel)(abi::ibv_comp_channel* channel);
  abi::ibv_cq* (*ibv_create_cq)(abi::ibv_context* context, int cqe, void* cqContext, abi::ibv_comp_channel* channel,
                                int vector);
  int (*ibv_destroy_cq)(abi::ibv_cq* cq);
  int (*ibv_get_cq_event)(abi::ibv_comp_channel* channel, abi::ibv_cq** cq, void** cqContext);
  void (*ibv_ack_cq_events)(abi::ibv_cq* cq, unsigned int count);
  int (*ibv_get_async_event)(abi::ibv_context* context, abi::ibv_async_event* event);
  void (*ibv_ack_async_event)(abi::ibv_async_event* event);
  abi::ibv_srq* (*ibv_create_srq)(abi::ibv_pd* pd, abi::ibv_srq_init_attr* attr);
  int (*ibv_destroy_srq)(abi::ibv_srq* srq);
  int (*ibv_modify_qp)(abi::ibv_qp* qp, abi::ibv_qp_attr* attr, int mask);

  // libibverbs: null where the library is too old for them.
  int (*ibv_fork_init)();
  abi::ibv_fork_status (*ibv_is_fork_initialized)();

  // librdmacm: required. Those that return int return 0, or -1 with errno.
  abi::rdma_event_channel* (*rdma_create_event_channel)();
  void (*rdma_destroy_event_channel)(abi::rdma_event_channel* channel);
  int (*rdma_create_id)(abi::rdma_event_channel* channel, abi::rdma_cm_id** id, void* context,
                        abi::rdma_port_space space);
  int (*rdma_destroy_id)(abi::rdma_cm_id* id);
  int (*rdma_bind_addr)(abi::rdma_cm_id* id, sockaddr* address);
  int (*rdma_resolve_addr)(abi::rdma_cm_id* id, sockaddr* source, sockaddr* destination, int timeoutMs);
  int (*rdma_resolve_route)(abi::rdma_cm_id* id, int timeoutMs);
  int (*rdma_create_qp)(abi::rdma_cm_id* id, abi::ibv_pd* pd, abi::ibv_qp_init_attr* attr);
  void (*rdma_destroy_qp)(abi::rdma_cm_id* id);
  int (*rdma_connect)(abi::rdma_cm_id* id, abi::rdma_conn_param* param);
  int (*rdma_listen)(abi::rdma_cm_id* id, int backlog);
  int (*rdma_accept)(abi::rdma_cm_id* id, abi::rdma_conn_param* param);
  int (*rdma_reject)(abi::rdma_cm_id* id, const void* privateData, uint8_t privateBytes);
  int (*rdma_disconnect)(abi::rdma_cm_id* id);
  int (*rdma_get_cm_event)(abi::rdma_event_channel* channel, abi::rdma_cm_event** event);
  int (*rdma_ack_cm_event)(abi::rdma_cm_event* event);
  int (*rdma_set_option)(abi::rdma_cm_id* id, int level, int name, void* value, size_t length);
  int (*rdma_migrate_id)(abi::rdma_cm_id* id, abi::rdma_event_channel* channel);
};

// A file that was tried for a library.
struct LoadAttempt {
  const char* library;  // "libibverbs" or "librdmacm"
  std::string name;     // as given to dlopen
  std::string error;    // empty: this one serves
};

// What the loader did.
struct Libraries {
  // Null unless both libraries are there with all required functions.
  const Functions* functions = nullptr;
  std::vector<LoadAttempt> attempts;
  std::vector<std::string> missing;  // required functions that a library has not
  std::vector<std::string> absent;   // optional ones
  // Whether a process may fork while memory is registered. IBV_FORK_DISABLED: a child that runs on in the parent's
  // memory can take pages from under the device.
  abi::ibv_fork_status forkStatus = abi::IBV_FORK_DISABLED;
};

// Loads both libraries at the first call, from any thread, and returns the same account from then on. Names come from
// SANSWITCH_LIBIBVERBS and SANSWITCH_LIBRDMACM, several with colons between them, or are the usual ones.
const Libraries& libraries();

// The work behind it: loads the libraries that the environment names now, and fills `functions`, which must outlive
// the account.
Libraries loadLibraries(Functions* functions);

}  // namespace sanswitch::verbs
