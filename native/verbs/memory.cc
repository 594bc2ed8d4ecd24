// Engine: registered memory and memory windows.
#include "verbs/memory.h"

#include <errno.h>

#include "verbs/device_use.h"
#include "verbs/engine.h"

namespace sanswitch::verbs {

namespace {

constexpr int kAccess = abi::IBV_ACCESS_LOCAL_WRITE | abi::IBV_ACCESS_REMOTE_WRITE | abi::IBV_ACCESS_REMOTE_READ |
                        abi::IBV_ACCESS_MW_BIND;


}  // namespace

int Engine::registerMemory(uint32_t handle, uint8_t* data, size_t length, int access, Registered* registered) {
  Connection* connection = find(handle);
  if (connection == nullptr) return -ENOTCONN;
  if (length == 0 || (access & ~kAccess) != 0) return -EINVAL;
  int error = 0;
  if (useOf(connection, &error) == nullptr) return error;
  // Room first.
  uint32_t region = regions_.add(Region{connection->device, nullptr});
  if (region == 0) return -ENOBUFS;
  errno = 0;
  abi::ibv_mr* mr = api().ibv_reg_mr(connection->device->domain(), data, length, access);
  if (mr == nullptr) {
    error = lastFailure(ENOMEM);
    regions_.remove(region);
    return error;
  }
  regions_.find(region)->mr = mr;
  *registered = {mr->lkey, mr->rkey, reinterpret_cast<uint64_t>(data)};
  return static_cast<int>(region);
}

int Engine::deregister(uint32_t handle) {
  Region* region = regions_.find(handle);
  if (region == nullptr) return -ENOENT;
  int error = failureOf(api().ibv_dereg_mr(region->mr));
  // Its windows hold it, as some devices say by EINVAL. libibverbs has given nothing back then.
  if (error == -EBUSY || error == -EINVAL) return -EBUSY;
  regions_.remove(handle);
  return error;
}

int Engine::allocateWindow(uint32_t handle) {
  Connection* connection = find(handle);
  if (connection == nullptr) return -ENOTCONN;
  int error = 0;
  if (useOf(connection, &error) == nullptr) return error;
  if (!connection->device->hasWindows()) return -EOPNOTSUPP;
  uint32_t window = windows_.add(Window{handle, nullptr, 0, false});
  if (window == 0) return -ENOBUFS;
  errno = 0;
  abi::ibv_mw* mw = abi::ibv_alloc_mw(connection->device->domain(), abi::IBV_MW_TYPE_2);
  if (mw == nullptr) {
    error = lastFailure(ENOMEM);
    windows_.remove(window);
    return error;
  }
  windows_.find(window)->mw = mw;
  windows_.find(window)->key = mw->rkey;
  return static_cast<int>(window);
}

int Engine::bindWindow(uint32_t handle, uint32_t windowHandle, const WindowRange& range, int64_t cookie,
                       uint32_t* key) {
  Connection* connection = find(handle);
  Window* window = windows_.find(windowHandle);
  Region* region = regions_.find(range.region);
  if (connection == nullptr || connection->queue == nullptr) return -ENOTCONN;
  if (window == nullptr || region == nullptr) return -ENOENT;
  if (window->connection != handle || region->device != connection->device || window->isBound) return -EINVAL;
  size_t length = region->mr->length;
  if (range.length == 0 || range.offset > length || range.length > length - range.offset) return -EINVAL;
  if ((range.access & ~(abi::IBV_ACCESS_REMOTE_READ | abi::IBV_ACCESS_REMOTE_WRITE)) != 0) return -EINVAL;
  abi::ibv_send_wr request{};
  request.opcode = abi::IBV_WR_BIND_MW;
  request.bind_mw.mw = window->mw;
  request.bind_mw.rkey = abi::ibv_inc_rkey(window->key);
  request.bind_mw.bind_info = {region->mr, reinterpret_cast<uint64_t>(region->mr->addr) + range.offset, range.length,
                               static_cast<unsigned>(range.access)};
  int error = postOne(connection, layout::VERBS_OP_BIND, cookie, &request);
  if (error < 0) return error;
  window->isBound = true;
  window->key = window->mw->rkey = request.bind_mw.rkey;
  *key = window->key;
  return 0;
}

int Engine::invalidateWindow(uint32_t handle, uint32_t windowHandle, int64_t cookie) {
  Connection* connection = find(handle);
  Window* window = windows_.find(windowHandle);
  if (connection == nullptr || connection->queue == nullptr) return -ENOTCONN;
  if (window == nullptr) return -ENOENT;
  if (window->connection != handle || !window->isBound) return -EINVAL;
  abi::ibv_send_wr request{};
  request.opcode = abi::IBV_WR_LOCAL_INV;
  request.invalidate_rkey = window->key;
  int error = postOne(connection, layout::VERBS_OP_INVALIDATE, cookie, &request);
  if (error == 0) window->isBound = false;
  return error;
}

int Engine::postOne(Connection* connection, uint32_t op, int64_t cookie, abi::ibv_send_wr* request) {
  uint32_t told = cookie < 0 ? 0 : static_cast<uint32_t>(cookie);
  request->wr_id = WorkId{connection->handle, op, told}.pack();
  if (cookie >= 0) request->send_flags = abi::IBV_SEND_SIGNALED;
  abi::ibv_send_wr* bad = nullptr;
  int error = failureOf(abi::ibv_post_send(connection->id->qp, request, &bad));
  counters_.posts++;
  if (error == 0) counters_.posted++;
  return error;
}

int Engine::freeWindow(uint32_t handle) {
  Window* window = windows_.find(handle);
  if (window == nullptr) return -ENOENT;
  int error = failureOf(abi::ibv_dealloc_mw(window->mw));
  windows_.remove(handle);
  return error;
}

void Engine::freeWindowsOf(uint32_t connection) {
  for (;;) {
    uint32_t window = windows_.search([&](const Window& one) { return one.connection == connection; });
    if (window == 0) return;
    freeWindow(window);
  }
}

void Engine::releaseMemory() {
  regions_.forEach([](Region& region) { api().ibv_dereg_mr(region.mr); });
  regions_ = HandleTable<Region>();
}

}  // namespace sanswitch::verbs
