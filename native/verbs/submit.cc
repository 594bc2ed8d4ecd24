// Engine: posting what JavaScript has submitted.
#include <errno.h>

#include <algorithm>

#include "verbs/engine.h"
#include "verbs/work_id.h"

namespace sanswitch::verbs {

namespace {

// Requests that are posted with one call at most.
constexpr uint32_t kChain = 32;

// A chain of requests for one connection, all to be sent or all to receive, with the memory that they name.
template <typename Request>
struct Chain {
  Request requests[kChain];
  abi::ibv_sge memory[kChain];
  uint32_t count = 0;

  // Adds a request for the memory that memory[count] describes.
  Request* add(const WorkId& work) {
    Request* request = &requests[count];
    request->wr_id = work.pack();
    request->next = nullptr;
    request->sg_list = &memory[count];
    request->num_sge = memory[count].length > 0 ? 1 : 0;
    if (count > 0) requests[count - 1].next = request;
    count++;
    return request;
  }
};

// JavaScript could write to the area at any moment, so each word of an entry is read once.
layout::VerbsSubmission copyOf(const layout::VerbsSubmission& entry) {
  const volatile layout::VerbsSubmission& shared = entry;
  return {shared.connection, shared.op,        shared.flags,     shared.cookie,    shared.region,
          shared.offset,     shared.length,    shared.remoteKey, shared.remoteLow, shared.remoteHigh};
}

bool isSend(uint32_t op) {
  return op == layout::VERBS_OP_SEND || op == layout::VERBS_OP_READ || op == layout::VERBS_OP_WRITE;
}

abi::ibv_wr_opcode opcodeOf(uint32_t op) {
  if (op == layout::VERBS_OP_READ) return abi::IBV_WR_RDMA_READ;
  return op == layout::VERBS_OP_WRITE ? abi::IBV_WR_RDMA_WRITE : abi::IBV_WR_SEND;
}

unsigned sendFlags(const layout::VerbsSubmission& entry, uint32_t inlineBytes) {
  unsigned flags = 0;
  if ((entry.flags & layout::VERBS_FLAG_SIGNALLED) != 0) flags |= abi::IBV_SEND_SIGNALED;
  if ((entry.flags & layout::VERBS_FLAG_FENCE) != 0) flags |= abi::IBV_SEND_FENCE;
  bool canCopy = entry.op != layout::VERBS_OP_READ && entry.length > 0 && entry.length <= inlineBytes;
  return canCopy ? flags | abi::IBV_SEND_INLINE : flags;
}

}  // namespace

uint32_t Engine::submit(uint32_t count) {
  count = std::min<uint32_t>(count, layout::VERBS_SUBMISSIONS_LIMIT);
  if (!CompletionRing::Batch(ring_.get()).canMakeUp(count)) return 0;
  for (uint32_t taken = 0; taken < count;) {
    const layout::VerbsSubmission first = copyOf(segment_->submissions()[taken]);
    Connection* connection = find(first.connection);
    uint32_t limit = std::min(count - taken, kChain);
    int error = -ENOTCONN;
    uint32_t posted = 0;
    if (connection != nullptr && connection->queue != nullptr) {
      error = -EINVAL;
      if (first.op == layout::VERBS_OP_RECEIVE) posted = postReceives(connection, taken, limit, &error);
      else if (isSend(first.op)) posted = postSends(connection, taken, limit, &error);
    }
    if (posted == 0) {
      notPosted(first.connection, {first.connection, first.op, first.cookie & layout::VERBS_COOKIE_MAX}, error);
      posted = 1;
    }
    taken += posted;
  }
  return count;
}

uint32_t Engine::postSends(Connection* connection, uint32_t first, uint32_t limit, int* error) {
  Chain<abi::ibv_send_wr> chain;
  while (chain.count < limit) {
    const layout::VerbsSubmission entry = copyOf(segment_->submissions()[first + chain.count]);
    if (entry.connection != connection->handle || !isSend(entry.op)) break;
    *error = entry.cookie > layout::VERBS_COOKIE_MAX ? -EINVAL
                                                     : describe(connection, entry, &chain.memory[chain.count]);
    if (*error < 0) break;
    abi::ibv_send_wr* request = chain.add({entry.connection, entry.op, entry.cookie});
    request->opcode = opcodeOf(entry.op);
    request->send_flags = sendFlags(entry, connection->inlineBytes);
    request->wr.rdma.remote_addr = static_cast<uint64_t>(entry.remoteHigh) << 32 | entry.remoteLow;
    request->wr.rdma.rkey = entry.remoteKey;
  }
  if (chain.count == 0) return 0;
  abi::ibv_send_wr* bad = nullptr;
  int failed = abi::ibv_post_send(connection->id->qp, chain.requests, &bad);
  counters_.posts++;
  counters_.posted += chain.count;
  if (failed != 0) refuse(connection, chain.requests, chain.count, bad, failed);
  return chain.count;
}

uint32_t Engine::postReceives(Connection* connection, uint32_t first, uint32_t limit, int* error) {
  Chain<abi::ibv_recv_wr> chain;
  SharedReceives* shared = connection->shared.get();
  bool isElsewhere = connection->sharesElsewhere(ring_.get());
  while (chain.count < limit) {
    const layout::VerbsSubmission entry = copyOf(segment_->submissions()[first + chain.count]);
    if (entry.connection != connection->handle || entry.op != layout::VERBS_OP_RECEIVE) break;
    *error = -EINVAL;
    if (entry.cookie >= layout::VERBS_SLOT_COUNT) break;
    if (isElsewhere) {
      *error = supply(connection, entry.cookie);
      return *error == 0 ? 1 : 0;
    }
    *error = connection->arena->describe(entry.cookie * layout::VERBS_SLOT_BYTES, layout::VERBS_SLOT_BYTES,
                                         &chain.memory[chain.count]);
    if (*error == 0 && !note(connection, entry.cookie)) *error = -ENOMEM;
    if (*error < 0) break;
    chain.add({shared == nullptr ? entry.connection : WorkId::kShared, entry.op, entry.cookie});
  }
  if (chain.count == 0) return 0;
  abi::ibv_recv_wr* bad = nullptr;
  int failed = shared == nullptr ? abi::ibv_post_recv(connection->id->qp, chain.requests, &bad)
                                 : abi::ibv_post_srq_recv(shared->get(), chain.requests, &bad);
  counters_.posts++;
  counters_.posted += chain.count;
  if (failed == 0) return chain.count;
  uint32_t refused = refuse(connection, chain.requests, chain.count, bad, failed);
  if (shared == nullptr) connection->posted.unpush(refused);
  for (uint32_t i = chain.count - refused; shared != nullptr && i < chain.count; i++) {
    shared->remove(WorkId::unpack(chain.requests[i].wr_id).cookie);
  }
  return chain.count;
}

bool Engine::note(Connection* connection, uint32_t slot) {
  return connection->shared == nullptr ? connection->posted.push(slot) : connection->shared->add(slot);
}

int Engine::supply(Connection* connection, uint32_t slot) {
  int error = 0;
  connection->queue->locked([&] {
    std::deque<uint32_t>& slots = connection->moved->slots;
    if (slots.size() >= connection->receiveDepth) error = -ENOMEM;
    else slots.push_back(slot);
  });
  return error;
}

int Engine::describe(Connection* connection, const layout::VerbsSubmission& entry, abi::ibv_sge* out) {
  if (entry.length == 0) {
    *out = {};
    return 0;
  }
  if (entry.region == 0) return connection->arena->describe(entry.offset, entry.length, out);
  Region* region = regions_.find(entry.region);
  if (region == nullptr || region->device != connection->device) return -EINVAL;
  if (entry.offset > region->mr->length || entry.length > region->mr->length - entry.offset) return -EINVAL;
  out->addr = reinterpret_cast<uint64_t>(region->mr->addr) + entry.offset;
  out->length = entry.length;
  out->lkey = region->mr->lkey;
  return 0;
}

template <typename Request>
uint32_t Engine::refuse(Connection* connection, const Request* requests, uint32_t count, const Request* bad,
                        int failed) {
  // libibverbs returns an errno; some old drivers a negative one.
  int error = failed > 0 ? -failed : failed;
  // A device that does not say from where on has posted nothing.
  uint32_t from = bad >= requests && bad < requests + count ? static_cast<uint32_t>(bad - requests) : 0;
  counters_.posted -= count - from;
  for (uint32_t i = from; i < count; i++) notPosted(connection->handle, WorkId::unpack(requests[i].wr_id), error);
  return count - from;
}

void Engine::notPosted(uint32_t handle, const WorkId& work, int error) {
  CompletionRing::Batch(ring_.get()).completion(
      {handle, work.op, layout::VERBS_STATUS_NOT_POSTED, 0, work.cookie, static_cast<uint32_t>(-error)});
}

}  // namespace sanswitch::verbs
