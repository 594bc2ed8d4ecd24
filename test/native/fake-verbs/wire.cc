// What happens to a request once it is posted: the way to the other queue pair, and the completions at both ends.
#include <string.h>

#include "fabric.h"

namespace fake {

namespace {

enum class Outcome {
  Done,
  Failed,
  NoReceive,  // the other end has nothing posted: try again later
  Lost,       // no answer
};

struct Result {
  Outcome outcome;
  ibv_wc_status status;
};

constexpr Result kDone = {Outcome::Done, IBV_WC_SUCCESS};

Result failure(ibv_wc_status status) { return {Outcome::Failed, status}; }

// What a receiver that is not ready asks for, by ibv_qp_attr::min_rnr_timer: units of 10 us.
constexpr uint32_t kRnrDelays[32] = {65536, 1,   2,   3,   4,   6,   8,    12,   16,   24,   32,
                                     48,    64,  96,  128, 192, 256, 384,  512,  768,  1024, 1536,
                                     2048,  3072, 4096, 6144, 8192, 12288, 16384, 24576, 32768, 49152};

// Fields that mean nothing in an error: a program that reads them gets rubbish.
constexpr uint32_t kRubbish = 0xdeadbeef;

ibv_wc_opcode opcodeOf(ibv_wr_opcode opcode) {
  switch (opcode) {
    case IBV_WR_RDMA_WRITE:
    case IBV_WR_RDMA_WRITE_WITH_IMM:
      return IBV_WC_RDMA_WRITE;
    case IBV_WR_RDMA_READ:
      return IBV_WC_RDMA_READ;
    case IBV_WR_BIND_MW:
      return IBV_WC_BIND_MW;
    case IBV_WR_LOCAL_INV:
      return IBV_WC_LOCAL_INV;
    default:
      return IBV_WC_SEND;
  }
}

ibv_wc makeCompletion(const QueuePair* qp, uint64_t id, ibv_wc_status status) {
  ibv_wc wc{};
  wc.wr_id = id;
  wc.status = status;
  wc.qp_num = qp->qp_num;
  if (status != IBV_WC_SUCCESS) {
    wc.opcode = IBV_WC_FETCH_ADD;
    wc.byte_len = kRubbish;
    wc.vendor_err = 0x80u + status;
  }
  return wc;
}

size_t bytesOf(const Send& send) {
  if ((send.wr.send_flags & IBV_SEND_INLINE) != 0) return send.inlined.size();
  size_t bytes = 0;
  for (const ibv_sge& piece : send.pieces) bytes += piece.length;
  return bytes;
}

// The completion of a send request, if it gets one: an error always does.
void finishSend(QueuePair* qp, const Send& send, ibv_wc_status status) {
  bool isSignalled = qp->signalsAll || (send.wr.send_flags & IBV_SEND_SIGNALED) != 0;
  qp->unsignalled++;
  if (status == IBV_WC_SUCCESS && !isSignalled) return;
  ibv_wc wc = makeCompletion(qp, send.wr.wr_id, status);
  if (status == IBV_WC_SUCCESS) {
    wc.opcode = opcodeOf(send.wr.opcode);
    wc.byte_len = static_cast<uint32_t>(bytesOf(send));
  }
  uint32_t retires = qp->unsignalled;
  qp->unsignalled = 0;
  complete(static_cast<CompletionQueue*>(qp->send_cq), {wc, false, retires}, false);
}

void finishReceive(QueuePair* qp, ibv_wc wc, bool isSolicited) {
  // What comes from a shared queue has no slot of the queue pair's own.
  uint32_t retires = qp->srq == nullptr ? 1 : 0;
  complete(static_cast<CompletionQueue*>(qp->recv_cq), {wc, true, retires}, isSolicited);
}

bool takeReceive(QueuePair* qp, Receive* receive) {
  SharedReceives* srq = static_cast<SharedReceives*>(qp->srq);
  std::deque<Receive>& receives = srq != nullptr ? srq->receives : qp->receives;
  if (receives.empty()) return false;
  *receive = std::move(receives.front());
  receives.pop_front();
  if (srq != nullptr && receives.size() < srq->attr.srq_limit) {
    // It is told once, until the program sets it again.
    srq->attr.srq_limit = 0;
    raise(srq, IBV_EVENT_SRQ_LIMIT_REACHED);
  }
  return true;
}

// A receive at `peer` that fails, and what the sender hears of it.
Result failReceive(QueuePair* peer, const Receive& receive, ibv_wc_status status, ibv_wc_status told) {
  finishReceive(peer, makeCompletion(peer, receive.id, status), false);
  enterError(peer);
  return failure(told);
}

// Delivers a message, or the news of a write with immediate data.
Result arrive(QueuePair* peer, const Send& send, const std::vector<uint8_t>& message, bool isWrite) {
  Receive receive;
  if (!takeReceive(peer, &receive)) return {Outcome::NoReceive, IBV_WC_SUCCESS};
  ibv_wc_status injected = injectedStatus("receive");
  if (injected != IBV_WC_SUCCESS) return failReceive(peer, receive, injected, IBV_WC_REM_OP_ERR);
  if (!isWrite) {
    Scatter result = scatter(peer, receive.pieces, message.data(), message.size());
    if (result == Scatter::TooLong) {
      return failReceive(peer, receive, IBV_WC_LOC_LEN_ERR, IBV_WC_REM_INV_REQ_ERR);
    }
    if (result == Scatter::Denied) return failReceive(peer, receive, IBV_WC_LOC_PROT_ERR, IBV_WC_REM_OP_ERR);
  }
  ibv_wc wc = makeCompletion(peer, receive.id, IBV_WC_SUCCESS);
  wc.opcode = isWrite ? IBV_WC_RECV_RDMA_WITH_IMM : IBV_WC_RECV;
  wc.byte_len = static_cast<uint32_t>(message.size());
  if (send.wr.opcode == IBV_WR_SEND_WITH_IMM || isWrite) {
    wc.wc_flags = IBV_WC_WITH_IMM;
    wc.imm_data = send.wr.imm_data;
  } else if (send.wr.opcode == IBV_WR_SEND_WITH_INV) {
    if (!invalidateKey(peer, send.wr.invalidate_rkey)) {
      return failReceive(peer, receive, IBV_WC_LOC_QP_OP_ERR, IBV_WC_REM_ACCESS_ERR);
    }
    wc.wc_flags = IBV_WC_WITH_INV;
    wc.invalidated_rkey = send.wr.invalidate_rkey;
  }
  finishReceive(peer, wc, (send.wr.send_flags & IBV_SEND_SOLICITED) != 0);
  return kDone;
}

// The other end refuses an access: it is as broken after that as this one.
Result refuse(QueuePair* peer) {
  raise(peer, IBV_EVENT_QP_ACCESS_ERR);
  enterError(peer);
  return failure(IBV_WC_REM_ACCESS_ERR);
}

Result write(QueuePair* peer, const Send& send, const std::vector<uint8_t>& message) {
  // A write of nothing only asks whether the other end is there.
  if (!message.empty()) {
    uint8_t* to = openRemote(peer, send.wr.wr.rdma.rkey, send.wr.wr.rdma.remote_addr, message.size(),
                             IBV_ACCESS_REMOTE_WRITE);
    if (to == nullptr) return refuse(peer);
    memcpy(to, message.data(), message.size());
  }
  return send.wr.opcode == IBV_WR_RDMA_WRITE_WITH_IMM ? arrive(peer, send, message, true) : kDone;
}

Result read(QueuePair* qp, QueuePair* peer, const Send& send) {
  size_t bytes = bytesOf(send);
  if (qp->maxReads == 0) return failure(IBV_WC_LOC_QP_OP_ERR);
  if (peer->maxServedReads == 0) {
    enterError(peer);
    return failure(IBV_WC_REM_INV_REQ_ERR);
  }
  if (bytes == 0) return kDone;
  const uint8_t* from =
      openRemote(peer, send.wr.wr.rdma.rkey, send.wr.wr.rdma.remote_addr, bytes, IBV_ACCESS_REMOTE_READ);
  if (from == nullptr) return refuse(peer);
  // By iWARP the answer is a write, which the peer does.
  unsigned access = isIwarp(qp->context) ? IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE : IBV_ACCESS_LOCAL_WRITE;
  return scatter(qp, send.pieces, from, bytes, access) == Scatter::Done ? kDone : failure(IBV_WC_LOC_PROT_ERR);
}

Result perform(QueuePair* qp, const Send& send) {
  if (send.forced != IBV_WC_SUCCESS) return failure(send.forced);
  if (send.wr.opcode == IBV_WR_BIND_MW) return bindWindow(qp, send.wr) ? kDone : failure(IBV_WC_MW_BIND_ERR);
  if (send.wr.opcode == IBV_WR_LOCAL_INV) {
    return invalidateKey(qp, send.wr.invalidate_rkey) ? kDone : failure(IBV_WC_LOC_QP_OP_ERR);
  }
  std::vector<uint8_t> message;
  if ((send.wr.send_flags & IBV_SEND_INLINE) != 0) {
    message = send.inlined;
  } else if (send.wr.opcode != IBV_WR_RDMA_READ && !gather(qp, send.pieces, &message)) {
    return failure(IBV_WC_LOC_PROT_ERR);
  }
  QueuePair* peer = peerOf(qp);
  if (peer == nullptr) return {Outcome::Lost, IBV_WC_RETRY_EXC_ERR};
  switch (send.wr.opcode) {
    case IBV_WR_RDMA_READ:
      return read(qp, peer, send);
    case IBV_WR_RDMA_WRITE:
    case IBV_WR_RDMA_WRITE_WITH_IMM:
      return write(peer, send, message);
    default:
      return arrive(peer, send, message, false);
  }
}

void finishFirst(QueuePair* qp, ibv_wc_status status) {
  Send send = std::move(qp->sends.front());
  qp->sends.pop_front();
  qp->rnrTries = 0;
  qp->isLost = false;
  finishSend(qp, send, status);
  if (status != IBV_WC_SUCCESS) enterError(qp);
}

// Comes back to the first request after a time: fails it with `status`, or tries again if that is IBV_WC_SUCCESS.
void wait(QueuePair* qp, uint64_t microseconds, ibv_wc_status status) {
  uint32_t number = qp->qp_num;
  qp->timer = startTimer(microseconds, [number, status] {
    auto found = fabric().pairs.find(number);
    if (found == fabric().pairs.end()) return;
    found->second->timer = 0;
    if (status == IBV_WC_SUCCESS) {
      progress(found->second);
    } else {
      finishFirst(found->second, status);
    }
  });
}

// No receive was posted at the other end. False: that was once too often.
bool waitForReceive(QueuePair* qp) {
  // 7 stands for no end.
  if (qp->rnrRetry != 7 && qp->rnrTries++ >= qp->rnrRetry) return false;
  wait(qp, kRnrDelays[peerOf(qp)->minRnrTimer & 31] * 10ull, IBV_WC_SUCCESS);
  return true;
}

void waitForAnswer(QueuePair* qp) {
  qp->isLost = true;
  // A timeout of 0 stands for no end; what a test holds back is no loss.
  if (qp->timeout == 0 || fabric().heldStages.count("data") != 0) return;
  uint64_t once = (4096ull << qp->timeout) / 1000;
  wait(qp, once * (qp->retryCount + 1u), IBV_WC_RETRY_EXC_ERR);
}

}  // namespace

QueuePair* peerOf(const QueuePair* qp) {
  if (fabric().isCut || fabric().heldStages.count("data") != 0) return nullptr;
  auto found = fabric().pairs.find(qp->peer);
  if (found == fabric().pairs.end() || found->second->peer != qp->qp_num) return nullptr;
  QueuePair* peer = found->second;
  bool isReady = peer->actual == IBV_QPS_RTR || peer->actual == IBV_QPS_RTS;
  return isReady && !deviceOf(peer->context)->isGone && !deviceOf(qp->context)->isGone ? peer : nullptr;
}

void progress(QueuePair* qp) {
  while (qp->timer == 0 && qp->actual == IBV_QPS_RTS && !qp->sends.empty()) {
    Result result = perform(qp, qp->sends.front());
    if (result.outcome == Outcome::Lost) {
      waitForAnswer(qp);
      return;
    }
    if (result.outcome == Outcome::NoReceive) {
      if (waitForReceive(qp)) return;
      result.status = IBV_WC_RNR_RETRY_EXC_ERR;
    }
    finishFirst(qp, result.status);
  }
}

void resume(QueuePair* qp) {
  if (!qp->isLost) return;
  qp->isLost = false;
  stopTimer(qp->timer);
  qp->timer = 0;
  progress(qp);
}

void enterReady(QueuePair* qp) {
  auto found = fabric().pairs.find(qp->peer);
  if (found != fabric().pairs.end()) resume(found->second);
}

void enterError(QueuePair* qp) {
  if (qp->actual == IBV_QPS_ERR || qp->actual == IBV_QPS_RESET) return;
  qp->actual = IBV_QPS_ERR;
  stopTimer(qp->timer);
  qp->timer = 0;
  std::deque<Send> sends;
  std::deque<Receive> receives;
  sends.swap(qp->sends);
  receives.swap(qp->receives);
  for (const Send& send : sends) finishSend(qp, send, IBV_WC_WR_FLUSH_ERR);
  for (const Receive& receive : receives) flushReceive(qp, receive);
  if (qp->srq != nullptr) raise(qp, IBV_EVENT_QP_LAST_WQE_REACHED);
}

void flushSend(QueuePair* qp, const Send& send) { finishSend(qp, send, IBV_WC_WR_FLUSH_ERR); }

void flushReceive(QueuePair* qp, const Receive& receive) {
  finishReceive(qp, makeCompletion(qp, receive.id, IBV_WC_WR_FLUSH_ERR), false);
}

}  // namespace fake
