// Two ends of a connection over libibverbs and librdmacm, as the plainest program would make them: over the fake ones,
// or, to compare these with reality, over a real device, whose address SANSWITCH_TEST_HOST then has.
#pragma once

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <memory>
#include <string>
#include <vector>

#include "../../native/verbs/library.h"
#include "check.h"

namespace fixture {

using namespace sanswitch::verbs;
using namespace sanswitch::verbs::abi;

// Where the tests are; null: over the fake libraries.
inline const char* realHost() { return getenv("SANSWITCH_TEST_HOST"); }

inline const char* host() { return realHost() != nullptr ? realHost() : "127.0.0.1"; }

// Says that a test can't be had over a real device. Used as: if (needsFake("why")) return;
inline bool needsFake(const char* why) {
  if (realHost() != nullptr) printf("# not over a real device: %s\n", why);
  return realHost() != nullptr;
}

inline const Functions& verbs() {
  const Libraries& loaded = libraries();
  if (loaded.functions == nullptr) {
    fprintf(stderr, "The fake libraries can't be loaded: run this by test/native/run.mjs\n");
    abort();
  }
  return *loaded.functions;
}

// A function of libibverbs that the addon does not use.
inline void* symbol(const char* name) {
  verbs();
  return dlsym(dlopen(realHost() != nullptr ? "libibverbs.so.1" : getenv("SANSWITCH_LIBIBVERBS"), RTLD_NOW), name);
}

// Gives the fake a command, see fake-verbs/control.h.
inline int64_t control(const std::string& command) {
  if (realHost() != nullptr) return 0;
  using Control = int64_t (*)(const char*);
  static Control call = reinterpret_cast<Control>(symbol("fake_verbs_control"));
  return call(command.c_str());
}

inline sockaddr_in addressOf(const char* text, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, text, &address.sin_addr);
  return address;
}

// What came with an event, which is acknowledged already.
struct Event {
  int type = -1;  // -1: none came in time
  int status = 0;
  rdma_cm_id* id = nullptr;
  rdma_conn_param conn{};
  std::vector<uint8_t> data;
};

inline bool isReadable(int fd, int timeoutMs) {
  pollfd one = {fd, POLLIN, 0};
  return poll(&one, 1, timeoutMs) == 1;
}

// Waits for the next event; none within two seconds is an event of type -1.
inline Event nextEvent(rdma_event_channel* channel, int timeoutMs = 2000) {
  Event event;
  if (!isReadable(channel->fd, timeoutMs)) return event;
  rdma_cm_event* taken = nullptr;
  CHECK(verbs().rdma_get_cm_event(channel, &taken) == 0);
  if (taken == nullptr) return event;
  event.type = taken->event;
  event.status = taken->status;
  event.id = taken->id;
  event.conn = taken->param.conn;
  const uint8_t* data = static_cast<const uint8_t*>(taken->param.conn.private_data);
  if (data != nullptr) event.data.assign(data, data + taken->param.conn.private_data_len);
  verbs().rdma_ack_cm_event(taken);
  return event;
}

// Whether a completion came, and how it ended.
inline bool isDone(const ibv_wc& wc, uint64_t cookie) {
  return wc.qp_num != 0 && wc.wr_id == cookie && wc.status == IBV_WC_SUCCESS;
}

inline bool isFailed(const ibv_wc& wc, uint64_t cookie, ibv_wc_status status) {
  return wc.qp_num != 0 && wc.wr_id == cookie && wc.status == status;
}

// What a queue pair is made with.
struct Wishes {
  uint32_t depth = 16;
  int cqe = 64;
  bool isShared = false;
  uint8_t retryCount = 1;
  uint8_t rnrRetry = 1;
  uint8_t ackTimeout = 8;  // 1 ms
  uint8_t reads = 4;
};

// One end: its id and everything that is made for it.
struct End {
  rdma_event_channel* channel = nullptr;
  rdma_cm_id* id = nullptr;
  ibv_pd* pd = nullptr;
  ibv_comp_channel* completions = nullptr;
  ibv_cq* cq = nullptr;
  ibv_srq* srq = nullptr;
  std::vector<uint8_t> memory = std::vector<uint8_t>(4096);
  ibv_mr* mr = nullptr;
  Wishes wishes;

  // Makes the queue pair, once the id knows its device.
  void prepare() {
    pd = verbs().ibv_alloc_pd(id->verbs);
    completions = verbs().ibv_create_comp_channel(id->verbs);
    fcntl(completions->fd, F_SETFL, O_NONBLOCK);
    cq = verbs().ibv_create_cq(id->verbs, wishes.cqe, this, completions, 0);
    mr = verbs().ibv_reg_mr(pd, memory.data(), memory.size(),
                            IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE |
                                IBV_ACCESS_MW_BIND);
    ibv_qp_init_attr attr{};
    attr.send_cq = attr.recv_cq = cq;
    attr.qp_type = IBV_QPT_RC;
    attr.cap = {wishes.depth, wishes.depth, 2, 1, 64};
    if (wishes.isShared) {
      ibv_srq_init_attr shared{nullptr, {wishes.depth, 1, 0}};
      srq = attr.srq = verbs().ibv_create_srq(pd, &shared);
    }
    CHECK(verbs().rdma_create_qp(id, pd, &attr) == 0);
  }

  rdma_conn_param param(const char* data) const {
    rdma_conn_param param{};
    param.private_data = data;
    param.private_data_len = static_cast<uint8_t>(strlen(data));
    param.responder_resources = param.initiator_depth = wishes.reads;
    param.retry_count = wishes.retryCount;
    param.rnr_retry_count = wishes.rnrRetry;
    return param;
  }

  ibv_sge piece(size_t offset, size_t bytes) const {
    return {reinterpret_cast<uint64_t>(memory.data() + offset), static_cast<uint32_t>(bytes), mr->lkey};
  }

  int receive(uint64_t cookie, size_t offset, size_t bytes) {
    ibv_sge one = piece(offset, bytes);
    ibv_recv_wr wr{cookie, nullptr, &one, 1};
    ibv_recv_wr* bad = nullptr;
    return srq != nullptr ? ibv_post_srq_recv(srq, &wr, &bad) : ibv_post_recv(id->qp, &wr, &bad);
  }

  int post(ibv_send_wr* wr) {
    ibv_send_wr* bad = nullptr;
    return ibv_post_send(id->qp, wr, &bad);
  }

  int send(uint64_t cookie, size_t offset, size_t bytes, unsigned flags = IBV_SEND_SIGNALED) {
    ibv_sge one = piece(offset, bytes);
    ibv_send_wr wr{};
    wr.wr_id = cookie;
    wr.sg_list = &one;
    wr.num_sge = 1;
    wr.opcode = IBV_WR_SEND;
    wr.send_flags = flags;
    return post(&wr);
  }

  // RDMA read or write between `offset` here and an address there.
  int access(ibv_wr_opcode opcode, uint64_t cookie, size_t offset, size_t bytes, const void* there, uint32_t key) {
    ibv_sge one = piece(offset, bytes);
    ibv_send_wr wr{};
    wr.wr_id = cookie;
    wr.sg_list = &one;
    wr.num_sge = 1;
    wr.opcode = opcode;
    wr.send_flags = IBV_SEND_SIGNALED;
    wr.wr.rdma.remote_addr = reinterpret_cast<uint64_t>(there);
    wr.wr.rdma.rkey = key;
    return post(&wr);
  }

  // The next completion; one that does not come within two seconds has the queue pair number 0.
  ibv_wc completion(int timeoutMs = 2000) {
    ibv_wc wc{};
    for (int waited = 0; waited <= timeoutMs; waited += 1) {
      if (ibv_poll_cq(cq, 1, &wc) != 0) return wc;
      ::poll(nullptr, 0, 1);
    }
    return wc;
  }

  void destroy() {
    if (id != nullptr && id->qp != nullptr) verbs().rdma_destroy_qp(id);
    if (srq != nullptr) CHECK(verbs().ibv_destroy_srq(srq) == 0);
    if (cq != nullptr) CHECK(verbs().ibv_destroy_cq(cq) == 0);
    if (completions != nullptr) CHECK(verbs().ibv_destroy_comp_channel(completions) == 0);
    if (mr != nullptr) CHECK(verbs().ibv_dereg_mr(mr) == 0);
    if (pd != nullptr) CHECK(verbs().ibv_dealloc_pd(pd) == 0);
    if (id != nullptr) CHECK(verbs().rdma_destroy_id(id) == 0);
    srq = nullptr, cq = nullptr, completions = nullptr, mr = nullptr, pd = nullptr, id = nullptr;
  }
};

// A listener, and an end on each side that are connected with each other.
struct Pair {
  rdma_event_channel* channel = verbs().rdma_create_event_channel();
  rdma_cm_id* listener = nullptr;
  End client;
  End server;

  explicit Pair(const Wishes& wishes = {}) {
    client.wishes = server.wishes = wishes;
    client.channel = verbs().rdma_create_event_channel();
    server.channel = channel;
  }

  ~Pair() {
    client.destroy();
    server.destroy();
    if (listener != nullptr) CHECK(verbs().rdma_destroy_id(listener) == 0);
    verbs().rdma_destroy_event_channel(client.channel);
    verbs().rdma_destroy_event_channel(channel);
    // Nothing is left.
    CHECK(control("live") == 0);
    CHECK(control("reset") == 0);
  }

  uint16_t port() const { return ntohs(listener->route.addr.src_sin.sin_port); }

  void listen(int backlog = 8, const char* address = host(), uint16_t port = 0) {
    CHECK(verbs().rdma_create_id(channel, &listener, this, RDMA_PS_TCP) == 0);
    sockaddr_in bound = addressOf(address, port);
    CHECK(verbs().rdma_bind_addr(listener, reinterpret_cast<sockaddr*>(&bound)) == 0);
    CHECK(verbs().rdma_listen(listener, backlog) == 0);
  }

  // Resolves address and route, so that the client can connect.
  void resolve(const char* address, uint16_t port) {
    CHECK(verbs().rdma_create_id(client.channel, &client.id, &client, RDMA_PS_TCP) == 0);
    uint8_t timeout = client.wishes.ackTimeout;
    CHECK(verbs().rdma_set_option(client.id, RDMA_OPTION_ID, RDMA_OPTION_ID_ACK_TIMEOUT, &timeout, 1) == 0);
    sockaddr_in destination = addressOf(address, port);
    CHECK(verbs().rdma_resolve_addr(client.id, nullptr, reinterpret_cast<sockaddr*>(&destination), 500) == 0);
    CHECK(nextEvent(client.channel).type == RDMA_CM_EVENT_ADDR_RESOLVED);
    CHECK(verbs().rdma_resolve_route(client.id, 500) == 0);
    CHECK(nextEvent(client.channel).type == RDMA_CM_EVENT_ROUTE_RESOLVED);
    client.prepare();
  }

  // Sends the request of a resolved client; the server's end gets its id.
  Event request(const char* data = "") {
    rdma_conn_param param = client.param(data);
    CHECK(verbs().rdma_connect(client.id, &param) == 0);
    Event event = nextEvent(channel);
    CHECK(event.type == RDMA_CM_EVENT_CONNECT_REQUEST);
    server.id = event.id;
    return event;
  }

  void accept(const char* data = "") {
    uint8_t timeout = server.wishes.ackTimeout;
    verbs().rdma_set_option(server.id, RDMA_OPTION_ID, RDMA_OPTION_ID_ACK_TIMEOUT, &timeout, 1);
    rdma_conn_param param = server.param(data);
    CHECK(verbs().rdma_accept(server.id, &param) == 0);
  }

  // All of it.
  void connect() {
    listen();
    resolve(host(), port());
    request();
    server.prepare();
    accept();
    CHECK(nextEvent(client.channel).type == RDMA_CM_EVENT_ESTABLISHED);
    CHECK(nextEvent(channel).type == RDMA_CM_EVENT_ESTABLISHED);
  }
};

}  // namespace fixture
