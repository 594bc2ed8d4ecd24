// Queue pairs and shared receive queues: made, changed, posted to, destroyed.
#include <errno.h>
#include <string.h>

#include <algorithm>

#include "fabric.h"

namespace fake {

namespace {

template <typename T>
T* fail(int error) {
  errno = error;
  return nullptr;
}

// 0 or the errno with which a request of this kind is refused before it is posted.
int checkSend(const QueuePair* qp, const ibv_send_wr& wr) {
  const Device* device = deviceOf(qp->context);
  if (device->isGone) return EIO;
  if (qp->actual == IBV_QPS_RESET || qp->actual == IBV_QPS_INIT || qp->actual == IBV_QPS_RTR) return EINVAL;
  if (wr.num_sge < 0 || static_cast<uint32_t>(wr.num_sge) > qp->cap.max_send_sge) return EINVAL;
  uint64_t bytes = 0;
  for (int i = 0; i < wr.num_sge; i++) bytes += wr.sg_list[i].length;
  if (bytes > device->port.max_msg_sz) return EINVAL;
  bool isInline = (wr.send_flags & IBV_SEND_INLINE) != 0;
  if (isInline && (bytes > qp->cap.max_inline_data || wr.opcode == IBV_WR_RDMA_READ)) return EINVAL;
  bool isWindow = wr.opcode == IBV_WR_BIND_MW || wr.opcode == IBV_WR_LOCAL_INV || wr.opcode == IBV_WR_SEND_WITH_INV;
  if (isWindow && (device->attr.device_cap_flags & IBV_DEVICE_MEM_WINDOW) == 0) return EOPNOTSUPP;
  return qp->sendSlots < qp->cap.max_send_wr ? 0 : ENOMEM;
}

const char* operationOf(ibv_wr_opcode opcode) {
  switch (opcode) {
    case IBV_WR_RDMA_READ:
      return "read";
    case IBV_WR_RDMA_WRITE:
    case IBV_WR_RDMA_WRITE_WITH_IMM:
      return "write";
    case IBV_WR_BIND_MW:
      return "bind";
    case IBV_WR_LOCAL_INV:
      return "invalidate";
    default:
      return "send";
  }
}

// What is kept of a request: the program's own may go once it is posted.
Send copyOf(const ibv_send_wr& wr) {
  Send send;
  send.wr = wr;
  send.wr.next = nullptr;
  send.wr.sg_list = nullptr;
  send.forced = injectedStatus(operationOf(wr.opcode));
  if ((wr.send_flags & IBV_SEND_INLINE) == 0) {
    send.pieces.assign(wr.sg_list, wr.sg_list + wr.num_sge);
    return send;
  }
  for (int i = 0; i < wr.num_sge; i++) {
    const uint8_t* from = reinterpret_cast<const uint8_t*>(wr.sg_list[i].addr);
    send.inlined.insert(send.inlined.end(), from, from + wr.sg_list[i].length);
  }
  return send;
}

// 0, or an errno and the first request that was not posted. `post` takes one.
template <typename Request, typename Post>
int postAll(const char* function, Request* wr, Request** bad, Post post) {
  Lock lock(fabric().mutex);
  int error = intercept(function);
  for (; error == 0 && wr != nullptr; wr = wr->next) {
    error = post(*wr);
    if (error != 0) break;
  }
  if (error != 0) *bad = wr;
  return error;
}

Receive copyOf(const ibv_recv_wr& wr) { return {wr.wr_id, {wr.sg_list, wr.sg_list + wr.num_sge}}; }

int checkCap(const Device* device, const ibv_qp_cap& cap) {
  uint32_t depth = static_cast<uint32_t>(device->attr.max_qp_wr);
  uint32_t pieces = static_cast<uint32_t>(device->attr.max_sge);
  bool isTooMuch = cap.max_send_wr > depth || cap.max_recv_wr > depth || cap.max_send_sge > pieces ||
                   cap.max_recv_sge > pieces || cap.max_inline_data > device->maxInline;
  return isTooMuch ? EINVAL : 0;
}

// What can be changed while the queue pair stays in its state.
int adjust(QueuePair* qp, const ibv_qp_attr& attr, int mask) {
  if ((mask & ~(IBV_QP_CUR_STATE | IBV_QP_STATE | IBV_QP_ACCESS_FLAGS | IBV_QP_MIN_RNR_TIMER)) != 0) return EINVAL;
  if ((mask & IBV_QP_MIN_RNR_TIMER) != 0) {
    if (attr.min_rnr_timer > 31) return EINVAL;
    qp->minRnrTimer = attr.min_rnr_timer;
  }
  if ((mask & IBV_QP_ACCESS_FLAGS) != 0) qp->accessFlags = attr.qp_access_flags;
  return 0;
}

}  // namespace

int postSend(ibv_qp* posted, ibv_send_wr* first, ibv_send_wr** bad) {
  QueuePair* qp = static_cast<QueuePair*>(posted);
  return postAll("ibv_post_send", first, bad, [qp](const ibv_send_wr& wr) {
    if (int error = checkSend(qp, wr)) return error;
    qp->sendSlots++;
    if (qp->actual == IBV_QPS_ERR) {
      flushSend(qp, copyOf(wr));
      return 0;
    }
    qp->sends.push_back(copyOf(wr));
    if (!qp->isLost) progress(qp);
    return 0;
  });
}

int postReceive(ibv_qp* posted, ibv_recv_wr* first, ibv_recv_wr** bad) {
  QueuePair* qp = static_cast<QueuePair*>(posted);
  return postAll("ibv_post_recv", first, bad, [qp](const ibv_recv_wr& wr) {
    if (deviceOf(qp->context)->isGone) return EIO;
    if (qp->srq != nullptr || qp->actual == IBV_QPS_RESET) return EINVAL;
    if (wr.num_sge < 0 || static_cast<uint32_t>(wr.num_sge) > qp->cap.max_recv_sge) return EINVAL;
    if (qp->receiveSlots >= qp->cap.max_recv_wr) return ENOMEM;
    qp->receiveSlots++;
    if (qp->actual == IBV_QPS_ERR) {
      flushReceive(qp, copyOf(wr));
    } else {
      qp->receives.push_back(copyOf(wr));
    }
    return 0;
  });
}

int postSharedReceive(ibv_srq* posted, ibv_recv_wr* first, ibv_recv_wr** bad) {
  SharedReceives* srq = static_cast<SharedReceives*>(posted);
  return postAll("ibv_post_srq_recv", first, bad, [srq](const ibv_recv_wr& wr) {
    if (deviceOf(srq->context)->isGone) return EIO;
    if (wr.num_sge < 0 || static_cast<uint32_t>(wr.num_sge) > srq->attr.max_sge) return EINVAL;
    if (srq->receives.size() >= srq->attr.max_wr) return ENOMEM;
    srq->receives.push_back(copyOf(wr));
    return 0;
  });
}

QueuePair* createPair(Context* context, ibv_pd* pd, ibv_qp_init_attr* attr, int* error) {
  Device* device = context->owner;
  *error = EINVAL;
  if (pd->context != context || attr->send_cq == nullptr || attr->recv_cq == nullptr) return nullptr;
  if (attr->send_cq->context != context || attr->recv_cq->context != context) return nullptr;
  if (attr->qp_type != IBV_QPT_RC || (attr->srq != nullptr && attr->srq->pd != pd)) return nullptr;
  if ((*error = checkCap(device, attr->cap)) != 0) return nullptr;
  if (fabric().live[kPairs] >= device->attr.max_qp) {
    *error = ENOMEM;
    return nullptr;
  }
  QueuePair* qp = new QueuePair;
  memset(static_cast<ibv_qp*>(qp), 0, sizeof(ibv_qp));
  if (attr->srq != nullptr) attr->cap.max_recv_wr = attr->cap.max_recv_sge = 0;
  qp->context = context;
  qp->qp_context = attr->qp_context;
  qp->pd = pd;
  qp->send_cq = attr->send_cq;
  qp->recv_cq = attr->recv_cq;
  qp->srq = attr->srq;
  qp->qp_type = attr->qp_type;
  qp->cap = attr->cap;
  qp->signalsAll = attr->sq_sig_all != 0;
  qp->qp_num = qp->handle = fabric().nextPair++;
  fabric().pairs[qp->qp_num] = qp;
  fabric().live[kPairs]++;
  static_cast<Domain*>(pd)->users++;
  static_cast<CompletionQueue*>(qp->send_cq)->users++;
  static_cast<CompletionQueue*>(qp->recv_cq)->users++;
  if (qp->srq != nullptr) static_cast<SharedReceives*>(qp->srq)->users++;
  return qp;
}

void destroyPair(QueuePair* qp, Lock* lock) {
  // Its completions stay where they are, as with rxe.
  fabric().pairs.erase(qp->qp_num);
  stopTimer(qp->timer);
  dropWindowsOf(qp);
  dropAsyncEvents(qp->context, qp);
  awaitAcknowledged(lock, "rdma_destroy_qp", [qp] { return qp->events_completed == qp->asyncEvents; });
  static_cast<Domain*>(qp->pd)->users--;
  static_cast<CompletionQueue*>(qp->send_cq)->users--;
  static_cast<CompletionQueue*>(qp->recv_cq)->users--;
  if (qp->srq != nullptr) static_cast<SharedReceives*>(qp->srq)->users--;
  fabric().live[kPairs]--;
  delete qp;
}

}  // namespace fake

using namespace fake;

extern "C" {

int ibv_modify_qp(ibv_qp* modified, ibv_qp_attr* attr, int mask) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_modify_qp")) return error;
  QueuePair* qp = static_cast<QueuePair*>(modified);
  if (deviceOf(qp->context)->isGone) return EIO;
  ibv_qp_state next = (mask & IBV_QP_STATE) != 0 ? attr->qp_state : qp->actual;
  // All other ways are the connection manager's.
  if (next == IBV_QPS_ERR) {
    enterError(qp);
  } else if (next != qp->actual) {
    return EINVAL;
  } else if (int error = adjust(qp, *attr, mask)) {
    return error;
  }
  if ((mask & IBV_QP_STATE) != 0) qp->state = next;
  return 0;
}

// ---- shared receive queues

ibv_srq* ibv_create_srq(ibv_pd* pd, ibv_srq_init_attr* attr) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_create_srq")) return fail<ibv_srq>(error);
  Device* device = deviceOf(pd->context);
  if (device->isGone) return fail<ibv_srq>(EIO);
  if (device->attr.max_srq == 0) return fail<ibv_srq>(EOPNOTSUPP);
  if (fabric().live[kShared] >= device->attr.max_srq) return fail<ibv_srq>(ENOMEM);
  if (attr->attr.max_wr > static_cast<uint32_t>(device->attr.max_srq_wr) ||
      attr->attr.max_sge > static_cast<uint32_t>(device->attr.max_srq_sge)) {
    return fail<ibv_srq>(EINVAL);
  }
  SharedReceives* srq = new SharedReceives;
  memset(static_cast<ibv_srq*>(srq), 0, sizeof(ibv_srq));
  srq->context = pd->context;
  srq->srq_context = attr->srq_context;
  srq->pd = pd;
  srq->attr = attr->attr;
  // The limit counts from ibv_modify_srq on.
  srq->attr.srq_limit = 0;
  static_cast<Domain*>(pd)->users++;
  fabric().live[kShared]++;
  return srq;
}

int ibv_modify_srq(ibv_srq* modified, ibv_srq_attr* attr, int mask) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_modify_srq")) return error;
  SharedReceives* srq = static_cast<SharedReceives*>(modified);
  if (deviceOf(srq->context)->isGone) return EIO;
  // It can't be resized here.
  if (mask != IBV_SRQ_LIMIT || attr->srq_limit > srq->attr.max_wr) return EINVAL;
  srq->attr.srq_limit = attr->srq_limit;
  return 0;
}

int ibv_destroy_srq(ibv_srq* freed) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_destroy_srq")) return error;
  SharedReceives* srq = static_cast<SharedReceives*>(freed);
  if (deviceOf(srq->context)->isGone) return bury(freed, kShared, EIO);
  if (srq->users > 0) return EBUSY;
  dropAsyncEvents(srq->context, srq);
  awaitAcknowledged(&lock, "ibv_destroy_srq", [srq] { return srq->events_completed == srq->asyncEvents; });
  static_cast<Domain*>(srq->pd)->users--;
  fabric().live[kShared]--;
  delete srq;
  return 0;
}

}  // extern "C"
