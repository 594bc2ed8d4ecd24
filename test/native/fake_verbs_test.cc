// The fake libibverbs and librdmacm behave as the real ones do: what is sent, and how it ends.
#include "../../native/verbs/library.cc"

#include "check.h"
#include "verbs_fixture.h"

using namespace fixture;

TEST(message, "a message arrives in the receive that was posted first") {
  Pair pair;
  pair.connect();
  strcpy(reinterpret_cast<char*>(pair.client.memory.data()), "hello");
  CHECK(pair.server.receive(1, 0, 64) == 0);
  CHECK(pair.server.receive(2, 64, 64) == 0);
  CHECK(pair.client.send(3, 0, 6) == 0);
  ibv_wc sent = pair.client.completion();
  CHECK(isDone(sent, 3) && sent.opcode == IBV_WC_SEND);
  ibv_wc received = pair.server.completion();
  CHECK(isDone(received, 1) && received.opcode == IBV_WC_RECV && received.byte_len == 6);
  CHECK(received.qp_num == pair.server.id->qp->qp_num);
  CHECK(strcmp(reinterpret_cast<char*>(pair.server.memory.data()), "hello") == 0);
}

TEST(inlined, "an inline message is taken when it is posted, and needs no key") {
  if (needsFake("it is told what to do")) return;
  Pair pair;
  pair.connect();
  uint8_t text[] = "inline";
  ibv_sge piece = {reinterpret_cast<uint64_t>(text), sizeof text, 0};
  ibv_send_wr wr{};
  wr.sg_list = &piece;
  wr.num_sge = 1;
  wr.opcode = IBV_WR_SEND;
  wr.send_flags = IBV_SEND_INLINE | IBV_SEND_SIGNALED;
  control("hold data");
  CHECK(pair.server.receive(1, 0, 64) == 0);
  CHECK(pair.client.post(&wr) == 0);
  memset(text, 'x', sizeof text);
  control("release data");
  CHECK(isDone(pair.server.completion(), 1));
  CHECK(strcmp(reinterpret_cast<char*>(pair.server.memory.data()), "inline") == 0);
  piece.length = 65;
  CHECK(pair.client.post(&wr) == EINVAL);
}

TEST(unsignalled, "a success that is not signalled makes no completion and keeps its slot; an error makes one") {
  Wishes wishes;
  wishes.depth = 4;
  Pair pair(wishes);
  pair.connect();
  for (int i = 0; i < 3; i++) CHECK(pair.server.receive(10, 0, 64) == 0);
  for (uint64_t i = 0; i < 3; i++) CHECK(pair.client.send(i, 0, 8, 0) == 0);
  ibv_wc wc;
  CHECK(ibv_poll_cq(pair.client.cq, 1, &wc) == 0);
  CHECK(pair.server.receive(10, 0, 64) == 0);
  CHECK(pair.client.send(3, 0, 8) == 0);
  // A device may give more than was asked for.
  if (realHost() == nullptr) CHECK(pair.client.send(4, 0, 8) == ENOMEM);
  CHECK(isDone(pair.client.completion(), 3));
  // Nothing is posted at the other end: it tries again, and gives up.
  for (int i = 0; i < 4; i++) CHECK(isDone(pair.server.completion(), 10));
  ibv_qp_attr attr{};
  attr.min_rnr_timer = 1;
  CHECK(verbs().ibv_modify_qp(pair.server.id->qp, &attr, IBV_QP_MIN_RNR_TIMER) == 0);
  CHECK(pair.client.send(5, 0, 8, 0) == 0);
  CHECK(pair.client.send(6, 0, 8, 0) == 0);
  CHECK(isFailed(pair.client.completion(), 5, IBV_WC_RNR_RETRY_EXC_ERR));
  CHECK(isFailed(pair.client.completion(), 6, IBV_WC_WR_FLUSH_ERR));
}

TEST(private_data, "private data goes both ways, in fields of a fixed length that end in zeros") {
  Pair pair;
  pair.listen();
  pair.resolve(host(), pair.port());
  Event request = pair.request("to you");
  CHECK(request.data.size() == RDMA_CONNECT_PRIVATE_BYTES);
  CHECK(strcmp(reinterpret_cast<char*>(request.data.data()), "to you") == 0);
  CHECK(request.id->route.addr.src_sin.sin_port == pair.listener->route.addr.src_sin.sin_port);
  CHECK(request.id->route.addr.dst_sin.sin_port == pair.client.id->route.addr.src_sin.sin_port);
  pair.server.prepare();
  // The passive end can send before the active one knows, and what it sends waits: as long as a busy machine takes.
  pair.server.wishes.ackTimeout = 18;
  pair.accept("and back");
  CHECK(pair.server.send(1, 0, 8) == 0);
  CHECK(pair.client.receive(2, 0, 64) == 0);
  Event answer = nextEvent(pair.client.channel);
  CHECK(answer.type == RDMA_CM_EVENT_ESTABLISHED && answer.data.size() == RDMA_ACCEPT_PRIVATE_BYTES);
  CHECK(strcmp(reinterpret_cast<char*>(answer.data.data()), "and back") == 0);
  CHECK(isDone(pair.client.completion(), 2));
  CHECK(isDone(pair.server.completion(), 1));
  CHECK(nextEvent(pair.channel).type == RDMA_CM_EVENT_ESTABLISHED);
}

TEST(too_long, "private data that is too long is refused") {
  Pair pair;
  pair.listen();
  pair.resolve(host(), pair.port());
  std::string text(RDMA_CONNECT_PRIVATE_BYTES + 1, 'x');
  rdma_conn_param param = pair.client.param(text.c_str());
  CHECK(verbs().rdma_connect(pair.client.id, &param) == -1 && errno == EINVAL);
  pair.request(text.substr(1).c_str());
}

TEST(rejected, "nobody listens: reason 8; the program refuses: reason 28, with its data") {
  Pair pair;
  pair.listen();
  uint16_t port = pair.port();
  rdma_conn_param param = pair.client.param("please");
  pair.resolve(host(), static_cast<uint16_t>(port + 1));
  CHECK(verbs().rdma_connect(pair.client.id, &param) == 0);
  Event nobody = nextEvent(pair.client.channel);
  CHECK(nobody.type == RDMA_CM_EVENT_REJECTED && nobody.status == RDMA_REJECT_INVALID_SERVICE_ID);
  pair.client.destroy();
  pair.resolve(host(), port);
  Event request = pair.request("please");
  CHECK(verbs().rdma_reject(request.id, "no", 3) == 0);
  Event refused = nextEvent(pair.client.channel);
  CHECK(refused.id == pair.client.id && refused.type == RDMA_CM_EVENT_REJECTED);
  CHECK(refused.status == RDMA_REJECT_CONSUMER_DEFINED && refused.data.size() == RDMA_REJECT_PRIVATE_BYTES);
  CHECK(strcmp(reinterpret_cast<char*>(refused.data.data()), "no") == 0);
}

TEST(port_spaces, "a port of connections is free for datagrams, and taken for connections") {
  Pair pair;
  pair.listen();
  sockaddr_in taken = addressOf(host(), pair.port());
  rdma_cm_id* datagrams = nullptr;
  CHECK(verbs().rdma_create_id(pair.client.channel, &datagrams, nullptr, RDMA_PS_UDP) == 0);
  CHECK(verbs().rdma_bind_addr(datagrams, reinterpret_cast<sockaddr*>(&taken)) == 0);
  CHECK(datagrams->verbs != nullptr);
  rdma_cm_id* connections = nullptr;
  CHECK(verbs().rdma_create_id(pair.client.channel, &connections, nullptr, RDMA_PS_TCP) == 0);
  CHECK(verbs().rdma_bind_addr(connections, reinterpret_cast<sockaddr*>(&taken)) == -1 && errno == EADDRINUSE);
  CHECK(verbs().rdma_destroy_id(connections) == 0);
  CHECK(verbs().rdma_destroy_id(datagrams) == 0);
}

TEST(backlog, "a request that finds the backlog full is not answered, and comes again") {
  Pair pair;
  pair.listen(1);
  rdma_conn_param param = pair.client.param("");
  pair.resolve(host(), pair.port());
  CHECK(verbs().rdma_connect(pair.client.id, &param) == 0);
  End second;
  second.channel = pair.client.channel;
  std::swap(second, pair.client);
  pair.resolve(host(), pair.port());
  CHECK(verbs().rdma_connect(pair.client.id, &param) == 0);
  CHECK(!isReadable(pair.client.channel->fd, 200));
  // Once the first is handed out there is room.
  Event first = nextEvent(pair.channel);
  CHECK(first.type == RDMA_CM_EVENT_CONNECT_REQUEST);
  Event again = nextEvent(pair.channel, 8000);
  CHECK(again.type == RDMA_CM_EVENT_CONNECT_REQUEST);
  for (rdma_cm_id* id : {first.id, again.id}) CHECK(verbs().rdma_destroy_id(id) == 0);
  second.destroy();
}

TEST(disconnect, "a disconnect flushes the own end and tells the other, which answers by a disconnect of its own") {
  Pair pair;
  pair.connect();
  CHECK(pair.client.receive(1, 0, 64) == 0);
  CHECK(pair.server.receive(2, 0, 64) == 0);
  CHECK(verbs().rdma_disconnect(pair.client.id) == 0);
  CHECK(isFailed(pair.client.completion(), 1, IBV_WC_WR_FLUSH_ERR));
  CHECK(nextEvent(pair.channel).type == RDMA_CM_EVENT_DISCONNECTED);
  // The other queue pair is as it was, but what it sends arrives nowhere.
  ibv_wc wc;
  CHECK(ibv_poll_cq(pair.server.cq, 1, &wc) == 0);
  CHECK(!isReadable(pair.client.channel->fd, 0));
  CHECK(pair.server.send(3, 0, 8) == 0);
  CHECK(isFailed(pair.server.completion(), 3, IBV_WC_RETRY_EXC_ERR));
  CHECK(isFailed(pair.server.completion(), 2, IBV_WC_WR_FLUSH_ERR));
  CHECK(verbs().rdma_disconnect(pair.server.id) == 0);
  CHECK(nextEvent(pair.client.channel).type == RDMA_CM_EVENT_DISCONNECTED);
  CHECK(pair.server.send(4, 0, 8) == 0);
  CHECK(isFailed(pair.server.completion(), 4, IBV_WC_WR_FLUSH_ERR));
  CHECK(nextEvent(pair.client.channel, 20000).type == RDMA_CM_EVENT_TIMEWAIT_EXIT);
}

TEST_MAIN()
