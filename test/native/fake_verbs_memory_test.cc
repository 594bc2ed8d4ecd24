// Memory over the fake libibverbs: who may read and write what by which key, and windows.
#include "../../native/verbs/library.cc"

#include "check.h"
#include "verbs_fixture.h"

using namespace fixture;

namespace {

constexpr unsigned kBoth = IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE;

int bind(End* end, ibv_mw* window, uint32_t key, uint64_t offset, uint64_t bytes, unsigned access, uint64_t cookie) {
  ibv_send_wr wr{};
  wr.wr_id = cookie;
  wr.opcode = IBV_WR_BIND_MW;
  wr.send_flags = IBV_SEND_SIGNALED;
  wr.bind_mw.mw = window;
  wr.bind_mw.rkey = key;
  wr.bind_mw.bind_info = {end->mr, reinterpret_cast<uint64_t>(end->memory.data()) + offset, bytes, access};
  return end->post(&wr);
}

int invalidate(End* end, uint32_t key, uint64_t cookie) {
  ibv_send_wr wr{};
  wr.wr_id = cookie;
  wr.opcode = IBV_WR_LOCAL_INV;
  wr.send_flags = IBV_SEND_SIGNALED;
  wr.invalidate_rkey = key;
  return end->post(&wr);
}

// The next asynchronous event of a device, acknowledged; -1: none within two seconds.
int nextAsyncEvent(ibv_context* context) {
  if (!isReadable(context->async_fd, 2000)) return -1;
  ibv_async_event event;
  if (verbs().ibv_get_async_event(context, &event) != 0) return -1;
  verbs().ibv_ack_async_event(&event);
  return event.event_type;
}

// Whether a device tells of an access that it has refused. Soft-RoCE does not.
bool isRefusalTold(ibv_context* context) {
  return realHost() != nullptr || nextAsyncEvent(context) == IBV_EVENT_QP_ACCESS_ERR;
}

}  // namespace

TEST(access, "RDMA reads and writes go where the key opens") {
  Pair pair;
  pair.connect();
  memcpy(pair.server.memory.data() + 100, "there", 6);
  memcpy(pair.client.memory.data(), "here", 5);
  CHECK(pair.client.access(IBV_WR_RDMA_READ, 1, 200, 6, pair.server.memory.data() + 100, pair.server.mr->rkey) == 0);
  ibv_wc read = pair.client.completion();
  CHECK(isDone(read, 1) && read.opcode == IBV_WC_RDMA_READ && read.byte_len == 6);
  CHECK(memcmp(pair.client.memory.data() + 200, "there", 6) == 0);
  CHECK(pair.client.access(IBV_WR_RDMA_WRITE, 2, 0, 5, pair.server.memory.data(), pair.server.mr->rkey) == 0);
  ibv_wc written = pair.client.completion();
  CHECK(isDone(written, 2) && written.opcode == IBV_WC_RDMA_WRITE);
  CHECK(memcmp(pair.server.memory.data(), "here", 5) == 0);
  // A write of nothing needs no key: it asks whether the other end is there.
  CHECK(pair.client.access(IBV_WR_RDMA_WRITE, 3, 0, 0, nullptr, 0) == 0);
  CHECK(isDone(pair.client.completion(), 3));
}

TEST(outside, "one byte beyond the region, or a key that is gone, breaks both queue pairs") {
  for (int gone = 0; gone < 2; gone++) {
    Pair pair;
    pair.connect();
    uint32_t key = pair.server.mr->rkey;
    uint8_t* last = pair.server.memory.data() + 4088;
    if (gone != 0) {
      CHECK(verbs().ibv_dereg_mr(pair.server.mr) == 0);
      pair.server.mr = nullptr;
    }
    CHECK(pair.client.access(IBV_WR_RDMA_READ, 1, 0, gone != 0 ? 8 : 9, last, key) == 0);
    CHECK(isFailed(pair.client.completion(), 1, IBV_WC_REM_ACCESS_ERR));
    CHECK(isRefusalTold(pair.server.id->verbs));
    CHECK(pair.client.send(2, 0, 8) == 0);
    CHECK(isFailed(pair.client.completion(), 2, IBV_WC_WR_FLUSH_ERR));
  }
}

TEST(local, "a local key that does not open its memory fails the request") {
  Pair pair;
  pair.connect();
  ibv_sge piece = pair.client.piece(0, 8);
  piece.lkey++;
  ibv_send_wr wr{};
  wr.wr_id = 1;
  wr.sg_list = &piece;
  wr.num_sge = 1;
  wr.opcode = IBV_WR_SEND;
  CHECK(pair.client.post(&wr) == 0);
  // Soft-RoCE has a status of its own for it.
  CHECK(isFailed(pair.client.completion(), 1, realHost() == nullptr ? IBV_WC_LOC_PROT_ERR : IBV_WC_LOC_QP_OP_ERR));
}

TEST(too_long, "a message longer than its receive breaks both ends") {
  Pair pair;
  pair.connect();
  CHECK(pair.server.receive(1, 0, 8) == 0);
  CHECK(pair.client.send(2, 0, 9) == 0);
  // Soft-RoCE has others than InfiniBand's for it.
  bool isSoft = realHost() != nullptr;
  CHECK(isFailed(pair.client.completion(), 2, isSoft ? IBV_WC_REM_OP_ERR : IBV_WC_REM_INV_REQ_ERR));
  CHECK(isFailed(pair.server.completion(), 1, isSoft ? IBV_WC_LOC_QP_OP_ERR : IBV_WC_LOC_LEN_ERR));
}

TEST(window, "a window opens its range to its queue pair until it is invalidated; read is not write") {
  Pair pair;
  pair.connect();
  ibv_mw* window = ibv_alloc_mw(pair.server.pd, IBV_MW_TYPE_2);
  uint32_t key = ibv_inc_rkey(window->rkey);
  uint8_t* there = pair.server.memory.data() + 64;
  CHECK(bind(&pair.server, window, key, 64, 32, IBV_ACCESS_REMOTE_READ, 1) == 0);
  ibv_wc bound = pair.server.completion();
  CHECK(isDone(bound, 1) && bound.opcode == IBV_WC_BIND_MW);
  CHECK(pair.client.access(IBV_WR_RDMA_READ, 2, 0, 32, there, key) == 0);
  CHECK(isDone(pair.client.completion(), 2));
  // Bound memory can't be deregistered. With Soft-RoCE nothing can be bound to it after the attempt.
  if (realHost() == nullptr) CHECK(verbs().ibv_dereg_mr(pair.server.mr) == EINVAL);
  CHECK(invalidate(&pair.server, key, 3) == 0);
  CHECK(isDone(pair.server.completion(), 3));
  // The next key of the same window.
  window->rkey = key;
  key = ibv_inc_rkey(key);
  CHECK(bind(&pair.server, window, key, 64, 32, IBV_ACCESS_REMOTE_READ, 4) == 0);
  CHECK(isDone(pair.server.completion(), 4));
  CHECK(pair.client.access(IBV_WR_RDMA_WRITE, 5, 0, 8, there, key) == 0);
  CHECK(isFailed(pair.client.completion(), 5, IBV_WC_REM_ACCESS_ERR));
  CHECK(ibv_dealloc_mw(window) == 0);
  CHECK(isRefusalTold(pair.server.id->verbs));
}

TEST(window_gone, "an invalidated window opens nothing") {
  Pair pair;
  pair.connect();
  ibv_mw* window = ibv_alloc_mw(pair.server.pd, IBV_MW_TYPE_2);
  uint32_t key = ibv_inc_rkey(window->rkey);
  CHECK(bind(&pair.server, window, key, 0, 32, kBoth, 1) == 0);
  CHECK(isDone(pair.server.completion(), 1));
  CHECK(invalidate(&pair.server, key, 2) == 0);
  CHECK(isDone(pair.server.completion(), 2));
  CHECK(pair.client.access(IBV_WR_RDMA_READ, 3, 0, 8, pair.server.memory.data(), key) == 0);
  CHECK(isFailed(pair.client.completion(), 3, IBV_WC_REM_ACCESS_ERR));
  CHECK(ibv_dealloc_mw(window) == 0);
  CHECK(isRefusalTold(pair.server.id->verbs));
}

TEST(window_bad, "a bind beyond the region, of nothing, twice or with the old key breaks the queue pair") {
  // Soft-RoCE takes the old key.
  int ways = realHost() == nullptr ? 4 : 3;
  for (int way = 0; way < ways; way++) {
    Pair pair;
    pair.connect();
    ibv_mw* window = ibv_alloc_mw(pair.server.pd, IBV_MW_TYPE_2);
    uint32_t key = way == 3 ? window->rkey : ibv_inc_rkey(window->rkey);
    uint64_t bytes = way == 0 ? 4097 : way == 1 ? 0 : 64;
    if (way == 2) {
      CHECK(bind(&pair.server, window, key, 0, bytes, kBoth, 7) == 0);
      CHECK(isDone(pair.server.completion(), 7));
      window->rkey = key;
      key = ibv_inc_rkey(key);
    }
    CHECK(bind(&pair.server, window, key, 0, bytes, kBoth, 1) == 0);
    CHECK(isFailed(pair.server.completion(), 1, IBV_WC_MW_BIND_ERR));
    CHECK(ibv_dealloc_mw(window) == 0);
  }
}

TEST(reads, "without resources for reads, a read fails") {
  if (needsFake("Soft-RoCE never ends it")) return;
  Wishes none;
  none.reads = 0;
  Pair pair(none);
  pair.connect();
  CHECK(pair.client.access(IBV_WR_RDMA_READ, 1, 0, 8, pair.server.memory.data(), pair.server.mr->rkey) == 0);
  CHECK(isFailed(pair.client.completion(), 1, IBV_WC_LOC_QP_OP_ERR));
}

TEST(limits, "what the device has not, or the process may not lock, is refused") {
  if (needsFake("it is told what to do")) return;
  Pair pair;
  pair.listen();
  pair.resolve(host(), pair.port());
  CHECK(control("memlock 4096") == 0);
  CHECK(verbs().ibv_reg_mr(pair.client.pd, pair.client.memory.data(), 4096, 0) == nullptr && errno == ENOMEM);
  CHECK(control("without windows") == 0);
  CHECK(ibv_alloc_mw(pair.client.pd, IBV_MW_TYPE_2) == nullptr && errno == EOPNOTSUPP);
  CHECK(control("without srq") == 0);
  ibv_srq_init_attr attr{nullptr, {8, 1, 0}};
  CHECK(verbs().ibv_create_srq(pair.client.pd, &attr) == nullptr && errno == EOPNOTSUPP);
  CHECK(verbs().ibv_reg_mr(pair.client.pd, pair.client.memory.data(), 8, IBV_ACCESS_REMOTE_WRITE) == nullptr);
  CHECK(errno == EINVAL);
}

TEST_MAIN()
