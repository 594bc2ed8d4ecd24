// The fake libibverbs and librdmacm: events, shared receives, overruns, removal, hand-over, and faults on demand.
#include "../../native/verbs/library.cc"

#include <thread>

#include "check.h"
#include "verbs_fixture.h"

using namespace fixture;

namespace {

int nextAsyncEvent(ibv_context* context) {
  if (!isReadable(context->async_fd, 2000)) return -1;
  ibv_async_event event;
  if (verbs().ibv_get_async_event(context, &event) != 0) return -1;
  verbs().ibv_ack_async_event(&event);
  return event.event_type;
}

void takeChannelEvent(End* end) {
  ibv_cq* cq = nullptr;
  void* context = nullptr;
  CHECK(verbs().ibv_get_cq_event(end->completions, &cq, &context) == 0);
  CHECK(cq == end->cq && context == end);
  verbs().ibv_ack_cq_events(end->cq, 1);
}

}  // namespace

TEST(armed, "an armed queue tells once of the next completion, and not of one that is there") {
  Pair pair;
  pair.connect();
  for (uint64_t i = 0; i < 4; i++) CHECK(pair.server.receive(i, 0, 64) == 0);
  CHECK(pair.client.send(1, 0, 8) == 0);
  CHECK(ibv_req_notify_cq(pair.server.cq, 0) == 0);
  CHECK(!isReadable(pair.server.completions->fd, 0));
  CHECK(pair.client.send(2, 0, 8) == 0);
  CHECK(pair.client.send(3, 0, 8) == 0);
  CHECK(isReadable(pair.server.completions->fd, 0));
  takeChannelEvent(&pair.server);
  CHECK(!isReadable(pair.server.completions->fd, 0));
  ibv_cq* cq;
  void* context;
  CHECK(verbs().ibv_get_cq_event(pair.server.completions, &cq, &context) == -1 && errno == EAGAIN);
  // For solicited ones only: the message that asks for it.
  CHECK(ibv_req_notify_cq(pair.server.cq, 1) == 0);
  CHECK(pair.client.send(4, 0, 8) == 0);
  CHECK(!isReadable(pair.server.completions->fd, 0));
}

TEST(overrun, "one completion too many breaks the queue, and tells") {
  if (needsFake("the device gives more room than was asked for")) return;
  Wishes small;
  small.cqe = 2;
  Pair pair(small);
  pair.connect();
  for (uint64_t i = 0; i < 3; i++) CHECK(pair.server.receive(i, 0, 64) == 0);
  for (uint64_t i = 0; i < 3; i++) CHECK(pair.client.send(i, 0, 8, 0) == 0);
  CHECK(nextAsyncEvent(pair.server.id->verbs) == IBV_EVENT_CQ_ERR);
  CHECK(isDone(pair.server.completion(), 0));
  CHECK(isDone(pair.server.completion(), 1));
  CHECK(pair.server.completion(50).qp_num == 0);
}

TEST(shared, "a shared receive queue serves the queue pair, tells of its limit and of the last receive") {
  Wishes shared;
  shared.isShared = true;
  Pair pair(shared);
  pair.connect();
  for (uint64_t i = 0; i < 3; i++) CHECK(pair.server.receive(i, 64 * i, 64) == 0);
  ibv_srq_attr attr{0, 0, 3};
  // The addon has no use for it.
  auto modify = reinterpret_cast<int (*)(ibv_srq*, ibv_srq_attr*, int)>(symbol("ibv_modify_srq"));
  CHECK(modify(pair.server.srq, &attr, IBV_SRQ_LIMIT) == 0);
  CHECK(pair.client.send(1, 0, 8) == 0);
  CHECK(isDone(pair.server.completion(), 0));
  CHECK(nextAsyncEvent(pair.server.id->verbs) == IBV_EVENT_SRQ_LIMIT_REACHED);
  CHECK(pair.client.send(2, 0, 8) == 0);
  CHECK(!isReadable(pair.server.id->verbs->async_fd, 0));
  CHECK(isDone(pair.server.completion(), 1));
  CHECK(verbs().rdma_disconnect(pair.server.id) == 0);
  // Soft-RoCE does not tell that nothing more comes of the shared queue.
  if (realHost() == nullptr) CHECK(nextAsyncEvent(pair.server.id->verbs) == IBV_EVENT_QP_LAST_WQE_REACHED);
  // What is left in the shared queue is nobody's: no flush.
  CHECK(pair.server.completion(50).qp_num == 0);
}

TEST(late_receive, "a message waits for a receive as often as it was told to try") {
  Wishes patient;
  patient.rnrRetry = 7;
  Pair pair(patient);
  pair.connect();
  ibv_qp_attr attr{};
  attr.min_rnr_timer = 1;
  CHECK(verbs().ibv_modify_qp(pair.server.id->qp, &attr, IBV_QP_MIN_RNR_TIMER) == 0);
  CHECK(pair.client.send(1, 0, 8) == 0);
  CHECK(pair.client.completion(20).qp_num == 0);
  CHECK(pair.server.receive(2, 0, 64) == 0);
  CHECK(isDone(pair.client.completion(), 1));
  CHECK(isDone(pair.server.completion(), 2));
}

TEST(states, "requests in the wrong state are refused") {
  Pair pair;
  pair.listen();
  pair.resolve(host(), pair.port());
  CHECK(pair.client.send(1, 0, 8) == EINVAL);
  CHECK(pair.client.receive(1, 0, 8) == 0);
  CHECK(verbs().rdma_disconnect(pair.client.id) == -1 && errno == EINVAL);
  ibv_qp_attr attr{};
  attr.timeout = 10;
  CHECK(verbs().ibv_modify_qp(pair.client.id->qp, &attr, IBV_QP_TIMEOUT) == EINVAL);
  CHECK(verbs().rdma_resolve_route(pair.client.id, 100) == -1 && errno == EINVAL);
}

TEST(destroyed, "an id that is destroyed is heard of at the other end, at each step") {
  {
    Pair pair;
    pair.listen();
    pair.resolve(host(), pair.port());
    pair.request();
    CHECK(verbs().rdma_destroy_id(pair.server.id) == 0);
    pair.server.id = nullptr;
    Event event = nextEvent(pair.client.channel);
    CHECK(event.type == RDMA_CM_EVENT_REJECTED && event.status == RDMA_REJECT_CONSUMER_DEFINED);
  }
  {
    Pair pair;
    pair.listen();
    pair.resolve(host(), pair.port());
    pair.request();
    pair.server.prepare();
    pair.client.destroy();
    CHECK(!isReadable(pair.channel->fd, 50));
    rdma_conn_param param = pair.server.param("");
    CHECK(verbs().rdma_accept(pair.server.id, &param) == -1 && errno == EINVAL);
  }
  {
    Pair pair;
    pair.connect();
    pair.client.destroy();
    CHECK(nextEvent(pair.channel).type == RDMA_CM_EVENT_DISCONNECTED);
  }
  {
    // A request that was never taken goes with its listener.
    Pair pair;
    pair.listen();
    pair.resolve(host(), pair.port());
    rdma_conn_param param = pair.client.param("");
    CHECK(verbs().rdma_connect(pair.client.id, &param) == 0);
    CHECK(verbs().rdma_destroy_id(pair.listener) == 0);
    pair.listener = nullptr;
    CHECK(nextEvent(pair.client.channel).type == RDMA_CM_EVENT_REJECTED);
  }
}

TEST(unreachable, "a host that does not answer: no address, or no answer to the request") {
  if (needsFake("it is told what to do")) return;
  Pair pair;
  CHECK(control("silent 127.0.0.9") == 0);
  CHECK(verbs().rdma_create_id(pair.client.channel, &pair.client.id, nullptr, RDMA_PS_TCP) == 0);
  sockaddr_in silent = addressOf("127.0.0.9", 1);
  CHECK(verbs().rdma_resolve_addr(pair.client.id, nullptr, reinterpret_cast<sockaddr*>(&silent), 20) == 0);
  Event event = nextEvent(pair.client.channel);
  CHECK(event.type == RDMA_CM_EVENT_ADDR_ERROR && event.status == -ETIMEDOUT);
  // No device serves it.
  sockaddr_in elsewhere = addressOf("192.0.2.1", 1);
  CHECK(verbs().rdma_resolve_addr(pair.client.id, nullptr, reinterpret_cast<sockaddr*>(&elsewhere), 20) == 0);
  event = nextEvent(pair.client.channel);
  CHECK(event.type == RDMA_CM_EVENT_ADDR_ERROR && event.status == -ENODEV);
  pair.client.destroy();
  CHECK(control("timeout 20") == 0);
  pair.listen();
  pair.resolve(host(), pair.port());
  CHECK(control("cut") == 0);
  rdma_conn_param param = pair.client.param("");
  CHECK(verbs().rdma_connect(pair.client.id, &param) == 0);
  event = nextEvent(pair.client.channel);
  CHECK(event.type == RDMA_CM_EVENT_UNREACHABLE && event.status == -ETIMEDOUT);
}

TEST(dead_path, "a path that is cut ends the send after its retries, and one that is mended in time does not") {
  if (needsFake("it is told what to do")) return;
  Pair pair;
  pair.connect();
  CHECK(pair.server.receive(1, 0, 64) == 0);
  CHECK(control("cut") == 0);
  CHECK(pair.client.send(2, 0, 8) == 0);
  CHECK(control("mend") == 0);
  CHECK(isDone(pair.client.completion(), 2));
  CHECK(isDone(pair.server.completion(), 1));
  CHECK(control("cut") == 0);
  CHECK(pair.client.send(3, 0, 8) == 0);
  CHECK(pair.client.send(4, 0, 8) == 0);
  CHECK(isFailed(pair.client.completion(), 3, IBV_WC_RETRY_EXC_ERR));
  CHECK(isFailed(pair.client.completion(), 4, IBV_WC_WR_FLUSH_ERR));
}

TEST(held, "each step of a connection can be held back") {
  if (needsFake("it is told what to do")) return;
  Pair pair;
  pair.listen();
  for (const char* stage : {"resolve", "route", "request", "response"}) control(std::string("hold ") + stage);
  rdma_cm_id* id = nullptr;
  CHECK(verbs().rdma_create_id(pair.client.channel, &id, nullptr, RDMA_PS_TCP) == 0);
  pair.client.id = id;
  sockaddr_in address = addressOf("127.0.0.1", pair.port());
  CHECK(verbs().rdma_resolve_addr(id, nullptr, reinterpret_cast<sockaddr*>(&address), 500) == 0);
  CHECK(!isReadable(pair.client.channel->fd, 0));
  control("release resolve");
  CHECK(nextEvent(pair.client.channel).type == RDMA_CM_EVENT_ADDR_RESOLVED);
  CHECK(verbs().rdma_resolve_route(id, 500) == 0);
  CHECK(!isReadable(pair.client.channel->fd, 0));
  control("release route");
  CHECK(nextEvent(pair.client.channel).type == RDMA_CM_EVENT_ROUTE_RESOLVED);
  pair.client.prepare();
  rdma_conn_param param = pair.client.param("");
  CHECK(verbs().rdma_connect(id, &param) == 0);
  CHECK(!isReadable(pair.channel->fd, 0));
  control("release request");
  pair.server.id = nextEvent(pair.channel).id;
  pair.server.prepare();
  pair.accept();
  CHECK(!isReadable(pair.client.channel->fd, 0));
  // Cancelled while the answer is on its way.
  pair.client.destroy();
  control("release response");
  CHECK(nextEvent(pair.channel).type == RDMA_CM_EVENT_REJECTED);
}

TEST(removed, "a device that is removed tells every id, flushes nothing, and fails every call") {
  if (needsFake("it is told what to do")) return;
  Pair pair;
  pair.connect();
  CHECK(pair.server.receive(1, 0, 64) == 0);
  CHECK(control("remove fake0") == 0);
  CHECK(nextEvent(pair.client.channel).type == RDMA_CM_EVENT_DEVICE_REMOVAL);
  CHECK(nextEvent(pair.channel).type == RDMA_CM_EVENT_DEVICE_REMOVAL);
  CHECK(nextEvent(pair.channel).type == RDMA_CM_EVENT_DEVICE_REMOVAL);
  CHECK(nextAsyncEvent(pair.server.id->verbs) == IBV_EVENT_DEVICE_FATAL);
  CHECK(pair.server.completion(20).qp_num == 0);
  CHECK(pair.client.send(2, 0, 8) == EIO);
  CHECK(verbs().ibv_alloc_pd(pair.server.id->verbs) == nullptr && errno == EIO);
  for (End* end : {&pair.client, &pair.server}) {
    verbs().rdma_destroy_qp(end->id);
    CHECK(verbs().ibv_destroy_cq(end->cq) == EIO);
    CHECK(verbs().ibv_destroy_comp_channel(end->completions) == EBUSY);
    CHECK(verbs().ibv_dereg_mr(end->mr) == EIO);
    CHECK(verbs().ibv_dealloc_pd(end->pd) == EIO);
    end->cq = nullptr, end->completions = nullptr, end->mr = nullptr, end->pd = nullptr;
  }
  // As it was for the tests that follow.
  CHECK(control("device again lo 127.0.0.1/16") == 0);
}

TEST(migrated, "an id takes its events along to another channel") {
  Pair pair;
  pair.connect();
  rdma_event_channel* other = verbs().rdma_create_event_channel();
  CHECK(verbs().rdma_disconnect(pair.client.id) == 0);
  CHECK(isReadable(pair.channel->fd, 2000));
  CHECK(verbs().rdma_migrate_id(pair.server.id, other) == 0);
  CHECK(!isReadable(pair.channel->fd, 0));
  CHECK(nextEvent(other).type == RDMA_CM_EVENT_DISCONNECTED);
  CHECK(verbs().rdma_disconnect(pair.server.id) == 0);
  CHECK(nextEvent(pair.client.channel).type == RDMA_CM_EVENT_DISCONNECTED);
  CHECK(verbs().rdma_migrate_id(pair.server.id, pair.channel) == 0);
  verbs().rdma_destroy_event_channel(other);
}

TEST(faults, "the n-th call fails, and the n-th request ends, as a test wants it") {
  if (needsFake("it is told what to do")) return;
  Pair pair;
  pair.connect();
  CHECK(control("fail ibv_reg_mr 2 12") == 0);
  ibv_mr* first = verbs().ibv_reg_mr(pair.client.pd, pair.client.memory.data(), 8, 0);
  CHECK(first != nullptr);
  CHECK(verbs().ibv_reg_mr(pair.client.pd, pair.client.memory.data(), 8, 0) == nullptr && errno == ENOMEM);
  CHECK(control("calls ibv_reg_mr") >= 2);
  CHECK(verbs().ibv_dereg_mr(first) == 0);
  for (uint64_t i = 0; i < 2; i++) CHECK(pair.server.receive(i, 0, 64) == 0);
  CHECK(control("status send 2 17") == 0);
  CHECK(pair.client.send(1, 0, 8) == 0);
  CHECK(pair.client.send(2, 0, 8) == 0);
  CHECK(isDone(pair.client.completion(), 1));
  CHECK(isFailed(pair.client.completion(), 2, static_cast<ibv_wc_status>(17)));
  CHECK(control("bogus") == -EINVAL);
  CHECK(control("event 10") == 0);
  CHECK(nextAsyncEvent(pair.client.id->verbs) == IBV_EVENT_PORT_ERR);
}

TEST(threads, "two threads exchange messages through their own queues") {
  constexpr uint64_t kCount = 2000;
  Wishes wishes;
  wishes.rnrRetry = 7;
  Pair pair(wishes);
  pair.connect();
  ibv_qp_attr attr{};
  attr.min_rnr_timer = 1;
  for (End* end : {&pair.client, &pair.server}) {
    CHECK(verbs().ibv_modify_qp(end->id->qp, &attr, IBV_QP_MIN_RNR_TIMER) == 0);
    for (uint64_t i = 0; i < 8; i++) CHECK(end->receive(i, 64 * i, 64) == 0);
  }
  // Sends a message for each that has come, so that as many are under way as were sent first.
  auto bounce = [](End* end, uint64_t first) {
    for (uint64_t i = 0; i < first; i++) end->send(100, 2048, 8);
    uint64_t received = 0;
    while (received < kCount) {
      ibv_wc wc[4];
      int count = ibv_poll_cq(end->cq, 4, wc);
      for (int i = 0; i < count; i++) {
        CHECK(wc[i].status == IBV_WC_SUCCESS);
        if (wc[i].wr_id == 100) continue;
        CHECK(end->receive(wc[i].wr_id, 64 * wc[i].wr_id, 64) == 0);
        if (received++ + first < kCount) CHECK(end->send(100, 2048, 8) == 0);
      }
    }
  };
  std::thread other(bounce, &pair.server, 4);
  bounce(&pair.client, 4);
  other.join();
}

TEST_MAIN()
