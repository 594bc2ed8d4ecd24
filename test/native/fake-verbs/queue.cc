// Contexts with their operations, completion channels and completion queues.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "fabric.h"

namespace fake {

ibv_mw* allocateWindow(ibv_pd* pd, ibv_mw_type type);
int freeWindow(ibv_mw* freed);
int postSend(ibv_qp* qp, ibv_send_wr* wr, ibv_send_wr** bad);
int postReceive(ibv_qp* qp, ibv_recv_wr* wr, ibv_recv_wr** bad);
int postSharedReceive(ibv_srq* srq, ibv_recv_wr* wr, ibv_recv_wr** bad);

namespace {

template <typename T>
T* fail(int error) {
  errno = error;
  return nullptr;
}

// Frees the slots that a completion stands for: only now may the program post as many again.
void retire(const Completion& completion) {
  auto found = fabric().pairs.find(completion.wc.qp_num);
  if (found == fabric().pairs.end()) return;
  (completion.isReceive ? found->second->receiveSlots : found->second->sendSlots) -= completion.retires;
}

int pollQueue(ibv_cq* polled, int limit, ibv_wc* wc) {
  Lock lock(fabric().mutex);
  if (intercept("ibv_poll_cq") != 0) return -1;
  CompletionQueue* cq = static_cast<CompletionQueue*>(polled);
  int count = 0;
  for (; count < limit && !cq->completions.empty(); count++) {
    Completion& completion = cq->completions.front();
    retire(completion);
    wc[count] = completion.wc;
    cq->completions.pop_front();
  }
  return count;
}

int armQueue(ibv_cq* armed, int solicitedOnly) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_req_notify_cq")) return error;
  CompletionQueue* cq = static_cast<CompletionQueue*>(armed);
  // A queue that is armed for all completions stays so.
  cq->isForSolicited = solicitedOnly != 0 && (!cq->isArmed || cq->isForSolicited);
  cq->isArmed = true;
  return 0;
}

}  // namespace

Context* openContext(Device* device) {
  Context* context = new Context;
  memset(static_cast<ibv_context*>(context), 0, sizeof(ibv_context));
  context->owner = device;
  context->device = device;
  context->cmd_fd = -1;
  context->async_fd = makeEventFd();
  context->num_comp_vectors = 1;
  context->ops.alloc_mw = allocateWindow;
  context->ops.dealloc_mw = freeWindow;
  context->ops.poll_cq = pollQueue;
  context->ops.req_notify_cq = armQueue;
  context->ops.post_srq_recv = postSharedReceive;
  context->ops.post_send = postSend;
  context->ops.post_recv = postReceive;
  device->contexts.push_back(context);
  fabric().live[kContexts]++;
  return context;
}

Context* sharedContext(Device* device) {
  if (device->shared == nullptr) device->shared = openContext(device);
  return device->shared;
}

void complete(CompletionQueue* cq, const Completion& completion, bool isSolicited) {
  if (cq->isBroken) return;
  if (cq->completions.size() >= static_cast<size_t>(cq->cqe)) {
    // Overrun: the completion is lost, and the queue with it.
    cq->isBroken = true;
    raise(cq, IBV_EVENT_CQ_ERR);
    return;
  }
  cq->completions.push_back(completion);
  if (!cq->isArmed || (cq->isForSolicited && !isSolicited && completion.wc.status == IBV_WC_SUCCESS)) return;
  cq->isArmed = false;
  if (cq->channel == nullptr) return;
  static_cast<Channel*>(cq->channel)->events.push_back(cq);
  signalEvent(cq->channel->fd);
}

}  // namespace fake

using namespace fake;

extern "C" {

ibv_comp_channel* ibv_create_comp_channel(ibv_context* context) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_create_comp_channel")) return fail<ibv_comp_channel>(error);
  if (deviceOf(context)->isGone) return fail<ibv_comp_channel>(EIO);
  Channel* channel = new Channel;
  channel->context = context;
  channel->fd = makeEventFd();
  channel->refcnt = 0;
  static_cast<Context*>(context)->users++;
  fabric().live[kChannels]++;
  return channel;
}

int ibv_destroy_comp_channel(ibv_comp_channel* freed) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_destroy_comp_channel")) return error;
  Channel* channel = static_cast<Channel*>(freed);
  // A queue that went with its device holds its channel for ever.
  if (channel->refcnt > 0) return deviceOf(channel->context)->isGone ? bury(freed, kChannels, EBUSY) : EBUSY;
  static_cast<Context*>(channel->context)->users--;
  close(channel->fd);
  fabric().live[kChannels]--;
  delete channel;
  return 0;
}

ibv_cq* ibv_create_cq(ibv_context* context, int cqe, void* cqContext, ibv_comp_channel* channel, int vector) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_create_cq")) return fail<ibv_cq>(error);
  Device* device = deviceOf(context);
  if (device->isGone) return fail<ibv_cq>(EIO);
  if (cqe < 1 || cqe > device->attr.max_cqe || vector < 0 || vector >= context->num_comp_vectors) {
    return fail<ibv_cq>(EINVAL);
  }
  if (fabric().live[kQueues] >= device->attr.max_cq) return fail<ibv_cq>(ENOMEM);
  CompletionQueue* cq = new CompletionQueue;
  memset(static_cast<ibv_cq*>(cq), 0, sizeof(ibv_cq));
  cq->context = context;
  cq->cq_context = cqContext;
  cq->channel = channel;
  cq->cqe = cqe;
  if (channel != nullptr) channel->refcnt++;
  static_cast<Context*>(context)->users++;
  fabric().live[kQueues]++;
  return cq;
}

int ibv_destroy_cq(ibv_cq* freed) {
  Lock lock(fabric().mutex);
  if (int error = intercept("ibv_destroy_cq")) return error;
  CompletionQueue* cq = static_cast<CompletionQueue*>(freed);
  if (deviceOf(cq->context)->isGone) return bury(freed, kQueues, EIO);
  if (cq->users > 0) return EBUSY;
  if (Channel* channel = static_cast<Channel*>(cq->channel)) {
    for (auto event = channel->events.begin(); event != channel->events.end();) {
      if (*event != cq) {
        ++event;
        continue;
      }
      event = channel->events.erase(event);
      unsignalEvent(channel->fd);
    }
    channel->refcnt--;
  }
  dropAsyncEvents(cq->context, cq);
  awaitAcknowledged(&lock, "ibv_destroy_cq", [cq] {
    return cq->comp_events_completed == cq->channelEvents && cq->async_events_completed == cq->asyncEvents;
  });
  static_cast<Context*>(cq->context)->users--;
  fabric().live[kQueues]--;
  delete cq;
  return 0;
}

int ibv_get_cq_event(ibv_comp_channel* opened, ibv_cq** cq, void** cqContext) {
  Channel* channel = static_cast<Channel*>(opened);
  {
    Lock lock(fabric().mutex);
    if (int error = intercept("ibv_get_cq_event")) {
      errno = error;
      return -1;
    }
  }
  for (;;) {
    if (!takeEvent(channel->fd)) return -1;
    Lock lock(fabric().mutex);
    // It was dropped between its count and this.
    if (channel->events.empty()) continue;
    CompletionQueue* taken = channel->events.front();
    channel->events.pop_front();
    taken->channelEvents++;
    *cq = taken;
    *cqContext = taken->cq_context;
    return 0;
  }
}

void ibv_ack_cq_events(ibv_cq* cq, unsigned count) {
  Lock lock(fabric().mutex);
  cq->comp_events_completed += count;
  fabric().acknowledged.notify_all();
}

}  // extern "C"
