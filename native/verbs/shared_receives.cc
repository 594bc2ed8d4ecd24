#include "verbs/shared_receives.h"

#include <errno.h>

#include <algorithm>

#include "verbs/work_id.h"

namespace sanswitch::verbs {

static_assert(layout::VERBS_SLOT_COUNT % 64 == 0, "the bits of all slots fill their words");

std::shared_ptr<SharedReceives> SharedReceives::create(const std::shared_ptr<Device>& device,
                                                       std::shared_ptr<Arena> arena,
                                                       std::shared_ptr<CompletionRing> ring, uint32_t depth,
                                                       int* error) {
  auto limit = static_cast<uint32_t>(std::max(device->attributes().max_srq_wr, 0));
  if (device->attributes().max_srq == 0 || depth > limit) {
    *error = limit == 0 ? -EOPNOTSUPP : -ENOBUFS;
    return nullptr;
  }
  ring->reserve(depth);
  std::shared_ptr<SharedReceives> made;
  try {
    made = std::make_shared<SharedReceives>(std::move(arena), ring, depth);
  } catch (const std::bad_alloc&) {
    ring->giveBack(depth);
    throw;
  }
  abi::ibv_srq_init_attr attributes{nullptr, {depth, 1, 0}};
  errno = 0;
  made->srq_ = api().ibv_create_srq(device->domain(), &attributes);
  *error = made->srq_ != nullptr ? 0 : lastFailure(ENOMEM);
  return *error == 0 ? made : nullptr;
}

SharedReceives::~SharedReceives() {
  if (srq_ != nullptr) api().ibv_destroy_srq(srq_);
  uint32_t standing = 0;
  for (uint32_t slot = 0; slot < layout::VERBS_SLOT_COUNT; slot++) {
    if ((wordOf(slot).load(std::memory_order_relaxed) & bitOf(slot)) == 0) continue;
    ring_->slotBack(slot);
    standing++;
  }
  ring_->giveBack(depth_ - standing);
}

bool SharedReceives::add(uint32_t slot) {
  return (wordOf(slot).fetch_or(bitOf(slot), std::memory_order_acq_rel) & bitOf(slot)) == 0;
}

void SharedReceives::remove(uint32_t slot) { wordOf(slot).fetch_and(~bitOf(slot), std::memory_order_acq_rel); }

void SharedReceives::repost(uint32_t slot) {
  abi::ibv_sge memory{};
  int error = arena_->describe(slot * layout::VERBS_SLOT_BYTES, layout::VERBS_SLOT_BYTES, &memory);
  if (error == 0) {
    abi::ibv_recv_wr request{};
    request.wr_id = WorkId{WorkId::kShared, layout::VERBS_OP_RECEIVE, slot}.pack();
    request.sg_list = &memory;
    request.num_sge = 1;
    abi::ibv_recv_wr* bad = nullptr;
    add(slot);
    error = failureOf(abi::ibv_post_srq_recv(srq_, &request, &bad));
  }
  if (error == 0) return;
  remove(slot);
  // The room is that of its receive, which stays reserved for as long as the queue lives.
  CompletionRing::Batch(ring_.get())
      .completion({0, layout::VERBS_OP_RECEIVE, layout::VERBS_STATUS_SLOT_BACK, 0, slot, 0});
}

}  // namespace sanswitch::verbs
